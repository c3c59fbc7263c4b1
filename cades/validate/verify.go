package validate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// Message checks every signature of a message, and reports each check by name. The content of a detached message is read
// once; it may be nil when the message is attached or o.Digests stand for it. The error is for what kept the checks from being
// made, such as a content that cannot be read.
func Message(ctx context.Context, m *message.Message, content io.Reader, o *Options) (*Report, error) {
	if o == nil {
		o = &Options{}
	}
	if err := o.Policy.Err(); err != nil {
		return nil, &sign.Error{Op: "cades: verify", Class: sign.ErrInput, Err: err}
	}
	v := &verifier{m: m, o: o, candidates: m.Candidates, policy: o.policy()}
	v.algorithms = v.policy.Algorithms.Registry().(*algorithm.Registry)
	if len(o.Certificates) != 0 {
		v.candidates = m.Candidates.With(o.Certificates)
	}
	if err := v.digestContent(ctx, content); err != nil {
		return nil, err
	}
	report := &Report{}
	for _, s := range m.Signatures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		report.Signatures = append(report.Signatures, v.signature(ctx, s))
	}
	return report, nil
}

// verifier is one run of Verify.
type verifier struct {
	m          *message.Message
	o          *Options
	policy     *Policy             // of the options, or the default
	algorithms *algorithm.Registry // what the policy thinks of algorithms, with the schemes of the caller
	candidates *message.Candidates
	pools      []*pki.Pool // certificates that were given, and those of the message; nil when no path was asked for
	work       *pki.Work   // what the paths of the message may cost; nil until prepare
	looking    *pki.Work   // what it may cost to look for values of levels; nil until asked for
	// check checks signatures on certificates, and what they cost; nil until prepare
	check      func(check *cms.SignatureCheck, message []byte) (note string, err error)
	values     *revocation.Checker // those that were given, and those of the message
	own        *revocation.Checker // those of the message; nil until asked for
	inside     map[cms.OID][]byte  // digests of the content of the message
	given      map[cms.OID][]byte  // digests of the content that the caller gave
	insideForm *attributesForm     // of the content of the message; nil when no signature asks
	givenForm  *attributesForm
	checked    map[*message.Signature][]*stampCheck
}

// hashOf finds the hash of an AlgorithmIdentifier here or among the schemes of the caller.
func (v *verifier) hashOf(id cms.OID) (newHash func() hash.Hash, ok bool) {
	h, ok := v.registry().Hash(id)
	return h.New, ok
}

// digestContent takes every digest that the signers and their time-stamps need, in one pass.
func (v *verifier) digestContent(ctx context.Context, content io.Reader) error {
	hashes := map[cms.OID]hash.Hash{}
	var writers []io.Writer
	want := func(id cms.OID) {
		if newHash, ok := v.hashOf(id); ok && hashes[id] == nil {
			hashes[id] = newHash()
			writers = append(writers, hashes[id])
		}
	}
	bare := false
	for _, s := range v.m.Signatures {
		want(s.SI.Digest.ID)
		if s.SI.SignedAttrs.IsZero() { // then the signature is over the content itself
			bare = true
			if alg, err := algorithm.ResolveSignature(s.SI.Algorithm); err == nil && alg.Hash != "" {
				want(alg.Hash)
			}
		}
		for _, c := range v.stamps(s) {
			if c.needs(message.ContentDigest) || c.needs(message.ContentItself) {
				want(c.hash)
			}
		}
	}
	take := func() map[cms.OID][]byte {
		sums := map[cms.OID][]byte{}
		for id, h := range hashes {
			sums[id] = h.Sum(nil)
			h.Reset()
		}
		return sums
	}
	if !v.m.Detached() {
		all := writers
		if bare {
			v.insideForm = &attributesForm{}
			all = append(writers[:len(writers):len(writers)], v.insideForm)
		}
		if err := v.m.WriteContent(io.MultiWriter(all...)); err != nil {
			return &sign.Error{Op: "cades: verify", Class: sign.ErrInput, Err: err}
		}
		v.inside = take()
	}
	if content != nil {
		for _, s := range v.m.Signatures { // time-stamps over octets of which the content is a part
			for _, c := range v.stamps(s) {
				writers = append(writers, c.begin()...)
			}
		}
		if bare {
			v.givenForm = &attributesForm{keep: v.overWhole()}
			writers = append(writers, v.givenForm)
		}
		if _, err := message.Copy(ctx, io.MultiWriter(writers...), content); err != nil {
			return readError(err)
		}
		v.given = take()
	} else if len(v.o.Digests) != 0 {
		v.given = map[cms.OID][]byte{}
		for _, d := range v.o.Digests {
			v.given[oidOf(d.Algorithm)] = d.Sum
		}
	}
	return nil
}

// contentDigest returns the digest of the content by a hash. problem is not empty when there is none, or when the content
// given is not the one inside.
func (v *verifier) contentDigest(id cms.OID) (sum []byte, status Status, problem string) {
	inside, given := v.inside[id], v.given[id]
	switch {
	case v.inside == nil && v.given == nil:
		return nil, Unchecked, "the signature is detached and no content was given"
	case inside == nil && given == nil:
		return nil, Unchecked, fmt.Sprintf("no digest of the content by %s is known", id.Name())
	case inside != nil && given != nil && !bytes.Equal(inside, given):
		return nil, Failed, "the content given is not the one inside the message"
	case inside != nil:
		return inside, Passed, ""
	}
	return given, Passed, ""
}

// signature checks one SignerInfo of the message.
func (v *verifier) signature(ctx context.Context, s *message.Signature) SignatureReport {
	r := SignatureReport{Index: s.Index}
	if s.Parent == nil {
		v.structure(&r, s)
	}
	v.attributes(&r, s)
	v.withoutAttributes(&r, s)
	cert := v.signer(&r, s)
	if cert != nil {
		r.Certificate = cert.X509
	}
	v.contentType(&r, s)
	v.messageDigest(&r, s)
	v.algorithmsOf(&r, s)
	v.algorithmProtection(&r, s)
	v.signingTime(&r, s)
	v.signaturePolicy(&r, s)
	v.value(&r, s, cert)
	v.wellMade(s)
	v.proofs(ctx, &r, s)
	v.chain(ctx, &r, cert)
	v.late(&r, s, cert)
	v.unsigned(&r, s)
	v.levels(&r, s, cert)
	v.constraints(&r, s)
	r.conclude()
	for _, child := range s.Counter {
		r.CounterSignatures = append(r.CounterSignatures, v.signature(ctx, child))
	}
	return r
}

// structure reports what is not as RFC 5652 section 5.1 has it and does no harm.
func (v *verifier) structure(r *SignatureReport, s *message.Signature) {
	sd := v.m.SD
	fine := true
	report := func(format string, args ...any) {
		fine = false
		r.add(CheckStructure, Tolerated, format, args...)
	}
	if n := len(sd.Trailing); n != 0 {
		report("%d octets follow the message", n)
	}
	if want := sd.ExpectedVersion(); sd.Version != want {
		report("SignedData has version %d instead of %d", sd.Version, want)
	}
	if want := s.SI.ExpectedVersion(); s.SI.Version != want {
		report("SignerInfo has version %d instead of %d", s.SI.Version, want)
	}
	listed := false
	for _, a := range sd.Digests {
		listed = listed || a.ID == s.SI.Digest.ID
	}
	if !listed {
		report("digestAlgorithms does not list %s", s.DigestAlgorithm())
	}
	if fine {
		r.add(CheckStructure, Passed, "SignedData version %d, %d octets", sd.Version, len(sd.ContentInfo.Raw()))
	}
}

// signer finds the certificate and checks the ESS binding (RFC 5035 section 5).
func (v *verifier) signer(r *SignatureReport, s *message.Signature) *cms.Certificate {
	cert, how := s.FindSigner(v.candidates)
	if cert == nil {
		r.add(CheckSigner, Failed, "%s; give the certificate when it is not in the message", how)
	} else {
		r.add(CheckSigner, Passed, "%s, found by %s", certificateName(cert), how)
	}
	ids, problems := s.SI.ESSCertIDs()
	for _, p := range problems {
		r.add(CheckSigningCertificate, Failed, "%s", p)
	}
	if len(ids) == 0 && len(problems) == 0 {
		r.add(CheckSigningCertificate, Unchecked, "absent: the certificate is not bound to the signature, which is plain PKCS #7 and no CAdES")
	}
	for _, id := range ids {
		switch {
		case cert == nil:
			r.add(CheckSigningCertificate, Unchecked, "names a certificate that was not found")
		case !id.Matches(cert):
			r.add(CheckSigningCertificate, Failed, "names another certificate by its %s hash", id.Hash.ID.Name())
		case id.Issuer != nil && !pki.SameIssuerSerial(id.Issuer, id.Serial, cert):
			r.add(CheckSigningCertificate, Tolerated, "the hash is the certificate's, but issuer and serial number beside it are not")
		case s.SI.SID.Issuer != nil && !pki.Identifies(s.SI.SID, cert):
			r.add(CheckSigningCertificate, Tolerated, "the hash is the certificate's, but the signer identifier names another certificate")
		default:
			r.add(CheckSigningCertificate, Passed, "%s of the certificate", id.Hash.ID.Name())
		}
	}
	return cert
}

// contentType checks RFC 5652 section 11.1; a counter-signature has none (section 11.4).
func (v *verifier) contentType(r *SignatureReport, s *message.Signature) {
	if s.SI.SignedAttrs.IsZero() {
		return
	}
	value, problem := cms.Single(s.SI.Signed, cms.OIDContentType)
	switch {
	case problem != "":
		r.add(CheckContentType, Failed, "%s", problem)
	case s.Parent != nil && value.IsZero():
		return
	case s.Parent != nil:
		// Whoever gets octets of his choice signed has them be a signature value, and what comes back with a content-type is
		// no signature on that signature, but one on those octets.
		r.add(CheckContentType, Failed, "it has a content-type, which a counter-signature must not have (RFC 5652 section 11.4): it is a signature over octets, and not on the signature")
	case value.IsZero():
		r.add(CheckContentType, Failed, "absent, though there are signed attributes")
	default:
		oid, err := value.OID()
		switch {
		case err != nil:
			r.add(CheckContentType, Failed, "%s", err)
		case oid != v.m.SD.ContentType:
			r.add(CheckContentType, Failed, "says %s, and the content is %s", oid.Name(), v.m.SD.ContentType.Name())
		default:
			r.add(CheckContentType, Passed, "%s", oid.Name())
		}
	}
}

// messageDigest checks RFC 5652 section 11.2. Without signed attributes the signature itself is over the content.
func (v *verifier) messageDigest(r *SignatureReport, s *message.Signature) {
	id := s.SI.Digest.ID
	var sum []byte
	if s.Parent != nil {
		newHash, ok := v.hashOf(id)
		if !ok {
			r.add(CheckMessageDigest, Unchecked, "hash %s is not supported", id.Name())
			return
		}
		h := newHash()
		h.Write(s.Parent.SI.SignatureRaw)
		sum = h.Sum(nil)
	} else {
		var status Status
		var problem string
		if sum, status, problem = v.contentDigest(id); problem != "" {
			r.add(CheckMessageDigest, status, "%s", problem)
			return
		}
	}
	if s.SI.SignedAttrs.IsZero() {
		r.add(CheckMessageDigest, Passed, "no signed attributes: the signature is over the content itself")
		return
	}
	value, problem := cms.Single(s.SI.Signed, cms.OIDMessageDigest)
	if problem != "" {
		r.add(CheckMessageDigest, Failed, "%s", problem)
		return
	}
	if value.IsZero() {
		r.add(CheckMessageDigest, Failed, "absent, though there are signed attributes")
		return
	}
	signed, err := value.Octets()
	switch {
	case err != nil || value.Tag()&^cms.ConstructedOctetString != 0 || value.Tag().Number() != cms.TagOctetString.Number():
		r.add(CheckMessageDigest, Failed, "the attribute is not an OCTET STRING")
	case !bytes.Equal(signed, sum):
		r.add(CheckMessageDigest, Failed, "the content is not the one that was signed: its %s is %x, signed was %x", id.Name(), sum, signed)
	default:
		r.add(CheckMessageDigest, Passed, "%s %x", id.Name(), sum)
	}
}

// signingTime checks RFC 5652 section 11.3.
func (v *verifier) signingTime(r *SignatureReport, s *message.Signature) {
	value, problem := cms.Single(s.SI.Signed, cms.OIDSigningTime)
	switch {
	case problem != "":
		r.add(CheckSigningTime, Failed, "%s", problem)
	case value.IsZero():
		r.add(CheckSigningTime, Unchecked, "none is claimed, which the baseline levels demand")
	default:
		t, err := value.Time()
		switch {
		case err != nil:
			r.add(CheckSigningTime, Failed, "%s", err)
		case (value.Tag() == cms.TagUTCTime) != (t.Year() >= 1950 && t.Year() <= 2049):
			r.add(CheckSigningTime, Tolerated, "%s, as claimed by the signer, in the wrong type of time", t.Format(time.RFC3339))
		default:
			r.add(CheckSigningTime, Passed, "%s, as claimed by the signer", t.Format(time.RFC3339))
		}
	}
}

// signaturePolicy reports which signature policy the signer names; its rules are not consulted.
func (v *verifier) signaturePolicy(r *SignatureReport, s *message.Signature) {
	value, problem := cms.Single(s.SI.Signed, cms.OIDSignaturePolicy)
	switch {
	case problem != "":
		r.add(CheckPolicy, Failed, "%s", problem)
	case value.IsZero():
	case value.Tag() == cms.TagNull:
		r.add(CheckPolicy, Unchecked, "implied; what it asks is not known here")
	default:
		fields := value.Reader()
		id, err := fields.Want(cms.TagOID, "policy identifier")
		if err != nil || value.Tag() != cms.TagSequence || policyRest(&fields) != nil {
			r.add(CheckPolicy, Failed, "the attribute is malformed")
			return
		}
		r.add(CheckPolicy, Unchecked, "%s; what it asks is not known here", cms.OID(id.Body()))
	}
}

// policyRest reads what follows the identifier of a SignaturePolicyId (EN 319 122-1 section 5.2.9.1): the hash, which some
// leave out, and qualifiers.
func policyRest(fields *cms.Reader) error {
	for _, what := range []string{"hash", "qualifiers"} {
		if _, _, err := fields.Optional(cms.TagSequence); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return trailing(fields)
}

// chain looks for a path to a given root, of certificates that were good when the signature is known to have existed.
func (v *verifier) chain(ctx context.Context, r *SignatureReport, cert *cms.Certificate) {
	switch {
	case v.o.Roots == nil:
		r.add(CheckChain, Unchecked, "no roots were given, so nothing says who the signer is")
		r.SubIndication = NoChain
		return
	case cert == nil:
		r.add(CheckChain, Failed, "the certificate of the signer was not found")
		r.SubIndication = NoSigner
		return
	}
	at := r.BestTime.UTC().Format(time.RFC3339)
	if r.Proof != "" {
		at += ", the time of the " + r.Proof[:strings.LastIndex(r.Proof, " of ")]
	}
	path, found, err := v.judge(ctx, v.o.Roots, cert.Raw, nil, r.BestTime, pki.Signer)
	if err != nil {
		r.SubIndication = subOf(err)
		name := CheckChain
		if r.SubIndication == Revoked {
			name = CheckRevocation
			r.add(CheckChain, Passed, "to a given root, at %s", at)
		}
		r.add(name, Failed, "at %s: %s", at, err)
		return
	}
	chain := path.Chain()
	status, note := Passed, ""
	for _, t := range path.Tolerated {
		status, note = Tolerated, note+"; "+t
	}
	r.add(CheckChain, status, "%d certificates to %s, at %s%s", len(chain), chain[len(chain)-1].Subject, at, note)
	switch {
	case found.open != "":
		r.SubIndication = TryLater
		r.add(CheckRevocation, Unchecked, "%s", found.open)
	case v.o.NoRevocation:
		r.add(CheckRevocation, Unchecked, "%s", found.text())
	case len(found.lines) != 0:
		r.add(CheckRevocation, Passed, "%s", found.text())
	}
}

// late says of time-stamps that they come too late to prove anything about the signer's certificate.
func (v *verifier) late(r *SignatureReport, s *message.Signature, cert *cms.Certificate) {
	if cert == nil {
		return
	}
	target, err := pki.ParseCertificate(cert.Raw)
	if err != nil {
		return
	}
	for i, c := range v.stamps(s) {
		if c.status == Passed && c.proves() && c.Token.GenTime.After(target.NotAfter) {
			r.add(CheckTimestamp, Unchecked, "%d, %s: it was made after the certificate of the signer expired on %s, and does not prove that the signature is older",
				i+1, c.Kind, target.NotAfter.UTC().Format(time.RFC3339))
		}
	}
}

// now is the time of validation.
func (v *verifier) now() time.Time {
	at := v.o.Time
	if at.IsZero() && v.o.Clock != nil {
		at = v.o.Clock()
	}
	if at.IsZero() {
		at = time.Now()
	}
	return at
}

// unsigned names what is there and not looked into.
func (v *verifier) unsigned(r *SignatureReport, s *message.Signature) {
	var names []string
	for _, a := range s.SI.Unsigned {
		switch a.Type {
		case "":
			names = append(names, "a malformed attribute")
		case cms.OIDCounterSignature:
			if len(s.Counter) == 0 {
				names = append(names, "an unreadable counter-signature")
			}
		default:
			if _, ok := message.KindOf(a.Type); !ok {
				names = append(names, a.Type.Name())
			}
		}
	}
	if len(names) != 0 {
		r.add(CheckUnsigned, Unchecked, "%s", strings.Join(names, ", "))
	}
}

func certificateName(c *cms.Certificate) string {
	if c.X509 != nil {
		return c.X509.Subject.String()
	}
	return fmt.Sprintf("certificate with serial number %x", c.Serial)
}

// oidOf reads the object identifier of an encoded AlgorithmIdentifier.
func oidOf(algorithm []byte) cms.OID {
	v, err := cms.ReadValue(algorithm)
	if err != nil {
		return ""
	}
	a, err := cms.ParseAlgorithm(v)
	if err != nil {
		return ""
	}
	return a.ID
}

func readError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*sign.Error](err); ok {
		return err
	}
	return &sign.Error{Op: "cades: read", Err: err}
}
