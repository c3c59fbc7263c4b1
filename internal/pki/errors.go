package pki

import (
	"fmt"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Reason says to a program why there is no path. The zero Reason is none.
type Reason int

// The reasons. Certificate of the [Error] is the one that each is about.
const (
	_                        Reason = iota
	NoIssuer                        // nobody of the name of its issuer is known
	NotTrusted                      // it is self-signed, and no anchor
	WrongSignature                  // it was not signed by any certificate of the name of its issuer
	UnsupportedAlgorithm            // its signature cannot be checked here
	ForbiddenAlgorithm              // the rule for algorithms refuses its signature
	Expired                         // its validity is over
	NotYetValid                     // its validity has not begun
	NamesDoNotChain                 // its issuer is named otherwise than it says
	NotAnAuthority                  // it issued another one and may not: no basicConstraints with cA
	PathTooLong                     // more certificates follow than its issuers, or the limits here, allow
	WrongKeyUsage                   // its keyUsage does not allow what it is used for
	WrongExtKeyUsage                // its extKeyUsage does not
	OutsideNameConstraints          // it has a name that an issuer may not give
	PolicyNotMet                    // no policy is valid for the path, and one has to be
	UnknownCriticalExtension        // it has a critical extension that is not understood
	Malformed                       // it breaks the standard where the path needs it
	Refused                         // Verifier.Accept refused the path
	OutOfBudget                     // the work for the message is used up; the certificate may be good
)

var reasonNames = [...]string{"", "no issuer", "not trusted", "wrong signature", "unsupported algorithm", "forbidden algorithm",
	"expired", "not yet valid", "names do not chain", "not an authority", "path too long", "wrong key usage",
	"wrong extended key usage", "outside of name constraints", "policy not met", "unknown critical extension", "malformed",
	"refused", "out of budget"}

// String is a short name that stays the same.
func (r Reason) String() string {
	if r > 0 && int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", int(r))
}

// Error says why there is no path.
type Error struct {
	Reason      Reason
	Certificate *Certificate   // the one it is about; nil when that is an anchor without a certificate
	Path        []*Certificate // from the target upwards, as far as it led, the anchor's certificate left out
	Extension   cms.OID        // of WrongKeyUsage, WrongExtKeyUsage, UnknownCriticalExtension, Malformed: the extension, or empty
	Text        string         // one sentence
	Err         error          // the cause, if another package found it
}

// Error is one sentence, which names the certificate.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail is an [Error] about a certificate; format continues the sentence that begins with its name.
func fail(reason Reason, c *Certificate, format string, args ...any) *Error {
	return &Error{Reason: reason, Certificate: c, Text: c.who() + " " + fmt.Sprintf(format, args...)}
}

func (e *Error) about(extension cms.OID) *Error {
	e.Extension = extension
	return e
}

func (e *Error) because(err error) *Error {
	e.Err = err
	return e
}
