// Package api is the service's own API, for what the existing one cannot do: contents without end in both directions,
// digests instead of contents, a level for each item, raising and verifying.
package api

import (
	"crypto/x509"
	"net/http"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
)

// Config says what the API works with. Keys and Gate are needed.
type Config struct {
	Keys *keys.Set
	Gate *gate.Gate
	// Roots are what POST /v1/verify trusts; nil leaves chains unchecked, and the answers say so.
	Roots *x509.CertPool
}

// New returns the handler of all methods below /v1/.
func New(c Config) (http.Handler, error) { return http.NotFoundHandler(), nil }

// handler has the methods of the API, each of the form that gate.Handle takes.
type handler struct{ Config }
