package revocation

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// Check names something that a value is examined for. It is the class of a [*sign.Error]: errors.Is(err,
// revocation.CheckSignature) reports whether that check failed, and errors.AsType[revocation.Check] finds which one did.
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

// Unwrap is the wider class: [sign.ErrAuthority] when nobody gave anything, [sign.ErrTime] when what was given does not count at the
// time, [sign.ErrTrust] when the issuer is not known, and otherwise [sign.ErrRevocation], since the state is not known. Octets that
// cannot be read have none.
func (c Check) Unwrap() error {
	switch c {
	case CheckScheme, CheckAddress, CheckTransport, CheckHTTPStatus, CheckSize, CheckStatus:
		return sign.ErrAuthority
	case CheckTime, CheckExpired:
		return sign.ErrTime
	case CheckChain:
		return sign.ErrTrust
	case CheckSource, CheckSubject, CheckNonce, CheckIssuer, CheckResponder, CheckKeyUsage, CheckSignature, CheckExtensions, CheckDelta, CheckIndirect,
		CheckScope, CheckUnknown, CheckWork:
		return sign.ErrRevocation
	}
	return nil
}

// failed is the error of a check: what was found. It holds no query of a URL.
func failed(c Check, format string, args ...any) *sign.Error {
	return &sign.Error{Op: "revocation", Class: c, Err: fmt.Errorf(format, args...)}
}

// because is failed with a cause, which may be nil.
func because(c Check, what string, err error) *sign.Error {
	return &sign.Error{Op: "revocation", Class: c, Err: &cause{what, err}, Temporary: sign.IsTemporary(err)}
}

// cause is what was found, and why.
type cause struct {
	what string // may be empty
	err  error  // may be nil
}

// Error does not name the package again.
func (c *cause) Error() string {
	switch {
	case c.err == nil:
		return c.what
	case c.what == "":
		return strings.TrimPrefix(c.err.Error(), "revocation: ")
	}
	return c.what + ": " + strings.TrimPrefix(c.err.Error(), "revocation: ")
}

// Unwrap is why.
func (c *cause) Unwrap() error { return c.err }

// at says where an error happened, unless it says so already. Errors are shared by those who waited for one fetch, and
// are not modified.
func at(place string, err error) error {
	if e, ok := err.(*sign.Error); ok && e.Op == "revocation" && e.Place == "" {
		copied := *e
		copied.Place = place
		return &copied
	}
	return err
}

// inVain is the class of a state for which authorities were asked.
type inVain struct{}

func (inVain) Error() string   { return sign.ErrRevocation.Error() }
func (inVain) Unwrap() []error { return []error{sign.ErrAuthority, sign.ErrRevocation} }

// several gathers what went wrong: with each source of one certificate, or with several certificates. Of whom may be empty.
func several(class error, of string, all sign.Errors) error {
	return &sign.Error{Op: "revocation", Place: of, Class: class, Err: all, Temporary: sign.IsTemporary(all)}
}

// maxErrors bounds what is said of the values of one certificate: anybody can append thousands.
const maxErrors = 16

// noted appends an error, unless there are many already and it is of a check that failed before.
func noted(errs sign.Errors, err error) sign.Errors {
	if len(errs) >= maxErrors {
		if c, ok := errors.AsType[Check](err); !ok || errors.Is(errs, c) {
			return errs
		}
	}
	return append(errs, err)
}

// only reports whether a check is all that failed.
func only(err error, c Check) bool {
	if all, ok := errors.AsType[sign.Errors](err); ok {
		for _, e := range all {
			if !only(e, c) {
				return false
			}
		}
		return len(all) != 0
	}
	return errors.Is(err, c)
}
