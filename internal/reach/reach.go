// Package reach does what connect.Options say, for the clients of authorities.
package reach

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/sign"
)

// Problem is the first thing that is wrong with options, as a part of a sentence, or empty.
func Problem(all ...*connect.Options) string {
	for _, o := range all {
		if e, ok := errors.AsType[*sign.Error](o.Check()); ok {
			return e.Hint
		}
	}
	return ""
}

// Secret reports whether requests say who makes them, so that they are for one server only.
func Secret(o *connect.Options) bool {
	return o.User != "" || len(o.Header) != 0 || len(o.Certificates) != 0
}

// Over returns options with those of one authority in the place of what they set. HTTP, Proxy, Roots and Certificates go
// together: who sets one of them sets them all.
func Over(o, one connect.Options) connect.Options {
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
func Transport(o *connect.Options, t *http.Transport) {
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	if o.Roots != nil || len(o.Certificates) != 0 {
		t.TLSClientConfig = &tls.Config{RootCAs: o.Roots, Certificates: o.Certificates, MinVersion: tls.VersionTLS12}
	}
}

// Authorize puts header, user and password into a request.
func Authorize(o *connect.Options, r *http.Request) {
	for name, values := range o.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if o.User != "" {
		r.SetBasicAuth(o.User, string(o.Password.Bytes()))
	}
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
