package cades

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

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// algorithms checks that the algorithms of a SignerInfo are known, agree with each other and are not broken.
func (v *verifier) algorithms(r *SignatureReport, s *Signature) {
	digest := s.si.Digest.ID
	if _, ok := v.scheme(s.si.Algorithm.ID); ok {
		r.add(CheckAlgorithms, Passed, "%s with %s", s.SignatureAlgorithm(), digest.Name())
		return
	}
	alg, err := cms.ResolveSignature(s.si.Algorithm)
	if err != nil {
		r.add(CheckAlgorithms, Failed, "%s", err)
		return
	}
	fine := true
	report := func(status Status, format string, args ...any) {
		fine = false
		r.add(CheckAlgorithms, status, format, args...)
	}
	if alg.Kind == cms.KindUnknown {
		report(Unchecked, "signature algorithm %s is not supported", s.SignatureAlgorithm())
	}
	if alg.Hash != "" && alg.Hash != digest { // RFC 5652 section 5.3 lets them differ, EN 319 122-1 does not
		report(Tolerated, "digest algorithms disagree: the content is digested with %s, the signature uses %s", digest.Name(), alg.Hash.Name())
	}
	used := []cms.OID{digest}
	if alg.Hash != "" && alg.Hash != digest {
		used = append(used, alg.Hash)
	}
	for _, id := range used {
		_, weak, ok := v.hashOf(id)
		switch {
		case !ok:
			report(Unchecked, "hash %s is not supported", id.Name())
		case id == cms.OIDMD5:
			report(Failed, "MD5 is broken: another content with the same digest is easy to make")
		case weak:
			report(Tolerated, "%s is weak: whoever wrote the content could have made two with the same digest", id.Name())
		}
	}
	if fine {
		r.add(CheckAlgorithms, Passed, "%s with %s", s.SignatureAlgorithm(), digest.Name())
	}
}

// algorithmProtection checks RFC 6211 where it is present: the signed copy of the algorithms is that of the SignerInfo.
func (v *verifier) algorithmProtection(r *SignatureReport, s *Signature) {
	value, problem := single(s.si.Signed, cms.OIDAlgorithmProtection)
	if problem != "" {
		r.add(CheckAlgorithmProtection, Failed, "%s", problem)
		return
	}
	if value.IsZero() {
		return
	}
	digest, signature, err := algorithmProtectionFields(value)
	switch {
	case err != nil:
		r.add(CheckAlgorithmProtection, Failed, "the attribute is malformed: %s", err)
	case !digest.Equal(s.si.Digest):
		r.add(CheckAlgorithmProtection, Failed, "the digest algorithm was replaced: signed was %s", digest.ID.Name())
	case !signature.Equal(s.si.Algorithm):
		r.add(CheckAlgorithmProtection, Failed, "the signature algorithm was replaced: signed was %s", signature.ID.Name())
	default:
		r.add(CheckAlgorithmProtection, Passed, "%s, %s", digest.ID.Name(), signature.ID.Name())
	}
}

func algorithmProtectionFields(value cms.Value) (digest, signature cms.Algorithm, err error) {
	if value.Tag() != cms.TagSequence {
		return digest, signature, errors.New("it is not a SEQUENCE")
	}
	fields := value.Reader()
	first, err := fields.Want(cms.TagSequence, "digestAlgorithm")
	if err != nil {
		return digest, signature, err
	}
	if digest, err = cms.ParseAlgorithm(first); err != nil {
		return digest, signature, err
	}
	second, err := fields.Want(cms.ContextConstructed(1), "signatureAlgorithm")
	if err != nil {
		return digest, signature, err
	}
	signature, err = cms.ParseImplicitAlgorithm(second)
	return digest, signature, err
}

// value checks the signature itself: over the signed attributes as received and, failing that, as DER sorts them, or
// over the content when there are none.
func (v *verifier) value(r *SignatureReport, s *Signature, cert *cms.Certificate) {
	if cert == nil {
		r.add(CheckSignature, Unchecked, "the certificate of the signer was not found")
		return
	}
	if s.si.SignedAttrs.IsZero() {
		v.valueOverContent(r, s, cert)
		return
	}
	var asReceived error
	if set, ok := s.si.AttributesAsReceived(); ok {
		note, err := v.verify(s.si, cert.SPKI, set, nil)
		if err == nil {
			v.verified(r, s, note)
			r.add(CheckAttributeOrder, Passed, "signed as received")
			return
		}
		asReceived = err
	}
	set, err := s.si.AttributesInDER()
	if err != nil {
		r.add(CheckSignature, Failed, "%s", err)
		return
	}
	note, err := v.verify(s.si, cert.SPKI, set, nil)
	if err == nil {
		v.verified(r, s, note)
		r.add(CheckAttributeOrder, Tolerated, "attributes are not stored as DER has it; the signature is over their sorted form")
		return
	}
	if asReceived == nil {
		asReceived = err
	}
	if errors.Is(asReceived, sign.ErrUnsupported) {
		r.add(CheckSignature, Unchecked, "%s", asReceived)
		return
	}
	r.add(CheckSignature, Failed, "%s", asReceived)
}

func (v *verifier) verified(r *SignatureReport, s *Signature, note string) {
	if note != "" {
		r.add(CheckSignature, Tolerated, "%s", note)
		return
	}
	r.add(CheckSignature, Passed, "%s over the signed attributes", s.SignatureAlgorithm())
}

// valueOverContent checks a signature without signed attributes (RFC 5652 section 5.4).
func (v *verifier) valueOverContent(r *SignatureReport, s *Signature, cert *cms.Certificate) {
	if s.parent != nil {
		note, err := v.verify(s.si, cert.SPKI, s.parent.si.SignatureRaw, nil)
		v.contentOutcome(r, s, note, err)
		return
	}
	var whole []byte
	hash := s.si.Digest.ID
	if alg, err := cms.ResolveSignature(s.si.Algorithm); err == nil {
		switch {
		case alg.Kind == cms.KindEd25519 && v.m.Detached():
			r.add(CheckSignature, Unchecked, "an Ed25519 signature without signed attributes is over the whole content, which is detached")
			return
		case alg.Kind == cms.KindEd25519:
			_ = v.m.sd.ContentSegments(func(b []byte) error { whole = append(whole, b...); return nil })
		case alg.Hash != "":
			hash = alg.Hash
		}
	}
	sum, status, problem := v.contentDigest(hash)
	if problem != "" {
		r.add(CheckSignature, max(status, Unchecked), "%s", problem)
		return
	}
	note, err := v.verify(s.si, cert.SPKI, whole, sum)
	v.contentOutcome(r, s, note, err)
}

func (v *verifier) contentOutcome(r *SignatureReport, s *Signature, note string, err error) {
	switch {
	case errors.Is(err, sign.ErrUnsupported):
		r.add(CheckSignature, Unchecked, "%s", err)
	case err != nil:
		r.add(CheckSignature, Failed, "%s", err)
	case note != "":
		r.add(CheckSignature, Tolerated, "%s", note)
	default:
		r.add(CheckSignature, Passed, "%s over the content, without signed attributes", s.SignatureAlgorithm())
	}
}

// scheme finds a scheme of the caller.
func (v *verifier) scheme(id cms.OID) (*sign.Scheme, bool) {
	for i := range v.o.Schemes {
		if s := &v.o.Schemes[i]; s.Verify != nil && oidOf(s.SignatureAlg) == id {
			return s, true
		}
	}
	return nil, false
}

var errWrong = errors.New("the signature value is not one of this key over these attributes")

func unsupported(format string, args ...any) error {
	return &sign.Error{Op: "cades: verify", Class: sign.ErrUnsupported, Hint: fmt.Sprintf(format, args...)}
}

// verify checks a signature over a message, or over its digest when that is given. note says what had to be tolerated.
func (v *verifier) verify(si *cms.SignerInfo, spki, message, digest []byte) (note string, err error) {
	if scheme, ok := v.scheme(si.Algorithm.ID); ok {
		if digest == nil && !scheme.Whole {
			h := scheme.NewHash()
			h.Write(message)
			digest = h.Sum(nil)
		} else if scheme.Whole {
			digest = message
		}
		return "", scheme.Verify(spki, digest, si.SignatureRaw)
	}
	alg, err := cms.ResolveSignature(si.Algorithm)
	if err != nil {
		return "", err
	}
	if alg.Hash == "" {
		alg.Hash = si.Digest.ID
	}
	pub, err := publicKey(spki)
	if err != nil {
		return "", err
	}
	note, err = v.verifyWith(alg, pub, message, digest, si)
	if !errors.Is(err, errWrong) || digest != nil || alg.Hash == si.Digest.ID || alg.Kind != cms.KindPKCS1 && alg.Kind != cms.KindECDSA {
		return note, err
	}
	// RFC 5652 section 5.3 has the signature's hash in digestAlgorithm, and some who named another one in
	// signatureAlgorithm signed with it all the same.
	named := alg.Hash
	alg.Hash = si.Digest.ID
	if _, err := v.verifyWith(alg, pub, message, nil, si); err == nil {
		return fmt.Sprintf("made with %s, the digest algorithm, though the signature algorithm says %s", alg.Hash.Name(), named.Name()), nil
	}
	return "", err
}

// verifyWith does the mathematics of one algorithm.
func (v *verifier) verifyWith(alg cms.SignatureAlgorithm, pub crypto.PublicKey, message, digest []byte, si *cms.SignerInfo) (note string, err error) {
	h, ok := cms.HashByOID(alg.Hash)
	if !ok {
		return "", unsupported("hash %s is not known here", alg.Hash.Name())
	}
	if digest == nil && alg.Kind != cms.KindEd25519 {
		digest = h.Sum(message)
	}
	signature := si.SignatureRaw
	switch alg.Kind {
	case cms.KindPKCS1:
		key, ok := pub.(*rsa.PublicKey)
		if !ok {
			return "", errors.New("the signature is of RSA and the key is not")
		}
		return v.verifyPKCS1(key, h, digest, signature)
	case cms.KindPSS:
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
			return "", errWrong
		}
		return "", nil
	case cms.KindECDSA, cms.KindPlainECDSA:
		key, ok := pub.(*ecdsa.PublicKey)
		if !ok {
			return "", errors.New("the signature is of ECDSA and the key is not")
		}
		if alg.Kind == cms.KindPlainECDSA {
			signature = derECDSA(signature)
		}
		if !ecdsa.VerifyASN1(key, digest, signature) {
			return "", errWrong
		}
		return "", nil
	case cms.KindEd25519:
		key, ok := pub.(ed25519.PublicKey)
		if !ok {
			return "", errors.New("the signature is of Ed25519 and the key is not")
		}
		if !ed25519.Verify(key, message, signature) {
			return "", errWrong
		}
		return "", nil
	}
	return "", unsupported("signature algorithm %s is not known here", si.Algorithm.ID.Name())
}

// verifyPKCS1 checks RSASSA-PKCS1-v1_5, and by option the form without NULL that some tokens made.
func (v *verifier) verifyPKCS1(key *rsa.PublicKey, h cms.Hash, digest, signature []byte) (note string, err error) {
	err = rsa.VerifyPKCS1v15(key, h.Crypto, digest, signature)
	if err == nil {
		return "", nil
	}
	if v.o.AllowBareDigestInfo && verifyBareDigestInfo(key, h.ID, digest, signature) {
		return "the DigestInfo inside the RSA signature lacks the NULL of RFC 8017 section 9.2", nil
	}
	if errors.Is(err, rsa.ErrVerification) {
		return "", errWrong
	}
	return "", err
}

// verifyBareDigestInfo compares a PKCS #1 v1.5 block whose DigestInfo has no parameters. The whole block is built and
// compared, as for the proper form, so that nothing in it is left to the signer.
func verifyBareDigestInfo(key *rsa.PublicKey, hash cms.OID, digest, signature []byte) bool {
	size := key.Size()
	if len(signature) != size || key.N.BitLen() < 1024 {
		return false
	}
	b := cms.NewBuilder(nil)
	info := b.Open(cms.TagSequence)
	alg := b.Open(cms.TagSequence)
	b.OID(hash)
	b.Close(alg)
	b.Value(cms.TagOctetString, digest)
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
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	for _, half := range [][]byte{plain[:len(plain)/2], plain[len(plain)/2:]} {
		for len(half) > 1 && half[0] == 0 {
			half = half[1:]
		}
		if half[0]&0x80 != 0 {
			half = append([]byte{0}, half...)
		}
		b.Value(cms.TagInteger, half)
	}
	b.Close(seq)
	return b.Bytes()
}

// publicKey reads a SubjectPublicKeyInfo, also one of id-RSASSA-PSS, which crypto/x509 leaves out.
func publicKey(spki []byte) (crypto.PublicKey, error) {
	v, err := cms.ReadValue(spki)
	if err != nil {
		return nil, err
	}
	fields := v.Reader()
	first, err := fields.Want(cms.TagSequence, "the algorithm of a public key")
	if err != nil {
		return nil, err
	}
	alg, err := cms.ParseAlgorithm(first)
	if err != nil {
		return nil, err
	}
	if alg.ID == cms.OIDRSASSAPSS {
		bits, err := fields.Want(cms.TagBitString, "the public key")
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
