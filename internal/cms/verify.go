package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

// ErrWrongSignature says that the mathematics does not come out.
var ErrWrongSignature = errors.New("the signature value is not one of this key over these octets")

// UnsupportedError says that a signature cannot be checked, because its algorithm or key is not known here. It may be
// right or wrong.
type UnsupportedError struct{ What string }

// Error is one sentence.
func (e *UnsupportedError) Error() string { return e.What }

func unsupported(format string, args ...any) error {
	return &UnsupportedError{fmt.Sprintf(format, args...)}
}

// SignatureCheck is a signature value with what it is checked with: of a SignerInfo, a certificate, a CRL or an OCSP
// response.
type SignatureCheck struct {
	Algorithm Algorithm // signatureAlgorithm
	Digest    OID       // digestAlgorithm of a SignerInfo, for algorithms that name no hash; else empty
	Signature []byte    // contents octets
	SPKI      []byte    // SubjectPublicKeyInfo of the signer
	// AllowBareDigestInfo takes RSA signatures whose DigestInfo lacks the NULL of RFC 8017 section 9.2.
	AllowBareDigestInfo bool
}

// Verify checks the signature over a message, or over its digest when that is given. note says what had to be tolerated.
// The error is [ErrWrongSignature], an [*UnsupportedError], or says what is malformed.
func (c *SignatureCheck) Verify(message, digest []byte) (note string, err error) {
	alg, err := ResolveSignature(c.Algorithm)
	if err != nil {
		return "", err
	}
	if alg.Hash == "" {
		alg.Hash = c.Digest
	}
	pub, err := PublicKey(c.SPKI)
	if err != nil {
		return "", err
	}
	note, err = c.verifyWith(alg, pub, message, digest)
	if !errors.Is(err, ErrWrongSignature) || digest != nil || c.Digest == "" || alg.Hash == c.Digest || alg.Kind != KindPKCS1 && alg.Kind != KindECDSA {
		return note, err
	}
	// RFC 5652 section 5.3 has the signature's hash in digestAlgorithm, and some who named another one in
	// signatureAlgorithm signed with it all the same.
	named := alg.Hash
	alg.Hash = c.Digest
	if _, err := c.verifyWith(alg, pub, message, nil); err == nil {
		return fmt.Sprintf("made with %s, the digest algorithm, though the signature algorithm says %s", alg.Hash.Name(), named.Name()), nil
	}
	return "", err
}

// VerifyAttributes calls verify with the SET OF signed attributes as they were received and, if that fails, as DER has
// them, which is what the signer should have signed. sorted says that it was the latter.
func (si *SignerInfo) VerifyAttributes(verify func(set []byte) (note string, err error)) (note string, sorted bool, err error) {
	var asReceived error
	if set, ok := si.AttributesAsReceived(); ok {
		if note, asReceived = verify(set); asReceived == nil {
			return note, false, nil
		}
	}
	set, err := si.AttributesInDER()
	if err != nil {
		return "", false, err
	}
	if note, err = verify(set); err == nil {
		return note, true, nil
	}
	if asReceived != nil {
		err = asReceived
	}
	return "", false, err
}

// verifyWith does the mathematics of one algorithm.
func (c *SignatureCheck) verifyWith(alg SignatureAlgorithm, pub crypto.PublicKey, message, digest []byte) (note string, err error) {
	h, ok := HashByOID(alg.Hash)
	if !ok {
		return "", unsupported("hash %s is not known here", alg.Hash.Name())
	}
	if digest == nil && alg.Kind != KindEd25519 {
		digest = h.Sum(message)
	}
	signature := c.Signature
	switch alg.Kind {
	case KindPKCS1:
		key, ok := pub.(*rsa.PublicKey)
		if !ok {
			return "", errors.New("the signature is of RSA and the key is not")
		}
		return c.verifyPKCS1(key, h, digest, signature)
	case KindPSS:
		key, ok := pub.(*rsa.PublicKey)
		if !ok {
			return "", errors.New("the signature is of RSA and the key is not")
		}
		if alg.MGF1 != alg.Hash {
			return "", unsupported("RSASSA-PSS with %s in the mask and %s outside", alg.MGF1.Name(), alg.Hash.Name())
		}
		opts := &rsa.PSSOptions{SaltLength: alg.Salt, Hash: h.Crypto}
		if alg.Salt == 0 { // 0 means "any" to crypto/rsa
			return "", unsupported("RSASSA-PSS without salt")
		}
		if rsa.VerifyPSS(key, h.Crypto, digest, signature, opts) != nil {
			return "", ErrWrongSignature
		}
		return "", nil
	case KindECDSA, KindPlainECDSA:
		key, ok := pub.(*ecdsa.PublicKey)
		if !ok {
			return "", errors.New("the signature is of ECDSA and the key is not")
		}
		if alg.Kind == KindPlainECDSA {
			signature = derECDSA(signature)
		}
		if !ecdsa.VerifyASN1(key, digest, signature) {
			return "", ErrWrongSignature
		}
		return "", nil
	case KindEd25519:
		key, ok := pub.(ed25519.PublicKey)
		if !ok {
			return "", errors.New("the signature is of Ed25519 and the key is not")
		}
		if !ed25519.Verify(key, message, signature) {
			return "", ErrWrongSignature
		}
		return "", nil
	}
	return "", unsupported("signature algorithm %s is not known here", c.Algorithm.ID.Name())
}

// verifyPKCS1 checks RSASSA-PKCS1-v1_5, and by option the form without NULL that some tokens made.
func (c *SignatureCheck) verifyPKCS1(key *rsa.PublicKey, h Hash, digest, signature []byte) (note string, err error) {
	err = rsa.VerifyPKCS1v15(key, h.Crypto, digest, signature)
	if err == nil {
		return "", nil
	}
	if c.AllowBareDigestInfo && verifyBareDigestInfo(key, h.ID, digest, signature) {
		return "the DigestInfo inside the RSA signature lacks the NULL of RFC 8017 section 9.2", nil
	}
	if errors.Is(err, rsa.ErrVerification) {
		return "", ErrWrongSignature
	}
	return "", err
}

// verifyBareDigestInfo compares a PKCS #1 v1.5 block whose DigestInfo has no parameters. The whole block is built and
// compared, as for the proper form, so that nothing in it is left to the signer.
func verifyBareDigestInfo(key *rsa.PublicKey, hash OID, digest, signature []byte) bool {
	size := key.Size()
	if len(signature) != size || key.N.BitLen() < 1024 {
		return false
	}
	b := NewBuilder(nil)
	info := b.Open(TagSequence)
	alg := b.Open(TagSequence)
	b.OID(hash)
	b.Close(alg)
	b.Value(TagOctetString, digest)
	b.Close(info)
	if size < b.Len()+11 {
		return false
	}
	block := make([]byte, size)
	for i := range block {
		block[i] = 0xff
	}
	block[0], block[1] = 0, 1
	copy(block[size-b.Len():], b.Bytes())
	block[size-b.Len()-1] = 0
	opened := new(big.Int).Exp(new(big.Int).SetBytes(signature), big.NewInt(int64(key.E)), key.N)
	return subtle.ConstantTimeCompare(opened.FillBytes(make([]byte, size)), block) == 1
}

// derECDSA turns r and s side by side into the SEQUENCE of RFC 3279.
func derECDSA(plain []byte) []byte {
	if len(plain) == 0 || len(plain)%2 != 0 {
		return nil
	}
	b := NewBuilder(nil)
	seq := b.Open(TagSequence)
	for _, half := range [][]byte{plain[:len(plain)/2], plain[len(plain)/2:]} {
		for len(half) > 1 && half[0] == 0 {
			half = half[1:]
		}
		if half[0]&0x80 != 0 {
			half = append([]byte{0}, half...)
		}
		b.Value(TagInteger, half)
	}
	b.Close(seq)
	return b.Bytes()
}

// PublicKey reads a SubjectPublicKeyInfo, also one of id-RSASSA-PSS, which crypto/x509 leaves out.
func PublicKey(spki []byte) (crypto.PublicKey, error) {
	v, err := ReadValue(spki)
	if err != nil {
		return nil, err
	}
	fields := v.Reader()
	first, err := fields.Want(TagSequence, "the algorithm of a public key")
	if err != nil {
		return nil, err
	}
	alg, err := ParseAlgorithm(first)
	if err != nil {
		return nil, err
	}
	if alg.ID == OIDRSASSAPSS {
		bits, err := fields.Want(TagBitString, "the public key")
		if err != nil {
			return nil, err
		}
		if body := bits.Body(); len(body) > 1 && body[0] == 0 {
			return x509.ParsePKCS1PublicKey(body[1:])
		}
		return nil, errors.New("the public key is malformed")
	}
	pub, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, unsupported("the public key of kind %s cannot be used: %s", alg.ID.Name(), err)
	}
	return pub, nil
}
