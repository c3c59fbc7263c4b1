package sign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Classes of errors, for errors.Is. The error itself is an [*Error] that says what failed where.
var (
	ErrKeyNotFound  = errors.New("no such key")
	ErrKeyAmbiguous = errors.New("more than one key matches")
	ErrKeyMismatch  = errors.New("the key is not the one of the certificate")
	ErrPIN          = errors.New("the PIN or password was refused")
	ErrUnavailable  = errors.New("the key cannot be used now")
	ErrUnsupported  = errors.New("not supported")
	ErrInput        = errors.New("invalid input")
	// ErrNoCertificate is of a key that is there, and has no certificate to sign with.
	ErrNoCertificate = errors.New("the key has no certificate")
	// ErrAuthority is of what others failed to give beside the signature: time-stamps, the state of certificates, their issuers. The
	// signature itself is good.
	ErrAuthority = errors.New("an authority did not give what was asked of it")
)

// AuthorityState is what a client knows of an authority that it asks, for metrics.
type AuthorityState struct {
	Place    string    // its URL without credentials and query, or the scheme and host of it
	Resting  bool      // it did not answer, and is not asked before Until; then one request is made to see whether it does
	Until    time.Time // zero when it does not rest
	Failures int       // requests in a row that had no answer
	Err      error     // of the last one; nil when it was answered
}

// Error says what failed, where, why, and what to do about it. It never holds a secret.
type Error struct {
	Op    string // what was being done, beginning with the package: "soft: open"
	Place string // where: a file, a token, a key; may be empty
	Class error  // one of the Err values above, or nil
	Err   error  // the cause, or nil
	Hint  string // what to do, or empty

	// Temporary says that the same call may work later, as when a token is being plugged in again. A temporary error
	// belongs to the item that met it and does not stop a batch.
	Temporary bool
}

// Error is one sentence: operation, place, class, cause, hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Place != "" {
		b.WriteByte(' ')
		b.WriteString(e.Place)
	}
	if e.Class != nil {
		b.WriteString(": ")
		b.WriteString(e.Class.Error())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As the class and the cause.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Class != nil {
		errs = append(errs, e.Class)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// IsTemporary reports whether an error says that the same call may work in a moment. Two kinds of errors say something: an [*Error] by
// its field, and any with the method Temporary() bool, as those of package net have it. The outermost that says something is
// believed; among several that are joined, one is enough. Plain errors say nothing and are not temporary.
func IsTemporary(err error) bool {
	for err != nil {
		switch e := err.(type) {
		case *Error:
			return e.Temporary
		case interface{ Temporary() bool }:
			return e.Temporary()
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			return slices.ContainsFunc(e.Unwrap(), IsTemporary)
		default:
			return false
		}
	}
	return false
}

// IsKeyError reports whether err says that the key, rather than the content, is at fault, so that the next content
// would fail as well: wrong PIN, key gone, key of another certificate, scheme that the key does not do, no certificate. Temporary errors
// and the end of a context are not.
func IsKeyError(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if IsTemporary(err) {
		return false
	}
	for _, class := range []error{ErrKeyNotFound, ErrKeyAmbiguous, ErrKeyMismatch, ErrPIN, ErrUnavailable, ErrUnsupported, ErrNoCertificate} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}
