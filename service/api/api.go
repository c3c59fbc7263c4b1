// Package api is the service's own API, for what the existing one cannot do: contents without end in both directions,
// digests instead of contents, a level for each item, raising and verifying.
//
// Names are in lower case, and an unknown one is an error that names the nearest one that is known.
package api

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
	// Roots are what POST /v1/verify trusts; nil leaves chains unchecked, and the answers say so.
	Roots *trust.Roots
}

// New returns the handler of all methods below /v1/.
func New(c Config) (http.Handler, error) {
	if c.Keys == nil {
		return nil, errors.New("api: Config.Keys is nil; give the keys to sign with")
	}
	if c.Gate == nil {
		return nil, errors.New("api: Config.Gate is nil; give one, it says who may call")
	}
	h := &handler{c}
	return route.Mux{Refuser: c.Gate, Table: route.Table{
		"/v1/sign":   {http.MethodPost: c.Gate.HandleStream("sign", h.sign)},
		"/v1/verify": {http.MethodPost: c.Gate.Handle("verify", h.verify)},
		"/v1/extend": {http.MethodPost: c.Gate.Handle("extend", h.extend)},
		"/v1/keys":   {http.MethodGet: c.Gate.Handle("keys", h.keys)},
	}}, nil
}

// handler has the methods of the API, each of the form that gate.Handle takes.
type handler struct{ Config }
