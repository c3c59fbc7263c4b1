package gostlanes

import "github.com/seed-116355fd/signet/internal/lanes"

// Verifier verifies signatures by one public key, of which it has a table of 256 KB. It is safe for concurrent use.
type Verifier struct {
	base  *Base
	lines []lanes.Vector
}

// NewVerifier makes it of the points of the public key, numbers less than p.
func NewVerifier(base *Base, points *lanes.Points) (*Verifier, error) {
	opposite, err := opposites(points)
	if err != nil {
		return nil, err
	}
	return &Verifier{base, lanes.NewLines(opposite)}, nil
}

// Verify verifies up to [MaxGroup] signatures, r and s of 32 octets each. It returns a bit for each that is good, and one for each that it
// cannot tell.
func (v *Verifier) Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64) {
	if len(digests) == 0 {
		return 0, 0
	}
	w := newWork(len(digests))
	defer w.Done()
	setDigests(w, digests)
	wrong := w.Put(signatures[:len(digests)], &order)
	good, unknown = v.verify(w)
	all := ^uint64(0) >> (64 - len(digests))
	return good & all &^ wrong, unknown & all &^ wrong
}

// verify judges all lanes; r and s are from 1 to q-1.
func (v *Verifier) verify(w *lanes.Groups) (good, unknown uint64) {
	base := v.base.table
	for i := range w.N {
		collectE(w.At(i), w.Shared())
	}
	invertE(w.At(w.N-1), w.Shared())
	for range lanes.Rounds {
		invertRoundE(w.Shared())
	}
	invertedE(w.Shared())
	for i := w.N - 1; i >= 0; i-- {
		scalars(w.At(i), w.Shared())
	}
	for i := range w.N {
		g, group := w.At(i), w.Group(i)
		w.SetPublic(i, &order, true)
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
