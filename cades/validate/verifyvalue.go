package validate

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// registry is what is known about algorithms, and what the policy thinks of them, with the schemes of the caller.
func (v *verifier) registry() *algorithm.Registry { return v.known }

// certificateRules are what the policy says of signatures on certificates at a time.
type certificateRules struct {
	registry *algorithm.Registry
	at       time.Time
	// The same is asked when a path is looked for and when the signature is checked.
	asked  algorithm.Question
	answer algorithm.Judgement
}

func (c *certificateRules) judge(use algorithm.Use, alg cms.Algorithm, spki []byte) algorithm.Judgement {
	if c.asked.Use == use && bytes.Equal(c.asked.Algorithm.Raw(), alg.Raw()) && bytes.Equal(c.asked.SPKI, spki) && spki != nil {
		return c.answer
	}
	c.asked = algorithm.Question{Use: use, Algorithm: alg, SPKI: spki, Time: c.at}
	c.answer = c.registry.Judge(c.asked)
	return c.answer
}

// allows is the rule for certificates.
func (c *certificateRules) allows(use pki.Use, alg cms.Algorithm, spki []byte) error {
	return c.judge(algorithm.Use(use), alg, spki).Err()
}

// verify checks signatures on certificates.
func (c *certificateRules) verify(check *algorithm.SignatureCheck, octets []byte) (string, error) {
	return c.registry.Verify(check, octets, nil)
}

// everybodys reports whether signatures by an algorithm are checked as every verifier checks them: neither by a scheme of the caller, nor
// over a hash of his, which another verifier with the same anchors may compute otherwise.
func (c *certificateRules) everybodys(alg cms.Algorithm) bool {
	if _, own := c.registry.Scheme(alg.ID); own {
		return false
	}
	s, err := algorithm.ResolveSignature(alg)
	if err != nil {
		return false
	}
	_, standard := algorithm.StandardHash(s.Hash)
	if s.Kind == algorithm.PSS {
		_, mask := algorithm.StandardHash(s.PSS.MGF1)
		standard = standard && mask
	}
	return standard
}

// remark says which of them are weak at the time and count all the same.
func (c *certificateRules) remark(alg cms.Algorithm, spki []byte) string {
	return c.judge(algorithm.UseCertificate, alg, spki).Sentence
}

// algorithms checks that the algorithms of a SignerInfo are known, agree with each other and are not broken. Schemes of the
// caller are judged like all others.
func (v *verifier) algorithms(j *judgement) {
	r, s := &j.r, j.s
	digest := v.digestOf(s)
	_, err := algorithm.ResolveSignature(s.SI.Algorithm)
	registry := v.registry()
	hash := registry.HashOf(s.SI.Algorithm)
	disagree := hash != "" && hash != digest
	if disagree { // RFC 5652 section 5.3 lets them differ, EN 319 122-1 does not
		r.add(CheckAlgorithms, Tolerated, "digest algorithms disagree: the content is digested with %s, the signature uses %s", digest.Name(), hash.Name())
	}
	if _, own := registry.Scheme(s.SI.Algorithm.ID); err != nil && !own && isReason(err, algorithm.Malformed) {
		r.add(CheckAlgorithms, Failed, "%s", err)
		return
	}
	q := algorithm.Question{Use: algorithm.UseMessage, Algorithm: s.SI.Algorithm, Digest: digest, Time: v.now()}
	with := digest.Name()
	if v.overContent(s) {
		// Nothing is digested, and what the field says means nothing (RFC 9882 section 3.3).
		q.Digest, with = "", "no digest"
	}
	if j.cert != nil {
		// A key that cannot be read is told where it is used.
		if key, err := registry.ParseKey(j.cert.SPKI); err == nil {
			q.SPKI = j.cert.SPKI
			if key.Kind == algorithm.GOST2012 || key.Kind == algorithm.GOST2001 { // whose algorithm says nothing of it
				with += " on " + key.Curve.Name()
			}
		}
	}
	switch j := registry.Judge(q); {
	case j.Decision == algorithm.Unknown:
		r.add(CheckAlgorithms, Unchecked, "%s", j.Sentence)
	case j.Decision == algorithm.Tolerated:
		r.add(CheckAlgorithms, Tolerated, "%s", j.Sentence)
	case j.Decision != algorithm.Allowed:
		r.add(CheckAlgorithms, Failed, "%s", j.Sentence)
	case !disagree:
		r.add(CheckAlgorithms, Passed, "%s with %s", s.SignatureAlgorithm(), with)
	}
}

func isReason(err error, reason algorithm.Reason) bool {
	e, ok := errors.AsType[*algorithm.Error](err)
	return ok && e.Reason == reason
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
	case !algorithm.SameAlgorithm(digest, s.SI.Digest):
		r.add(CheckAlgorithmProtection, Failed, "the digest algorithm was replaced: signed was %s", digest.ID.Name())
	case !algorithm.SameAlgorithm(signature, s.SI.Algorithm):
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
func (v *verifier) value(j *judgement) {
	r, s, cert := &j.r, j.s, j.cert
	if cert == nil {
		r.add(CheckSignature, Unchecked, "the certificate of the signer was not found")
		return
	}
	if s.SI.SignedAttrs.IsZero() {
		v.valueOverContent(j)
		return
	}
	note, sorted, err := s.SI.VerifyAttributes(func(set []byte) (string, error) { return v.verify(j, set, nil) })
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
		if s.SI.AttributesAreInDER() {
			r.add(CheckAttributeOrder, Passed, "signed as received")
			return
		}
		received, _ := s.SI.AttributesAsReceived()
		if sorted, err := s.SI.AttributesInDER(); err != nil || !bytes.Equal(received, sorted) {
			// RFC 5652 section 5.3: the set has to be in DER. Nothing else can be read into it, since it is what was signed.
			r.add(CheckAttributeOrder, Tolerated, "attributes are not stored as DER has it; the signature is over them as received")
			return
		}
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
func (v *verifier) valueOverContent(j *judgement) {
	r, s := &j.r, j.s
	if s.Parent != nil {
		note, err := v.verify(j, s.Parent.SI.SignatureRaw, nil)
		v.contentOutcome(r, s, note, err)
		return
	}
	var whole []byte
	hash := v.digestOf(s)
	if v.overContent(s) {
		var problem string
		if whole, problem = v.wholeContent(); problem != "" {
			r.add(CheckSignature, Unchecked, "an %s signature without signed attributes is over the whole content, %s", s.SignatureAlgorithm(), problem)
			return
		}
		hash = v.anyHash(hash) // what is given beside a content inside has to be the same
	} else if id := v.registry().HashOf(s.SI.Algorithm); id != "" {
		hash = id
	}
	sum, status, problem := v.contentDigest(hash)
	if problem != "" {
		r.add(CheckSignature, max(status, Unchecked), "%s", problem)
		return
	}
	note, err := v.verify(j, whole, sum)
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

// notChecked is what kept a value from being checked, and says nothing against it. Its text is the sentence of a check.
type notChecked struct{ error }

func (notChecked) Unwrap() error { return sign.ErrUnsupported }

// verify checks a signature over a message, or over its digest when that is given. note says what had to be tolerated.
func (v *verifier) verify(j *judgement, message, digest []byte) (note string, err error) {
	if !j.work.SpendSignature(j.cert.SPKI) || !j.work.SpendOctets(len(message)) {
		return "", notChecked{errors.New(tooMuchWork)}
	}
	si := j.s.SI
	check := algorithm.SignatureCheck{Algorithm: si.Algorithm, Digest: v.digestOf(j.s), Signature: si.SignatureRaw, SPKI: j.cert.SPKI, AllowBareDigestInfo: v.o.AllowBareDigestInfo}
	note, err = v.registry().Verify(&check, message, digest)
	switch {
	case isReason(err, algorithm.Unsupported):
		err = notChecked{err}
	case isReason(err, algorithm.KeyTooShort):
		j.r.blame(CheckSignature, CauseWeakAlgorithm)
	case isReason(err, algorithm.KeyMisused):
		j.r.blame(CheckSignature, CauseMisusedCertificate)
	case isReason(err, algorithm.Malformed), err != nil && strings.Contains(err.Error(), "lacks the NULL"): // which the key did make
		j.r.blame(CheckSignature, CauseMalformed)
	}
	return note, err
}
