package revocation

import (
	"context"
	"errors"
	"slices"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// maxOpen bounds lists that answer for the issuers of lists.
const maxOpen = 3

// signer finds the certificate whose key signed the list, and checks that it may (RFC 5280 section 6.3.3 (f), (g)): it is the issuer of
// the certificate, or there is a path from it to the same anchor, on which nobody is revoked. That is what keeps whoever has a
// certificate of any authority with that name from saying who is good.
func (c *CRL) signer(q *asked, r *run) (*pki.Certificate, error) {
	var refused error = failed(CheckIssuer, "the certificate of the issuer of the CRL, %s, is not at hand", c.issuer)
	if c.issuer.Equal(q.issuer.Subject) {
		if refused = c.signedBy(q.issuer, r); refused == nil {
			return q.issuer, nil
		} else if errors.Is(refused, CheckWork) {
			return nil, refused
		}
	}
	for _, f := range r.find {
		for _, candidate := range f.pool().BySubject(c.issuer) {
			if same(candidate, q.issuer) {
				continue
			}
			err := c.signedBy(candidate, r)
			if err == nil {
				if err = c.path(candidate, q, r); err == nil {
					return candidate, nil
				}
			}
			if errors.Is(err, CheckWork) { // whoever comes next fails of something else, which would hide that this was not looked into
				return nil, err
			}
			if !only(refused, CheckIssuer) && only(err, CheckSignature) {
				continue // a namesake tells less than what was wrong with the issuer
			}
			refused = err
		}
	}
	return nil, refused
}

// signedBy checks that a key signed the list, and may sign lists.
func (c *CRL) signedBy(by *pki.Certificate, r *run) error {
	if err := by.CheckUse(pki.CRLIssuer, nil); err != nil {
		return because(CheckKeyUsage, "CRLs of "+by.Subject.String()+" do not count", err)
	}
	err := c.verifiedBy(by.SPKI, r)
	if err == nil {
		err = r.counts(algorithm.UseCRL, &c.signed, by.SPKI, c.ThisUpdate)
	}
	if err != nil {
		if only(err, CheckWork) {
			return err
		}
		return because(CheckSignature, "of "+by.Subject.String(), err)
	}
	return nil
}

// path finds a path for who signed the list.
func (c *CRL) path(signer *pki.Certificate, q *asked, r *run) error {
	if slices.Contains(r.open, c) && same(signer, q.cert) && c.onlyPlaceOf(q.cert) {
		return nil // its path is what is being looked into
	}
	if slices.Contains(r.open, c) || len(r.open) == maxOpen {
		return failed(CheckIssuer, "CRLs answer for the issuers of CRLs in a circle, or more than %d deep", maxOpen)
	}
	anchor := q.issuer
	if r.o.Anchor != nil {
		var err error
		if anchor, err = pki.ParseCertificate(r.o.Anchor); err != nil {
			return because(CheckIssuer, "the trusted certificate cannot be read", err)
		}
	}
	pools := []*pki.Pool{pki.NewPool(q.issuer)}
	for _, f := range r.find {
		pools = append(pools, f.pool())
	}
	find := pki.Verifier{
		Anchors: pki.Trust(anchor), Pools: pools, Time: c.ThisUpdate, Purpose: pki.CRLIssuer, Work: r.work, IgnoreAnchorValidity: true,
		Algorithms: r.allows(c.ThisUpdate), Signature: r.verify,
		Accept: func(ctx context.Context, path *pki.Path) error {
			inner := *r
			inner.ctx, inner.open = ctx, append(slices.Clone(r.open), c)
			return inner.unrevoked(path, q.issuer)
		},
	}
	if _, err := find.Path(r.ctx, signer); err != nil {
		if stopped(err) {
			return because(CheckWork, "the values ask for more work than their size allows", err)
		}
		return because(CheckIssuer, "CRLs of "+signer.Subject.String()+" do not count for this certificate", err)
	}
	return nil
}

// stopped reports whether a path was not looked for to the end, which says nothing of who signed.
func stopped(err error) bool {
	e, ok := errors.AsType[*pki.Error](err)
	return ok && e.Reason == pki.OutOfBudget
}

// onlyPlaceOf reports whether all that a certificate says of its own state is that the issuer of this list has it: its authority has
// left that to whom the certificate is of, and nobody else could say. Any other list that speaks of its own signer does not count:
// whoever stole the key would be the one to say that it was not revoked.
func (c *CRL) onlyPlaceOf(cert *pki.Certificate) bool {
	for _, d := range cert.CRLDistributionPoints {
		if !namesDirectory(d.CRLIssuer, c.issuer) {
			return false
		}
	}
	return len(cert.CRLDistributionPoints) != 0
}

// unrevoked checks that nobody on a path is revoked, but the issuer of the certificate that is asked about and who is above it: they
// are the caller's. A certificate that says where its state can be asked for has to be known as good.
func (r *run) unrevoked(path *pki.Path, known *pki.Certificate) error {
	chain := path.Chain()
	for i, c := range chain[:len(chain)-1] {
		if same(c, known) {
			return nil
		}
		if _, ok := exempt(c); ok {
			continue
		}
		s, errs := r.byLists(&asked{c, chain[i+1]})
		switch {
		case s != nil && s.State == Revoked && !s.RevokedAt.After(r.o.at()):
			return failed(CheckIssuer, "%s was revoked on %s (%s)", c.Subject, stamp(s.RevokedAt), s.Reason)
		case s != nil:
		case len(errs) != 0:
			return because(CheckIssuer, "whether "+c.Subject.String()+" was revoked is not known", several(sign.ErrRevocation, "", errs))
		case namesPlace(c):
			return failed(CheckIssuer, "whether %s was revoked is not known: nothing at hand says so", c.Subject)
		}
	}
	return nil
}

// namesPlace reports whether a certificate says where its state can be asked for.
func namesPlace(c *pki.Certificate) bool {
	return len(c.CRLDistributionPoints) != 0 || slices.ContainsFunc(c.AuthorityInfoAccess, func(a pki.AccessDescription) bool { return a.Method == oidOCSPAccess })
}

// oidOCSPAccess is id-ad-ocsp (RFC 5280 section 4.2.2.1).
const oidOCSPAccess cms.OID = "\x2b\x06\x01\x05\x05\x07\x30\x01"
