package validate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
)

// LevelReport is what a baseline level of EN 319 122-1 (section 6.3, table 1) asks for and a signature has or has not. It is about
// form: whether what is there is to be trusted is said by the indication.
type LevelReport struct {
	Level   string    `json:"level"`   // "B-B", "B-T", "B-LT", "B-LTA"
	Reached bool      `json:"reached"` // with all levels below it
	Missing []Finding `json:"missing"` // what keeps it from being reached, apart from what the levels below ask for
}

// Finding is one thing that keeps a level away.
type Finding struct {
	Part    string  `json:"part"` // an attribute by its name, "certificates", "revocation values"
	Problem Problem `json:"problem"`
	Detail  string  `json:"detail"` // one sentence
}

// Problem is how a part is not what a level asks for.
type Problem string

// Problems.
const (
	Missing   Problem = "missing"
	Forbidden Problem = "forbidden"
	Wrong     Problem = "wrong" // there, and not as it has to be
)

func baselineLevels() []string { return []string{"B-B", "B-T", "B-LT", "B-LTA"} }

// baselineRank is the place of a level, from 1; 0 is none.
func baselineRank(level string) int { return slices.Index(baselineLevels(), level) + 1 }

// maxFindings bounds what is said about one level: a stranger may have a thousand certificates in a file.
const maxFindings = 32

// levels finds which levels the signature has the form of. Counter-signatures have levels of their own only as far as T, and
// so have messages in a PDF.
func (v *verifier) levels(r *SignatureReport, s *message.Signature, cert *pki.Certificate) {
	r.Form, r.Level, r.Levels = s.Form(), "none", nil
	parts := [][]Finding{v.levelB(s, cert), v.levelT(s, cert), v.levelLT(r, s, cert), v.levelLTA(s)}
	below := true
	for i, level := range baselineLevels() {
		if (s.Parent != nil || v.o.PDF) && i > 1 {
			break
		}
		found := parts[i]
		if len(found) > maxFindings {
			more := len(found) - maxFindings + 1
			found = append(found[:maxFindings-1:maxFindings-1], Finding{"others", Missing, fmt.Sprintf("%d more are not listed", more)})
		}
		below = below && len(found) == 0
		if below {
			r.Level = level
		}
		if found == nil {
			found = []Finding{}
		}
		r.Levels = append(r.Levels, LevelReport{level, below, found})
	}
}

// reaches reports whether a level is reached, and else what is missing, in one sentence.
func (r *SignatureReport) reaches(level string) (reached bool, why string) {
	var missing []string
	for _, l := range r.Levels {
		for _, f := range l.Missing {
			missing = append(missing, f.Detail)
		}
		if l.Level == level {
			return l.Reached, strings.Join(missing, "; ")
		}
	}
	return false, "it is not known for this signature"
}

// count counts those of a type with a value: one without is nothing.
func count(attributes []cms.Attribute, id cms.OID) (n int) {
	for _, a := range cms.Find(attributes, id) {
		n += len(a.Values)
	}
	return n
}

// levelB is B-B (table 1, all that is signed, and the certificate of the signer).
func (v *verifier) levelB(s *message.Signature, cert *pki.Certificate) (found []Finding) {
	add := func(part string, p Problem, format string, args ...any) {
		found = append(found, Finding{part, p, fmt.Sprintf(format, args...)})
	}
	signed := s.SI.Signed
	if s.SI.SignedAttrs.IsZero() {
		add("signed attributes", Missing, "there are no signed attributes")
		return found
	}
	demand := []cms.OID{cms.OIDMessageDigest, cms.OIDSigningTime}
	if v.o.PDF {
		if demand = demand[:1]; count(signed, cms.OIDSigningTime) != 0 {
			add(cms.OIDSigningTime.Name(), Forbidden, "%s is signed, and in a PDF the document says the time", cms.OIDSigningTime.Name())
		}
	}
	if s.Parent == nil {
		demand = append([]cms.OID{cms.OIDContentType}, demand...)
	}
	for _, id := range demand {
		switch n := count(signed, id); {
		case n == 0:
			add(id.Name(), Missing, "%s is not signed", id.Name())
		case n > 1:
			add(id.Name(), Wrong, "%s is there %d times and has to be there once", id.Name(), n)
		}
	}
	for _, id := range []cms.OID{cms.OIDSignaturePolicy, cms.OIDSignerAttributes, cms.OIDSignerAttributesV2, cms.OIDMimeType, cms.OIDContentHints} {
		if n := count(signed, id); n > 1 {
			add(id.Name(), Wrong, "%s is there %d times and may be there once", id.Name(), n)
		}
	}
	if value, _ := cms.Single(signed, cms.OIDContentType); s.Parent == nil && !value.IsZero() {
		if id, err := value.OID(); err != nil || id != cms.OIDData {
			add(cms.OIDContentType.Name(), Wrong, "the content type is not id-data")
		}
	}
	switch first, second := count(signed, cms.OIDSigningCertificate), count(signed, cms.OIDSigningCertificateV2); {
	case first+second == 0:
		add(cms.OIDSigningCertificateV2.Name(), Missing, "the certificate is not bound to the signature: neither signing-certificate nor signing-certificate-v2 is signed")
	case first+second > 1:
		add(cms.OIDSigningCertificateV2.Name(), Wrong, "signing-certificate and signing-certificate-v2 are there %d times together and have to be there once", first+second)
	}
	switch inside, _ := s.FindSigner(v.m.Candidates, v.registry()); {
	case cert == nil:
		add("certificates", Missing, "the certificate of the signer is not there")
	case inside == nil || !bytes.Equal(inside.Raw, cert.Raw):
		add("certificates", Missing, "the certificate of the signer is not in the message")
	}
	if count(s.SI.Unsigned, cms.OIDSignaturePolicyStore) != 0 && count(signed, cms.OIDSignaturePolicy) == 0 {
		add(cms.OIDSignaturePolicyStore.Name(), Forbidden, "there is a signature-policy-store for no signature policy")
	}
	return found
}

// levelT is B-T: a time-stamp over the signature value, from before the end of the signer's certificate (table 1 (m)).
func (v *verifier) levelT(s *message.Signature, cert *pki.Certificate) []Finding {
	name := cms.OIDSignatureTimeStamp.Name()
	none := Finding{name, Missing, "there is no time-stamp over the signature"}
	for _, c := range v.stamps(s) {
		switch {
		case c.Kind != message.SignatureTimestamp:
			continue
		case c.status == Failed:
			none = Finding{name, Wrong, "the time-stamp over the signature does not hold: " + c.detail}
		case cert != nil && c.Token.GenTime.After(cert.NotAfter):
			none = Finding{name, Wrong, "the time-stamp over the signature was made after the certificate of the signer expired"}
		default:
			return nil
		}
	}
	return []Finding{none}
}

// levelLT is B-LT: what proves the certificates is in SignedData, and nothing of the older forms is there.
func (v *verifier) levelLT(r *SignatureReport, s *message.Signature, cert *pki.Certificate) (found []Finding) {
	if s.Parent != nil {
		return nil
	}
	for _, id := range []cms.OID{
		cms.OIDCertificateRefs, cms.OIDRevocationRefs, cms.OIDAttributeCertRefs, cms.OIDAttributeRevocationRefs, cms.OIDCertificateValues, cms.OIDRevocationValues,
		cms.OIDCAdESCTimeStamp, cms.OIDCertCRLTimeStamp,
	} {
		if count(s.SI.Unsigned, id) != 0 {
			found = append(found, Finding{id.Name(), Forbidden, id.Name() + " is of the older forms and may not be there"})
		}
	}
	v.prepare()
	var last *stampCheck // the last archive time-stamp gets its values with the next one
	for _, c := range v.stamps(s) {
		if c.Token == nil || c.status == Failed {
			continue
		}
		if c.Kind.Archive() && (last == nil || c.Token.GenTime.After(last.Token.GenTime)) {
			last = c
		}
	}
	if cert != nil {
		found = append(found, v.held("the signer", cert)...)
	}
	for i, c := range v.stamps(s) {
		if c.Token == nil || c.status == Failed || c == last {
			continue
		}
		if by := c.cert; by != nil {
			found = append(found, v.held("the authority of "+c.Kind.String(), by)...)
		} else {
			found = append(found, Finding{"certificates", Missing, fmt.Sprintf("the certificate of the authority of time-stamp %d is not there", i+1)})
		}
		if len(found) > 2*maxFindings { // they are cut anyway
			break
		}
	}
	seen := map[Finding]bool{}
	return slices.DeleteFunc(found, func(f Finding) bool {
		twice := seen[f]
		seen[f] = true
		return twice
	})
}

// levelLTA is B-LTA: an archive time-stamp of version 3 over all that.
func (v *verifier) levelLTA(s *message.Signature) []Finding {
	name := cms.OIDArchiveTimeStampV3.Name()
	none := Finding{name, Missing, "there is no archive time-stamp of version 3"}
	for _, c := range v.stamps(s) {
		switch {
		case c.Kind == message.ArchiveTimestampV3 && c.status != Failed:
			return nil
		case c.Kind == message.ArchiveTimestampV3:
			none = Finding{name, Wrong, "the archive time-stamp does not hold: " + c.detail}
		case c.Kind.Archive() && none.Problem == Missing:
			none.Detail = "there is no archive time-stamp of version 3, but one of an older version"
		}
	}
	return []Finding{none}
}

// heldFor is whose certificate it is that has to be proved.
type heldFor struct {
	of   string
	cert *pki.Certificate
}

// held looks for what proves a certificate, once for all signatures and time-stamps by it.
func (v *verifier) held(of string, c *pki.Certificate) []Finding {
	key := heldFor{of, c}
	found, ok := v.proved[key]
	if !ok {
		h := &holding{v: v, seen: map[*pki.Certificate]bool{}}
		h.chain(of, c)
		found = h.found
		v.proved[key] = found
	}
	return found
}

// holding looks for what proves certificates inside a message.
type holding struct {
	v     *verifier
	seen  map[*pki.Certificate]bool
	found []Finding
}

func (h *holding) missing(part, format string, args ...any) {
	h.found = append(h.found, Finding{part, Missing, fmt.Sprintf(format, args...)})
}

// maxHeld bounds the certificates between a signer and a root.
const maxHeld = 10

// chain follows the issuers of a certificate, and looks whether they and values about them are in the message.
func (h *holding) chain(of string, c *pki.Certificate) {
	for range maxHeld {
		if c.SelfIssued() || h.seen[c] || h.trusted(c) {
			return
		}
		h.seen[c] = true
		by, inside := h.issuer(c)
		h.value(c, by)
		switch {
		case by == nil:
			h.missing("certificates", "the certificate of %s, who issued that of %s, is not in the message", c.Issuer, of)
			return
		case !inside && !h.trusted(by):
			h.missing("certificates", "the certificate of %s is not in the message", by.Subject)
		}
		c = by
	}
}

func (h *holding) anchors() (all []*pki.Anchors) {
	if r := h.v.o.Roots; r != nil {
		all = append(all, r.Index().(*pki.Anchors))
	}
	if r := h.v.o.TimestampRoots; r != nil {
		all = append(all, r.Index().(*pki.Anchors))
	}
	return all
}

func (h *holding) trusted(c *pki.Certificate) bool {
	return slices.ContainsFunc(h.anchors(), func(a *pki.Anchors) bool { return a.Contains(c) })
}

// issuer finds who issued a certificate: in the message, or else where it is at hand.
func (h *holding) issuer(c *pki.Certificate) (by *pki.Certificate, inside bool) {
	pick := func(all []*pki.Certificate) *pki.Certificate {
		for _, one := range all[:min(len(all), maxHeld)] {
			if c.AuthorityKeyID == nil || len(c.AuthorityKeyID.KeyID) == 0 || len(one.SubjectKeyID) == 0 || string(c.AuthorityKeyID.KeyID) == string(one.SubjectKeyID) {
				return one
			}
		}
		return nil
	}
	if by = pick(h.v.pools[1].BySubject(c.Issuer)); by != nil {
		return by, true
	}
	for _, a := range h.anchors() {
		if by = pick(a.BySubject(c.Issuer)); by != nil {
			return by, false
		}
	}
	return pick(h.v.pools[0].BySubject(c.Issuer)), false
}

// value looks for a value about a certificate.
func (h *holding) value(c, by *pki.Certificate) {
	if by == nil {
		if h.v.inMessage().Len() == 0 {
			h.missing("revocation values", "nothing in the message says whether %s was revoked", c.Subject)
		}
		return
	}
	if _, ok := c.NeverRevoked(); ok {
		return
	}
	if h.v.looking == nil { // what form it has takes nothing away from what is judged
		h.v.looking = pki.NewWork(h.v.size)
	}
	if !h.v.looking.SpendSteps(16 + h.v.inMessage().Len()) {
		h.missing("revocation values", "whether there are values about %s was not looked at: the message asks for more work than its size allows", c.Subject)
		return
	}
	if !h.v.inMessage().Speaks(c.Raw, by.Raw, &h.v.rules.Algorithms) {
		h.missing("revocation values", "nothing in the message says whether %s was revoked", c.Subject)
	}
}

// inMessage are the values of the message alone.
func (v *verifier) inMessage() *revocation.Checker {
	if v.o.Values == nil {
		return v.values
	}
	if v.own == nil {
		values := &revocation.Values{}
		certificates := v.gather(v.m.SD, values)
		for _, s := range v.m.Signatures {
			certificates = v.gatherSignature(s, values, certificates)
		}
		values.RawCertificates = certificates
		v.own = revocation.NewChecker(values)
	}
	return v.own
}
