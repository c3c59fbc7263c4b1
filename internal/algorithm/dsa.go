package algorithm

import (
	"math/big"

	"github.com/seed-116355fd/signet/internal/cms"
)

// dsaKey is a key of FIPS 186-4: nobody makes them any more, and old certificates have them.
type dsaKey struct{ p, q, g, y *big.Int }

// parseDSA reads Dss-Parms and DSAPublicKey (RFC 3279 section 2.3.2). That p and q are primes is not checked, which takes
// too long; the key is bound by the certificate together with them.
func (k *Key) parseDSA(octets []byte) error {
	if k.Algorithm.NoParameters() {
		return unsupported("DSA", "the DSA key takes its parameters from its issuer, which is not supported")
	}
	bad := malformed("DSA", "the DSA key is malformed")
	if k.Algorithm.Parameters.Tag() != cms.TagSequence {
		return bad
	}
	r := k.Algorithm.Parameters.Reader()
	var parts [4]*big.Int
	for i := range parts[:3] {
		var err error
		if parts[i], err = positive(&r, MaxDSABits/8); err != nil {
			return bad
		}
	}
	v, err := cms.ReadValue(octets)
	if err != nil || v.Next() != len(octets) || !r.Empty() {
		return bad
	}
	if parts[3], err = positiveValue(v, MaxDSABits/8); err != nil {
		return bad
	}
	d := &dsaKey{parts[0], parts[1], parts[2], parts[3]}
	k.Bits = d.p.BitLen()
	one := big.NewInt(1)
	switch q := d.q.BitLen(); {
	case k.Bits > MaxDSABits || q > 256:
		return unsupported("DSA", "the DSA key has %d bits and an order of %d, which is more than any in use", k.Bits, q)
	case q < 160 || d.p.Bit(0) == 0 || d.q.Bit(0) == 0:
		return bad
	case d.g.Cmp(one) <= 0 || d.g.Cmp(d.p) >= 0 || d.y.Cmp(one) <= 0 || d.y.Cmp(d.p) >= 0:
		// A base or a key of 1 would make a signature that fits everything.
		return bad
	}
	k.discrete = d
	return nil
}

// dsa checks FIPS 186-4 section 4.7.
func (v *verification) dsa(digest []byte) error {
	d := v.key.discrete
	if d == nil {
		return v.otherKey()
	}
	r, s, err := twoIntegers(v.signature, (d.q.BitLen()+7)/8)
	if err != nil || r.Cmp(d.q) >= 0 || s.Cmp(d.q) >= 0 {
		return wrong(v.id.Name())
	}
	w := new(big.Int).ModInverse(s, d.q)
	if w == nil {
		return wrong(v.id.Name())
	}
	u1 := new(big.Int).Mul(leftmost(digest, d.q.BitLen()), w)
	u2 := w.Mul(r, w)
	x := new(big.Int).Exp(d.g, u1.Mod(u1, d.q), d.p)
	x.Mul(x, new(big.Int).Exp(d.y, u2.Mod(u2, d.q), d.p))
	x.Mod(x, d.p)
	switch {
	case x.Mod(x, d.q).Cmp(r) != 0:
		return wrong(v.id.Name())
	case v.key.Bits < MinDSABits:
		return tooShort(v.key)
	}
	return nil
}
