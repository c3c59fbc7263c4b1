package algorithm

import (
	"errors"
	"fmt"
)

// Reason is why a signature does not count, for programs.
type Reason int

// The reasons. Whoever tells a person about them makes a difference between what was shown to be wrong and what could not
// be checked.
const (
	WrongSignature Reason = 1 + iota // the mathematics does not come out
	Unsupported                      // not known here; the signature may be right or wrong
	Malformed                        // the key, the parameters or the value cannot be read
	KeyTooShort                      // anybody could have made the signature
	KeyMisused                       // the key is not for this scheme, or not with these parameters
	NotAllowed                       // the policy forbids the algorithm
)

// String is a word for programs: it does not change.
func (r Reason) String() string {
	switch r {
	case WrongSignature:
		return "wrong-signature"
	case Unsupported:
		return "unsupported"
	case Malformed:
		return "malformed"
	case KeyTooShort:
		return "key-too-short"
	case KeyMisused:
		return "key-misused"
	case NotAllowed:
		return "not-allowed"
	}
	return "unknown"
}

// ErrWrongSignature is an [*Error] of [WrongSignature], for errors.Is.
var ErrWrongSignature = errors.New("the signature value is not one of this key over these octets")

// Error says why a signature does not count.
type Error struct {
	Reason    Reason
	Algorithm string // what it is about: "Ed448", "brainpoolP256r1", "RSA of 512 bits"; may be empty
	What      string // one sentence
}

// Error is the sentence.
func (e *Error) Error() string { return e.What }

// Is makes a wrong signature [ErrWrongSignature].
func (e *Error) Is(target error) bool {
	return target == ErrWrongSignature && e.Reason == WrongSignature
}

func unsupported(name, format string, args ...any) error {
	return &Error{Reason: Unsupported, Algorithm: name, What: fmt.Sprintf(format, args...)}
}

func malformed(name, format string, args ...any) error {
	return &Error{Reason: Malformed, Algorithm: name, What: fmt.Sprintf(format, args...)}
}

func misused(name, format string, args ...any) error {
	return &Error{Reason: KeyMisused, Algorithm: name, What: fmt.Sprintf(format, args...)}
}

func wrong(name string) error {
	return &Error{Reason: WrongSignature, Algorithm: name, What: ErrWrongSignature.Error()}
}
