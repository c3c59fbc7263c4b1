// Package validate judges messages: each signature, time-stamp and counter-signature, check by check.
package validate

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Options says what a message is checked against. The zero value, and nil, checks the mathematics and the binding
// of the certificate, but not whether the certificate is to be trusted.
type Options struct {
	// Roots are the trusted certificates; nil leaves the chain unchecked, and the report says so.
	Roots *trust.Roots
	// Certificates are further candidates for the signer and for the chain.
	Certificates []*x509.Certificate
	// Time is when the certificates have to be valid; zero takes Clock, and a nil Clock time.Now.
	Time  time.Time
	Clock func() time.Time
	// Digests stand for the content of a detached signature when the content itself is not at hand.
	Digests []sign.Digest
	// Schemes are signature schemes that this package does not know (GOST), found by their SignatureAlg.
	Schemes []sign.Scheme
	// AllowBareDigestInfo accepts RSA signatures whose DigestInfo lacks the NULL of RFC 8017 section 9.2, as some tokens
	// made them. The report names it.
	AllowBareDigestInfo bool
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
	CheckChain               = "chain"                // to a given root at a given time
	CheckTimestamp           = "time-stamp"           // each one: over what it should be, and well made
	CheckUnsigned            = "unsigned attributes"  // what is there and not looked into
	CheckStructure           = "structure"            // versions, trailing octets
	CheckPolicy              = "signature policy"     // which policy the signer names
)

// Check is one line of a report.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// MarshalText is the word of the status.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Report is the outcome for a message.
type Report struct {
	Signatures []SignatureReport
}

// SignatureReport is the outcome for one signer, or for one counter-signature.
type SignatureReport struct {
	Index             int               // among the signers of the message, or the counter-signatures of a signature
	Certificate       *x509.Certificate // of the signer; nil when it was not found, or crypto/x509 cannot read it
	Checks            []Check
	CounterSignatures []SignatureReport
}

// Valid reports whether there is a signature, and all are valid, counter-signatures included.
func (r *Report) Valid() bool {
	for i := range r.Signatures {
		if !r.Signatures[i].Valid() {
			return false
		}
	}
	return len(r.Signatures) > 0
}

// Trusted reports whether the message is valid and every signer was found to chain to a given root.
func (r *Report) Trusted() bool {
	for i := range r.Signatures {
		if !r.Signatures[i].made(CheckChain) {
			return false
		}
	}
	return r.Valid()
}

// Valid reports whether no check failed, and the content and the signature value were checked. Whether the signer is to
// be trusted is another question, which the check of the chain answers.
func (r *SignatureReport) Valid() bool {
	for _, c := range r.Checks {
		if c.Status != Passed && c.Status != Tolerated && c.Status != Unchecked {
			return false
		}
	}
	for i := range r.CounterSignatures {
		if !r.CounterSignatures[i].Valid() {
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

// Err returns nil for a valid signature, and otherwise an error that names the checks that failed.
func (r *SignatureReport) Err() error {
	if r.Valid() {
		return nil
	}
	var why []string
	for _, c := range r.Checks {
		if c.Status == Failed || c.Status == Unchecked && (c.Name == CheckSignature || c.Name == CheckMessageDigest) {
			why = append(why, fmt.Sprintf("%s %s: %s", c.Name, c.Status, c.Detail))
		}
	}
	for i := range r.CounterSignatures {
		if err := r.CounterSignatures[i].Err(); err != nil {
			why = append(why, fmt.Sprintf("counter-signature %d: %s", i+1, err))
		}
	}
	return fmt.Errorf("cades: signature is not valid: %s", strings.Join(why, "; "))
}

func (r *SignatureReport) add(name string, status Status, format string, args ...any) {
	r.Checks = append(r.Checks, Check{name, status, fmt.Sprintf(format, args...)})
}
