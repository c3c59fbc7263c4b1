package cloudsign

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// caller reads Authorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=T as well, for an authenticator of bearer tokens.
type caller struct{ auth.Authenticator }

// Authenticate hands the token on as Authorization: Bearer, in a copy of the request: what comes behind sees what was sent.
func (a caller) Authenticate(r *http.Request) (*auth.Principal, error) {
	if all := r.Header.Values("Authorization"); len(all) == 1 {
		if token, ok := diadocAuth(all[0]); ok {
			copied := *r
			copied.Header = r.Header.Clone()
			copied.Header.Set("Authorization", "Bearer "+token)
			return a.Authenticator.Authenticate(&copied)
		}
	}
	return a.Authenticator.Authenticate(r)
}

// diadocAuth returns the token of an Authorization of this scheme. One without a token gives an empty one, which is refused.
func diadocAuth(header string) (token string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.Trim(header, " \t"), " ")
	if !strings.EqualFold(scheme, "DiadocAuth") {
		return "", false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.Trim(name, " \t"), "ddauth_token") {
			return strings.Trim(value, " \t"), true
		}
	}
	return "", true
}

// profile finds out how the caller confirms.
func (a *api) profile(c *gate.Call) (Profile, error) {
	p, err := a.Caller(c.Context(), c.Principal.Name)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, ErrUnknown):
		return p, because(err, http.StatusForbidden, accessDenied, "it is not known here how %s confirms; the operator can enter it", c.Principal.Name)
	case c.Context().Err() != nil:
		return p, context.Cause(c.Context())
	}
	e := because(err, http.StatusServiceUnavailable, "", "it cannot be found out now how you confirm; try again in a moment")
	e.RetryAfter = 5 * time.Second
	return p, e
}

// allowed says which keys the caller may use.
func allowed(c *gate.Call, p *Profile) func(name string) bool {
	return func(name string) bool {
		return c.Principal.MayUse(name) && (p.Keys == nil || slices.Contains(p.Keys, name))
	}
}

// standard is the name of the key of a caller who names no certificate, or "" when there is no such key.
func (a *api) standard(c *gate.Call, p *Profile) string {
	names := a.Keys.Names(allowed(c, p))
	switch {
	case p.Key != "" && slices.Contains(names, p.Key):
		return p.Key
	case p.Key == "" && len(names) == 1:
		return names[0]
	}
	return ""
}

// key returns the name of the key of a certificate, or that of the caller when none is named. A key that is not there and one
// that the caller may not use give the same error, of the status that the method has for it.
func (a *api) key(c *gate.Call, p *Profile, thumbprint string, status int) (string, error) {
	if thumbprint == "" {
		if name := a.standard(c, p); name != "" {
			return name, nil
		}
		if p.Key == "" && len(a.Keys.Names(allowed(c, p))) > 1 {
			return "", bad("you have more than one certificate; name one by certificateThumbprint, GET /GetMyCertificates lists them")
		}
		return "", refuse(status, noCertificate, "User has no valid cloud certificate: no key is meant for you; the operator can give you one")
	}
	lease, err := a.Keys.Acquire(c.Context(), keys.Query{Thumbprint: thumbprint, Allowed: allowed(c, p)})
	if err == nil {
		defer lease.Release()
		return lease.Name, nil
	}
	switch {
	case errors.Is(err, sign.ErrInput):
		return "", bad("certificateThumbprint is no thumbprint; it is the SHA-1 of the certificate, 40 hexadecimal digits")
	case errors.Is(err, sign.ErrKeyNotFound):
		return "", because(err, status, accessDenied, "you have no certificate of this thumbprint; GET /GetMyCertificates lists those that you have")
	}
	return "", keyError(err)
}

// method is how an operation of CloudSign is confirmed.
func (p *Profile) method(c *gate.Call) (confirm.Method, error) {
	if p.Method.Kind != confirm.Code && p.Method.Kind != confirm.TOTP {
		return confirm.Method{}, refuse(http.StatusForbidden, accessDenied, "%s cannot confirm by a code: no telephone or authenticator is known; the operator can enter one, or use DssSign", c.Principal.Name)
	}
	return p.Method, nil
}

// approval is how one of DssSign is.
func (p *Profile) approval() confirm.Method {
	m := p.Approval
	if m == (confirm.Method{}) {
		m = p.Method
	}
	m.Kind, m.Secret = confirm.Elsewhere, ""
	return m
}
