// Package notify tells a person the code of an operation: by the gateway of a telephone company, by mail, on the terminal,
// or by a function of the caller.
package notify

import (
	"context"
	"errors"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// Message is what a person is told.
type Message struct {
	To       string      // telephone number, or address of mail
	Code     sign.Secret // empty when it is confirmed elsewhere
	Title    string      // of the operation
	Files    int
	Digest   string    // common digest of the files, hexadecimal; its beginning is enough for a message of a telephone
	Expires  time.Time // of the code
	Link     string    // of the page of the operation; may be empty
	Language string    // "en" (when empty) or "ru"
}

// Notifier sends a message. An error says that it was not sent; it never has the code in it. It is safe for concurrent use.
type Notifier interface {
	Notify(ctx context.Context, m *Message) error
}

// Func is a Notifier.
type Func func(ctx context.Context, m *Message) error

// Notify calls f.
func (f Func) Notify(ctx context.Context, m *Message) error { return f(ctx, m) }

// ErrUnknown is in an error when it is not known whether the message went out: it was handed over, and the answer was lost.
// Who sends it again may have two messages reach the person.
var ErrUnknown = errors.New("it is not known whether the message went out")
