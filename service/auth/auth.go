// Package auth says who calls a service, and what they may do.
//
// An [Authenticator] finds the [Principal] of a request. There are ready ones for bearer tokens in a file ([Tokens]),
// access tokens of OpenID Connect (package auth/oidc) and client certificates ([Certificates]); [Any] asks several; a program with
// an authentication of its own brings a [Func].
package auth

import (
	"errors"
	"net/http"
	"slices"
)

// Errors of an [Authenticator].
var (
	// ErrNone is of a request that shows no credentials of this kind.
	ErrNone = errors.New("no credentials")
	// ErrRefused is of credentials that are wrong, expired or revoked.
	ErrRefused = errors.New("the credentials were refused")
)

// Principal is who calls. The zero value may do nothing; to sign, it needs both keys and endpoints.
type Principal struct {
	Name string // for logs and the audit log
	// Keys are the names of the keys that it may sign with; "*" means all.
	Keys []string
	// Endpoints are what it may call: "sign", "certificates", "metadata", "validate", "extend", "verify", "keys", "cloudsign", "shelf", "receipts", "operations"; "*"
	// means all but "operations", which shows those of all callers.
	Endpoints []string
}

// MayUse reports whether the principal may sign with the key of this name. Nil may use nothing.
func (p *Principal) MayUse(key string) bool {
	return p != nil && (slices.Contains(p.Keys, "*") || slices.Contains(p.Keys, key))
}

// MayCall reports whether the principal may call the endpoint. Nil may call nothing. "*" is what tokens have when nothing is
// said, and must not let one caller see and cancel what others do.
func (p *Principal) MayCall(endpoint string) bool {
	return p != nil && (slices.Contains(p.Endpoints, endpoint) || endpoint != "operations" && slices.Contains(p.Endpoints, "*"))
}

// Authenticator finds out who sends a request. The error is ErrNone, ErrRefused (both perhaps wrapped), or one that says
// why it could not be found out now. It is safe for concurrent use, and does not read the body.
type Authenticator interface {
	Authenticate(r *http.Request) (*Principal, error)
}

// Func is an [Authenticator] as a function.
type Func func(r *http.Request) (*Principal, error)

// Authenticate calls the function.
func (f Func) Authenticate(r *http.Request) (*Principal, error) { return f(r) }
