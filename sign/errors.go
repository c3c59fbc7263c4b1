package sign

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Classes of errors, for errors.Is: what went wrong, for programs. An error of any package of this module is an [*Error], which says what
// failed where, and has one of these, or a narrower one that unwraps to it: tsp.Check, revocation.Check, validate.Cause.
//
// Of the key, or of the call:
var (
	ErrKeyNotFound  = errors.New("no such key")
	ErrKeyAmbiguous = errors.New("more than one key matches")
	ErrKeyMismatch  = errors.New("the key is not the one of the certificate")
	ErrPIN          = errors.New("the PIN or password was refused")
	ErrUnavailable  = errors.New("the key cannot be used now")
	ErrUnsupported  = errors.New("not supported")
	// ErrInput is of a call that nobody could answer: options that exclude each other, octets that are not what they should be, a
	// signature that was not made over this content.
	ErrInput = errors.New("invalid input")
	// ErrNoCertificate is of a key that is there, and has no certificate to sign with.
	ErrNoCertificate = errors.New("the key has no certificate")
)

// Classes of what others say or do not say about certificates. An error may be of several: a server that did not answer is ErrAuthority,
// and the certificate whose state was asked for is ErrRevocation.
var (
	// ErrAuthority is of what others failed to give beside the signature: time-stamps, the state of certificates, their issuers. The
	// signature itself is good.
	ErrAuthority = errors.New("an authority did not give what was asked of it")
	// ErrTrust is of what comes from nobody who is trusted: no path leads to a given root, the certificate is not there or not for this
	// use, its key did not make the signature, or an algorithm or a rule of the verifier does not let it count.
	ErrTrust = errors.New("not to be trusted")
	// ErrTime is of what is not valid at the time for which it would count: a certificate that expired or is not valid yet, a time-stamp
	// that is far from the clock here, revocation values that are stale.
	ErrTime = errors.New("not valid at that time")
	// ErrRevocation is of a certificate that was revoked, or of which it is not known whether it was.
	ErrRevocation = errors.New("revoked, or its state is not known")
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
	Op    string // what was being done, beginning with the package: "soft: open", or the package alone
	Place string // where: a file, a token, a key, a URL without credentials and query, a certificate; may be empty
	Class error  // one of the Err values above, a narrower class of a package, or nil
	Err   error  // the cause, or nil; [Errors] when there are several
	Hint  string // what to do, or empty

	// Temporary says that the same call may work later, as when a token is being plugged in again. A temporary error
	// belongs to the item that met it and does not stop a batch.
	Temporary bool

	// Reached is the level that a signature has all the same when a higher one failed, as cades.Level spells it: "CAdES-BES".
	// Calls that return a container return it at that level beside the error; cades.Reached reads this. Empty says that there is
	// no signature, or nothing new on it.
	Reached string
}

// Error is one sentence on one line: operation, place, class, cause, hint. The class is left out where there are several causes, each of
// which says what it is.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Place != "" {
		if !strings.Contains(e.Op, ":") {
			b.WriteByte(':')
		}
		b.WriteByte(' ')
		b.WriteString(e.Place)
	}
	_, several := e.Err.(Errors)
	if e.Class != nil && !several {
		b.WriteString(": ")
		b.WriteString(e.Class.Error())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.cause())
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// cause is the text of the cause. The package is not said again, and what others wrote on several lines is on one.
func (e *Error) cause() string {
	pkg, _, _ := strings.Cut(e.Op, ":")
	pkg += ": "
	switch cause := e.Err.(type) {
	case *Error:
		return strings.TrimPrefix(cause.Error(), pkg)
	case Errors:
		return cause.text(pkg)
	}
	text := e.Err.Error()
	if strings.ContainsAny(text, "\r\n") {
		lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		text = strings.Join(lines, "; ")
	}
	return text
}

// LogValue is a group of what is set: op, place, class, error (the cause), hint, temporary, reached. Where the class is empty it is that of
// the next cause that has one.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	var all []slog.Attr
	add := func(key, text string) {
		if text != "" {
			all = append(all, slog.String(key, text))
		}
	}
	add("op", e.Op)
	add("place", e.Place)
	add("class", e.class())
	if e.Err != nil {
		add("error", e.cause())
	}
	add("hint", e.Hint)
	if e.Temporary {
		all = append(all, slog.Bool("temporary", true))
	}
	add("reached", e.Reached)
	return slog.GroupValue(all...)
}

func (e *Error) class() string {
	if e.Class != nil {
		return e.Class.Error()
	}
	if cause, ok := errors.AsType[*Error](e.Err); ok {
		return cause.class()
	}
	return ""
}

// Errors are several causes of one [Error], in the order in which they came: why each authority gave no time-stamp, what is wrong
// with each value. errors.AsType[sign.Errors] finds them in an error.
type Errors []error

// Error is one sentence that names all.
func (all Errors) Error() string { return all.text("") }

func (all Errors) text(pkg string) string {
	texts := make([]string, len(all))
	for i, err := range all {
		texts[i] = (&Error{Op: strings.TrimSuffix(pkg, ": "), Err: err}).cause()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives errors.Is and errors.As each.
func (all Errors) Unwrap() []error { return all }

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
