package revocation

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// Check names something that a value is examined for. It is the class of an [*Error]: errors.Is(err,
// revocation.CheckSignature) reports whether that check failed.
type Check string

// The checks of fetching.
const (
	CheckSource     Check = "source"      // the certificate says where to ask
	CheckScheme     Check = "scheme"      // by http or https
	CheckAddress    Check = "address"     // at an address that is not private
	CheckTransport  Check = "transport"   // the server was reached and answered in time
	CheckHTTPStatus Check = "http-status" // with HTTP status 200
	CheckSize       Check = "size"        // in no more than the limit
)

// The checks of a value.
const (
	CheckEncoding   Check = "encoding"        // it can be read
	CheckStatus     Check = "response-status" // the responder answered "successful" (RFC 6960 section 4.2.1)
	CheckSubject    Check = "subject"         // it speaks of this certificate of this issuer
	CheckNonce      Check = "nonce"           // its nonce, where it has one, is the one of the request (RFC 9654)
	CheckIssuer     Check = "issuer"          // the CRL is of the issuer of the certificate, or of one that the certificate names
	CheckResponder  Check = "responder"       // the responder is the issuer, or authorised by it (RFC 6960 section 4.2.2.2)
	CheckKeyUsage   Check = "key-usage"       // the issuer may sign CRLs
	CheckSignature  Check = "signature"       // the signature is of that key
	CheckExtensions Check = "extensions"      // no critical extension is unknown
	CheckDelta      Check = "delta"           // a delta CRL fits to the list that it changes
	CheckIndirect   Check = "indirect"        // a CRL with entries of other issuers says that it is an indirect one
	CheckScope      Check = "scope"           // the CRLs cover the certificate and all reasons (RFC 5280 section 5.2.5)
	CheckTime       Check = "time"            // it is within its times
	CheckExpired    Check = "expired"         // and from before the certificate expired, or the issuer keeps expired ones
	CheckUnknown    Check = "unknown"         // the responder knows the certificate
	CheckChain      Check = "chain"           // the issuer is known, is an authority, and signed the certificate
	CheckWork       Check = "work"            // the values can be judged in a time that their size allows
)

// Error is the name of the check.
func (c Check) Error() string { return string(c) }

// Error says which check failed, where and why. It holds no query of a URL.
type Error struct {
	Check Check
	Place string // a URL, or a certificate
	What  string // what was found
	Err   error  // the cause, or nil
}

// Error is one sentence: place, check, what was found, cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("revocation: ")
	if e.Place != "" {
		b.WriteString(e.Place + ": ")
	}
	b.WriteString(string(e.Check))
	if e.What != "" {
		b.WriteString(": " + e.What)
	}
	if e.Err != nil {
		b.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "revocation: "))
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

// at says where an error happened, unless it says so already. Errors are shared by those who waited for one fetch, and
// are not modified.
func at(place string, err error) error {
	if e, ok := err.(*Error); ok && e.Place == "" {
		copied := *e
		copied.Place = place
		return &copied
	}
	return err
}

// Failure gathers what went wrong: with each source of one certificate, or with several certificates.
type Failure struct {
	What string // of whom: a certificate, or empty
	Errs []error

	asked bool // an authority was
}

// Is says that a failure is of the class [sign.ErrAuthority] when an authority was asked for what is missing.
func (f *Failure) Is(target error) bool { return f.asked && target == sign.ErrAuthority }

// Error names everything that went wrong.
func (f *Failure) Error() string {
	parts := make([]string, len(f.Errs))
	for i, err := range f.Errs {
		parts[i] = strings.TrimPrefix(err.Error(), "revocation: ")
	}
	what := ""
	if f.What != "" {
		what = f.What + ": "
	}
	return "revocation: " + what + strings.Join(parts, "; ")
}

// Unwrap returns what went wrong.
func (f *Failure) Unwrap() []error { return f.Errs }

// maxErrors bounds what is said of the values of one certificate: anybody can append thousands.
const maxErrors = 16

// noted appends an error, unless there are many already and it is of a check that failed before.
func noted(errs []error, err error) []error {
	if len(errs) >= maxErrors {
		if e, ok := errors.AsType[*Error](err); !ok || errors.Is(&Failure{Errs: errs}, e.Check) {
			return errs
		}
	}
	return append(errs, err)
}

// only reports whether a check is all that failed.
func only(err error, c Check) bool {
	if f, ok := errors.AsType[*Failure](err); ok {
		for _, e := range f.Errs {
			if !only(e, c) {
				return false
			}
		}
		return len(f.Errs) != 0
	}
	return errors.Is(err, c)
}
