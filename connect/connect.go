// Package connect says how authorities are reached: by which proxy, with which certificates, and as whom. The clients of time-stamps
// and of revocation take the same [Options], for all their authorities or for one:
//
//	proxy := connect.Options{Proxy: proxyURL}
//	account := connect.Options{User: "seal", Password: password}
//	stamper, err := tsp.NewClient(tsp.Config{Connect: proxy, Endpoints: []tsp.Endpoint{{URL: "https://tsa.example/tsr", Connect: account}}})
//	source, err := revocation.NewClient(revocation.Config{Connect: proxy})
//
// What one authority sets takes the place of what all have. HTTP, Proxy, Roots and Certificates go together there: who sets one of them
// sets them all. What says who asks (Certificates, User, Password, Header) is sent to no other server, whatever redirects say.
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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

// Check says what is wrong with the options: an error of class [sign.ErrInput]. The clients do it, too; this is for telling early.
func (o *Options) Check() error {
	wrong := func(hint string) error {
		return &sign.Error{Op: "connect: options", Class: sign.ErrInput, Hint: hint}
	}
	switch {
	case o.HTTP != nil && (o.Proxy != nil || o.Roots != nil || len(o.Certificates) != 0):
		return wrong("a client for HTTP has its own proxy, roots and certificates; give them to it, or leave it out")
	case o.Proxy != nil && (o.Proxy.Host == "" || o.Proxy.Scheme != "http" && o.Proxy.Scheme != "https" && o.Proxy.Scheme != "socks5"):
		return wrong("the proxy is a URL that begins with http://, https:// or socks5://")
	case o.User == "" && o.Password.Len() != 0:
		return wrong("there is a password, and no user")
	case strings.ContainsRune(o.User, ':'):
		return wrong("the user of HTTP basic authentication has no colon")
	}
	return nil
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
