package revocation

import (
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// allReasons are the bits of ReasonFlags but unused (RFC 5280 section 4.2.1.13), keyCompromise being 1<<1.
const allReasons uint16 = 0x1fe

// issuingPoint is what IssuingDistributionPoint says (RFC 5280 section 5.2.5). That of a list without one has all reasons.
type issuingPoint struct {
	raw            []byte          // the value of the extension; nil when there is none
	names          map[string]bool // of the distributionPoint, as nameKey has them; nil when there is none
	onlyUsers      bool
	onlyCAs        bool
	onlyAttributes bool
	indirect       bool
	reasons        uint16
}

// readIssuingPoint reads it. A name that is relative is completed with that of the issuer of the list.
func readIssuingPoint(extensions []extension, issuer pki.Name) (p issuingPoint, err error) {
	p.reasons = allReasons
	e, ok := find(extensions, oidDistributionPoint)
	if !ok {
		return p, nil
	}
	p.raw = e.value
	malformed := failed(CheckEncoding, "the issuing distribution point of the CRL cannot be read")
	v, err := cms.ReadValue(e.value)
	if err != nil || v.Tag() != cms.TagSequence {
		return p, malformed
	}
	flags := map[int]*bool{1: &p.onlyUsers, 2: &p.onlyCAs, 4: &p.indirect, 5: &p.onlyAttributes}
	last := -1
	for r := v.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil || field.Tag().Class() != 2 || field.Tag().Number() <= last || field.Tag().Number() > 5 {
			return p, malformed
		}
		last = field.Tag().Number()
		switch last {
		case 0:
			inner := field.Reader()
			choice, err := inner.Next()
			if err != nil || !inner.Empty() {
				return p, malformed
			}
			full, relative, err := pki.ParseDistributionPointName(choice)
			if err != nil {
				return p, malformed
			}
			p.names = map[string]bool{}
			for _, n := range (pki.DistributionPoint{FullName: full, Relative: relative}).Names(issuer) {
				p.names[nameKey(n)] = true
			}
		case 3:
			b := field.Body()
			if len(b) < 1 || len(b) > 3 || b[0] > 7 {
				return p, malformed
			}
			p.reasons = reasonBits(b[1:]) & allReasons
		default:
			if len(field.Body()) != 1 {
				return p, malformed
			}
			*flags[last] = field.Body()[0] != 0
		}
	}
	return p, nil
}

// reasonBits reads the bits of a BIT STRING, the first one as 1<<0.
func reasonBits(octets []byte) (bits uint16) {
	for i := range min(8*len(octets), 16) {
		if octets[i/8]&(0x80>>(i%8)) != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// covers checks that the list is about this kind of certificates (RFC 5280 section 6.3.3 (b) (2)).
func (p *issuingPoint) covers(cert *pki.Certificate) error {
	_, unclear := cert.Problem(cms.OIDBasicConstraints)
	authority := cert.BasicConstraints != nil && cert.BasicConstraints.CA
	switch {
	case unclear && (p.onlyUsers || p.onlyCAs):
		return failed(CheckScope, "the basicConstraints of the certificate cannot be read, and the CRL covers authorities or end entities only")
	case p.onlyUsers && authority:
		return failed(CheckScope, "the CRL covers end entities only, and the certificate is of an authority")
	case p.onlyCAs && !authority:
		return failed(CheckScope, "the CRL covers authorities only, and the certificate is of an end entity")
	case p.onlyAttributes:
		return failed(CheckScope, "the CRL covers attribute certificates only")
	}
	return nil
}

// reasonsFor finds for which reasons the list says whether a certificate was revoked: it is of its issuer, or of the one that a
// distribution point names, and a name of its own point is among those of the certificate's (RFC 5280 section 6.3.3 (b), (d)).
func (c *CRL) reasonsFor(cert *pki.Certificate) (reasons uint16, err error) {
	own := c.issuer.Equal(cert.Issuer)
	asked := own // the list could speak of the certificate
	for _, d := range cert.CRLDistributionPoints {
		names := d.Names(cert.Issuer)
		if len(d.CRLIssuer) != 0 {
			if !namesDirectory(d.CRLIssuer, c.issuer) {
				continue
			}
			if asked = true; !c.point.indirect {
				err = failed(CheckIndirect, "a distribution point of the certificate names the issuer of the CRL, %s, and the CRL is not an indirect one", c.issuer)
				continue
			}
			if len(names) == 0 {
				names = d.CRLIssuer
			}
		} else if !own {
			continue
		}
		if !c.point.hasName(names) {
			continue
		}
		of := allReasons
		if d.HasReasons {
			of &= d.Reasons
		}
		reasons |= of & c.point.reasons
	}
	// A list of the issuer that no distribution point names is one of a point with the issuer's name, for all reasons.
	if own && (c.point.names == nil || c.point.names[directoryKey(cert.Issuer)]) {
		reasons |= c.point.reasons
	}
	switch {
	case reasons != 0:
		return reasons, nil
	case !asked:
		return 0, failed(CheckIssuer, "the CRL is not of the issuer of the certificate, %s", cert.Issuer)
	case err != nil:
		return 0, err
	}
	return 0, failed(CheckScope, "the CRL is of another distribution point than those of the certificate")
}

// hasName reports whether one of the names is of the point. A list without a point is of all.
func (p *issuingPoint) hasName(names []pki.GeneralName) bool {
	if p.names == nil {
		return true
	}
	for _, n := range names {
		if p.names[nameKey(n)] {
			return true
		}
	}
	return false
}

// nameKey is the same text for names that are equal: directory names by section 7.1, others by their octets.
func nameKey(n pki.GeneralName) string {
	if n.Kind == pki.DirectoryName {
		return directoryKey(n.Name())
	}
	return string(rune(n.Kind)) + string(n.Value)
}

func directoryKey(n pki.Name) string { return string(rune(pki.DirectoryName)) + n.Key() }

// namesDirectory reports whether a directory name is among names.
func namesDirectory(names []pki.GeneralName, name pki.Name) bool {
	for _, n := range names {
		if n.Kind == pki.DirectoryName && n.Name().Equal(name) {
			return true
		}
	}
	return false
}
