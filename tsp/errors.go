package tsp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// Check names something that a response or a token is examined for. It is the class of an [*Error]: errors.Is(err,
// tsp.CheckNonce) reports whether that check failed.
type Check string

// The checks of a response, in the order in which they are made. The sections are of RFC 3161 where no other is named.
const (
	CheckTransport  Check = "transport"   // the authority was reached and answered in time
	CheckHTTPStatus Check = "http-status" // with HTTP status 200
	CheckSize       Check = "size"        // in no more than the limit
	CheckEncoding   Check = "encoding"    // with what is a TimeStampResp, and a TimeStampToken in it
	CheckStatus     Check = "status"      // granted, or granted with modifications (section 2.4.2)
)

// The checks of a token, in the order in which they are made.
const (
	CheckContentType        Check = "content-type"        // the content is a TSTInfo (section 2.4.2)
	CheckVersion            Check = "version"             // of version 1
	CheckImprint            Check = "imprint"             // algorithm and digest are those that were asked for
	CheckNonce              Check = "nonce"               // the nonce is the one of the request
	CheckPolicy             Check = "policy"              // the policy is the one that was asked for
	CheckExtensions         Check = "extensions"          // no critical extension is unknown
	CheckSigners            Check = "signers"             // there is one SignerInfo
	CheckAttributes         Check = "attributes"          // content-type and message-digest are signed and right
	CheckCertificate        Check = "certificate"         // the certificate of the authority is there
	CheckSigningCertificate Check = "signing-certificate" // and bound by ESSCertID or ESSCertIDv2 (RFC 5816)
	CheckSignature          Check = "signature"           // the signature is of its key
	CheckKeyUsage           Check = "key-usage"           // its one extended key usage is timeStamping, critical (section 2.3)
	CheckValidity           Check = "validity"            // the time lies in its validity
	CheckTime               Check = "time"                // and not far from the clock here
	CheckChain              Check = "chain"               // a path leads to a root that was given
)

// Error is the name of the check.
func (c Check) Error() string { return string(c) }

// Error says which check failed, where and why. It holds no credentials and no query of a URL.
type Error struct {
	Check Check
	Place string // the URL of the authority, or empty
	What  string // what was found
	Err   error  // the cause, or nil

	// Temporary says that asking again later may help: the authority was not reached, or could not answer now.
	Temporary bool

	status int // of HTTP, when that is what failed
}

// Error is one sentence: place, check, what was found, cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tsp: ")
	if e.Place != "" {
		b.WriteString(e.Place + ": ")
	}
	b.WriteString(string(e.Check))
	if e.What != "" {
		b.WriteString(": " + e.What)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As the check and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Check}
	}
	return []error{e.Check, e.Err}
}

func failed(c Check, format string, args ...any) *Error {
	return &Error{Check: c, What: fmt.Sprintf(format, args...)}
}

// Failure says that no authority gave a time-stamp: why each of them did not, in the order in which they were asked.
type Failure struct{ Errs []error }

// Error names every authority and its failure.
func (f *Failure) Error() string {
	parts := make([]string, len(f.Errs))
	for i, err := range f.Errs {
		parts[i] = strings.TrimPrefix(err.Error(), "tsp: ")
	}
	return "tsp: no time-stamp: " + strings.Join(parts, "; ")
}

// Unwrap returns the failures.
func (f *Failure) Unwrap() []error { return f.Errs }

// Is says that a failure is of the class [sign.ErrAuthority].
func (f *Failure) Is(target error) bool { return target == sign.ErrAuthority }

// Temporary reports whether asking again later may help with one of the authorities at least.
func (f *Failure) Temporary() bool {
	for _, err := range f.Errs {
		if e, ok := errors.AsType[*Error](err); ok && e.Temporary {
			return true
		}
	}
	return false
}

// input is the error of a wrong call.
func input(op, format string, args ...any) error {
	return &sign.Error{Op: "tsp: " + op, Class: sign.ErrInput, Hint: fmt.Sprintf(format, args...)}
}
