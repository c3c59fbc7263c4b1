package revocation

import (
	"bytes"
	"crypto/x509"
	"errors"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Check finds what the response says of a certificate, and checks that it may say so. A certificate that the responder
// does not know is a [*sign.Error] of [CheckUnknown]; a revoked one is no error.
func (r *Response) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	q, err := askedOf(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	return r.answer(q, newRun(o, nil, len(r.Basic)))
}

func (r *Response) answer(q *asked, with *run) (*Status, error) {
	s := r.single(q, with.registry)
	if s == nil {
		return nil, failed(CheckSubject, "the response does not speak of this certificate of this issuer")
	}
	if id, ok := unknownCritical(r.extensions, oidNonce); ok {
		return nil, failed(CheckExtensions, "the response has an unknown critical extension %s", id)
	}
	if id, ok := unknownCritical(s.extensions, oidArchiveCutoff); ok {
		return nil, failed(CheckExtensions, "the response has an unknown critical extension %s", id)
	}
	responder, by, err := r.responder(q.issuer, with)
	if err != nil {
		return nil, err
	}
	err = with.o.times(s.ThisUpdate, s.NextUpdate, r.ProducedAt)
	if err == nil && !same(responder, q.issuer) {
		err = with.o.ended(responder)
	}
	if err != nil && !with.o.known(s.State, s.Reason, s.ThisUpdate, s.NextUpdate, r.ProducedAt) {
		return nil, err
	}
	if s.State == Unknown {
		return nil, failed(CheckUnknown, "the responder does not know the certificate")
	}
	if s.State == Good && !with.o.AllowExpired && s.ThisUpdate.After(q.cert.NotAfter) {
		cutoff, ok := cutoffOf(s.extensions, oidArchiveCutoff)
		if !ok || cutoff.After(q.cert.NotAfter) {
			return nil, failed(CheckExpired, "the response was made after the certificate expired, when the responder may have forgotten it")
		}
	}
	status := q.status(OCSP, responder)
	status.State, status.RevokedAt, status.Reason, status.Response = s.State, s.RevokedAt, s.Reason, r
	status.ThisUpdate, status.NextUpdate = s.ThisUpdate, s.NextUpdate
	status.ResponderIssuer, status.NoCheck = readable(by), by == nil || responder.OCSPNoCheck
	return status, nil
}

// single finds what is said of a certificate; when something is said twice, the later.
func (r *Response) single(q *asked, registry *algorithm.Registry) (found *Single) {
	who := q.subject()
	for i := range r.Singles {
		s := &r.Singles[i]
		if s.CertID.matches(&who, registry) && (found == nil || s.ThisUpdate.After(found.ThisUpdate)) {
			found = s
		}
	}
	return found
}

// responder finds the certificate that signed the response, and checks that it may (RFC 6960 section 4.2.2.2): it is the
// issuer's own, or authorised by it, or trusted by the caller. by is who made it a responder, and nil for the issuer
// itself and for one that the caller trusts by name.
func (r *Response) responder(issuer *pki.Certificate, with *run) (responder, by *pki.Certificate, err error) {
	var name pki.Name
	if r.ResponderName != nil {
		name = pki.NewName(r.ResponderName)
	}
	trusted := &certificates{x: with.o.TrustedResponders}
	candidates := []*pki.Certificate{}
	if r.names(issuer, name) {
		candidates = append(candidates, issuer)
	}
	for _, place := range append(append([]*certificates{r.inside}, with.find...), trusted) {
		candidates = append(candidates, place.named(name, r.ResponderKey)...)
	}
	var refused error = failed(CheckResponder, "the certificate of the responder is neither in the response nor that of the issuer")
	seen := map[string]bool{}
	for _, c := range candidates {
		if seen[string(c.Raw)] {
			continue
		}
		seen[string(c.Raw)] = true
		if sameKey(c, issuer) {
			c, by = issuer, nil
		} else if by, err = r.mayAnswer(c, issuer, trusted.pool().Certificates(), with); err != nil {
			if errors.Is(err, CheckWork) {
				return nil, nil, err
			}
			refused = err
			continue
		}
		if err := with.spend(c.SPKI, len(r.Basic)); err != nil {
			return nil, nil, err
		}
		_, err := with.registry.VerifySigned(algorithm.UseOCSP, &r.signed, c.SPKI, r.ProducedAt)
		if err == nil {
			err = with.counts(algorithm.UseOCSP, &r.signed, c.SPKI, r.ProducedAt)
		}
		if err != nil {
			refused = because(CheckSignature, "of the responder "+c.Subject.String(), err)
			continue
		}
		return c, by, nil
	}
	return nil, nil, refused
}

// mayAnswer finds who lets a certificate answer for the issuer: the issuer, or the caller.
func (r *Response) mayAnswer(c, issuer *pki.Certificate, trusted []*pki.Certificate, with *run) (by *pki.Certificate, err error) {
	refused := authorised(c, issuer, r.ProducedAt, with)
	if refused == nil {
		return issuer, nil
	}
	for _, t := range trusted {
		if same(t, c) {
			return nil, nil
		}
	}
	for _, t := range trusted {
		if authorised(c, t, r.ProducedAt, with) == nil {
			return t, nil
		}
	}
	return nil, refused
}

// sameKey reports whether two certificates are of one key and name.
func sameKey(a, b *pki.Certificate) bool {
	return bytes.Equal(a.SPKI, b.SPKI) && a.Subject.Equal(b.Subject)
}

// names reports whether the response says that it is of this certificate.
func (r *Response) names(c *pki.Certificate, name pki.Name) bool {
	if r.ResponderName != nil {
		return name.Equal(c.Subject)
	}
	key := keyBits(c.SPKI)
	sum := algorithm.SHA1(key)
	return key != nil && bytes.Equal(r.ResponderKey, sum[:])
}

// authorised checks that the issuer itself, being an authority, made the certificate of a responder, for this purpose. That is what
// keeps the owner of any other certificate of this issuer from answering for it.
func authorised(c, issuer *pki.Certificate, produced time.Time, with *run) error {
	if !c.Issuer.Equal(issuer.Subject) {
		return failed(CheckResponder, "%s was not authorised by the issuer of the certificate, %s", c.Subject, issuer.Subject)
	}
	v := pki.Verifier{
		Time: produced, Purpose: pki.OCSPResponder, Authority: issuer, IgnoreAnchorValidity: true, Work: with.work,
		Algorithms: with.allows(produced), Signature: with.verify,
	}
	if _, err := v.ValidatePath(with.ctx, []*pki.Certificate{c}, pki.Anchor{Certificate: issuer}); err != nil {
		if stopped(err) {
			return because(CheckWork, "the values ask for more work than their size allows", err)
		}
		return because(CheckResponder, c.Subject.String()+" may not answer for "+issuer.Subject.String(), err)
	}
	return nil
}

// cutoffOf reads a time since which expired certificates are kept.
func cutoffOf(all []extension, id cms.OID) (time.Time, bool) {
	e, ok := find(all, id)
	if !ok {
		return time.Time{}, false
	}
	v, err := cms.ReadValue(e.value)
	if err != nil {
		return time.Time{}, false
	}
	t, err := v.Time()
	return t, err == nil
}
