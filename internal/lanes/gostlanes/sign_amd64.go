package gostlanes

import (
	"math/bits"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
)

const commonKey = 0 // of what groups share: the private key

// field is p, order is q, orderSquare R^2 modulo q for R = 2^260, and oneQ is R modulo q.
var (
	field       = [4]uint64{0xfffffffffffffd97, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff}
	order       = [4]uint64{0x45841b09b761b893, 0x6c611070995ad100, 0xffffffffffffffff, 0xffffffffffffffff}
	orderSquare = [4]uint64{0xadfa8b5496322031, 0xbbdaccb8bb5ed83, 0x4885d08a3714c72c, 0x1fe9cb451179dbf7}
	oneP        = [5]uint64{1}
	oneQ        = [5]uint64{0xe4f6489e476d0, 0xf66a52effba7b, 0x939eef8, 0x0, 0x0}
)

func newWork(digests int) *lanes.Groups { return lanes.NewGroups(digests, oneP, oneQ) }

// Base has the table of the base point, which all keys share.
type Base struct{ table lanes.Table }

// NewBase makes it of the points of the base point, numbers less than p.
func NewBase(points *lanes.Points) (*Base, error) {
	if !lanes.Available() {
		return nil, ErrUnavailable
	}
	opposite, err := opposites(points)
	if err != nil {
		return nil, err
	}
	return &Base{lanes.NewTable(opposite)}, nil
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

// Signer signs by one private key; its nonces are those of [lanes.Groups.Nonces]. It is safe for concurrent use.
type Signer struct {
	key      [5]uint64 // d R modulo q
	secret   [32]byte  // of nonces
	verifier *Verifier
	fault    func(w *lanes.Groups) // a test's
}

// NewSigner makes the signer of a private key, 32 octets with the highest first, whose public key the verifier has.
func NewSigner(d []byte, v *Verifier) *Signer {
	s := &Signer{verifier: v, secret: lanes.NonceSecret(d, "nonces of GOST R 34.10-2012 in lanes")}
	w := newWork(0)
	defer w.Done()
	lanes.Set(w.Common, 0, d)
	a, b := w.Common[:5], w.Common[8:13]
	lanes.FillDigits(a, lanes.Digits([4]uint64{a[0][0], a[1][0], a[2][0], a[3][0]}))
	lanes.FillDigits(b, lanes.Digits(orderSquare))
	mulOrder(unsafe.Pointer(&a[0]), w.Shared(), unsafe.Pointer(&b[0]))
	for i := range s.key {
		s.key[i] = a[i][0]
	}
	return s
}

// Sign signs up to [MaxGroup] digests of 32 octets, the lowest first. It writes r and s, 32 octets each with the highest first, and returns a
// bit for each digest that has no signature: an exceptional nonce, or a computation that went wrong.
func (s *Signer) Sign(signatures [][64]byte, digests [][]byte) (missing uint64) {
	if len(digests) == 0 {
		return 0
	}
	signatures = signatures[:len(digests)]
	w := newWork(len(digests))
	defer w.Done()
	setDigests(w, digests)
	w.Nonces(&s.secret, &order, digests)
	s.sign(w)
	if s.fault != nil {
		s.fault(w)
	}
	missing = w.Take(signatures)
	good, _ := s.verifier.verify(w)
	return lanes.Drop(signatures, missing|^good)
}

func setDigests(w *lanes.Groups, digests [][]byte) {
	if len(digests) > MaxGroup {
		panic("gostlanes: more digests than a group holds")
	}
	for i, d := range digests {
		lanes.SetLittle(w.Group(i / lanes.Width)[lanes.GroupDigest:], i%lanes.Width, d)
	}
}

// sign makes r and s of all lanes, from nonces and digests.
func (s *Signer) sign(w *lanes.Groups) {
	base := s.verifier.base.table
	lanes.FillDigits(w.Common[commonKey:], s.key)
	for i := range w.N {
		g := w.At(i)
		recode(g, w.Shared())
		first(g, w.Shared(), base.Window(0), w.Digit(i, 0))
		next(g, w.Shared(), base.Window(1), w.Digit(i, 1))
		for j := 2; j < lanes.Windows; j++ {
			advance(g, w.Shared(), base.Window(j), w.Digit(i, j))
		}
		addLast(g, w.Shared())
		collect(g, w.Shared())
	}
	invert(w.At(w.N-1), w.Shared())
	for range lanes.Rounds {
		invertRound(w.Shared())
	}
	inverted(w.Shared())
	for i := w.N - 1; i >= 0; i-- {
		finish(w.At(i), w.Shared())
	}
}
