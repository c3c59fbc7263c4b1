package pki

import (
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
)

const (
	oidNoRevAvail cms.OID = "\x55\x1d\x38"                 // 2.5.29.56, RFC 9608
	oidShortTerm  cms.OID = "\x04\x00\x8b\xec\x49\x02\x01" // 0.4.0.194121.2.1, EN 319 412-1 section 5.2
)

// NeverRevoked reports whether the issuer says of a certificate that it is never revoked, and why nothing need be asked: it
// lives too short a time (EN 319 412-1 section 5.2, RFC 9608), or is the issuer's own responder (RFC 6960 section 4.2.2.2.1).
func (c *Certificate) NeverRevoked() (why string, ok bool) {
	if _, ok := c.Extension(oidShortTerm); ok {
		return "its validity is assured for its short term", true
	}
	if _, ok := c.Extension(oidNoRevAvail); ok {
		return "it says that no revocation information is available", true
	}
	if c.OCSPNoCheck && slices.Contains(c.ExtKeyUsage, cms.OIDOCSPSigning) {
		return "it is an OCSP responder with ocsp-nocheck", true
	}
	return "", false
}
