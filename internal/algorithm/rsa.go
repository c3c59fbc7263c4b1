package algorithm

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/seed-116355fd/signet/internal/cms"
)

// rsa checks RSASSA-PKCS1-v1_5 and RSASSA-PSS.
func (v *verification) rsa(alg Signature, h Hash, digest []byte) (note string, err error) {
	k := v.key
	if k.n == nil {
		return "", v.otherKey()
	}
	if err := v.restricted(alg, h, digest); err != nil {
		return "", err
	}
	ok := false
	if alg.Kind == PSS {
		if ok, err = v.pss(alg.PSS, h, digest); err != nil {
			return "", err
		}
	} else {
		note, ok = v.pkcs1(h, digest)
	}
	switch {
	case !ok && note != "":
		return "", &Error{Reason: WrongSignature, Algorithm: v.id.Name(), What: note + "; the key did make it, and it counts where such values are allowed"}
	case !ok:
		return "", wrong(v.id.Name())
	case k.Bits < MinRSABits:
		return "", tooShort(k)
	}
	return note, nil
}

func tooShort(k *Key) error {
	return &Error{Reason: KeyTooShort, Algorithm: k.Name(), What: fmt.Sprintf("the key (%s) is so short that anybody can have made the signature", k.Name())}
}

// restricted checks what a key under id-RSASSA-PSS is for: that scheme only (RFC 4055 section 1.2), and where it names
// parameters, with that hash and that mask, and a salt that is as long at least (section 3.3). What a key may do is part of
// the key: who could choose a weaker scheme for it could choose the one in which he can forge.
func (v *verification) restricted(alg Signature, h Hash, digest []byte) error {
	k := v.key
	if k.Kind != PSS {
		return nil
	}
	if alg.Kind != PSS {
		what := fmt.Sprintf("the signature algorithm is %s, and the key of the certificate is for RSASSA-PSS only (RFC 4055 section 1.2)", v.id.Name())
		if k.rsa != nil && h.Crypto != 0 && rsa.VerifyPSS(k.rsa, h.Crypto, digest, v.signature, nil) == nil {
			what += "; the value was made with RSASSA-PSS, so whoever signed named the wrong algorithm (openssl cms -sign needs -keyopt rsa_padding_mode:pss)"
		}
		return misused(v.id.Name(), "%s", what)
	}
	if k.Restricted == nil {
		return nil
	}
	want, got := k.Restricted, alg.PSS
	switch {
	case got.Hash != want.Hash:
		return misused(v.id.Name(), "the signature is made with %s, and the key of the certificate is for RSASSA-PSS with %s only", got.Hash.Name(), want.Hash.Name())
	case got.MGF1 != want.MGF1:
		return misused(v.id.Name(), "the mask of the signature is made with %s, and the key of the certificate is for RSASSA-PSS with a mask by %s only", got.MGF1.Name(), want.MGF1.Name())
	case got.Salt < want.Salt:
		return misused(v.id.Name(), "the signature has a salt of %d octets, and the key of the certificate demands %d at least", got.Salt, want.Salt)
	}
	return nil
}

// pkcs1 checks RSASSA-PKCS1-v1_5, and by option the form without NULL that some tokens made; without the option, note says
// that it is this form.
func (v *verification) pkcs1(h Hash, digest []byte) (note string, ok bool) {
	if v.key.rsa != nil && h.Crypto != 0 {
		if v.verifyPKCS1(h.Crypto, digest) == nil {
			return "", true
		}
		// It may be the form without NULL, or a mode of the library that has no SHA-1, which says nothing about the value.
	}
	opened := v.open()
	if opened == nil {
		return "", false
	}
	// The whole block is built and compared, so that nothing in it is left to the signer.
	if bytes.Equal(opened, pkcs1Block(h.ID, true, digest, len(opened))) {
		return "", true
	}
	if bytes.Equal(opened, pkcs1Block(h.ID, false, digest, len(opened))) {
		return withoutNull, v.bare
	}
	return "", false
}

const withoutNull = "the DigestInfo inside the RSA signature lacks the NULL of RFC 8017 section 9.2"

// pkcs1Block is EMSA-PKCS1-v1_5 (RFC 8017 section 9.2); nil, which no block equals, when it does not fit.
func pkcs1Block(hash cms.OID, null bool, digest []byte, size int) []byte {
	b := cms.NewBuilder(nil)
	info := b.Open(cms.TagSequence)
	alg := b.Open(cms.TagSequence)
	b.OID(hash)
	if null {
		b.Null()
	}
	b.Close(alg)
	b.Value(cms.TagOctetString, digest)
	b.Close(info)
	if size < b.Len()+11 {
		return nil
	}
	block := bytes.Repeat([]byte{0xff}, size)
	block[0], block[1] = 0, 1
	copy(block[size-b.Len():], b.Bytes())
	block[size-b.Len()-1] = 0
	return block
}

// open is RSAVP1 (RFC 8017 section 5.2.2), for the forms that crypto/rsa does not have. nil says that the value is none of
// this key.
func (v *verification) open() []byte {
	size := (v.key.Bits + 7) / 8
	if len(v.signature) != size {
		return nil
	}
	s := new(big.Int).SetBytes(v.signature)
	if s.Cmp(v.key.n) >= 0 {
		return nil
	}
	return s.Exp(s, v.key.e, v.key.n).FillBytes(make([]byte, size))
}

// pss checks RSASSA-PSS. The standard library takes one hash for both and a salt that is not empty.
func (v *verification) pss(p PSSParameters, h Hash, digest []byte) (bool, error) {
	if v.key.rsa != nil && h.Crypto != 0 && p.MGF1 == p.Hash && p.Salt > 0 {
		err := rsa.VerifyPSS(v.key.rsa, h.Crypto, digest, v.signature, &rsa.PSSOptions{SaltLength: p.Salt, Hash: h.Crypto})
		if err == nil || errors.Is(err, rsa.ErrVerification) {
			return err == nil, nil
		}
	}
	mask, ok := v.r.Hash(p.MGF1)
	if !ok {
		return false, unsupported(p.MGF1.Name(), "hash %s, which makes the mask of the RSASSA-PSS signature, is not known here", p.MGF1.Name())
	}
	opened := v.open()
	return opened != nil && pssVerify(opened, v.key.Bits-1, p.Salt, h, mask, digest), nil
}

// pssVerify is EMSA-PSS-VERIFY (RFC 8017 section 9.1.2).
func pssVerify(em []byte, bits, salt int, h, mask Hash, digest []byte) bool {
	size := (bits + 7) / 8
	if len(em) > size { // the modulus has one bit more than a number of octets
		if em[0] != 0 {
			return false
		}
		em = em[1:]
	}
	if salt > size || size < h.Size+salt+2 || em[size-1] != 0xbc {
		return false
	}
	db, sum := em[:size-h.Size-1], em[size-h.Size-1:size-1]
	unused := byte(0xff) >> (8*size - bits)
	if db[0]&^unused != 0 {
		return false
	}
	db = mgf1XOR(bytes.Clone(db), mask, sum)
	db[0] &= unused
	zeros := len(db) - salt - 1
	for _, c := range db[:zeros] {
		if c != 0 {
			return false
		}
	}
	if db[zeros] != 1 {
		return false
	}
	f := h.New()
	f.Write(make([]byte, 8))
	f.Write(digest)
	f.Write(db[zeros+1:])
	return bytes.Equal(f.Sum(nil), sum)
}

// mgf1XOR adds the mask to a string in place (RFC 8017 appendix B.2.1).
func mgf1XOR(out []byte, h Hash, seed []byte) []byte {
	f := h.New()
	var sum []byte
	for i, counter := 0, 0; i < len(out); counter++ {
		f.Reset()
		f.Write(seed)
		f.Write([]byte{byte(counter >> 24), byte(counter >> 16), byte(counter >> 8), byte(counter)})
		sum = f.Sum(sum[:0])
		for _, c := range sum {
			if i == len(out) {
				break
			}
			out[i] ^= c
			i++
		}
	}
	return out
}
