package validate

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
)

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
	if c := sd.Content; sd.ContentType == cms.OIDData && !c.IsZero() && c.Tag() != cms.TagOctetString && c.Tag() != cms.ConstructedOctetString {
		// Readers that take it for what it is would see another content than the octets that are digested here.
		fine = false
		r.add(CheckStructure, Failed, "the content is %s, and has to be an OCTET STRING (RFC 5652 section 5.2)", c.Tag())
	}
	if h := v.digestOf(s); h != s.SI.Digest.ID {
		report("%s is a signature algorithm in the place of a digest algorithm; %s is taken", s.DigestAlgorithm(), h.Name())
	}
	if !v.listed[s.SI.Digest.ID] {
		report("digestAlgorithms does not list %s", s.DigestAlgorithm())
	}
	if fine {
		r.add(CheckStructure, Passed, "SignedData version %d, %d octets", sd.Version, sd.ContentInfo.Len())
	}
}

// signer finds the certificate and checks the ESS binding (RFC 5035 section 5).
func (v *verifier) signer(j *judgement) *pki.Certificate {
	r, s := &j.r, j.s
	cert, how := s.FindSigner(v.candidates, v.registry())
	ids, problems := s.SI.ESSCertIDs()
	if cert != nil && len(ids) == 0 {
		cert = v.amongNamesakes(j, cert)
	}
	if cert == nil {
		r.add(CheckSigner, Failed, "%s; give the certificate when it is not in the message", how)
	} else {
		r.add(CheckSigner, Passed, "%s, found by %s", certificateName(cert), how)
	}
	for _, p := range problems {
		r.add(CheckSigningCertificate, Failed, "%s", p)
	}
	if len(ids) == 0 && len(problems) == 0 {
		r.add(CheckSigningCertificate, Unchecked, "absent: the certificate is not bound to the signature, which is plain PKCS #7 and no CAdES")
	}
	// RFC 5035 section 5.4: with one of each kind, what says which certificate it is may be the one that is known here.
	bound := false
	for _, id := range ids {
		h, known := v.registry().NameHash(id.Hash)
		bound = bound || known && cert != nil && bytes.Equal(h.Sum(cert.Raw), id.Value)
	}
	for _, id := range ids {
		h, known := v.registry().NameHash(id.Hash)
		switch {
		case cert == nil:
			r.add(CheckSigningCertificate, Unchecked, "names a certificate that was not found")
		case !known && bound:
			r.add(CheckSigningCertificate, Tolerated, "names the certificate also by its hash %s, which is not known here", id.Hash.Name())
		case !known:
			r.notChecked(CheckSigningCertificate, fmt.Sprintf("names the certificate by its hash %s, which is not known here", id.Hash.Name()))
		case !bytes.Equal(h.Sum(cert.Raw), id.Value):
			r.add(CheckSigningCertificate, Failed, "names another certificate by its %s hash; give that one when it is not in the message", id.Hash.Name())
			r.blame(CheckSigningCertificate, CauseCertificateMissing)
		case id.Issuer != nil && !pki.SameIssuerSerial(id.Issuer, id.Serial, cert):
			r.add(CheckSigningCertificate, Tolerated, "the hash is the certificate's, but issuer and serial number beside it are not")
		case s.SI.SID.Issuer != nil && !pki.Identifies(s.SI.SID, cert):
			r.add(CheckSigningCertificate, Tolerated, "the hash is the certificate's, but the signer identifier names another certificate")
		default:
			r.add(CheckSigningCertificate, Passed, "%s of the certificate", id.Hash.Name())
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
func (v *verifier) messageDigest(j *judgement) {
	r, s := &j.r, j.s
	id := v.digestOf(s)
	if v.overContent(s) {
		id = v.anyHash(id)
	}
	var sum []byte
	if s.Parent != nil {
		newHash, ok := v.hashOf(id)
		if !ok {
			r.notChecked(CheckMessageDigest, fmt.Sprintf("the hash %s is not known here", id.Name()))
			return
		}
		if !j.work.SpendOctets(len(s.Parent.SI.SignatureRaw)) { // many may be on one of a megabyte
			r.notChecked(CheckMessageDigest, tooMuchWork)
			return
		}
		h := newHash()
		h.Write(s.Parent.SI.SignatureRaw)
		sum = h.Sum(nil)
	} else {
		if _, ok := v.hashOf(id); !ok {
			r.notChecked(CheckMessageDigest, fmt.Sprintf("the hash %s is not known here", id.Name()))
			return
		}
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
		r.add(CheckMessageDigest, Failed, "the content is not the one that was signed: its %s is %x, signed was %x%s", id.Name(), sum, signed, v.lineEnds(id, signed))
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
	case value.IsZero() && v.o.PDF:
		r.add(CheckSigningTime, Passed, "none is there, as it has to be in a PDF")
	case value.IsZero():
		r.add(CheckSigningTime, Unchecked, "none is claimed, which the baseline levels demand")
	default:
		t, err := value.Time()
		if err == nil {
			r.SigningTime = t.UTC()
		}
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

// policy reports which signature policy the signer names; its rules are not consulted.
func (v *verifier) policy(r *SignatureReport, s *message.Signature) {
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

// unsigned names what is there and not looked into.
func (v *verifier) unsigned(r *SignatureReport, s *message.Signature) {
	var names []string
	for _, a := range s.SI.Unsigned {
		switch a.Type {
		case "":
			names = append(names, "a malformed attribute")
		case cms.OIDCounterSignature:
			if len(s.Counter) == 0 && s.Unread == 0 {
				names = append(names, "an unreadable counter-signature")
			}
		default:
			if _, ok := message.KindOf(a.Type); !ok {
				names = append(names, a.Type.Name())
			}
		}
	}
	if s.Unread != 0 {
		names = append(names, fmt.Sprintf("%d counter-signatures beyond the %d that are read of a message", s.Unread, cms.MaxSigners))
	}
	if s.UnreadStamps != 0 {
		names = append(names, fmt.Sprintf("%d time-stamps beyond the %d that are read of a message", s.UnreadStamps, message.MaxTimestamps))
	}
	if n := len(names); n > maxNames {
		names = append(names[:maxNames], fmt.Sprintf("and %d more", n-maxNames))
	}
	if len(names) != 0 {
		r.add(CheckUnsigned, Unchecked, "%s", strings.Join(names, ", "))
	}
}

// maxNames bounds a line of names.
const maxNames = 32
