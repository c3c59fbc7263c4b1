package pki

import "github.com/seed-116355fd/signet/internal/cms"

// Extensions, purposes and names that only this package reads (RFC 5280 section 4.2, RFC 9598).
const (
	oidIssuerAltName     cms.OID = "\x55\x1d\x12"                     // 2.5.29.18
	oidNameConstraints   cms.OID = "\x55\x1d\x1e"                     // 2.5.29.30
	oidPolicyMappings    cms.OID = "\x55\x1d\x21"                     // 2.5.29.33
	oidPolicyConstraints cms.OID = "\x55\x1d\x24"                     // 2.5.29.36
	oidFreshestCRL       cms.OID = "\x55\x1d\x2e"                     // 2.5.29.46
	oidInhibitAnyPolicy  cms.OID = "\x55\x1d\x36"                     // 2.5.29.54
	oidAnyExtKeyUsage    cms.OID = "\x55\x1d\x25\x00"                 // 2.5.29.37.0
	oidSmtpUTF8Mailbox   cms.OID = "\x2b\x06\x01\x05\x05\x07\x08\x09" // 1.3.6.1.5.5.7.8.9
)

// extensionName is the name by which RFC 5280 calls an extension, or its dotted identifier.
func extensionName(id cms.OID) string {
	switch id {
	case cms.OIDSubjectKeyID:
		return "subjectKeyIdentifier"
	case cms.OIDKeyUsage:
		return "keyUsage"
	case cms.OIDSubjectAltName:
		return "subjectAltName"
	case cms.OIDBasicConstraints:
		return "basicConstraints"
	case cms.OIDCRLDistributionPoints:
		return "cRLDistributionPoints"
	case cms.OIDCertificatePolicies:
		return "certificatePolicies"
	case cms.OIDAuthorityKeyID:
		return "authorityKeyIdentifier"
	case cms.OIDExtKeyUsage:
		return "extKeyUsage"
	case cms.OIDAuthorityInfoAccess:
		return "authorityInfoAccess"
	case cms.OIDQCStatements:
		return "qcStatements"
	case cms.OIDOCSPNoCheck:
		return "id-pkix-ocsp-nocheck"
	case oidIssuerAltName:
		return "issuerAltName"
	case oidNameConstraints:
		return "nameConstraints"
	case oidPolicyMappings:
		return "policyMappings"
	case oidPolicyConstraints:
		return "policyConstraints"
	case oidFreshestCRL:
		return "freshestCRL"
	case oidInhibitAnyPolicy:
		return "inhibitAnyPolicy"
	}
	return id.Name()
}
