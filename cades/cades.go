// Package cades builds, reads and verifies CAdES signatures: CMS SignedData (RFC 5652) with the attributes of
// EN 319 122-1 and RFC 5126, and plain PKCS #7 as their lowest form.
//
//	content := sign.File("contract.pdf")
//	p7s, err := cades.Sign(ctx, signer, content, nil) // detached CAdES-BES
//	…
//	message, err := cades.Parse(p7s)
//	report, err := message.Verify(ctx, content, &cades.VerifyOptions{Roots: trust.New(root)})
//	err = report.Err() // nil only when every signature is to be believed
//
// [Sign] and [SignTo] take a content and give a container. Many contents at once go through package batch, with an
// *[Options] as its format. When the key is elsewhere, [Prepare] freezes what is to be signed, [Draft.ToBeSigned] hands
// it out, and [Draft.Finish] takes the signature, in this process or, by [Draft.MarshalBinary] and [ParseDraft], in
// another one. [Message.AddSignature] adds a signer to a message and leaves every byte of it in place.
//
// [Parse] reads messages of anybody, in DER, BER or a text form; [Message.Verify] judges them: [Report.Trusted] says whether to believe what was
// signed, and each check is reported by name. Roots say whom to trust: without [VerifyOptions].Roots nobody is.
//
// # What is signed
//
// The signature is over the DER of the signed attributes, never over the content itself: content-type, message-digest and
// signing-time (but see Options.NoSigningTime), from BES on signing-certificate-v2 (RFC 5035) and CMSAlgorithmProtection (RFC 6211), others
// on request.
//
// # Levels
//
// A BES is made with the key alone. What stands above it is given by others: time-stamps by Options.Timestamper, from T on; chains
// and revocation values by Options.Revocation, for every level above T. What they fail to give is an error of class
// [sign.ErrAuthority], and the key is not at fault. The container comes beside the error then, at the level that was reached (see
// [Reached]; a batch needs KeepLower for that), and [Message.Extend] raises it when the authority is there again.
package cades

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// Options says what a container is to be. The zero value, and nil, is a detached CAdES-BES with the signing time of
// now. Options are a [sign.Format]. They are not modified, and must not be while they are in use.
type Options struct {
	Level    Level // zero is BES
	Attached bool  // the content goes into the container

	// SigningTime is the claimed time of signing; zero takes Clock, and a nil Clock time.Now.
	SigningTime time.Time
	Clock       func() time.Time
	// NoSigningTime leaves the signing-time attribute out, as a PDF demands, which says the time elsewhere (EN 319 142-1); see package
	// pades. At the baseline levels it has to be there. The time still says whether the certificate is valid.
	NoSigningTime bool

	// ContentType is the eContentType as a dotted object identifier; empty is id-data, which the baseline levels
	// demand.
	ContentType string

	Policy            *Policy         // makes an EPES
	Commitments       []Commitment    // what the signature means
	Location          *Location       // where it was made, as claimed
	ClaimedRoles      []string        // in what capacity, as claimed
	MimeType          string          // of the content: "application/pdf"; not together with ContentHints
	ContentHints      *ContentHints   // what the content is
	ContentIdentifier []byte          // a name for the content, for others to refer to
	Attributes        []Attribute     // any further signed attributes
	Certificates      CertificateRule // which certificates of the signer's chain go in

	// AnyCertificate signs also with a certificate that is not valid at the time of signing, or is not for signing documents:
	// nobody who verifies takes such a signature. Without it, the key is not touched.
	AnyCertificate bool

	// NoAlgorithmProtection leaves CMSAlgorithmProtection out, which the containers of others seldom have. The signature then has
	// nothing against a changed algorithm but the algorithm itself, which of GOST names one hash.
	NoAlgorithmProtection bool

	// Timestamper gives the time-stamps of levels above BES: a tsp.Client, or a tsp.Authority of one's own.
	Timestamper tsp.Timestamper
	// Revocation gives the chains and revocation values of levels above T: a revocation.Client.
	Revocation revocation.Source
	// ContentTimestampers each give a time-stamp on the content, which is signed with it: a proof that the signature is
	// younger (EN 319 122-1 section 5.2.8).
	ContentTimestampers []tsp.Timestamper
	// TimestampHash is the hash of the imprints of all time-stamps that are asked for, and of references: crypto.SHA256, SHA384, SHA512, or
	// one of the caller (gost.Streebog256). Nil is that of the signer's scheme where it is one of the caller, else SHA-256.
	TimestampHash sign.Hash
	// TimestampEvidence is that of [ExtendOptions].
	TimestampEvidence bool
}

// CertificateRule says which certificates go into a container.
type CertificateRule int

// Rules for certificates. CAdES demands the certificate of the key at least.
const (
	WholeChain CertificateRule = iota
	SignerOnly
	NoCertificates // PKCS7 only
)

// Policy is a signature policy (EN 319 122-1 section 5.2.9): explicit when it has an OID, implied otherwise.
type Policy struct {
	Implied bool // the policy follows from the context; nothing else may be set

	OID    string    // dotted
	Hash   sign.Hash // crypto.SHA256, SHA384, SHA512, or one of the caller
	Digest []byte    // of the policy document, as its issuer publishes it

	URI        string      // where the document is (SPuri)
	UserNotice *UserNotice // what to show whenever the signature is checked
	// Specification names the technical specification of the document's syntax: a dotted OID or a URI
	// (SPDocSpecification).
	Specification string
}

// UserNotice is SPUserNotice of RFC 5126 section 5.8.1.
type UserNotice struct {
	Organization string // with Numbers, a reference to a notice of this organization
	Numbers      []int
	Text         string // at most 200 characters
}

// Commitment is a commitment type (EN 319 122-1 section 5.2.3): one of the ProofOf values or another dotted OID.
type Commitment string

// Commitment types of RFC 5126 section 5.11.1.
const (
	ProofOfOrigin   Commitment = "1.2.840.113549.1.9.16.6.1"
	ProofOfReceipt  Commitment = "1.2.840.113549.1.9.16.6.2"
	ProofOfDelivery Commitment = "1.2.840.113549.1.9.16.6.3"
	ProofOfSender   Commitment = "1.2.840.113549.1.9.16.6.4"
	ProofOfApproval Commitment = "1.2.840.113549.1.9.16.6.5"
	ProofOfCreation Commitment = "1.2.840.113549.1.9.16.6.6"
)

// ParseCommitment reads origin, receipt, delivery, sender, approval, creation, or a dotted OID.
func ParseCommitment(name string) (Commitment, error) {
	short := strings.TrimPrefix(strings.ToLower(name), "proof-of-")
	for i, n := range []string{"origin", "receipt", "delivery", "sender", "approval", "creation"} {
		if n == short {
			return []Commitment{ProofOfOrigin, ProofOfReceipt, ProofOfDelivery, ProofOfSender, ProofOfApproval, ProofOfCreation}[i], nil
		}
	}
	if _, err := cms.ParseOID(name); err != nil {
		return "", &sign.Error{Op: "cades: commitment", Place: fmt.Sprintf("%.60q", name), Class: sign.ErrInput, Hint: "choose one of origin, receipt, delivery, sender, approval, creation, or give a dotted object identifier"}
	}
	return Commitment(name), nil
}

// Location is where the signer claims to have signed (EN 319 122-1 section 5.2.5); at least one field is set.
type Location struct {
	Country  string
	Locality string
	Postal   []string // at most six lines
}

// ContentHints describes the content (RFC 2634 section 2.9).
type ContentHints struct {
	Description string // may be empty
	ContentType string // dotted; empty is id-data
}

// Attribute is an attribute with its values in DER.
type Attribute struct {
	Type   string // dotted object identifier
	Values [][]byte
}
