// Package reason says why a key cannot be used, as far as callers may know.
package reason

import (
	"errors"

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
