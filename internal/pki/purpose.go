package pki

import (
	"slices"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Purpose is what the key of the target is used for.
type Purpose int

// The purposes. The zero Purpose is the signer of a message.
const (
	// Signer signs documents: digitalSignature or nonRepudiation where there is a keyUsage (RFC 5280 section 4.2.1.3), and not a
	// certificate that is for time-stamps or OCSP only. anyExtendedKeyUsage and other purposes are no obstacle: no purpose for
	// signing documents is in common use.
	Signer Purpose = iota
	// TimestampAuthority has the one purpose id-kp-timeStamping, in a critical extension (RFC 3161 section 2.3).
	TimestampAuthority
	// OCSPResponder has the purpose id-kp-OCSPSigning, unless it is the authority itself ([Verifier.Authority]; RFC 6960
	// section 4.2.2.2).
	OCSPResponder
	// CRLIssuer has cRLSign where there is a keyUsage (RFC 5280 section 6.3.3 (f)).
	CRLIssuer
	// CertificateIssuer is an authority (RFC 5280 section 6.1.4 (k), (n)).
	CertificateIssuer
	// AnyUse asks for the path only.
	AnyUse
)

// String names the purpose in a sentence: "used for …".
func (p Purpose) String() string {
	switch p {
	case Signer:
		return "signatures on documents"
	case TimestampAuthority:
		return "time-stamps"
	case OCSPResponder:
		return "OCSP responses"
	case CRLIssuer:
		return "CRLs"
	case CertificateIssuer:
		return "certificates"
	case AnyUse:
		return "anything"
	}
	return "an unknown purpose"
}

// CheckUse reports whether the certificate's own extensions allow a use, without any path: what a signing program asks before
// it touches the key. authority is the issuer in whose name an OCSP responder answers, and may be nil.
func (c *Certificate) CheckUse(p Purpose, authority *Certificate) error {
	if err := checkUse(c, p, authority); err != nil {
		return err
	}
	return nil
}

func checkUse(c *Certificate, p Purpose, authority *Certificate) *Error {
	switch p {
	case Signer:
		if err := checkKeyUsage(c, p, DigitalSignature|NonRepudiation, "digitalSignature or nonRepudiation"); err != nil {
			return err
		}
		return checkNotOnlyEvidence(c, "may be used for time-stamps or OCSP responses only")
	case TimestampAuthority:
		if err := checkKeyUsage(c, p, DigitalSignature|NonRepudiation, "digitalSignature or nonRepudiation"); err != nil {
			return err
		}
		e, ok := c.Extension(cms.OIDExtKeyUsage)
		switch {
		case !ok:
			return fail(WrongExtKeyUsage, c, "has no extKeyUsage, and that of a time-stamping authority has timeStamping").about(cms.OIDExtKeyUsage)
		case len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != cms.OIDTimeStamping:
			return fail(WrongExtKeyUsage, c, "has an extKeyUsage that is not timeStamping alone, as that of a time-stamping authority is").about(cms.OIDExtKeyUsage)
		case !e.Critical:
			return fail(WrongExtKeyUsage, c, "has an extKeyUsage that is not critical, as that of a time-stamping authority is").about(cms.OIDExtKeyUsage)
		}
		return nil
	case OCSPResponder:
		if authority != nil && string(authority.SPKI) == string(c.SPKI) && authority.Subject.Equal(c.Subject) {
			return nil // who issues certificates says what has become of them
		}
		if err := checkKeyUsage(c, p, DigitalSignature|NonRepudiation, "digitalSignature or nonRepudiation"); err != nil {
			return err
		}
		if !slices.Contains(c.ExtKeyUsage, cms.OIDOCSPSigning) {
			return fail(WrongExtKeyUsage, c, "has no extKeyUsage OCSPSigning, which an OCSP responder needs that is not the authority itself").about(cms.OIDExtKeyUsage)
		}
		return nil
	case CRLIssuer:
		return checkKeyUsage(c, p, CRLSign, "cRLSign")
	case CertificateIssuer:
		return checkAuthority(c)
	case AnyUse:
		return nil
	}
	return fail(WrongKeyUsage, c, "is asked for a purpose that does not exist")
}

func checkKeyUsage(c *Certificate, p Purpose, one KeyUsage, names string) *Error {
	if _, bad := c.Problem(cms.OIDKeyUsage); bad {
		return malformed(c, cms.OIDKeyUsage)
	}
	if c.KeyUsage != nil && *c.KeyUsage&one == 0 {
		return fail(WrongKeyUsage, c, "may not be used for %s: its keyUsage lacks %s", p, names).about(cms.OIDKeyUsage)
	}
	return nil
}

func malformed(c *Certificate, extension cms.OID) *Error {
	p, _ := c.Problem(extension)
	return malformedAs(c, p)
}

func malformedAs(c *Certificate, p Problem) *Error {
	return fail(Malformed, c, "%s", p.What).about(p.Extension)
}

// checkNotOnlyEvidence refuses an extKeyUsage of timeStamping, OCSPSigning or both alone: who holds such a key is trusted to
// state times and statuses, and not to sign documents.
func checkNotOnlyEvidence(c *Certificate, what string) *Error {
	if _, bad := c.Problem(cms.OIDExtKeyUsage); bad {
		return malformed(c, cms.OIDExtKeyUsage)
	}
	for _, id := range c.ExtKeyUsage {
		if id != cms.OIDTimeStamping && id != cms.OIDOCSPSigning {
			return nil
		}
	}
	if len(c.ExtKeyUsage) == 0 {
		return nil
	}
	return fail(WrongExtKeyUsage, c, "%s", what).about(cms.OIDExtKeyUsage)
}

// checkAuthority is section 6.1.4 (k) and (n).
func checkAuthority(c *Certificate) *Error {
	if _, bad := c.Problem(cms.OIDBasicConstraints); bad {
		return malformed(c, cms.OIDBasicConstraints)
	}
	if _, bad := c.Problem(cms.OIDKeyUsage); bad {
		return malformed(c, cms.OIDKeyUsage)
	}
	if c.BasicConstraints == nil || !c.BasicConstraints.CA {
		return fail(NotAnAuthority, c, "is not that of an authority: its basicConstraints do not say so").about(cms.OIDBasicConstraints)
	}
	if c.KeyUsage != nil && *c.KeyUsage&KeyCertSign == 0 {
		return fail(WrongKeyUsage, c, "may not be used for certificates: its keyUsage lacks keyCertSign").about(cms.OIDKeyUsage)
	}
	return nil
}

// checkNested reads the extKeyUsage of an authority on the path as a limit for what it issues, as crypto/x509 and the
// programs of browsers do, though RFC 5280 section 4.2.1.12 speaks of the certificate's own key only. For time-stamps it has
// to include timeStamping. For documents only an authority for time-stamps or OCSP alone is refused, since there is no
// purpose that would have to be included. OCSP and CRLs are left alone: an authority limited to e-mail still says what has
// become of its certificates, and must not list OCSPSigning for it (CA/Browser Forum, Mozilla).
func checkNested(c *Certificate, p Purpose) *Error {
	if p != Signer && p != TimestampAuthority {
		return nil
	}
	if _, bad := c.Problem(cms.OIDExtKeyUsage); bad {
		return malformed(c, cms.OIDExtKeyUsage)
	}
	if len(c.ExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, oidAnyExtKeyUsage) {
		return nil
	}
	if p == Signer {
		return checkNotOnlyEvidence(c, "is that of an authority for time-stamps or OCSP responses only")
	}
	if !slices.Contains(c.ExtKeyUsage, cms.OIDTimeStamping) {
		return fail(WrongExtKeyUsage, c, "is that of an authority whose extKeyUsage lacks timeStamping").about(cms.OIDExtKeyUsage)
	}
	return nil
}

// handled are the extensions whose meaning is taken into account, here or by who checks revocation, or which have none for a
// path. A critical one that is not among them makes the certificate unusable (RFC 5280 section 4.2).
func handled(id cms.OID) bool {
	switch id {
	case cms.OIDBasicConstraints, cms.OIDKeyUsage, cms.OIDExtKeyUsage, cms.OIDSubjectKeyID, cms.OIDAuthorityKeyID,
		cms.OIDSubjectAltName, oidIssuerAltName, oidNameConstraints, cms.OIDCertificatePolicies, oidPolicyMappings,
		oidPolicyConstraints, oidInhibitAnyPolicy, cms.OIDCRLDistributionPoints, oidFreshestCRL, cms.OIDAuthorityInfoAccess,
		cms.OIDOCSPNoCheck:
		return true
	}
	return false
}

// checkExtensions refuses what no path may have, and critical extensions that are unknown or malformed.
func checkExtensions(c *Certificate, also []cms.OID) *Error {
	for _, p := range c.Problems {
		if p.Fatal || p.Critical {
			return malformedAs(c, p)
		}
	}
	for _, e := range c.Extensions {
		if e.Critical && !handled(e.ID) && !slices.Contains(also, e.ID) {
			return fail(UnknownCriticalExtension, c, "has the critical extension %s, which is not understood here", extensionName(e.ID)).about(e.ID)
		}
	}
	return nil
}
