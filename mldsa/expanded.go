package mldsa

import (
	"crypto"
	"crypto/sha3"
	"crypto/subtle"

	"filippo.io/mldsa"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// expanded44, expanded65 and expanded87 are keys of which the seed is not known: the module that this package signs with takes seeds
// only.
type (
	expanded44 struct{ key *mldsa44.PrivateKey }
	expanded65 struct{ key *mldsa65.PrivateKey }
	expanded87 struct{ key *mldsa87.PrivateKey }
)

func (k expanded44) sign(message []byte) ([]byte, error) {
	signature := make([]byte, mldsa44.SignatureSize)
	return signature, mldsa44.SignTo(k.key, message, nil, true, signature)
}

func (k expanded65) sign(message []byte) ([]byte, error) {
	signature := make([]byte, mldsa65.SignatureSize)
	return signature, mldsa65.SignTo(k.key, message, nil, true, signature)
}

func (k expanded87) sign(message []byte) ([]byte, error) {
	signature := make([]byte, mldsa87.SignatureSize)
	return signature, mldsa87.SignTo(k.key, message, nil, true, signature)
}

// packer is what the keys of all sets have in common.
type packer interface {
	MarshalBinary() ([]byte, error)
	UnmarshalBinary([]byte) error
	Public() crypto.PublicKey
}

// expandedSize is that of a private key in octets (FIPS 204 table 2).
func (s Set) expandedSize() int {
	switch s {
	case MLDSA44:
		return mldsa44.PrivateKeySize
	case MLDSA65:
		return mldsa65.PrivateKeySize
	}
	return mldsa87.PrivateKeySize
}

// expand makes the expanded form of a seed.
func (s Set) expand(seed *[mldsa.PrivateKeySize]byte) ([]byte, error) {
	switch s {
	case MLDSA44:
		_, key := mldsa44.NewKeyFromSeed(seed)
		defer wipe(key)
		return key.MarshalBinary()
	case MLDSA65:
		_, key := mldsa65.NewKeyFromSeed(seed)
		defer wipe(key)
		return key.MarshalBinary()
	}
	_, key := mldsa87.NewKeyFromSeed(seed)
	defer wipe(key)
	return key.MarshalBinary()
}

// inRange reports whether the coefficients of the vectors s1 and s2 are those of small numbers (FIPS 204 algorithm 25, which reads
// others as well): each is η minus the number, in 3 bits when η is 2 and in 4 when it is 4. The octets are secret, so that all are
// looked at whatever they are.
func (s Set) inRange(expanded []byte) bool {
	bits, most, polynomials := 3, 4, 8 // η is 2: k + l
	switch s {
	case MLDSA65:
		bits, most, polynomials = 4, 8, 11
	case MLDSA87:
		polynomials = 15
	}
	vectors, wrong := expanded[128:][:polynomials*32*bits], 0
	for group := 0; group+bits <= len(vectors); group += bits { // eight coefficients
		var packed uint32
		for i := range bits {
			packed |= uint32(vectors[group+i]) << (8 * i)
		}
		for i := range 8 {
			c := int(packed >> (i * bits) & (1<<bits - 1))
			wrong |= 1 - subtle.ConstantTimeLessOrEq(c, most)
		}
	}
	return wrong == 0
}

// wipe overwrites a key that is used no more.
func wipe[K any](key *K) { *key = *new(K) }

// fromExpanded makes a key whose parts are looked at: the public key that they give must have the digest that is among them, and a
// signature must fit it. What a private key with other parts signs tells them to whoever can compare.
func fromExpanded(set Set, octets []byte) (key *Key, err error) {
	if len(octets) != set.expandedSize() {
		return nil, errMalformed
	}
	if !set.inRange(octets) {
		return nil, errParts
	}
	var private packer
	var signer expandedKey
	switch set {
	case MLDSA44:
		k := new(mldsa44.PrivateKey)
		private, signer = k, expanded44{k}
		defer func() {
			if err != nil {
				wipe(k)
			}
		}()
	case MLDSA65:
		k := new(mldsa65.PrivateKey)
		private, signer = k, expanded65{k}
		defer func() {
			if err != nil {
				wipe(k)
			}
		}()
	default:
		k := new(mldsa87.PrivateKey)
		private, signer = k, expanded87{k}
		defer func() {
			if err != nil {
				wipe(k)
			}
		}()
	}
	if private.UnmarshalBinary(octets) != nil {
		return nil, errMalformed
	}
	encoded, ok := private.Public().(interface{ MarshalBinary() ([]byte, error) })
	if !ok {
		return nil, errParts
	}
	public, err := encoded.MarshalBinary()
	if err != nil {
		return nil, errParts
	}
	// The expanded key is rho, K, tr, then the vectors (algorithm 24); tr is the digest of the public key.
	if tr := sha3.SumSHAKE256(public, 64); subtle.ConstantTimeCompare(tr, octets[64:128]) != 1 {
		return nil, errParts
	}
	checked, err := mldsa.NewPublicKey(set.parameters(), public)
	if err != nil {
		return nil, errParts
	}
	key = &Key{set: set, public: checked, spki: marshalPublic(set, public), expanded: signer}
	for range 4 { // t0 is used in some signatures more than in others
		signature, err := signer.sign(octets[:32])
		if err != nil || mldsa.Verify(checked, octets[:32], signature, nil) != nil {
			return nil, errParts
		}
	}
	return key, nil
}
