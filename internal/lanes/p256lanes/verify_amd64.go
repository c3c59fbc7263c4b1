package p256lanes

import (
	"crypto/ecdsa"

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
	l := p256verify.Points(public)
	if l == nil {
		return nil, ErrUnavailable
	}
	return &Verifier{lanes.NewLines(l)}, nil
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
	defer w.Done()
	for i, d := range digests {
		w.SetDigest(i, d)
	}
	wrong := w.Put(signatures[:len(digests)], &order)
	good, unknown = v.verify(w)
	all := ^uint64(0) >> (64 - len(digests))
	return good & all &^ wrong, unknown & all &^ wrong
}

// verify judges all lanes; r and s are from 1 to n-1.
func (v *Verifier) verify(w *lanes.Groups) (good, unknown uint64) {
	base := baseTable()
	for i := range w.N {
		collectS(w.At(i), w.Shared())
	}
	invertS(w.At(w.N-1), w.Shared())
	for range lanes.Rounds {
		invertRoundS(w.Shared())
	}
	invertedS(w.Shared())
	for i := w.N - 1; i >= 0; i-- {
		scalars(w.At(i), w.Shared())
	}
	for i := range w.N {
		g, group := w.At(i), w.Group(i)
		w.SetPublic(i, &order, false)
		first(g, w.Shared(), base.Window(0), w.Digit(i, 0))
		t, n, p := w.Lines(v.lines, 0)
		nextLines(g, w.Shared(), t, n, p)
		for j := 1; j < lanes.Windows; j++ {
			advance(g, w.Shared(), base.Window(j), w.Digit(i, j))
			t, n, p := w.Lines(v.lines, j)
			advanceLines(g, w.Shared(), t, n, p)
		}
		addLast(g, w.Shared())
		compare(g, w.Shared())
		bad := uint64(lanes.Mask(&group[lanes.GroupBad]))
		good |= (uint64(lanes.Mask(&group[lanes.GroupR])) &^ bad) << (i * lanes.Width)
		unknown |= bad << (i * lanes.Width)
	}
	return good, unknown
}
