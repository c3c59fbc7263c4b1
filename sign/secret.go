package sign

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a PIN, password or code. However it is printed, logged or marshalled, it says [redacted].
type Secret struct{ b []byte }

// NewSecret takes the bytes over; they are overwritten by [Secret.Wipe].
func NewSecret(b []byte) Secret { return Secret{b} }

// Bytes returns the secret itself. The slice is shared with the Secret.
func (s Secret) Bytes() []byte { return s.b }

// Len returns the number of bytes.
func (s Secret) Len() int { return len(s.b) }

// Wipe overwrites the secret with zeros.
func (s Secret) Wipe() { clear(s.b) }

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
