// Package reason says why a key cannot be used, as far as callers may know.
package reason

import (
	"errors"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// Of is the class of an error of a key: the error itself may name files and slots, which are the operator's affair.
func Of(err error) string {
	for _, class := range []error{sign.ErrPIN, sign.ErrKeyNotFound, sign.ErrKeyAmbiguous, sign.ErrKeyMismatch, sign.ErrNoCertificate, sign.ErrUnsupported, sign.ErrUnavailable} {
		if errors.Is(err, class) {
			return class.Error()
		}
	}
	return "its store cannot be opened"
}

// most is how many octets of an error are told: it may be of a driver or of a service far away, and stands in an answer
// and in the audit log once for each content.
const most = 2000

// Text is the text of an error, up to a bound.
func Text(err error) string {
	text := err.Error()
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " […]"
}
