package p256lanes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"sync"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
)

var curve = lanes.Curve{
	Order:       [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000},
	OrderSquare: [4]uint64{0x0845cc0dea6dc3ba, 0x5571bb192a067d8a, 0x45b2392b6bec5961, 0xe12d9559d9561fc2},
	One:         [5]uint64{0x10, 0xf000000000000, 0xfffffffffffff, 0xffeffffffffff, 0xfffff}, // R modulo p
	OneOrder:    [5]uint64{0x353d039cdaaf0, 0x258e8617b0c46, 0x4319055, 0xfff0000000000, 0xfffff},
	Use:         "nonces of P-256 in lanes",

	Recode: recode, First: first, Next: next, Advance: advance, AddLast: addLast, Collect: collect,
	Invert: invert, InvertRound: invertRound, Inverted: inverted, Finish: finish,
	CollectPublic: collectS, InvertPublic: invertS, InvertRoundPublic: invertRoundS, InvertedPublic: invertedS, Scalars: scalars,
	NextLines: nextLines, AdvanceLines: advanceLines, Compare: compare, MulOrder: mulOrder,
}

// baseTable is that of the base point, which all keys share. It is made when the first key is, and stays.
var baseTable = sync.OnceValue(func() lanes.Table { return lanes.NewTable(p256verify.BasePoints()) })

// NewSigner makes the signer of a key on P-256. It computes a table of the public key, which takes about as long as some thirty signatures of
// crypto/ecdsa. Of digests the first 32 octets count, and shorter ones are numbers too (FIPS 186-5 section 6.4.1 step 2).
func NewSigner(key *ecdsa.PrivateKey) (*lanes.Signer, error) {
	if !lanes.Available() {
		return nil, lanes.ErrUnavailable
	}
	return newSigner(&curve, key)
}

func newSigner(c *lanes.Curve, key *ecdsa.PrivateKey) (*lanes.Signer, error) {
	v, err := newVerifier(c, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	d, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(d)
	return lanes.NewSigner(d, v), nil
}

// NewVerifier makes the verifier of a key on P-256.
func NewVerifier(public *ecdsa.PublicKey) (*lanes.Verifier, error) {
	if !lanes.Available() {
		return nil, lanes.ErrUnavailable
	}
	return newVerifier(&curve, public)
}

func newVerifier(c *lanes.Curve, public *ecdsa.PublicKey) (*lanes.Verifier, error) {
	if public.Curve != elliptic.P256() {
		return nil, lanes.ErrUnavailable
	}
	points := p256verify.Points(public)
	if points == nil {
		return nil, lanes.ErrUnavailable
	}
	return lanes.NewVerifier(c, baseTable(), points), nil
}
