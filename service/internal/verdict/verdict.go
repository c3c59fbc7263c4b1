// Package verdict is what the service says of a signature, in one place for both of its APIs: three outcomes, a sentence,
// and what was not looked at. What was not checked is never valid.
package verdict

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Outcome is one of three (EN 319 102-1 section 5.1). The zero value is none of them and means nothing.
type Outcome string

// Outcomes.
const (
	Passed        Outcome = "passed"        // all that was asked for was checked, and is right
	Failed        Outcome = "failed"        // something is wrong, and stays so
	Indeterminate Outcome = "indeterminate" // nothing is wrong, and something that was asked for could not be checked
)

// Statuses of a check.
const (
	CheckPassed    = "passed"
	CheckTolerated = "tolerated"
	CheckUnchecked = "not checked"
	CheckFailed    = "failed"
)

// CheckRevocation is the name of a check that stands in each report: that it was not made.
const CheckRevocation = "revocation"

// maxSignatures bounds signatures, counter-signatures and time-stamps of a message: each costs the work of a public key,
// and a few octets are enough to make one.
const maxSignatures = 1000

// Report is what is said of a message.
type Report struct {
	Outcome     Outcome
	Reason      string // a sentence; never empty
	Detached    bool
	ContentType string // dotted object identifier
	Signatures  []Signature
}

// Signature is what is said of one signer, or one counter-signer.
type Signature struct {
	Index              int
	Outcome            Outcome
	Reason             string
	Certificate        *x509.Certificate // nil when it was not found or cannot be read
	SigningTime        *time.Time        // as the signer claims
	Level              string            // the form of it: CAdES-BES
	DigestAlgorithm    string
	SignatureAlgorithm string
	Timestamps         []Timestamp
	Checks             []Check
	Attributes         []cades.Attribute // signed
	CounterSignatures  []Signature
}

// Timestamp is what is said of one time-stamp. Whether its authority is to be trusted is not checked.
type Timestamp struct {
	Kind      string
	Status    string
	Time      *time.Time // nil when it cannot be read
	Policy    string
	Serial    string // hexadecimal
	Hash      string
	Authority string // subject of its certificate, when that is there
}

// Check is one check.
type Check struct{ Name, Status, Detail string }

// Request is what is to be verified.
type Request struct {
	Message *cades.Message
	Content sign.Content // the zero one for an attached message
	Roots   *trust.Roots
	// SignatureOnly leaves the chain out on purpose.
	SignatureOnly bool
}

// Of verifies a message. The error is for what kept it from being verified at all.
func Of(ctx context.Context, q Request) (*Report, error) {
	if n := count(q.Message.Signatures()); n > maxSignatures {
		return nil, gate.Bad("the message has more than %d signatures and time-stamps; it is not looked at", maxSignatures)
	}
	o := &cades.VerifyOptions{Schemes: schemes.All()}
	if !q.SignatureOnly {
		o.Roots = q.Roots
	}
	found, err := q.Message.Verify(ctx, q.Content, o)
	if err != nil {
		if e, ok := errors.AsType[*sign.Error](err); ok && errors.Is(e, sign.ErrInput) {
			return nil, &gate.Error{Status: 400, Message: "the content of the message cannot be read: " + e.Error(), Err: err}
		}
		return nil, err
	}
	r := &Report{Detached: q.Message.Detached(), ContentType: q.Message.ContentType()}
	for i := range found.Signatures {
		r.Signatures = append(r.Signatures, q.one(&found.Signatures[i]))
	}
	r.conclude(q.SignatureOnly)
	return r, nil
}

func count(all []*cades.Signature) int {
	n := len(all)
	for _, s := range all {
		if n > maxSignatures {
			break
		}
		n += len(s.Timestamps()) + count(s.CounterSignatures())
	}
	return n
}

// conclude makes the outcome of the message of those of its signatures: the worst.
func (r *Report) conclude(signatureOnly bool) {
	if len(r.Signatures) == 0 {
		r.Outcome, r.Reason = Failed, "the message has no signature"
		return
	}
	r.Outcome = Passed
	for i := range r.Signatures {
		s := &r.Signatures[i]
		if s.Outcome == Passed || r.Outcome == Failed || r.Outcome == s.Outcome {
			continue
		}
		r.Outcome, r.Reason = s.Outcome, s.Reason
		if len(r.Signatures) > 1 {
			r.Reason = fmt.Sprintf("signature %d of %d: %s", i+1, len(r.Signatures), s.Reason)
		}
	}
	if r.Outcome == Passed {
		r.Reason = passedReason(signatureOnly)
	}
}

func passedReason(signatureOnly bool) string {
	if signatureOnly {
		return "the signature is of this content and made with the key of the certificate; the chain of the certificate was not checked, as asked for, and neither was revocation"
	}
	return "the signature is of this content, and the certificate leads to a trusted root, and was good when the signature is known to have existed"
}

// one is the place where what package cades found becomes an outcome.
func (q *Request) one(s *cades.SignatureReport) Signature {
	v := Signature{
		Index: s.Signature.Index, Certificate: s.Certificate(), Level: s.Signature.LevelName(),
		DigestAlgorithm: s.Signature.DigestAlgorithm(), SignatureAlgorithm: s.Signature.SignatureAlgorithm(),
		Attributes: s.Signature.SignedAttributes(),
	}
	if at, ok := s.Signature.SigningTime(); ok {
		at = at.UTC()
		v.SigningTime = &at
	}
	for _, c := range s.Checks {
		detail := c.Detail
		if c.Name == cades.CheckChain && q.SignatureOnly {
			detail = "left out, as asked for: nothing says who the signer is"
		} else if c.Name == cades.CheckChain && c.Status == cades.Unchecked {
			detail = "this service has no trusted roots: nothing says who the signer is"
		}
		v.Checks = append(v.Checks, Check{c.Name, status(c.Status), detail})
	}
	if s.Status(cades.CheckRevocation) == cades.Unchecked && !has(s, cades.CheckRevocation) {
		v.Checks = append(v.Checks, Check{CheckRevocation, CheckUnchecked, "whether the certificate was revoked was not looked at, since there is no chain"})
	}
	v.Timestamps = timestamps(s)
	for i := range s.CounterSignatures {
		v.CounterSignatures = append(v.CounterSignatures, q.one(&s.CounterSignatures[i]))
	}
	switch {
	case s.Indication == validate.TotalPassed:
		v.Outcome, v.Reason = Passed, passedReason(q.SignatureOnly)
	case s.Indication == validate.TotalFailed:
		v.Outcome, v.Reason = Failed, s.Reason
	case s.SubIndication == validate.NoChain && s.Valid() && q.SignatureOnly:
		v.Outcome, v.Reason = Passed, passedReason(true)
	case s.SubIndication == validate.NoChain && s.Valid() && q.Roots == nil:
		v.Outcome = Indeterminate
		v.Reason = "the signature is of this content, and who made it was not checked, since this service has no trusted roots; the operator can give them, or ask for the signature only"
	default:
		v.Outcome, v.Reason = Indeterminate, fmt.Sprintf("%s (%s)", s.Reason, s.SubIndication)
	}
	return v
}

func has(s *cades.SignatureReport, name string) bool {
	for _, c := range s.Checks {
		if c.Name == name {
			return true
		}
	}
	return false
}

func status(s cades.Status) string {
	switch s {
	case cades.Passed:
		return CheckPassed
	case cades.Tolerated:
		return CheckTolerated
	case cades.Failed:
		return CheckFailed
	}
	return CheckUnchecked
}

// timestamps puts the time-stamps and the checks of them side by side: there is one for each, in the same order.
func timestamps(s *cades.SignatureReport) []Timestamp {
	var checks []cades.Check
	for _, c := range s.Checks {
		if c.Name == cades.CheckTimestamp {
			checks = append(checks, c)
		}
	}
	var all []Timestamp
	for i, t := range s.Signature.Timestamps() {
		v := Timestamp{Kind: t.Kind.String(), Status: CheckUnchecked}
		if i < len(checks) {
			v.Status = status(checks[i].Status)
		}
		if t.Token != nil {
			at := t.Token.GenTime.UTC()
			v.Time, v.Policy, v.Hash = &at, t.Token.Policy, t.Token.HashName()
			if t.Token.SerialNumber != nil {
				v.Serial = strings.ToUpper(t.Token.SerialNumber.Text(16))
			}
			if c := t.Token.Certificate(); c != nil {
				v.Authority = c.Subject.String()
			}
		}
		all = append(all, v)
	}
	return all
}
