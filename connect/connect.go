// Package connect says how authorities are reached: by which proxy, with which certificates, and as whom. The clients of time-stamps
// and of revocation take the same [Options], for all their authorities or for one.
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// Options are those of connections to an authority. The zero value is how everybody is reached.
type Options struct {
	// HTTP makes the requests and takes the place of Proxy, Roots and Certificates. The caller's stays as it is: redirects to another
	// server are refused in a copy.
	HTTP *http.Client
	// Proxy is an http, https or socks5 URL, which may hold a user and a password; nil leaves it to the client.
	Proxy *url.URL
	// Roots are the authorities of certificates of servers (TLS); nil means those of the system. They say nothing of signatures.
	Roots *x509.CertPool
	// Certificates are shown to servers that ask who connects (TLS).
	Certificates []tls.Certificate
	// User and Password are sent by HTTP basic authentication when User is set.
	User     string
	Password sign.Secret
	// Header is sent with each request: a key of the service, for one.
	Header http.Header
}

// Check says what is wrong with the options.
func (o *Options) Check() error {
	switch {
	case o.HTTP != nil && (o.Proxy != nil || o.Roots != nil || len(o.Certificates) != 0):
		return errors.New("a client for HTTP has its own proxy, roots and certificates; give them to it, or leave it out")
	case o.Proxy != nil && (o.Proxy.Host == "" || o.Proxy.Scheme != "http" && o.Proxy.Scheme != "https" && o.Proxy.Scheme != "socks5"):
		return errors.New("the proxy is a URL that begins with http://, https:// or socks5://")
	case o.User == "" && o.Password.Len() != 0:
		return errors.New("there is a password, and no user")
	case strings.ContainsRune(o.User, ':'):
		return errors.New("the user of HTTP basic authentication has no colon")
	}
	return nil
}

// Secret reports whether requests say who makes them, so that they are for one server only.
func (o *Options) Secret() bool {
	return o.User != "" || len(o.Header) != 0 || len(o.Certificates) != 0
}

// IsZero reports whether nothing is set.
func (o *Options) IsZero() bool {
	return o.HTTP == nil && o.Proxy == nil && o.Roots == nil && !o.Secret()
}

// Over returns the options with those of one authority in the place of what they set. HTTP, Proxy, Roots and Certificates go
// together: who sets one of them sets them all.
func (o Options) Over(one Options) Options {
	if one.HTTP != nil || one.Proxy != nil || one.Roots != nil || len(one.Certificates) != 0 {
		o.HTTP, o.Proxy, o.Roots, o.Certificates = one.HTTP, one.Proxy, one.Roots, one.Certificates
	}
	if one.User != "" {
		o.User, o.Password = one.User, one.Password
	}
	if len(one.Header) != 0 {
		o.Header = one.Header
	}
	return o
}

// Transport puts proxy, roots and certificates into a transport.
func (o *Options) Transport(t *http.Transport) {
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	if o.Roots != nil || len(o.Certificates) != 0 {
		t.TLSClientConfig = &tls.Config{RootCAs: o.Roots, Certificates: o.Certificates, MinVersion: tls.VersionTLS12}
	}
}

// Authorize puts header, user and password into a request.
func (o *Options) Authorize(r *http.Request) {
	for name, values := range o.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if o.User != "" {
		r.SetBasicAuth(o.User, string(o.Password.Bytes()))
	}
}

// Certificate makes of a key and its certificate what is shown to servers that ask who connects: of a file, also one with a password, or of
// a token. The provider stays open as long as there are connections.
func Certificate(ctx context.Context, p sign.Provider, ref sign.Ref) (tls.Certificate, error) {
	key, err := p.Key(ctx, ref)
	if err != nil {
		return tls.Certificate{}, err
	}
	chain, err := sign.Chain(ctx, p, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if len(chain) == 0 {
		return tls.Certificate{}, &sign.Error{Op: "connect: certificate", Place: ref.String(), Class: sign.ErrNoCertificate, Hint: "a server is shown the certificate of a key; put it beside the key"}
	}
	made := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		made.Certificate = append(made.Certificate, c.Raw)
	}
	return made, nil
}

// SameServer reports whether a redirect stays at the server, or goes to it by https. The one who answers for an authority, or who sits
// in between, must not have what Authorize puts in sent to a server of his choice, nor in the clear.
func SameServer(from, to *url.URL) bool {
	if from.Scheme == to.Scheme {
		return strings.EqualFold(from.Host, to.Host)
	}
	return to.Scheme == "https" && from.Port() == "" && to.Port() == "" && strings.EqualFold(from.Hostname(), to.Hostname())
}

// Elsewhere is the error of a redirect to another server.
func Elsewhere(to *url.URL) error {
	return fmt.Errorf("it redirects to %.100s, which the credentials are not for; if it has moved, configure its new address", to.Host)
}
