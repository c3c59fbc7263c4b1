package revocation

import (
	"crypto/x509"
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Check finds what the list says of a certificate, and checks that it may say so. A revoked certificate is no error.
func (c *CRL) Check(cert, issuer *x509.Certificate, o *CheckOptions) (*Status, error) {
	if !pki.SameName(c.Issuer, cert.RawIssuer) {
		return nil, failed(CheckIssuer, "the CRL is not of the issuer of the certificate, %s", cert.Issuer)
	}
	if err := c.kind(); err != nil {
		return nil, err
	}
	if err := c.scope(cert); err != nil {
		return nil, err
	}
	if err := c.issuedBy(issuer); err != nil {
		return nil, err
	}
	if err := o.times(c.ThisUpdate, c.NextUpdate, c.ThisUpdate); err != nil {
		return nil, err
	}
	serial := serialOf(cert)
	if serial == nil {
		return nil, failed(CheckSubject, "the serial number of the certificate cannot be read")
	}
	entry, revoked, err := c.Lookup(serial)
	if err != nil {
		return nil, err
	}
	s := &Status{
		Certificate: cert, Issuer: issuer, State: Good, Method: CRLs, CRL: c,
		ThisUpdate: c.ThisUpdate, NextUpdate: c.NextUpdate, Responder: issuer, NoCheck: true,
	}
	if revoked {
		s.State, s.RevokedAt, s.Reason = Revoked, entry.RevokedAt, entry.Reason
		return s, nil
	}
	if !o.allowExpired() && c.ThisUpdate.After(cert.NotAfter) {
		if since, ok := cutoffOf(c.extensions, oidExpiredOnCRL); !ok || since.After(cert.NotAfter) {
			return nil, failed(CheckExpired, "the CRL was made after the certificate expired, when the issuer may have taken it off the list")
		}
	}
	return s, nil
}

// kind refuses lists that are not whole (RFC 5280 section 5.2).
func (c *CRL) kind() error {
	if _, ok := find(c.extensions, oidDelta); ok {
		return failed(CheckDelta, "this is a delta CRL, which says only what changed")
	}
	if id, ok := unknownCritical(c.extensions, oidDistributionPoint, oidCRLNumber, cms.OIDAuthorityKeyID, oidExpiredOnCRL); ok {
		return failed(CheckExtensions, "the CRL has an unknown critical extension %s", id)
	}
	return nil
}

// issuedBy checks that the issuer's key signed the list, and may.
func (c *CRL) issuedBy(issuer *x509.Certificate) error {
	if !pki.SameName(c.Issuer, issuer.RawSubject) {
		return failed(CheckIssuer, "the CRL is not of %s", issuer.Subject)
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return failed(CheckKeyUsage, "the key usage of %s does not let it sign CRLs", issuer.Subject)
	}
	if err := c.verifiedBy(issuer.RawSubjectPublicKeyInfo); err != nil {
		return &Error{Check: CheckSignature, What: "of " + issuer.Subject.String(), Err: err}
	}
	return nil
}

// scope checks that the list is about this certificate (IssuingDistributionPoint, RFC 5280 sections 5.2.5 and 6.3.3).
func (c *CRL) scope(cert *x509.Certificate) error {
	e, ok := find(c.extensions, oidDistributionPoint)
	if !ok {
		return nil
	}
	malformed := failed(CheckEncoding, "the issuing distribution point of the CRL cannot be read")
	v, err := cms.ReadValue(e.value)
	if err != nil || v.Tag() != cms.TagSequence {
		return malformed
	}
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return malformed
		}
		number := field.Tag().Number()
		if field.Tag().Class() != 2 {
			return malformed
		}
		set := len(field.Body()) == 1 && field.Body()[0] != 0
		switch {
		case number == 0:
			if !samePoint(field, cert) {
				return failed(CheckScope, "the CRL is of another distribution point than those of the certificate")
			}
		case number == 1 && set && cert.IsCA:
			return failed(CheckScope, "the CRL covers end entities only, and the certificate is of an authority")
		case number == 2 && set && !cert.IsCA:
			return failed(CheckScope, "the CRL covers authorities only, and the certificate is of an end entity")
		case number == 3:
			return failed(CheckScope, "the CRL covers some reasons only")
		case number == 4 && set:
			return failed(CheckIndirect, "this is an indirect CRL, whose entries may be of other issuers")
		case number == 5 && set:
			return failed(CheckScope, "the CRL covers attribute certificates only")
		case number > 5:
			return malformed
		}
	}
	return nil
}

// samePoint reports whether a DistributionPointName shares a name with a distribution point of the certificate.
func samePoint(point cms.Value, cert *x509.Certificate) bool {
	names := pointNames(point)
	oid, _ := cms.OIDCRLDistributionPoints.ASN1()
	for _, e := range cert.Extensions {
		if !e.Id.Equal(oid) {
			continue
		}
		v, err := cms.ReadValue(e.Value)
		if err != nil || v.Tag() != cms.TagSequence {
			return false
		}
		for points := v.Reader(); !points.Empty(); {
			p, err := points.Next()
			if err != nil {
				return false
			}
			fields := p.Reader()
			name, ok, err := fields.Optional(cms.ContextConstructed(0))
			if err != nil || !ok {
				continue
			}
			for _, other := range pointNames(name) {
				if slices.Contains(names, other) {
					return true
				}
			}
		}
	}
	return false
}

// pointNames lists the names of a DistributionPointName as octets: its GeneralNames, or its name relative to the issuer.
func pointNames(v cms.Value) (names []string) {
	for choice := v.Reader(); !choice.Empty(); {
		name, err := choice.Next()
		if err != nil {
			return nil
		}
		if name.Tag() != cms.ContextConstructed(0) {
			names = append(names, string(name.Raw()))
			continue
		}
		r := name.Reader()
		all, err := r.All()
		if err != nil {
			return nil
		}
		for _, n := range all {
			names = append(names, string(n.Raw()))
		}
	}
	return names
}
