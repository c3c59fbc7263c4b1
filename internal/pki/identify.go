package pki

import (
	"bytes"

	"github.com/seed-116355fd/signet/internal/cms"
)

// SameName compares two names, given with identifier and length octets, as [Name.Equal] does.
func SameName(a, b []byte) bool {
	return bytes.Equal(a, b) || NewName(a).Equal(NewName(b))
}

// SameIssuerSerial reports whether a certificate is the one of this issuer with this serial number (RFC 5652 section 10.2.4):
// names compared by [Name.Equal], serial numbers as numbers.
func SameIssuerSerial(issuer, serial []byte, c *Certificate) bool {
	return len(issuer) != 0 && serialKey(serial) == serialKey(c.Serial) && NewName(issuer).Equal(c.Issuer)
}

// Identifies reports whether a signer identifier (RFC 5652 section 5.3) names a certificate.
func Identifies(sid cms.SignerID, c *Certificate) bool {
	if len(sid.SubjectKeyID) != 0 {
		return bytes.Equal(sid.SubjectKeyID, c.SubjectKeyID)
	}
	return SameIssuerSerial(sid.Issuer, sid.Serial, c)
}
