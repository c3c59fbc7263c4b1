package p256lanes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"sync"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
)

const commonKey = 0 // of what groups share: the private key

// order is n, orderSquare R^2 modulo n, and one is R = 2^260 modulo p and modulo n.
var (
	order       = [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}
	orderSquare = [4]uint64{0x0845cc0dea6dc3ba, 0x5571bb192a067d8a, 0x45b2392b6bec5961, 0xe12d9559d9561fc2}
	oneP        = [5]uint64{0x10, 0xf000000000000, 0xfffffffffffff, 0xffeffffffffff, 0xfffff}
	oneN        = [5]uint64{0x353d039cdaaf0, 0x258e8617b0c46, 0x4319055, 0xfff0000000000, 0xfffff}
)

func newWork(digests int) *lanes.Groups { return lanes.NewGroups(digests, oneP, oneN) }

// baseTable is that of the base point, which all keys share. It is made when the first key is, and stays.
var baseTable = sync.OnceValue(func() lanes.Table { return lanes.NewTable(p256verify.BasePoints()) })

// Signer signs by one private key; its nonces are those of [lanes.Groups.Nonces]. It is safe for concurrent use.
type Signer struct {
	key      [5]uint64 // d R modulo n
	secret   [32]byte  // of nonces
	verifier *Verifier
	fault    func(w *lanes.Groups) // a test's
}

// NewSigner makes the signer of a key on P-256. It computes a table of the public key, which takes about as long as ten signatures of
// crypto/ecdsa.
func NewSigner(key *ecdsa.PrivateKey) (*Signer, error) {
	if !lanes.Available() || key.Curve != elliptic.P256() {
		return nil, ErrUnavailable
	}
	d, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(d)
	v, err := NewVerifier(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	s := &Signer{verifier: v, secret: lanes.NonceSecret(d, "nonces of P-256 in lanes")}
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
	return s, nil
}

// Sign signs up to [MaxGroup] digests, of which the first 32 octets count and shorter ones are numbers too (FIPS 186-5 section 6.4.1 step 2).
// It writes r and s, 32 octets each, and returns a bit for each digest that has no signature: an exceptional nonce, or a computation that
// went wrong. Such a one is signed by crypto/ecdsa.
func (s *Signer) Sign(signatures [][64]byte, digests [][]byte) (missing uint64) {
	if len(digests) > MaxGroup || len(signatures) < len(digests) {
		panic("p256lanes: more digests than a group or its signatures hold")
	}
	if len(digests) == 0 {
		return 0
	}
	signatures = signatures[:len(digests)]
	w := newWork(len(digests))
	defer w.Done()
	for i, d := range digests {
		w.SetDigest(i, d)
	}
	w.Nonces(&s.secret, &order, digests)
	s.sign(w)
	if s.fault != nil {
		s.fault(w)
	}
	missing = w.Take(signatures)
	good, _ := s.verifier.verify(w)
	return lanes.Drop(signatures, missing|^good)
}

// sign makes r and s of all lanes, from nonces and digests.
func (s *Signer) sign(w *lanes.Groups) {
	base := baseTable()
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
