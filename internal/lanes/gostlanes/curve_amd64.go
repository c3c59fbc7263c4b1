package gostlanes

import (
	"math/bits"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// field is p.
var field = [4]uint64{0xfffffffffffffd97, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff}

var curve = lanes.Curve{
	Order:       [4]uint64{0x45841b09b761b893, 0x6c611070995ad100, 0xffffffffffffffff, 0xffffffffffffffff},
	OrderSquare: [4]uint64{0xadfa8b5496322031, 0xbbdaccb8bb5ed83, 0x4885d08a3714c72c, 0x1fe9cb451179dbf7},
	One:         [5]uint64{1},
	OneOrder:    [5]uint64{0xe4f6489e476d0, 0xf66a52effba7b, 0x939eef8, 0x0, 0x0},
	Use:         "nonces of GOST R 34.10-2012 in lanes",
	LowestFirst: true,
	Minus:       true,

	Recode: recode, First: first, Next: next, Advance: advance, AddLast: addLast, Collect: collect,
	Invert: invert, InvertRound: invertRound, Inverted: inverted, Finish: finish,
	CollectPublic: collectE, InvertPublic: invertE, InvertRoundPublic: invertRoundE, InvertedPublic: invertedE, Scalars: scalars,
	NextLines: nextLines, AdvanceLines: advanceLines, Compare: compare, MulOrder: mulOrder,
}

// NewBase makes the table of the base point, which all keys share, of its points: numbers less than p.
func NewBase(points *lanes.Points) (lanes.Table, error) {
	if !lanes.Available() {
		return nil, lanes.ErrUnavailable
	}
	return newBase(points)
}

func newBase(points *lanes.Points) (lanes.Table, error) {
	opposite, err := opposites(points)
	if err != nil {
		return nil, err
	}
	return lanes.NewTable(opposite), nil
}

// NewVerifier makes the verifier of a public key of its points, numbers less than p. Digests have 32 octets.
func NewVerifier(base lanes.Table, points *lanes.Points) (*lanes.Verifier, error) {
	return newVerifier(&curve, base, points)
}

func newVerifier(c *lanes.Curve, base lanes.Table, points *lanes.Points) (*lanes.Verifier, error) {
	opposite, err := opposites(points)
	if err != nil {
		return nil, err
	}
	return lanes.NewVerifier(c, base, opposite), nil
}

// opposites has p - x and p - y for x and y. The kernels take p from them once more word by word, where the lowest may not borrow.
func opposites(points *lanes.Points) (*lanes.Points, error) {
	to := new(lanes.Points)
	for i := range points {
		for j := range points[i] {
			for _, half := range [2]int{0, 4} {
				var borrow uint64
				for q, m := range field {
					to[i][j][half+q], borrow = bits.Sub64(m, points[i][j][half+q], borrow)
				}
			}
			if to[i][j][4] > field[0] {
				return nil, ErrPoint
			}
		}
	}
	return to, nil
}
