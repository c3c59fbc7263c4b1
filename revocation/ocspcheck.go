package revocation

import (
	"bytes"
	"crypto/x509"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Check finds what the response says of a certificate, and checks that it may say so. A certificate that the responder
// does not know is an [*Error] of [CheckUnknown]; a revoked one is no error.
func (r *Response) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	s := r.single(cert, issuer)
	if s == nil {
		return nil, failed(CheckSubject, "the response does not speak of this certificate of this issuer")
	}
	if id, ok := unknownCritical(r.extensions, oidNonce); ok {
		return nil, failed(CheckExtensions, "the response has an unknown critical extension %s", id)
	}
	if id, ok := unknownCritical(s.extensions, oidArchiveCutoff); ok {
		return nil, failed(CheckExtensions, "the response has an unknown critical extension %s", id)
	}
	responder, by, err := r.responder(issuer, o)
	if err != nil {
		return nil, err
	}
	if err := o.times(s.ThisUpdate, s.NextUpdate, r.ProducedAt); err != nil {
		return nil, err
	}
	if s.State == Unknown {
		return nil, failed(CheckUnknown, "the responder does not know the certificate")
	}
	if s.State == Good && !o.allowExpired() && s.ThisUpdate.After(cert.NotAfter) {
		cutoff, ok := cutoffOf(s.extensions, oidArchiveCutoff)
		if !ok || cutoff.After(cert.NotAfter) {
			return nil, failed(CheckExpired, "the response was made after the certificate expired, when the responder may have forgotten it")
		}
	}
	return &Status{
		Certificate: cert, Issuer: issuer, State: s.State, RevokedAt: s.RevokedAt, Reason: s.Reason, Method: OCSP, Response: r,
		ThisUpdate: s.ThisUpdate, NextUpdate: s.NextUpdate, Responder: responder, ResponderIssuer: by,
		NoCheck: by == nil || hasExtension(responder, cms.OIDOCSPNoCheck),
	}, nil
}

// single finds what is said of a certificate; when something is said twice, the later.
func (r *Response) single(cert, issuer *x509.Certificate) (found *Single) {
	who := subjectOf(cert, issuer)
	for i := range r.Singles {
		s := &r.Singles[i]
		if s.CertID.matches(&who) && (found == nil || s.ThisUpdate.After(found.ThisUpdate)) {
			found = s
		}
	}
	return found
}

// responder finds the certificate that signed the response, and checks that it may (RFC 6960 section 4.2.2.2): it is the
// issuer's own, or authorised by it, or trusted by the caller. by is who made it a responder, and nil for the issuer
// itself and for one that the caller trusts by name.
func (r *Response) responder(issuer *x509.Certificate, o *CheckOptions) (responder, by *x509.Certificate, err error) {
	candidates := append([]*x509.Certificate{issuer}, r.Certificates...)
	var trusted []*x509.Certificate
	if o != nil {
		trusted = o.TrustedResponders
		candidates = append(append(candidates, o.Certificates...), trusted...)
	}
	var refused error = failed(CheckResponder, "the certificate of the responder is neither in the response nor that of the issuer")
	for _, c := range candidates {
		if c == nil || !r.names(c) {
			continue
		}
		if sameKey(c, issuer) {
			c, by = issuer, nil
		} else if by, err = r.mayAnswer(c, issuer, trusted); err != nil {
			refused = err
			continue
		}
		if _, err := (*algorithm.Registry)(nil).VerifySigned(algorithm.UseOCSP, &r.signed, c.RawSubjectPublicKeyInfo, r.ProducedAt); err != nil {
			refused = &Error{Check: CheckSignature, What: "of the responder " + c.Subject.String(), Err: err}
			continue
		}
		return c, by, nil
	}
	return nil, nil, refused
}

// mayAnswer finds who lets a certificate answer for the issuer: the issuer, or the caller.
func (r *Response) mayAnswer(c, issuer *x509.Certificate, trusted []*x509.Certificate) (by *x509.Certificate, err error) {
	refused := authorised(c, issuer, r.ProducedAt)
	if refused == nil {
		return issuer, nil
	}
	for _, t := range trusted {
		if t.Equal(c) {
			return nil, nil
		}
	}
	for _, t := range trusted {
		if t.IsCA && authorised(c, t, r.ProducedAt) == nil {
			return t, nil
		}
	}
	return nil, refused
}

// sameKey reports whether two certificates are of one key and name.
func sameKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo) && pki.SameName(a.RawSubject, b.RawSubject)
}

// names reports whether the response says that it is of this certificate.
func (r *Response) names(c *x509.Certificate) bool {
	if r.ResponderName != nil {
		return pki.SameName(r.ResponderName, c.RawSubject)
	}
	h, _ := cms.HashByOID(cms.OIDSHA1)
	key := keyBits(c)
	return key != nil && bytes.Equal(r.ResponderKey, h.Sum(key))
}

// authorised checks that the issuer itself made the certificate of a responder, for this purpose. That is what keeps the
// owner of any other certificate of this issuer from answering for it.
func authorised(c, issuer *x509.Certificate, produced time.Time) error {
	switch {
	case !pki.SameName(c.RawIssuer, issuer.RawSubject):
		return failed(CheckResponder, "%s was not authorised by the issuer of the certificate, %s", c.Subject, issuer.Subject)
	case !hasUsage(c, x509.ExtKeyUsageOCSPSigning):
		return failed(CheckResponder, "the certificate of %s is not made for signing OCSP responses (id-kp-OCSPSigning)", c.Subject)
	case produced.Before(c.NotBefore) || produced.After(c.NotAfter):
		return failed(CheckResponder, "the certificate of %s was not valid when the response was made, %s", c.Subject, stamp(produced))
	}
	if err := algorithm.CertificateSignedBy(c.Raw, issuer.RawSubjectPublicKeyInfo); err != nil {
		return &Error{Check: CheckResponder, What: "the certificate of " + c.Subject.String() + " is not signed by the issuer", Err: err}
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
