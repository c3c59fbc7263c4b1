package revocation

import (
	"crypto/x509"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Extensions of certificates, CRLs and OCSP (RFC 5280, RFC 6960, X.509, EN 319 412-1).
const (
	oidReason            cms.OID = "\x55\x1d\x15"                         // 2.5.29.21
	oidInvalidityDate    cms.OID = "\x55\x1d\x18"                         // 2.5.29.24
	oidCRLNumber         cms.OID = "\x55\x1d\x14"                         // 2.5.29.20
	oidDelta             cms.OID = "\x55\x1d\x1b"                         // 2.5.29.27
	oidDistributionPoint cms.OID = "\x55\x1d\x1c"                         // 2.5.29.28
	oidEntryIssuer       cms.OID = "\x55\x1d\x1d"                         // 2.5.29.29
	oidFreshest          cms.OID = "\x55\x1d\x2e"                         // 2.5.29.46
	oidExpiredOnCRL      cms.OID = "\x55\x1d\x3c"                         // 2.5.29.60
	oidNonce             cms.OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02" // 1.3.6.1.5.5.7.48.1.2
	oidArchiveCutoff     cms.OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x06" // 1.3.6.1.5.5.7.48.1.6
)

// extension is RFC 5280 section 4.1.2.9.
type extension struct {
	id       cms.OID
	critical bool
	value    []byte
}

// readExtensions reads a SEQUENCE OF Extension.
func readExtensions(v cms.Value) (all []extension, err error) {
	if v.Tag() != cms.TagSequence {
		return nil, failed(CheckEncoding, "extensions are not a SEQUENCE")
	}
	for r := v.Reader(); !r.Empty(); {
		e, err := readExtension(&r)
		if err != nil {
			return nil, err
		}
		if all = append(all, e); len(all) > maxExtensions {
			return nil, failed(CheckEncoding, "there are more than %d extensions in one place", maxExtensions)
		}
	}
	return all, nil
}

// maxExtensions bounds the extensions of one list, response or entry.
const maxExtensions = 256

func readExtension(r *cms.Reader) (e extension, err error) {
	v, err := r.Want(cms.TagSequence, "an extension")
	if err != nil {
		return e, err
	}
	fields := v.Reader()
	id, err := fields.Want(cms.TagOID, "extnID")
	if err != nil {
		return e, err
	}
	e.id = cms.OID(id.Body())
	critical, ok, err := fields.Optional(cms.TagBoolean)
	if err != nil {
		return e, err
	}
	e.critical = ok && len(critical.Body()) == 1 && critical.Body()[0] != 0
	value, err := fields.Want(cms.TagOctetString, "extnValue")
	if err != nil {
		return e, err
	}
	e.value, err = value.Octets()
	return e, err
}

// explicitExtensions reads extensions inside an EXPLICIT tag.
func explicitExtensions(v cms.Value) ([]extension, error) {
	r := v.Reader()
	inner, err := r.Want(cms.TagSequence, "extensions")
	if err != nil {
		return nil, err
	}
	return readExtensions(inner)
}

func find(all []extension, id cms.OID) (extension, bool) {
	for _, e := range all {
		if e.id == id {
			return e, true
		}
	}
	return extension{}, false
}

// unknownCritical names a critical extension that is not among those known.
func unknownCritical(all []extension, known ...cms.OID) (cms.OID, bool) {
next:
	for _, e := range all {
		if !e.critical {
			continue
		}
		for _, id := range known {
			if e.id == id {
				continue next
			}
		}
		return e.id, true
	}
	return "", false
}

// Exempt reports whether the issuer says of a certificate that it is never revoked, and why nothing need be asked: it
// lives too short a time (EN 319 412-1 section 5.2, RFC 9608), or is the issuer's own responder
// (RFC 6960 section 4.2.2.2.1).
func Exempt(c *x509.Certificate) (why string, ok bool) {
	p, err := pki.FromX509(c)
	if err != nil {
		return "", false
	}
	return exempt(p)
}

// ExemptRaw is [Exempt] for a certificate in DER, also one that crypto/x509 refuses.
func ExemptRaw(der []byte) (why string, ok bool) {
	p, err := pki.ParseCertificate(der)
	if err != nil {
		return "", false
	}
	return exempt(p)
}

func exempt(c *pki.Certificate) (why string, ok bool) { return c.NeverRevoked() }
