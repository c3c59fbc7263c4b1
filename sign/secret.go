package sign

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a PIN, password or code. However it is printed, logged or marshalled, it says [redacted]. The zero value is the empty one;
// copies share their bytes, so that [Secret.Wipe] of one wipes all.
type Secret struct {
	// A function, since printers do not look into one: fmt calls no method for %p, nor for a Secret in an unexported
	// field, and would show bytes.
	b func() []byte
}

// NewSecret takes the bytes over; they are overwritten by [Secret.Wipe].
func NewSecret(b []byte) Secret { return Secret{func() []byte { return b }} }

// Bytes returns the secret itself. The slice is shared with the Secret.
func (s Secret) Bytes() []byte {
	if s.b == nil {
		return nil
	}
	return s.b()
}

// Len returns the number of bytes.
func (s Secret) Len() int { return len(s.Bytes()) }

// Wipe overwrites the secret with zeros.
func (s Secret) Wipe() { clear(s.Bytes()) }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes "[redacted]" for every verb; without it %d would print the bytes.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
