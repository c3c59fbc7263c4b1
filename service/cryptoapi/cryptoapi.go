// Package cryptoapi is the API of an existing signing service: batches by POST /v2/sign, lists of certificates, validation.
// A client that was written for that service works with this one when its base address is changed.
//
// Names of fields and of query parameters are taken in any case and unknown ones are passed over, as the existing service
// does; paths are taken in any case, with or without a slash at the end. What its documentation leaves open was chosen
// here, and stands with each method.
package cryptoapi

import (
	"errors"
	"net/http"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/route"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/trust"
)

// Config says what the API works with. Keys and Gate are needed.
type Config struct {
	Keys *keys.Set
	Gate *gate.Gate
	// Roots are what POST /v3/validate trusts; nil leaves chains unchecked, and the answers say so.
	Roots *trust.Roots
}

// New returns the handler of all methods. It is mounted at the root of a server, or below a prefix with http.StripPrefix.
func New(c Config) (http.Handler, error) {
	if c.Keys == nil {
		return nil, errors.New("cryptoapi: Config.Keys is nil; give the keys to sign with")
	}
	if c.Gate == nil {
		return nil, errors.New("cryptoapi: Config.Gate is nil; give one, it says who may call")
	}
	h := &handler{c}
	return route.Mux{Refuser: c.Gate, Table: route.Table{
		"/v2/sign":               {http.MethodPost: c.Gate.Handle("sign", h.sign)},
		"/v2/certificates":       {http.MethodGet: c.Gate.Handle("certificates", h.certificates)},
		"/certificates/metadata": {http.MethodPost: c.Gate.Handle("metadata", h.metadata)},
		"/v3/validate":           {http.MethodPost: c.Gate.Handle("validate", h.validate)},
	}}, nil
}

// handler has the methods of the API, each of the form that gate.Handle takes.
type handler struct{ Config }
