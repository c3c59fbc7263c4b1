package validate

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// demands reports whether it has to be known of certificate i of a path that it was not revoked.
func (c Coverage) demands(i int) bool {
	switch c {
	case RevocationSigner:
		return i == 0
	case RevocationNone:
		return false
	}
	return true
}

// since is when a value about the path of a signer has to be made at the earliest; zero is at any time.
func (p *Policy) since(at time.Time, use pki.Purpose) time.Time {
	if p.Grace == 0 || use != pki.Signer {
		return time.Time{}
	}
	return at.Add(p.Grace)
}

// stale says why a value that says "not revoked" does not count (EN 319 102-1 section 5.2.5); empty when it does. One that says
// "revoked" always counts: nobody is to be made good again by asking for news.
func (p *Policy) stale(s *revocation.Status, at, since time.Time) string {
	of := fmt.Sprintf("the newest %s is of %s", s.Method, s.ThisUpdate.UTC().Format(time.RFC3339))
	switch {
	case p.MaxAge != 0 && s.ThisUpdate.Before(at.Add(-p.MaxAge)):
		return fmt.Sprintf("%s, and the policy takes none that is older than %s", of, p.MaxAge)
	case !since.IsZero() && s.ThisUpdate.Before(since):
		return fmt.Sprintf("%s, and the policy waits until %s, %s after the signature is known to have existed", of, since.UTC().Format(time.RFC3339), p.Grace)
	}
	return ""
}

// placeless is what is said of a certificate that names no place to ask, and of which no value at hand speaks.
func (v *verifier) placeless(c *pki.Certificate) (line, open string, err error) {
	line = fmt.Sprintf("%s names no place to ask whether it was revoked", c.Subject)
	if v.rules.Revocation == RevocationAll {
		return "", line + ", and the policy demands to know it of every certificate; give its CRL", nil
	}
	return line, "", nil
}

// again looks into a value that was fetched, by the algorithms of this policy: who fetched it may have had others, or none. Without
// a value it is the word of the source, which is the caller's.
func (v *verifier) again(s *revocation.Status, c, by *pki.Certificate, o *revocation.CheckOptions) (*revocation.Status, error) {
	values := &revocation.Values{}
	if s.Response != nil {
		values.OCSP = append(values.OCSP, s.Response.Basic)
	}
	for _, l := range append([]*revocation.CRL{s.CRL}, s.More...) {
		if l != nil {
			values.CRLs = append(values.CRLs, l.Raw)
		}
	}
	if len(values.OCSP)+len(values.CRLs) == 0 || v.o.Policy == nil || s.State == revocation.Revoked {
		return s, nil
	}
	if s.RawResponder != nil {
		values.RawCertificates = append(values.RawCertificates, s.RawResponder)
	}
	for _, p := range v.pools[1].Certificates() {
		values.RawCertificates = append(values.RawCertificates, p.Raw)
	}
	copied := *o
	if s.ResponderIssuer != nil && s.Responder != nil { // the source has its reasons, which it was configured with
		copied.TrustedResponders = []*x509.Certificate{s.Responder}
	}
	return revocation.NewChecker(values).CheckRaw(c.Raw, by.Raw, &copied)
}

// refusedAlgorithm says which value was not heard because of its algorithm, as an addition to a sentence; else it is empty.
func refusedAlgorithm(err error) string {
	all := []error{err}
	if several, ok := errors.AsType[sign.Errors](err); ok {
		all = several
	}
	for _, one := range all {
		if e, ok := errors.AsType[*algorithm.Error](one); ok && (e.Reason == algorithm.NotAllowed || e.Reason == algorithm.Unsupported) {
			return "; a value that is at hand does not count: " + e.What
		}
	}
	return ""
}

// constraints checks what the policy demands of the signature itself (EN 319 102-1 section 5.2.8).
func (v *verifier) constraints(r *SignatureReport, s *message.Signature) {
	p := v.rules
	demand := func(met bool, yes, no string, args ...any) {
		if !met {
			r.add(CheckConstraints, Failed, no, args...)
		} else if yes != "" {
			r.add(CheckConstraints, Passed, "%s", yes)
		}
	}
	if p.RequireBinding {
		bound := r.made(CheckSigningCertificate)
		demand(bound, "the signed attributes name the certificate", "the policy demands that the signed attributes name the certificate (signing-certificate), and they do not")
	}
	if s.Parent == nil && p.RequireTimestamp {
		proved := false
		for i, c := range v.stamps(s) {
			proved = proved || c.proves() && r.Timestamps[i].Indication == TotalPassed
		}
		demand(proved, "a trusted time-stamp proves when it existed", "the policy demands a trusted time-stamp over the signature, and there is none that counts")
	}
	if s.Parent == nil && p.Level != "" {
		reached, why := r.reaches(p.Level)
		demand(reached, "level "+p.Level+" is reached", "the policy demands level %s: %s", p.Level, why)
	}
	if p.RefuseOddities {
		odd := r.oddities()
		demand(len(odd) == 0, "nothing odd", "the policy refuses what is odd: %s", strings.Join(odd, "; "))
	}
}

// oddities are the checks that were passed with a remark, but for those of algorithms, which have rules of their own, and of what
// others append.
func (r *SignatureReport) oddities() (odd []string) {
	for _, c := range r.Checks {
		if c.Status == Tolerated && c.Name != CheckAlgorithms && c.Name != CheckTimestamp {
			odd = append(odd, c.Name+": "+c.Detail)
		}
	}
	return odd
}
