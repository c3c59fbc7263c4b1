// Package validate has the terms of a verdict: what a message is judged by, and what is said of it. Programs call cades.Message.Verify,
// whose options and report are those of this package:
//
//	policy, err := validate.ParsePolicy(file) // or validate.Strict()
//	report, err := message.Verify(ctx, content, &cades.VerifyOptions{Roots: roots, Policy: policy})
//	for _, s := range report.Signatures {
//		if s.Err() != nil {
//			fmt.Println(s.Cause, s.Reason) // validate.CauseExpired …
//		}
//	}
//
// # How it judges
//
// A signature is looked at check by check (the names begin with Check), and so is each time-stamp and counter-signature on it. From these and
// from the certificates follows one [Indication] in the terms of EN 319 102-1: TOTAL-PASSED, TOTAL-FAILED, which nothing could mend, or
// INDETERMINATE with a [SubIndication]. The [Cause] says the same in one word, for programs that have to do something about it. A
// certificate has to be valid when the signature is known to have existed: now, or at the time of a time-stamp below trusted roots
// ([SignatureReport].BestTime). What anybody can append to a message takes nothing away from a good signature.
//
// Whether a signature has the parts of a level (EN 319 122-1 section 6.3) is another question, which [LevelReport] answers, and what a
// verifier demands beside all that is a [Policy].
//
// Reports have a stable JSON form ([ReportVersion]), whose schema stands with docs/verifying.md.
package validate

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Options says what a message is checked against. The zero value, and nil, checks the mathematics and the binding
// of the certificate, but not whether the certificate is to be trusted.
type Options struct {
	// Roots are the trusted certificates; nil leaves the chain unchecked, and the report says so.
	Roots *trust.Roots
	// TimestampRoots are the trusted certificates of time-stamping authorities; nil takes Roots.
	TimestampRoots *trust.Roots
	// Certificates are further candidates for the signer and for the chain.
	Certificates []*x509.Certificate
	// RawCertificates are others in DER, such as crypto/x509 refuses.
	RawCertificates [][]byte
	// Time is when the certificates have to be valid; zero takes Clock, and a nil Clock time.Now.
	Time  time.Time
	Clock func() time.Time
	// Values are revocation values that are at hand, beside those in the message.
	Values *revocation.Values
	// Revocation is asked about certificates of which neither the message nor Values tell enough: a revocation.Client. Nil lets
	// nobody be asked.
	Revocation StatusSource
	// NoRevocation leaves out whether certificates were revoked. The report says so.
	NoRevocation bool
	// Schemes are signature schemes that this package does not know (mldsa.Schemes()), found by their SignatureAlg: for signatures of messages,
	// time-stamps, certificates and revocation values alike.
	Schemes []sign.Scheme
	// Policy is what is demanded beside the mathematics; nil is the default.
	Policy *Policy
	// PDF says that the message stands in a PDF: signing-time must not be there, since /M of the document says the time, and of the
	// levels B-B and B-T alone are of the message (EN 319 142-1 section 6.3). What makes the others stands in the document.
	PDF bool
	// AllowBareDigestInfo accepts RSA signatures whose DigestInfo lacks the NULL of RFC 8017 section 9.2, as some tokens
	// made them. The report names it.
	AllowBareDigestInfo bool
}

// StatusSource finds the state of a certificate at a time, as [revocation.Client.Status] does.
type StatusSource interface {
	Status(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (*revocation.Status, error)
}

// Status is the outcome of a check.
type Status int

// Outcomes. The zero value is none of them, so that a check that nobody made has not passed.
const (
	Passed    Status = iota + 1
	Tolerated        // accepted, though not as it should be; Detail says how
	Unchecked        // there was nothing to check against; Detail says what is missing
	Failed
)

// String is one word.
func (s Status) String() string {
	if s < Passed || s > Failed {
		return "unknown"
	}
	return [...]string{"passed", "tolerated", "unchecked", "failed"}[s-Passed]
}

// Names of checks, in the order in which they are reported.
const (
	CheckSigner              = "signer certificate"   // found, by ESS hash or by signer identifier
	CheckSigningCertificate  = "signing-certificate"  // ESS binding, RFC 5035
	CheckContentType         = "content-type"         // equals eContentType, once
	CheckMessageDigest       = "message-digest"       // equals the digest of the content, once
	CheckAlgorithms          = "algorithms"           // known, agreeing with each other, not broken
	CheckAlgorithmProtection = "algorithm-protection" // RFC 6211
	CheckSigningTime         = "signing-time"         // well-formed, once
	CheckSignature           = "signature value"      // the mathematics, over the attributes
	CheckAttributeOrder      = "attribute order"      // signed as received, or only after sorting
	CheckChain               = "chain"                // to a given root, at the time at which the signature is known to have existed
	CheckRevocation          = "revocation"           // no certificate of the chain was revoked before that time
	CheckTimestamp           = "time-stamp"           // each one: over what it should be, and well made
	CheckUnsigned            = "unsigned attributes"  // what is there and not looked into
	CheckStructure           = "structure"            // versions, trailing octets
	CheckPolicy              = "signature policy"     // which policy the signer names
	CheckConstraints         = "constraints"          // what the policy of the verifier demands beside all that
)

// Check is one line of a report.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"` // one sentence: what was compared, and what was found
}

// MarshalText is the word of the status.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word.
func (s *Status) UnmarshalText(text []byte) error {
	for one := Passed; one <= Failed; one++ {
		if one.String() == string(text) {
			*s = one
			return nil
		}
	}
	return wrong("report", "there is no outcome %.20q of a check", text)
}

// ReportVersion is the version of the JSON form of a [Report]. Fields, checks and causes may be added to a version; nothing in it changes
// its meaning or goes away.
const ReportVersion = 1

// Report is the outcome for a message.
type Report struct {
	Version     int               `json:"version"` // ReportVersion
	Time        time.Time         `json:"time"`    // of validation
	Policy      string            `json:"policy"`  // the name of the policy of the verifier
	Detached    bool              `json:"detached"`
	ContentType string            `json:"contentType"` // eContentType, dotted
	Indication  Indication        `json:"indication"`  // the worst of the signatures; INDETERMINATE when there is none
	Signatures  []SignatureReport `json:"signatures"`
}

// Indication is the conclusion about a signature (EN 319 102-1 section 5.1.3). The zero value is Indeterminate.
type Indication int

// Indications.
const (
	Indeterminate Indication = iota // what is there does not tell; SubIndication says what is missing
	TotalPassed
	TotalFailed
)

// String is the name in the standard.
func (i Indication) String() string {
	switch i {
	case TotalPassed:
		return "TOTAL-PASSED"
	case TotalFailed:
		return "TOTAL-FAILED"
	}
	return "INDETERMINATE"
}

// MarshalText is the name in the standard.
func (i Indication) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the name.
func (i *Indication) UnmarshalText(text []byte) error {
	for one := Indeterminate; one <= TotalFailed; one++ {
		if one.String() == string(text) {
			*i = one
			return nil
		}
	}
	return wrong("report", "there is no indication %.20q", text)
}

// SubIndication says why a signature has not passed (EN 319 102-1 section 5.1.3, tables 5 and 6).
type SubIndication string

// Sub-indications.
const (
	FormatFailure    SubIndication = "FORMAT_FAILURE"
	HashFailure      SubIndication = "HASH_FAILURE"
	CryptoFailure    SubIndication = "SIG_CRYPTO_FAILURE"
	NoContent        SubIndication = "SIGNED_DATA_NOT_FOUND"
	NoSigner         SubIndication = "NO_SIGNING_CERTIFICATE_FOUND"
	NoChain          SubIndication = "NO_CERTIFICATE_CHAIN_FOUND"
	ChainConstraints SubIndication = "CHAIN_CONSTRAINTS_FAILURE"
	OutOfBounds      SubIndication = "OUT_OF_BOUNDS_NO_POE"
	Revoked          SubIndication = "REVOKED_NO_POE"
	WeakAlgorithm    SubIndication = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
	TryLater         SubIndication = "TRY_LATER"
	TimestampFailure SubIndication = "TIMESTAMP_ORDER_FAILURE"
	Constraints      SubIndication = "SIG_CONSTRAINTS_FAILURE" // what the policy of the verifier demands is not there; Reason names it
	NotSupported     SubIndication = "GENERIC"                 // something is not known here; Reason names it
)

// TimestampReport is the outcome for one time-stamp.
type TimestampReport struct {
	Kind      string    `json:"kind"` // the name of its attribute
	Time      time.Time `json:"time,omitzero"`
	Authority string    `json:"authority,omitempty"`

	// Signer is the certificate of the authority; nil when it was not found.
	Signer     *CertificateReport `json:"signer,omitempty"`
	Policy     string             `json:"policy,omitempty"` // under which it was issued, dotted
	Serial     string             `json:"serial,omitempty"` // hexadecimal
	Digest     string             `json:"digestAlgorithm,omitempty"`
	Indication Indication         `json:"indication"`
	Sub        SubIndication      `json:"subIndication,omitempty"`
	Cause      Cause              `json:"cause"`
	Reason     string             `json:"reason,omitempty"` // one sentence, when it has not passed
	Revocation string             `json:"revocation,omitempty"`
}

// SignatureReport is the outcome for one signer, or for one counter-signature. What anybody can append to a signature without
// its signer, time-stamps and counter-signatures, has outcomes of its own, which do not change that of the signature.
type SignatureReport struct {
	Index int `json:"index"` // among the signers of the message, or the counter-signatures of a signature

	// Signer is the certificate of the signer, also one that crypto/x509 refuses; nil when it was not found.
	Signer *CertificateReport `json:"signer,omitempty"`
	// SigningTime is the time that the signer claims; zero when there is none.
	SigningTime        time.Time `json:"signingTime,omitzero"`
	DigestAlgorithm    string    `json:"digestAlgorithm"`
	SignatureAlgorithm string    `json:"signatureAlgorithm"`

	Indication    Indication    `json:"indication"`
	SubIndication SubIndication `json:"subIndication,omitempty"`
	Cause         Cause         `json:"cause"`
	Reason        string        `json:"reason,omitempty"` // one sentence, when it has not passed
	// Form is that of the attributes: "CAdES-BES", "CAdES-C", "PKCS7". Level is the highest baseline level of EN 319 122-1 that is reached
	// with all below it, "B-B" to "B-LTA", or "none", and Levels says of each what is missing.
	Form   string        `json:"form"`
	Level  string        `json:"level"`
	Levels []LevelReport `json:"levels"`
	// BestTime is when the signature is known to have existed: now, or the time of the earliest time-stamp that proves it, which
	// Proof names.
	BestTime          time.Time         `json:"bestTime"`
	Proof             string            `json:"proof,omitempty"`
	Checks            []Check           `json:"checks"`
	Timestamps        []TimestampReport `json:"timestamps,omitempty"`
	CounterSignatures []SignatureReport `json:"counterSignatures,omitempty"`

	causes map[string]Cause // finer ones, by check
}

// Valid reports whether there is a signature, and all are valid.
func (r *Report) Valid() bool {
	if r == nil {
		return false
	}
	for i := range r.Signatures {
		if !r.Signatures[i].Valid() {
			return false
		}
	}
	return len(r.Signatures) > 0
}

// Trusted reports whether every signature is TOTAL-PASSED: valid, by a signer who leads to a given root, whose certificates
// were good when it was made.
func (r *Report) Trusted() bool {
	if r == nil {
		return false
	}
	for i := range r.Signatures {
		if r.Signatures[i].Indication != TotalPassed {
			return false
		}
	}
	return r.Valid()
}

// Err is nil only when Trusted. It is otherwise a [*sign.Error]: that of the signature that has not passed, or [sign.Errors] of several.
func (r *Report) Err() error {
	if r == nil || len(r.Signatures) == 0 {
		return noSignature()
	}
	var all sign.Errors
	for i := range r.Signatures {
		if err := r.Signatures[i].Err(); err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return &sign.Error{Op: "cades: verify", Err: all, Temporary: sign.IsTemporary(all)}
}

// wrong is the error of what a caller gave.
func wrong(op, format string, args ...any) error {
	return &sign.Error{Op: "validate: " + op, Class: sign.ErrInput, Err: fmt.Errorf(format, args...)}
}

func noSignature() error {
	return &sign.Error{Op: "cades: verify", Class: sign.ErrInput, Err: errors.New("there is no signature")}
}

// Valid reports whether no check of the signature itself failed, and the content and the signature value were checked. Whether
// the signer is to be trusted is another question, which Indication answers.
func (r *SignatureReport) Valid() bool {
	for _, c := range r.Checks {
		if c.Name != CheckTimestamp && c.Status != Passed && c.Status != Tolerated && c.Status != Unchecked {
			return false
		}
	}
	return r.made(CheckSignature) && r.made(CheckMessageDigest)
}

func (r *SignatureReport) made(name string) bool {
	s := r.Status(name)
	return s == Passed || s == Tolerated
}

// Status returns the outcome of a check, the worst where a name stands more than once, and Unchecked where it was not
// made.
func (r *SignatureReport) Status(name string) Status {
	found, worst := false, Passed
	for _, c := range r.Checks {
		if c.Name == name {
			found, worst = true, max(worst, c.Status)
		}
	}
	if !found {
		return Unchecked
	}
	return worst
}

// Err is nil only when the signature is TOTAL-PASSED: valid, by a signer who leads to a given root, whose certificates were good when it was
// made. It is otherwise a [*sign.Error] that says why, whose class is the [Cause], which unwraps to a wider class. It is temporary
// when whether a certificate was revoked may be known later. To ask for the mathematics alone there is Valid.
func (r *SignatureReport) Err() error {
	if r == nil {
		return noSignature()
	}
	if r.Indication == TotalPassed && r.Valid() {
		return nil
	}
	why := r.failures()
	if len(why) == 0 {
		why = append(why, cmp.Or(r.Reason, "it was not judged"))
	}
	cause := r.Cause
	if cause == "" || cause == CausePassed { // nobody judged it
		cause = CauseNotChecked
	}
	return &sign.Error{Op: "cades: verify", Place: fmt.Sprintf("signature %d", r.Index), Class: cause, Err: errors.New(strings.Join(why, "; ")), Temporary: cause == CauseRevocationUnknown}
}

// failures are the checks by which a signature is not valid.
func (r *SignatureReport) failures() (why []string) {
	for _, c := range r.Checks {
		if c.Name != CheckTimestamp && c.Status == Failed || c.Status == Unchecked && (c.Name == CheckSignature || c.Name == CheckMessageDigest) {
			why = append(why, fmt.Sprintf("%s %s: %s", c.Name, c.Status, c.Detail))
		}
	}
	return why
}

func (r *SignatureReport) add(name string, status Status, format string, args ...any) {
	r.Checks = append(r.Checks, Check{name, status, fmt.Sprintf(format, args...)})
}

// notChecked is of a check that cannot be made here.
func (r *SignatureReport) notChecked(name, why string) {
	r.add(name, Unchecked, "%s", why)
	r.blame(name, CauseNotChecked)
}

// worst is the indication of a message: that of the signature that is worst. Without any, nothing has passed.
func worst(all []SignatureReport) Indication {
	found := Indeterminate
	for i := range all {
		switch indication := all[i].Indication; {
		case indication == TotalFailed:
			return TotalFailed
		case i == 0:
			found = indication
		case indication == Indeterminate:
			found = Indeterminate
		}
	}
	return found
}
