package algorithm

import (
	"crypto/ed25519"
	"math/big"

	"github.com/seed-116355fd/signet/internal/cms"
)

// ecdsa checks ECDSA, in DER (RFC 3279 section 2.2.3) or plain.
func (v *verification) ecdsa(plain bool, digest []byte) error {
	k := v.key
	if k.Kind != ECDSA {
		return v.otherKey()
	}
	if k.nist != nil {
		value := v.signature
		if plain {
			value = derECDSA(value, (k.Bits+7)/8)
		}
		if !v.verifyECDSA(digest, value) {
			return wrong(v.id.Name())
		}
		return nil
	}
	c, ok := curveByOID(k.Curve)
	if !ok {
		return unsupported(k.Curve.Name(), "the curve %s is not known here", k.Curve.Name())
	}
	r, s, ok := splitPlain(v.signature, (k.Bits+7)/8)
	if !plain {
		var err error
		r, s, err = twoIntegers(v.signature, (k.Bits+7)/8)
		ok = err == nil
	}
	if !ok || !c.verify(*k.point, digest, r, s) {
		return wrong(v.id.Name())
	}
	return nil
}

// splitPlain takes r and s side by side apart, each of so many octets at most.
func splitPlain(plain []byte, size int) (r, s *big.Int, ok bool) {
	half := len(plain) / 2
	if half == 0 || len(plain)%2 != 0 || half > size {
		return nil, nil, false
	}
	return new(big.Int).SetBytes(plain[:half]), new(big.Int).SetBytes(plain[half:]), true
}

// derECDSA turns r and s side by side into the SEQUENCE of RFC 3279.
func derECDSA(plain []byte, size int) []byte {
	r, s, ok := splitPlain(plain, size)
	if !ok {
		return nil
	}
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.BigInt(r)
	b.BigInt(s)
	b.Close(seq)
	return b.Bytes()
}

// ed25519 checks PureEdDSA (RFC 8032 section 5.1.7), which is over the message.
func (v *verification) ed25519(message, digest []byte) error {
	switch {
	case v.key.edwards == nil:
		return v.otherKey()
	case message == nil && digest != nil:
		return unsupported("Ed25519", "an Ed25519 signature is over the whole content, and only a digest of it is at hand")
	case !ed25519.Verify(v.key.edwards, message, v.signature):
		return wrong(v.id.Name())
	}
	return nil
}
