package connect

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// String says what is set, by name: the values may be secrets.
func (o Options) String() string {
	var parts []string
	add := func(set bool, text string) {
		if set {
			parts = append(parts, text)
		}
	}
	add(o.HTTP != nil, "a client for HTTP")
	if o.Proxy != nil {
		add(true, fmt.Sprintf("proxy %.100q", o.Proxy.Scheme+"://"+o.Proxy.Host))
	}
	add(o.Roots != nil, "roots")
	add(len(o.Certificates) != 0, fmt.Sprintf("client certificates: %d", len(o.Certificates)))
	add(o.User != "", fmt.Sprintf("user %.100q", o.User))
	add(o.Password.Len() != 0, "a password")
	names := make([]string, 0, len(o.Header))
	for name := range o.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	add(len(names) != 0, "headers: "+strings.Join(names, ", "))
	if len(parts) == 0 {
		return "nothing set"
	}
	return strings.Join(parts, "; ")
}

// Format is String for every verb: by itself %+v would print headers, the password of the proxy, and more.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue is String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText is String, so that JSON has no private key of a client certificate in it.
func (o Options) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
