package p256lanes

import (
	"encoding/binary"
	"sync"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Where the vectors of a group are, and those of all groups; internal/lanes/gen/p256.go has the same numbers.
const (
	groupNonce  = 46
	groupDigest = 50
	groupR      = 54
	groupS      = 58
	groupBad    = 62
	groupDigits = 64
	groupProdZ  = 36
	groupProdK  = 41
	groupSize   = 96

	commonKey  = 0
	commonSize = 128

	rounds = 15 // of an inversion
)

// work is the memory of one call, some 80 KB.
type work struct {
	common []lanes.Vector
	groups []lanes.Vector // one before the first, whose products are 1
	n      int            // groups
	// The points of a public table that verification adds: offsets of lines, and the lanes that want the opposite.
	offsets [windows]lanes.Vector
	negated [windows]byte
}

var pool = sync.Pool{New: func() any {
	return &work{common: lanes.Make(commonSize), groups: lanes.Make((1 + MaxGroup/lanes.Width) * groupSize)}
}}

func newWork(digests int) *work {
	w := pool.Get().(*work)
	w.n = (digests + lanes.Width - 1) / lanes.Width
	for i, d := range oneP {
		fill(&w.groups[groupProdZ+i], d)
	}
	for i, d := range oneN {
		fill(&w.groups[groupProdK+i], d)
	}
	return w
}

// done wipes what a call left, and the registers.
func (w *work) done() {
	lanes.Wipe(w.common)
	lanes.Wipe(w.groups)
	lanes.ClearRegisters()
	pool.Put(w)
}

func fill(v *lanes.Vector, x uint64) {
	for l := range v {
		v[l] = x
	}
}

// group is the vectors of one.
func (w *work) group(i int) []lanes.Vector { return w.groups[(i+1)*groupSize:][:groupSize] }

func (w *work) g(i int) unsafe.Pointer { return unsafe.Pointer(&w.groups[(i+1)*groupSize]) }
func (w *work) c() unsafe.Pointer      { return unsafe.Pointer(&w.common[0]) }

// set puts a number of 32 octets, the highest first, into the words of a lane.
func set(v []lanes.Vector, lane int, b []byte) {
	for i := range 4 {
		v[i][lane] = binary.BigEndian.Uint64(b[24-8*i:])
	}
}

func get(v []lanes.Vector, lane int, b []byte) {
	for i := range 4 {
		binary.BigEndian.PutUint64(b[24-8*i:], v[i][lane])
	}
}

// mask is what a kernel left of lanes.
func mask(v *lanes.Vector) byte { return byte(v[0]) }

// digits52 are those of five times 52 bits.
func digits52(w [4]uint64) [5]uint64 {
	const m = 1<<52 - 1
	return [5]uint64{w[0] & m, (w[0]>>52 | w[1]<<12) & m, (w[1]>>40 | w[2]<<24) & m, (w[2]>>28 | w[3]<<36) & m, w[3] >> 16}
}

// one is R = 2^260 modulo p and modulo n, and orderSquare R^2 modulo n.
var (
	oneP        = [5]uint64{0x10, 0xf000000000000, 0xfffffffffffff, 0xffeffffffffff, 0xfffff}
	oneN        = [5]uint64{0x353d039cdaaf0, 0x258e8617b0c46, 0x4319055, 0xfff0000000000, 0xfffff}
	orderSquare = [4]uint64{0x0845cc0dea6dc3ba, 0x5571bb192a067d8a, 0x45b2392b6bec5961, 0xe12d9559d9561fc2}
)
