package p256lanes

import (
	"crypto/ecdsa"
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
)

// Verifier verifies signatures by one public key, of which it has a table of 256 KB. It is safe for concurrent use.
type Verifier struct{ lines []lanes.Vector }

// NewVerifier makes the verifier of a key on P-256.
func NewVerifier(public *ecdsa.PublicKey) (*Verifier, error) {
	if !lanes.Available() {
		return nil, ErrUnavailable
	}
	l := p256verify.MakeLines(public)
	if l == nil {
		return nil, ErrUnavailable
	}
	v := &Verifier{lanes.Make(windows * windowEntries)}
	for i := range l {
		for j := range l[i] {
			v.lines[i*windowEntries+j] = l[i][j]
		}
	}
	return v, nil
}

// Verify verifies up to [MaxGroup] signatures, r and s of 32 octets each. It returns a bit for each that is good, and one for each that it
// cannot tell, which crypto/ecdsa can.
func (v *Verifier) Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64) {
	if len(digests) > MaxGroup || len(signatures) < len(digests) {
		panic("p256lanes: more digests than a group or its signatures hold")
	}
	if len(digests) == 0 {
		return 0, 0
	}
	w := newWork(len(digests))
	defer w.done()
	var wrong uint64
	for i := range w.n * lanes.Width {
		g, l := i/lanes.Width, i%lanes.Width
		if i >= len(digests) {
			w.setOne(g, l)
			continue
		}
		w.setDigest(i, digests[i])
		set(w.group(g)[groupR:], l, signatures[i][:32])
		set(w.group(g)[groupS:], l, signatures[i][32:])
		if !inOrder(w.group(g)[groupR:], l) || !inOrder(w.group(g)[groupS:], l) {
			wrong |= 1 << i
			w.setOne(g, l)
		}
	}
	good, unknown = v.verify(w)
	all := ^uint64(0) >> (64 - len(digests))
	return good & all &^ wrong, unknown & all &^ wrong
}

// verify judges all lanes; r and s are from 1 to n-1.
func (v *Verifier) verify(w *work) (good, unknown uint64) {
	base := baseTable()
	for i := range w.n {
		collectS(w.g(i), w.c())
	}
	invertS(w.g(w.n-1), w.c())
	for range rounds {
		invertRoundS(w.c())
	}
	invertedS(w.c())
	for i := w.n - 1; i >= 0; i-- {
		scalars(w.g(i), w.c())
	}
	for i := range w.n {
		g, group := w.g(i), w.group(i)
		w.recodePublic(group)
		digit := func(j int) unsafe.Pointer { return unsafe.Pointer(&group[groupDigits+j]) }
		lines := func(j int) (t, n, p unsafe.Pointer) {
			return unsafe.Pointer(&v.lines[0]), unsafe.Pointer(&w.offsets[j]), unsafe.Pointer(&w.negated[j])
		}
		first(g, w.c(), base.window(0), digit(0))
		t, n, p := lines(0)
		nextLines(g, w.c(), t, n, p)
		for j := 1; j < windows; j++ {
			advance(g, w.c(), base.window(j), digit(j))
			t, n, p := lines(j)
			advanceLines(g, w.c(), t, n, p)
		}
		addLast(g, w.c())
		compare(g, w.c())
		bad := uint64(mask(&group[groupBad]))
		good |= (uint64(mask(&group[groupR])) &^ bad) << (i * lanes.Width)
		unknown |= bad << (i * lanes.Width)
	}
	return good, unknown
}

// recodePublic makes the digits of u1, and the lines of those of u2. The sum has the other sign each time a digit of u1 is added, but for
// the first: these are the opposite ones.
func (w *work) recodePublic(group []lanes.Vector) {
	var u [8]lanes.Vector
	copy(u[:], group[groupDigits:])
	w.negated = [windows]byte{}
	for l := range lanes.Width {
		d, opposite := oddDigits([4]uint64{u[0][l], u[1][l], u[2][l], u[3][l]})
		for i := range windows {
			x := d[i] ^ opposite
			if i != 0 {
				x = ^x
			}
			group[groupDigits+i][l] = uint64(x)
		}
		d, opposite = oddDigits([4]uint64{u[4][l], u[5][l], u[6][l], u[7][l]})
		for i := range windows {
			x := d[i] ^ opposite
			negative := x>>7 - 1 // all bits, or none
			w.offsets[i][l] = (uint64(i)*windowEntries + uint64((x^negative)&(windowEntries-1))) * lineSize
			w.negated[i] |= negative & 1 << l
		}
	}
}

// oddDigits writes x or n - x, which of them is odd, as the sum of (2 d[i] - 255) 256^i. opposite has all bits set for n - x.
func oddDigits(x [4]uint64) (d [windows]byte, opposite byte) {
	if x[0]&1 == 0 {
		var borrow uint64
		for i, n := range [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000} {
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
