package tsp

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"
)

// LogValue has time, policy, serial number, hash and authority, without the octets.
func (t *Token) LogValue() slog.Value {
	if t == nil {
		return slog.StringValue("none")
	}
	attrs := []slog.Attr{slog.String("time", t.GenTime.UTC().Format(time.RFC3339Nano)), slog.String("policy", t.Policy)}
	if t.SerialNumber != nil {
		attrs = append(attrs, slog.String("serial", t.SerialNumber.String()))
	}
	if t.in != nil { // else it was not parsed
		attrs = append(attrs, slog.String("hash", t.HashName()))
		if c := t.Certificate(); c != nil {
			attrs = append(attrs, slog.String("authority", c.Subject.String()))
		}
	}
	return slog.GroupValue(attrs...)
}

// String is the URL without credentials and query, and what else is set.
func (e Endpoint) String() string {
	text := "an address that cannot be read"
	if u, err := url.Parse(e.URL); err == nil {
		text = place(u)
	}
	if e.Policy != "" {
		text += ", policy " + e.Policy
	}
	if e.Timeout != 0 {
		text += ", time-out " + e.Timeout.String()
	}
	return text + " (" + e.Connect.String() + ")"
}

// Format is String for every verb: by itself %+v would print the credentials in the URL.
func (e Endpoint) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// LogValue is String.
func (e Endpoint) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalText is String.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
