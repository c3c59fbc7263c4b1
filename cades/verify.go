package cades

import (
	"context"
	"encoding/json"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// VerifyOptions says what a message is checked against: whom the verifier trusts (Roots), at which time, with which revocation
// values, and what it demands. Its fields are those of [validate.Options]. The zero value, and nil, trusts nobody: what it can tell
// is that a signature is one of the content, and no signature is Trusted.
type VerifyOptions = validate.Options

// Check is one line of a report: the name of what was looked at (Name), its outcome (Status), and a sentence for people (Detail); see
// [validate.Check].
type Check = validate.Check

// Status is the outcome of a check; see [validate.Status].
type Status = validate.Status

// Outcomes of a check. The zero value is none of them.
const (
	Passed    = validate.Passed
	Tolerated = validate.Tolerated
	Unchecked = validate.Unchecked
	Failed    = validate.Failed
)

// Names of checks.
const (
	CheckSigner              = validate.CheckSigner
	CheckSigningCertificate  = validate.CheckSigningCertificate
	CheckContentType         = validate.CheckContentType
	CheckMessageDigest       = validate.CheckMessageDigest
	CheckAlgorithms          = validate.CheckAlgorithms
	CheckAlgorithmProtection = validate.CheckAlgorithmProtection
	CheckSigningTime         = validate.CheckSigningTime
	CheckSignature           = validate.CheckSignature
	CheckAttributeOrder      = validate.CheckAttributeOrder
	CheckChain               = validate.CheckChain
	CheckRevocation          = validate.CheckRevocation
	CheckTimestamp           = validate.CheckTimestamp
	CheckUnsigned            = validate.CheckUnsigned
	CheckStructure           = validate.CheckStructure
	CheckPolicy              = validate.CheckPolicy
)

// Report is the outcome of [Message.Verify].
type Report struct {
	Signatures []SignatureReport

	outcome *validate.Report
}

// SignatureReport is the outcome for one signer, or for one counter-signature.
type SignatureReport struct {
	Signature *Signature
	validate.SignatureReport
	CounterSignatures []SignatureReport
}

// MarshalJSON writes the outcome in its stable form, which docs/verifying.md describes: that of a [validate.Report].
func (r Report) MarshalJSON() ([]byte, error) {
	if r.outcome == nil {
		return []byte("null"), nil
	}
	return json.Marshal(r.outcome)
}

// Outcome is the report as plain values, for programs that hand it on or store it; nil when nothing was verified.
func (r *Report) Outcome() *validate.Report {
	if r == nil {
		return nil
	}
	return r.outcome
}

// MarshalJSON writes the outcome in its stable form: that of a [validate.SignatureReport].
func (r SignatureReport) MarshalJSON() ([]byte, error) { return json.Marshal(&r.SignatureReport) }

// Valid reports whether there is a signature, and nothing failed of any of them; see [validate.SignatureReport.Valid]. Whom they are
// of is another question, which Trusted answers. Counter-signatures have outcomes of their own.
func (r *Report) Valid() bool { return r.Outcome().Valid() }

// Trusted reports whether there is a signature, and every one is TOTAL-PASSED: valid, by a signer who leads to a given root, whose
// certificates were good when it was made.
func (r *Report) Trusted() bool { return r.Outcome().Trusted() }

// Err is nil only when Trusted, so that a program that lets nothing else through asks for no more. It is otherwise a [*sign.Error] that says
// why not, see [validate.SignatureReport.Err]; errors.Is finds [sign.ErrTrust], [sign.ErrTime] and [sign.ErrRevocation] in it, and
// [sign.ErrInput] when something else was signed.
func (r *Report) Err() error {
	return r.Outcome().Err()
}

// Verify checks every signature of the message, and reports each check by name. The content of a detached message is
// read once, or its digests stand for it ([sign.Digested]); the zero one is for an attached message. The error is for what kept the
// checks from being made, such as a content that cannot be read: that a signature is not valid is not an error but the
// outcome, see [Report.Err].
func (m *Message) Verify(ctx context.Context, content sign.Content, o *VerifyOptions) (*Report, error) {
	outcome, err := validate.Message(ctx, m.in, content, o)
	if err != nil {
		return nil, err
	}
	return &Report{reports(m.signatures, outcome.Signatures), outcome}, nil
}

func reports(signatures []*Signature, outcomes []validate.SignatureReport) (all []SignatureReport) {
	for i, outcome := range outcomes {
		all = append(all, SignatureReport{signatures[i], outcome, reports(signatures[i].counter, outcome.CounterSignatures)})
	}
	return all
}

// oidOf reads the object identifier of an encoded AlgorithmIdentifier.
func oidOf(algorithm []byte) cms.OID {
	v, err := cms.ReadValue(algorithm)
	if err != nil {
		return ""
	}
	a, err := cms.ParseAlgorithm(v)
	if err != nil {
		return ""
	}
	return a.ID
}
