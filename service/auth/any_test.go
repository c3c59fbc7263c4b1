package auth_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
)

func says(p *auth.Principal, err error) auth.Authenticator {
	return auth.Func(func(*http.Request) (*auth.Principal, error) { return p, err })
}

func TestAny(t *testing.T) {
	a, b := &auth.Principal{Name: "a"}, &auth.Principal{Name: "b"}
	none := says(nil, fmt.Errorf("%w: of no such kind", auth.ErrNone))
	down := errors.New("the issuer is down")
	never := auth.Func(func(*http.Request) (*auth.Principal, error) { panic("must not be asked") })
	for name, c := range map[string]struct {
		all  []auth.Authenticator
		r    *http.Request
		want *auth.Principal
		err  error
	}{
		"nobody":                      {nil, request(), nil, auth.ErrNone},
		"nobody, with credentials":    {nil, request("Bearer x"), nil, auth.ErrRefused},
		"first":                       {[]auth.Authenticator{says(a, nil), never}, request(), a, nil},
		"second":                      {[]auth.Authenticator{none, says(b, nil)}, request(), b, nil},
		"refused is refused":          {[]auth.Authenticator{says(nil, auth.ErrRefused), never}, request("Bearer x"), nil, auth.ErrRefused},
		"cannot be found out":         {[]auth.Authenticator{says(nil, down), never}, request("Bearer x"), nil, down},
		"nobody takes it":             {[]auth.Authenticator{none, none}, request("Basic eA=="), nil, auth.ErrRefused},
		"none shown":                  {[]auth.Authenticator{none, none}, request(), nil, auth.ErrNone},
		"several headers":             {[]auth.Authenticator{never}, request("Bearer x", "Bearer x"), nil, auth.ErrRefused},
		"neither principal nor error": {[]auth.Authenticator{says(nil, nil), says(b, nil)}, request(), b, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := auth.Any(c.all...).Authenticate(c.r)
			require.Equal(t, c.want, p)
			require.ErrorIs(t, err, c.err)
		})
	}
}

func TestPrincipal(t *testing.T) {
	var nobody *auth.Principal
	require.False(t, nobody.MayUse("x") || nobody.MayCall("x"))
	zero := &auth.Principal{}
	require.False(t, zero.MayUse("") || zero.MayCall("") || zero.MayUse("*"))
}

func TestInContext(t *testing.T) {
	p := &auth.Principal{Name: "a"}
	r := request()
	_, err := auth.InContext().Authenticate(r)
	require.ErrorIs(t, err, auth.ErrNone)
	got, err := auth.InContext().Authenticate(r.WithContext(auth.NewContext(r.Context(), p)))
	require.NoError(t, err)
	require.Same(t, p, got)
	_, ok := auth.FromContext(auth.NewContext(r.Context(), nil))
	require.False(t, ok)
	_, err = auth.InContext().Authenticate(r.WithContext(auth.NewContext(r.Context(), nil)))
	require.ErrorIs(t, err, auth.ErrNone)
}

// TestCertificates talks TLS: what a server has not verified does not count.
func TestCertificates(t *testing.T) {
	pki, strangers := testpki.New(t), testpki.New(t)
	leaf := func(p *testpki.PKI, name string, bend ...func(*x509.Certificate)) testpki.Identity {
		key := testpki.NewKey(t, testpki.P256)
		bend = append(bend, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
		return p.LeafOf(key, name, bend...)
	}
	uri, err := url.Parse("spiffe://example.org/billing")
	require.NoError(t, err)
	byName := leaf(pki, "billing")
	byHash := leaf(pki, "")
	byDNS := leaf(pki, "x", func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "billing.example"} })
	byURI := leaf(pki, "y", func(c *x509.Certificate) { c.URIs = []*url.URL{uri} })
	two := leaf(pki, "ops", func(c *x509.Certificate) { c.DNSNames = []string{"ops.example"} })
	half := leaf(pki, "ops")
	expires := leaf(pki, "short", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) })
	unknown := leaf(pki, "Billing")
	dotted := leaf(pki, "z", func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} })
	foreign := leaf(strangers, "billing")
	now := newClock()
	now.now = time.Now()
	a, err := auth.Certificates([]auth.CertificateRule{
		{CommonName: "billing", Name: "Billing", Keys: []string{"seal"}, Endpoints: []string{"sign"}},
		{SHA256: strings.ToUpper(sum256(byHash.Certificate())[:8]) + ":" + sum256(byHash.Certificate())[8:], Endpoints: []string{"verify"}},
		{DNS: "billing.example", Name: "dns"},
		{URI: uri.String(), Name: "uri"},
		{CommonName: "ops", DNS: "ops.example"},
		{CommonName: "short"},
	}, &auth.CertificatesOptions{Clock: now.Now})
	require.NoError(t, err)

	type result struct {
		p   *auth.Principal
		err error
	}
	results := make(chan result, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, err := a.Authenticate(r)
		results <- result{p, err}
	}))
	server.TLS = &tls.Config{ClientCAs: pki.Pool(), ClientAuth: tls.VerifyClientCertIfGiven}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	lax := httptest.NewUnstartedServer(server.Config.Handler)
	lax.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // takes any certificate, and verifies none
	lax.StartTLS()
	defer lax.Close()
	call := func(server *httptest.Server, id *testpki.Identity, headers ...string) (result, error) {
		config := &tls.Config{InsecureSkipVerify: true}
		if id != nil {
			certificate := tls.Certificate{PrivateKey: id.Key}
			for _, c := range id.Chain {
				certificate.Certificate = append(certificate.Certificate, c.Raw)
			}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
		}
		transport := &http.Transport{TLSClientConfig: config}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequest(http.MethodGet, server.URL, http.NoBody)
		require.NoError(t, err)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			return result{}, err
		}
		_ = answer.Body.Close()
		return <-results, nil
	}
	for name, c := range map[string]struct {
		id   testpki.Identity
		want string
	}{
		"common name": {byName, "Billing"}, "hash": {byHash, sum256(byHash.Certificate())}, "DNS": {byDNS, "dns"}, "URI": {byURI, "uri"}, "both": {two, "ops"}, "valid": {expires, "short"},
	} {
		got, err := call(server, &c.id)
		require.NoError(t, err, name)
		require.NoError(t, got.err, name)
		require.Equal(t, c.want, got.p.Name)
	}
	got, err := call(server, &byName)
	require.NoError(t, err)
	require.True(t, got.p.MayUse("seal") && got.p.MayCall("sign"))
	require.False(t, got.p.MayUse("x") || got.p.MayCall("verify"))

	for name, id := range map[string]*testpki.Identity{"another case": &unknown, "half of a rule": &half, "a wildcard": &dotted, "none": nil} {
		got, err := call(server, id)
		require.NoError(t, err, name)
		require.ErrorIs(t, got.err, auth.ErrNone, name)
		require.Nil(t, got.p)
	}
	_, err = call(server, &foreign)
	require.Error(t, err, "TLS refuses it")
	got, err = call(lax, &byName)
	require.NoError(t, err)
	require.ErrorIs(t, got.err, auth.ErrNone, "nobody has verified it")
	escaped := url.QueryEscape(string(testpki.CertPEM(byName.Certificate())))
	for _, header := range []string{"X-Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "Client-Cert", "Ssl-Client-Subject-Dn"} {
		got, err = call(server, nil, header, escaped)
		require.NoError(t, err)
		require.ErrorIs(t, got.err, auth.ErrNone, header)
	}
	now.pass(2 * time.Hour) // the connection, or the session, is older than that
	got, err = call(server, &expires)
	require.NoError(t, err)
	require.ErrorIs(t, got.err, auth.ErrRefused)

	for says, rules := range map[string][]auth.CertificateRule{
		"let every certificate in": {{Name: "x", Keys: []string{"*"}}}, "64 hexadecimal digits": {{SHA256: "12"}}, "no rule": nil,
	} {
		_, err := auth.Certificates(rules, nil)
		require.ErrorContains(t, err, says)
	}
}

// TestTogether: a token that is wrong is not made good by a certificate that stands behind it.
func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	text, _ := newToken(t, path, auth.Token{})
	tokens, err := auth.OpenTokens(path, nil)
	require.NoError(t, err)
	all := auth.Any(tokens, says(&auth.Principal{Name: "certificate"}, nil))
	p, err := all.Authenticate(request("Bearer " + text))
	require.NoError(t, err)
	require.Equal(t, "billing", p.Name)
	p, err = all.Authenticate(request())
	require.NoError(t, err)
	require.Equal(t, "certificate", p.Name)
	_, err = all.Authenticate(request("Bearer " + text[:len(text)-1] + "x"))
	require.ErrorIs(t, err, auth.ErrRefused)
}

func sum256(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
