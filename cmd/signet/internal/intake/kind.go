package intake

import "github.com/seed-116355fd/signet/internal/received"

// Kind is what a value of ASN.1 is.
type Kind = received.Kind

// Kinds.
const (
	Unknown            = received.Unknown
	Signature          = received.Signature
	Token              = received.Token
	Response           = received.Response
	Request            = received.Request
	Certificate        = received.Certificate
	CertificateRequest = received.CertificateRequest
	RevocationList     = received.RevocationList
	OCSPResponse       = received.OCSPResponse
	PKCS12             = received.PKCS12
	PrivateKey         = received.PrivateKey
	EncryptedKey       = received.EncryptedKey
	Enveloped          = received.Enveloped
	Encrypted          = received.Encrypted
	Compressed         = received.Compressed
	OtherContent       = received.OtherContent
)

// KindOf tells values apart by their first members.
func KindOf(ber []byte) Kind { return received.KindOf(ber) }
