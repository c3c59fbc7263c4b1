// Package rsaverify verifies many signatures of RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2) by one key, in two thirds of the
// time of crypto/rsa, which prepares the modulus for each of them anew.
//
// It is for public keys and signatures only, since how long it takes may depend on them. Its one answer that counts is yes; all
// else is asked of crypto/rsa.
package rsaverify

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"crypto/rsa"
	"math/big"
	"sync"

	"filippo.io/bigmod"
)

const (
	exponent = 65537
	minBits  = 2048
	maxBits  = 4096
)

// Verifier verifies signatures by one key. It is safe for concurrent use.
type Verifier struct {
	public  *rsa.PublicKey // a copy: the modulus is that of a key that does not change
	fast    bool
	prepare sync.Once
	modulus *bigmod.Modulus
}

// New makes a verifier for a key. It does next to nothing: the modulus is prepared for the first signature. Keys of other than
// 2048 to 4096 bits, those with another exponent than 65537, and what cannot be a modulus are left to crypto/rsa; so are all
// keys in the FIPS 140-3 mode of Go, whose users want the mathematics of the validated module.
func New(public *rsa.PublicKey) *Verifier {
	n := new(big.Int).Set(public.N)
	usual := public.E == exponent && n.Sign() > 0 && n.Bit(0) == 1 && n.BitLen() >= minBits && n.BitLen() <= maxBits
	return &Verifier{public: &rsa.PublicKey{N: n, E: public.E}, fast: usual && !fips140.Enabled()}
}

// Verify returns what crypto/rsa.VerifyPKCS1v15 does: nil for a signature of the digest.
func (v *Verifier) Verify(hash crypto.Hash, digest, signature []byte) error {
	if v.certain(hash, digest, signature) {
		return nil
	}
	return rsa.VerifyPKCS1v15(v.public, hash, digest, signature)
}

// certain reports whether the fast way accepts a signature.
func (v *Verifier) certain(hash crypto.Hash, digest, signature []byte) bool {
	if !v.fast {
		return false
	}
	v.prepare.Do(func() { v.modulus, _ = bigmod.NewModulus(v.public.N.Bytes()) })
	if v.modulus == nil || len(signature) != v.modulus.Size() {
		return false
	}
	var space [maxBits / 8]byte
	want := space[:len(signature)]
	if !Encode(want, hash, digest) {
		return false
	}
	s, err := bigmod.NewNat().SetBytes(signature, v.modulus) // not if it is n or more
	if err != nil {
		return false
	}
	return bytes.Equal(bigmod.NewNat().ExpShortVarTime(s, exponent, v.modulus).Bytes(v.modulus), want)
}

// prefixOf is the DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
func prefixOf(hash crypto.Hash) string {
	switch hash {
	case crypto.SHA256:
		return "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
	case crypto.SHA384:
		return "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
	case crypto.SHA512:
		return "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
	}
	return ""
}

// Encode fills em with EMSA-PKCS1-v1_5 of a digest (RFC 8017 section 9.2), and says whether it knows the hash and the digest is
// one. It is compared as a whole, so that nothing of what a signature holds is ever parsed. em has 256 octets at least.
func Encode(em []byte, hash crypto.Hash, digest []byte) bool {
	prefix := prefixOf(hash)
	if prefix == "" || len(digest) != hash.Size() {
		return false
	}
	end := len(em) - len(prefix) - len(digest)
	em[0], em[1] = 0, 1
	for i := 2; i < end-1; i++ {
		em[i] = 0xff
	}
	em[end-1] = 0
	copy(em[end:], prefix)
	copy(em[end+len(prefix):], digest)
	return true
}
