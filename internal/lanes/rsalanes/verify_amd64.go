package rsalanes

import (
	"bytes"
	"crypto/rsa"
	"math/bits"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Verifier verifies signatures by one public key. It is safe for concurrent use.
type Verifier struct {
	n      *modulus
	octets []byte
}

// NewVerifier makes the verifier of a key of 2048, 3072 or 4096 bits whose exponent is 65537. It returns [ErrKey] for all others.
func NewVerifier(public *rsa.PublicKey) (*Verifier, error) {
	if !lanes.Available() {
		return nil, lanes.ErrUnavailable
	}
	return newVerifier(kernelsOf, public)
}

func newVerifier(of lengths, public *rsa.PublicKey) (*Verifier, error) {
	if public.N == nil || public.E != exponent || public.N.Sign() <= 0 || public.N.Bit(0) == 0 {
		return nil, ErrKey
	}
	switch public.N.BitLen() {
	case 2048, 3072, 4096:
	default:
		return nil, ErrKey
	}
	octets := public.N.Bytes()
	n, _, err := modulusOf(of, octets)
	if err != nil {
		return nil, ErrKey
	}
	return &Verifier{n, octets}, nil
}

// Verify says of each signature whether it is one of the encoded message of the same index: the integer of either has as many
// octets as the modulus and is less (RFC 8017 section 5.2.2), and the power of the one is the other. All else is no.
func (v *Verifier) Verify(encoded, signatures [][]byte) []bool {
	good := make([]bool, len(encoded))
	for i := 0; i < len(encoded); i += MaxGroup {
		v.group(good[i:min(i+MaxGroup, len(encoded))], encoded[i:], signatures[i:])
	}
	return good
}

func (v *Verifier) group(good []bool, encoded, signatures [][]byte) {
	w := newWork()
	defer w.done()
	digits := len(v.n.m)
	for l := range good {
		good[l] = v.fits(encoded[l]) && v.fits(signatures[l])
		if good[l] {
			setLane(w.message[:digits], l, encoded[l])
			setLane(w.result[:digits], l, signatures[l])
		}
	}
	right := v.check(w)
	for l := range good {
		good[l] = good[l] && right>>l&1 == 1
	}
}

// fits says whether octets are a number below the modulus, and as many.
func (v *Verifier) fits(octets []byte) bool {
	return len(octets) == len(v.octets) && bytes.Compare(octets, v.octets) < 0
}

// check returns a bit for each lane in which result to the power of 65537 is message.
func (v *Verifier) check(w *work) (right byte) {
	digits := len(v.n.m)
	x, s, message := w.check[:digits], w.result[:digits], w.message[:digits]
	v.n.multiply(w, x, s, v.n.powers[0])
	for range bits.Len(exponent) - 1 {
		v.n.squared(w, x, x)
	}
	v.n.multiply(w, x, x, s) // one factor is not in Montgomery form, so neither is the product
	canonical(x, v.n.m, w.room)
	var different lanes.Vector
	for i := range x {
		for l := range different {
			different[l] |= x[i][l] ^ message[i][l]
		}
	}
	for l, d := range different {
		if d == 0 {
			right |= 1 << l
		}
	}
	return right
}
