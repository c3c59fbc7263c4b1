package lanes

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"
)

// Where the vectors of a group of eight signatures on a curve of 256 bits are; internal/lanes/gen has the same numbers.
const (
	groupProdZ = 36 // the product of all Z of the groups up to this one
	groupProdK = 41 // that of the scalars to be inverted

	GroupNonce  = 46 // words of the nonce, the lowest first
	GroupDigest = 50
	GroupR      = 54
	GroupS      = 58
	GroupBad    = 62 // a mask of lanes without a result
	GroupDigits = 64
	groupSize   = 96

	commonSize = 128

	// MaxGroup is how many signatures one call takes at most.
	MaxGroup = 64

	commonKey = 0 // of what groups share: the private key

	rounds = 15 // of an inversion
)

// Groups is the memory of one call, some 80 KB: groups of eight signatures, and what they share.
type Groups struct {
	Common []Vector
	all    []Vector // one group before the first, whose products are 1
	N      int      // groups
	// The points of a public table that a verification adds: offsets of lines, and the lanes that want the opposite.
	Offsets [windows]Vector
	Negated [windows]byte
}

var pool = sync.Pool{New: func() any {
	return &Groups{Common: Make(commonSize), all: Make((1 + MaxGroup/Width) * groupSize)}
}}

// NewGroups has room for so many signatures. The products before the first group are given as digits of 52 bits.
func NewGroups(signatures int, one, oneOrder [5]uint64) *Groups {
	w := pool.Get().(*Groups)
	w.N = (signatures + Width - 1) / Width
	fillDigits(w.all[groupProdZ:], one)
	fillDigits(w.all[groupProdK:], oneOrder)
	return w
}

// Done wipes what a call left, and the registers, and gives the memory back.
func (w *Groups) Done() {
	Wipe(w.Common)
	Wipe(w.all)
	Wipe(w.Offsets[:]) // those of a signature that was wrong
	ClearRegisters()
	pool.Put(w)
}

// Group is the vectors of one.
func (w *Groups) Group(i int) []Vector { return w.all[(i+1)*groupSize:][:groupSize] }

// At is the address of a group.
func (w *Groups) At(i int) unsafe.Pointer { return unsafe.Pointer(&w.all[(i+1)*groupSize]) }

// Shared is the address of what all groups share.
func (w *Groups) Shared() unsafe.Pointer { return unsafe.Pointer(&w.Common[0]) }

// digit is the address of a digit of the scalars of a group.
func (w *Groups) digit(group, i int) unsafe.Pointer {
	return unsafe.Pointer(&w.all[(group+1)*groupSize+GroupDigits+i])
}

// SetDigest puts the leftmost 32 octets of a digest into its lane, or a shorter one as a number.
func (w *Groups) SetDigest(i int, d []byte) {
	var b [32]byte
	if len(d) > len(b) {
		d = d[:len(b)]
	}
	copy(b[len(b)-len(d):], d)
	Set(w.Group(i / Width)[GroupDigest:], i%Width, b[:])
}

// SetOne puts 1 for r and s of a lane: zeros would spoil what all lanes share.
func (w *Groups) SetOne(group, lane int) {
	g := w.Group(group)
	for i := range 4 {
		g[GroupR+i][lane], g[GroupS+i][lane] = 0, 0
	}
	g[GroupR][lane], g[GroupS][lane] = 1, 1
}

// setPublic makes the digits of the first scalar of each lane, whose words are where its digits will be, and the lines of those of the
// second one, whose words follow. The sum has the other sign each time a digit of the first one is added, but for the first time: these
// are the opposite ones. minus says that the second scalar is meant with the other sign.
func (w *Groups) setPublic(group int, order *[4]uint64, minus bool) {
	g := w.Group(group)
	var u [8]Vector
	copy(u[:], g[GroupDigits:])
	w.Negated = [windows]byte{}
	var other byte
	if minus {
		other = 0xff
	}
	for l := range Width {
		d, opposite := oddDigits([4]uint64{u[0][l], u[1][l], u[2][l], u[3][l]}, order)
		for i := range windows {
			x := d[i] ^ opposite
			if i != 0 {
				x = ^x
			}
			g[GroupDigits+i][l] = uint64(x)
		}
		d, opposite = oddDigits([4]uint64{u[4][l], u[5][l], u[6][l], u[7][l]}, order)
		for i := range windows {
			x := d[i] ^ opposite ^ other
			negative := x>>7 - 1 // all bits, or none
			w.Offsets[i][l] = (uint64(i)*windowEntries + uint64((x^negative)&(windowEntries-1))) * lineSize
			w.Negated[i] |= negative & 1 << l
		}
	}
}

// lines is what kernels that read a public table want to know of window i.
func (w *Groups) lines(table []Vector, i int) (t, n, p unsafe.Pointer) {
	return unsafe.Pointer(&table[0]), unsafe.Pointer(&w.Offsets[i]), unsafe.Pointer(&w.Negated[i])
}

// oddDigits writes x or m - x, which of them is odd, as the sum of (2 d[i] - 255) 256^i. opposite has all bits set for m - x.
func oddDigits(x [4]uint64, m *[4]uint64) (d [windows]byte, opposite byte) {
	if x[0]&1 == 0 {
		var borrow uint64
		for i, n := range m {
			x[i], borrow = bits.Sub64(n, x[i], borrow)
		}
		opposite = 0xff
	}
	for i := range x {
		above := uint64(1)
		if i < 3 {
			above = x[i+1]
		}
		binary.LittleEndian.PutUint64(d[8*i:], x[i]>>1|above<<63)
	}
	return d, opposite
}

// fill sets all lanes.
func fill(v *Vector, x uint64) {
	for l := range v {
		v[l] = x
	}
}

// fillDigits sets all lanes of five digits.
func fillDigits(v []Vector, d [5]uint64) {
	for i, x := range d {
		fill(&v[i], x)
	}
}

// Set puts a number of 32 octets, the highest first, into the words of a lane.
func Set(v []Vector, lane int, b []byte) {
	for i := range 4 {
		v[i][lane] = binary.BigEndian.Uint64(b[24-8*i:])
	}
}

// SetLittle puts a number of 32 octets, the lowest first, into the words of a lane.
func SetLittle(v []Vector, lane int, b []byte) {
	for i := range 4 {
		v[i][lane] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

// Get is the way back, the highest octet first.
func Get(v []Vector, lane int, b []byte) {
	for i := range 4 {
		binary.BigEndian.PutUint64(b[24-8*i:], v[i][lane])
	}
}

// Mask is what a kernel left of lanes.
func Mask(v *Vector) byte { return byte(v[0]) }

// InOrder says whether the number of a lane is from 1 to m-1. How long that takes does not depend on it.
func InOrder(v []Vector, lane int, m *[4]uint64) bool {
	var borrow, any uint64
	for i, n := range m {
		any |= v[i][lane]
		_, borrow = bits.Sub64(v[i][lane], n, borrow)
	}
	return borrow == 1 && any != 0
}

// digits52 are five of 52 bits.
func digits52(w [4]uint64) [5]uint64 {
	const m = 1<<52 - 1
	return [5]uint64{w[0] & m, (w[0]>>52 | w[1]<<12) & m, (w[1]>>40 | w[2]<<24) & m, (w[2]>>28 | w[3]<<36) & m, w[3] >> 16}
}

// Take copies r and s of the first signatures out, 32 octets each with the highest first, and returns a bit for each lane without a result.
// Such a lane has 1 for both afterwards.
func (w *Groups) Take(signatures [][64]byte) (missing uint64) {
	for i := range w.N {
		g := w.Group(i)
		for l := range Width {
			if Mask(&g[GroupBad])>>l&1 != 0 {
				missing |= 1 << (i*Width + l)
				w.SetOne(i, l)
			}
			if n := i*Width + l; n < len(signatures) {
				Get(g[GroupR:], l, signatures[n][:32])
				Get(g[GroupS:], l, signatures[n][32:])
			}
		}
	}
	return missing
}

// drop clears signatures that are missing, and returns their bits and no others.
func drop(signatures [][64]byte, missing uint64) uint64 {
	if n := len(signatures); n < MaxGroup {
		missing &= 1<<n - 1
	}
	for i := range signatures {
		if missing>>i&1 != 0 {
			signatures[i] = [64]byte{}
		}
	}
	return missing
}

// Put is Take's other way. It returns a bit for each signature whose r or s is not a number from 1 to order-1, and puts 1 for both of these,
// as in lanes that are left over.
func (w *Groups) Put(signatures [][64]byte, order *[4]uint64) (wrong uint64) {
	for i := range w.N * Width {
		group, l := i/Width, i%Width
		if i >= len(signatures) {
			w.SetOne(group, l)
			continue
		}
		g := w.Group(group)
		Set(g[GroupR:], l, signatures[i][:32])
		Set(g[GroupS:], l, signatures[i][32:])
		if !InOrder(g[GroupR:], l, order) || !InOrder(g[GroupS:], l, order) {
			wrong |= 1 << i
			w.SetOne(group, l)
		}
	}
	return wrong
}
