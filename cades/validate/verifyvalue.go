package validate

import (
	"errors"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
)

// algorithms checks that the algorithms of a SignerInfo are known, agree with each other and are not broken.
func (v *verifier) algorithms(r *SignatureReport, s *message.Signature) {
	digest := s.SI.Digest.ID
	if _, ok := v.scheme(s.SI.Algorithm.ID); ok {
		r.add(CheckAlgorithms, Passed, "%s with %s", s.SignatureAlgorithm(), digest.Name())
		return
	}
	alg, err := cms.ResolveSignature(s.SI.Algorithm)
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
func (v *verifier) algorithmProtection(r *SignatureReport, s *message.Signature) {
	value, problem := cms.Single(s.SI.Signed, cms.OIDAlgorithmProtection)
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
	case !digest.Equal(s.SI.Digest):
		r.add(CheckAlgorithmProtection, Failed, "the digest algorithm was replaced: signed was %s", digest.ID.Name())
	case !signature.Equal(s.SI.Algorithm):
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
	if signature, err = cms.ParseImplicitAlgorithm(second); err != nil {
		return digest, signature, err
	}
	return digest, signature, trailing(&fields)
}

// value checks the signature itself: over the signed attributes as received and, failing that, as DER sorts them, or
// over the content when there are none.
func (v *verifier) value(r *SignatureReport, s *message.Signature, cert *cms.Certificate) {
	if cert == nil {
		r.add(CheckSignature, Unchecked, "the certificate of the signer was not found")
		return
	}
	if s.SI.SignedAttrs.IsZero() {
		v.valueOverContent(r, s, cert)
		return
	}
	note, sorted, err := s.SI.VerifyAttributes(func(set []byte) (string, error) { return v.verify(s.SI, cert.SPKI, set, nil) })
	switch {
	case errors.Is(err, sign.ErrUnsupported):
		r.add(CheckSignature, Unchecked, "%s", err)
	case err != nil:
		r.add(CheckSignature, Failed, "%s", err)
	case sorted:
		v.verified(r, s, note)
		r.add(CheckAttributeOrder, Tolerated, "attributes are not stored as DER has it; the signature is over their sorted form")
	default:
		v.verified(r, s, note)
		r.add(CheckAttributeOrder, Passed, "signed as received")
	}
}

func (v *verifier) verified(r *SignatureReport, s *message.Signature, note string) {
	if note != "" {
		r.add(CheckSignature, Tolerated, "%s", note)
		return
	}
	r.add(CheckSignature, Passed, "%s over the signed attributes", s.SignatureAlgorithm())
}

// valueOverContent checks a signature without signed attributes (RFC 5652 section 5.4).
func (v *verifier) valueOverContent(r *SignatureReport, s *message.Signature, cert *cms.Certificate) {
	if s.Parent != nil {
		note, err := v.verify(s.SI, cert.SPKI, s.Parent.SI.SignatureRaw, nil)
		v.contentOutcome(r, s, note, err)
		return
	}
	var whole []byte
	hash := s.SI.Digest.ID
	if alg, err := cms.ResolveSignature(s.SI.Algorithm); err == nil {
		switch {
		case alg.Kind == cms.KindEd25519 && v.m.Detached():
			r.add(CheckSignature, Unchecked, "an Ed25519 signature without signed attributes is over the whole content, which is detached")
			return
		case alg.Kind == cms.KindEd25519:
			_ = v.m.SD.ContentSegments(func(b []byte) error { whole = append(whole, b...); return nil })
		case alg.Hash != "":
			hash = alg.Hash
		}
	}
	sum, status, problem := v.contentDigest(hash)
	if problem != "" {
		r.add(CheckSignature, max(status, Unchecked), "%s", problem)
		return
	}
	note, err := v.verify(s.SI, cert.SPKI, whole, sum)
	v.contentOutcome(r, s, note, err)
}

func (v *verifier) contentOutcome(r *SignatureReport, s *message.Signature, note string, err error) {
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

func unsupported(err error) error {
	return &sign.Error{Op: "cades: verify", Class: sign.ErrUnsupported, Hint: err.Error()}
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
	check := cms.SignatureCheck{Algorithm: si.Algorithm, Digest: si.Digest.ID, Signature: si.SignatureRaw, SPKI: spki, AllowBareDigestInfo: v.o.AllowBareDigestInfo}
	note, err = check.Verify(message, digest)
	if _, ok := errors.AsType[*cms.UnsupportedError](err); ok {
		err = unsupported(err)
	}
	return note, err
}
