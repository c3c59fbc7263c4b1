package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// MaxToken is how many octets a bearer token may have.
const MaxToken = 16 << 10

// Any asks one after the other until one knows the caller. Only one that is shown no credentials of its kind lets the next
// one try: credentials that were refused are not made good by others. Credentials that none of them takes are refused.
func Any(all ...Authenticator) Authenticator { return anyOf(all) }

type anyOf []Authenticator

func (all anyOf) Authenticate(r *http.Request) (*Principal, error) {
	if err := oneHeader(r); err != nil {
		return nil, err
	}
	for _, a := range all {
		p, err := a.Authenticate(r)
		switch {
		case err == nil && p != nil:
			return p, nil
		case err != nil && !errors.Is(err, ErrNone):
			return nil, err
		}
	}
	if len(r.Header["Authorization"]) != 0 {
		return nil, fmt.Errorf("%w: they are of no kind that is taken here", ErrRefused)
	}
	return nil, ErrNone
}

// oneHeader refuses several Authorization headers: a proxy in front may have looked at another one than we would.
func oneHeader(r *http.Request) error {
	if len(r.Header["Authorization"]) > 1 {
		return fmt.Errorf("%w: there are several Authorization headers; send one", ErrRefused)
	}
	return nil
}

// Bearer returns the bearer token of a request (RFC 6750 section 2.1). The error never repeats what was sent.
func Bearer(r *http.Request) (string, error) {
	if err := oneHeader(r); err != nil {
		return "", err
	}
	scheme, token, _ := strings.Cut(strings.Trim(r.Header.Get("Authorization"), " \t"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNone
	}
	token = strings.Trim(token, " ")
	switch {
	case token == "":
		return "", fmt.Errorf("%w: there is no token behind Bearer", ErrRefused)
	case len(token) > MaxToken:
		return "", fmt.Errorf("%w: the token has more than %d octets", ErrRefused, MaxToken)
	case strings.ContainsFunc(token, notOfToken):
		return "", fmt.Errorf("%w: there is something else than one token behind Bearer", ErrRefused)
	}
	return token, nil
}

// notOfToken reports characters that are not of a b64token.
func notOfToken(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-._~+/=", r)
}

type contextKey struct{}

// NewContext returns a context with a caller in it, for a program whose own middleware has found out who calls.
func NewContext(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext returns the caller that NewContext put into a context.
func FromContext(ctx context.Context) (*Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(*Principal)
	return p, ok && p != nil
}

// InContext is an [Authenticator] that takes the caller from the context of the request, where NewContext put it.
func InContext() Authenticator {
	return Func(func(r *http.Request) (*Principal, error) {
		p, ok := FromContext(r.Context())
		if !ok {
			return nil, ErrNone
		}
		return p, nil
	})
}
