package received

import (
	"github.com/seed-116355fd/signet/internal/cms"
)

// Kind is what a value of ASN.1 is.
type Kind int

// Kinds.
const (
	Unknown Kind = iota // nothing that is known here, or broken
	Signature
	Token // a SignedData over a TSTInfo (RFC 3161 section 2.4.2)
	Response
	Request
	Certificate
	CertificateRequest
	RevocationList
	OCSPResponse
	PKCS12
	PrivateKey
	EncryptedKey
	Enveloped
	Encrypted
	Compressed
	OtherContent // of CMS
)

// Name says what it is.
func (k Kind) Name() string {
	return [...]string{
		"nothing that is known here", "a signature (PKCS #7 / CMS)", "a time-stamp token", "the answer of a time-stamp authority",
		"a request for a time-stamp", "a certificate", "a request for a certificate (PKCS #10)", "a list of revoked certificates (CRL)",
		"an answer about revocation (OCSP)", "a file of keys (PKCS #12)", "a private key", "an encrypted private key",
		"an encrypted message (EnvelopedData)", "encrypted with a password (EncryptedData)", "compressed (CompressedData)",
		"CMS of a kind that nobody signs",
	}[k]
}

// Hint says what to do with it instead of verifying it; empty for what can be verified.
func (k Kind) Hint() string {
	switch k {
	case Certificate:
		return "give it with --trust when you trust it, or with --cert when it is of the signer or an issuer"
	case Request:
		return "nobody has signed it; verify the answer of the authority"
	case CertificateRequest:
		return "send it to an authority"
	case PKCS12, PrivateKey, EncryptedKey:
		return "sign with it by --key, and show it to nobody"
	case Enveloped, Encrypted:
		return "decrypt it first; the signature may be inside"
	case Compressed:
		return "unpack it first; the signature may be inside"
	case RevocationList, OCSPResponse:
		return "it says which certificates hold, and signs no document"
	case OtherContent:
		return "there is no signature in it"
	}
	return ""
}

// Signed reports whether the value is a signature or a time-stamp.
func (k Kind) Signed() bool { return k == Signature || k == Token || k == Response }

// Types of content (RFC 5652 and its kin) that are not signed.
var (
	oidEnveloped          = cms.OID("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")
	oidSignedAndEnveloped = cms.OID("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x04")
	oidEncrypted          = cms.OID("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06")
	oidCompressed         = cms.OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09")
	oidAuthEnveloped      = cms.OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")
)

// KindOf tells values apart by their first members. It is a guess by form, and proves nothing.
func KindOf(ber []byte) Kind {
	m := members(ber, 4)
	switch {
	case len(m) == 0:
		return Unknown
	case m[0].Tag() == cms.TagOID:
		return contentKind(m)
	case m[0].Tag() == cms.TagEnumerated:
		return OCSPResponse
	case m[0].Tag() == cms.TagInteger:
		return numbered(m)
	case m[0].Tag() == cms.TagSequence:
		return paired(m)
	}
	return Unknown
}

// members returns the first members of a constructed value.
func members(ber []byte, most int) []cms.Value {
	v, err := cms.ReadValue(ber)
	if err != nil || v.Tag() != cms.TagSequence {
		return nil
	}
	return membersOf(v, most)
}

func membersOf(v cms.Value, most int) (all []cms.Value) {
	if !v.Tag().Constructed() {
		return nil
	}
	for r := v.Reader(); !r.Empty() && len(all) < most; {
		member, err := r.Next()
		if err != nil {
			return all
		}
		all = append(all, member)
	}
	return all
}

// contentKind is for a ContentInfo (RFC 5652 section 3).
func contentKind(m []cms.Value) Kind {
	id, err := m[0].OID()
	if err != nil {
		return Unknown
	}
	switch id {
	case cms.OIDSignedData:
	case oidEnveloped, oidSignedAndEnveloped, oidAuthEnveloped:
		return Enveloped
	case oidEncrypted:
		return Encrypted
	case oidCompressed:
		return Compressed
	default:
		return OtherContent
	}
	if len(m) < 2 {
		return Signature
	}
	for _, data := range membersOf(m[1], 1) {
		if fields := membersOf(data, 3); len(fields) == 3 {
			for _, kind := range membersOf(fields[2], 1) {
				if id, err := kind.OID(); err == nil && id == cms.OIDTSTInfo {
					return Token
				}
			}
		}
	}
	return Signature
}

// numbered is for what begins with a version.
func numbered(m []cms.Value) Kind {
	version, err := m[0].Int()
	if len(m) < 2 {
		return Unknown
	}
	second := m[1].Tag()
	first := cms.Tag(0)
	if inner := membersOf(m[1], 1); len(inner) == 1 {
		first = inner[0].Tag()
	}
	switch {
	case err != nil: // the modulus of a key, maybe, which nobody begins with
		return Unknown
	case version == 3 && second == cms.TagSequence && first == cms.TagOID: // RFC 7292 section 4
		return PKCS12
	case version == 1 && second == cms.TagSequence && first == cms.TagSequence: // RFC 3161 section 2.4.1
		return Request
	case second == cms.TagSequence && first == cms.TagOID && len(m) > 2 && m[2].Tag() == cms.TagOctetString, // RFC 5958 section 2
		second == cms.TagInteger && len(m) > 3,       // RFC 8017 appendix A.1.2
		version == 1 && second == cms.TagOctetString: // RFC 5915 section 3
		return PrivateKey
	}
	return Unknown
}

// paired is for what begins with a SEQUENCE.
func paired(m []cms.Value) Kind {
	inner := membersOf(m[0], 5)
	if len(inner) == 0 {
		return Unknown
	}
	if inner[0].Tag() == cms.TagInteger && (len(m) == 1 || len(m) == 2 && m[1].Tag() == cms.TagSequence) {
		return Response // RFC 3161 section 2.4.2: a status, and mostly a token
	}
	if len(m) == 2 && inner[0].Tag() == cms.TagOID && m[1].Tag() == cms.TagOctetString {
		return EncryptedKey // RFC 5958 section 3
	}
	if len(m) < 3 || m[1].Tag() != cms.TagSequence || m[2].Tag() != cms.TagBitString {
		return Unknown
	}
	if inner[0].Tag() == cms.TagSequence { // a list of version 1
		return RevocationList
	}
	if inner[0].Tag() == cms.TagInteger {
		switch {
		case len(inner) > 3 && (inner[3].Tag() == cms.TagUTCTime || inner[3].Tag() == cms.TagGeneralizedTime):
			return RevocationList // RFC 5280 section 5.1
		case len(inner) == 3, len(inner) == 4 && inner[3].Tag() == cms.ContextConstructed(0):
			return CertificateRequest // RFC 2986 section 4.1
		}
	}
	return Certificate // RFC 5280 section 4.1
}
