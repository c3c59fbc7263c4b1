package cades

import (
	"cmp"
	"errors"

	"github.com/seed-116355fd/signet/sign"
)

// octets are those of a message that may come beside an error.
func octets(m *Message, err error) ([]byte, error) {
	if m == nil {
		return nil, err
	}
	ber, unread := m.in.Octets.Bytes()
	if unread != nil {
		return nil, cmp.Or(err, unread)
	}
	return ber, err
}

// result is the message as it has become, and what it has reached when there is an error.
func (e *extension) result(before *Message, err error) (*Message, error) {
	switch {
	case err == nil:
		return e.m, nil
	case e.m == before:
		return nil, err
	}
	lowest := e.at(e.which[0]).Level()
	for _, p := range e.which[1:] {
		if l := e.at(p).Level(); lowest.AtLeast(l) {
			lowest = l
		}
	}
	return e.m, withReached(err, lowest)
}

// withReached says in an error what level there is all the same. Errors may be shared by many, and are not modified.
func withReached(err error, l Level) error {
	e, ok := err.(*sign.Error)
	if !ok {
		return &sign.Error{Op: "cades: extend", Err: err, Temporary: sign.IsTemporary(err), Reached: l.String()}
	}
	copied := *e
	copied.Reached = l.String()
	return &copied
}

// Reached is the level of the container that comes beside an error, or would: a signature that is good, and has not become what was asked
// for. It is false when the error does not say so, and there is no signature then, or nothing new on it.
func Reached(err error) (Level, bool) {
	e, ok := errors.AsType[*sign.Error](err)
	if !ok {
		return 0, false
	}
	if e.Reached != "" {
		l, err := ParseLevel(e.Reached)
		return l, err == nil
	}
	for _, cause := range e.Unwrap() {
		if l, ok := Reached(cause); ok {
			return l, true
		}
	}
	return 0, false
}
