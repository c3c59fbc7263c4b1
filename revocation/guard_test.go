package revocation_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// TestPrivateAddresses shows that no request is made to them, however the URL writes them, and that one's own can be
// allowed.
func TestPrivateAddresses(t *testing.T) {
	pki := testpki.New(t)
	var asked atomic.Int32
	var leaf *x509.Certificate
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(testpki.OCSPResponse(t, leaf, pki.Authority))
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	ask := func(url string, bend ...func(*revocation.Config)) error {
		leaf = pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.OCSPServer = []string{url} }).Certificate()
		o := revocation.Config{Clock: testpki.Now, Timeout: 5 * time.Second}
		for _, b := range bend {
			b(&o)
		}
		c, err := revocation.NewClient(o)
		require.NoError(t, err)
		_, err = c.Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
		return err
	}
	for _, host := range []string{"127.0.0.1", "127.1.2.3", "localhost", "localhost.", "x.localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "[::]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[fe80::1%25eth0]",
		"[fc00::1]", "[fd12::1]", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "[ff02::1]", "240.0.0.1", "255.255.255.255", "[2001:db8::1]"} {
		require.ErrorIs(t, ask("http://"+host+":"+port+"/"), revocation.CheckAddress, host)
	}
	for _, url := range []string{"ldap://ldap.example/cn=ca", "file:///etc/passwd", "ftp://ftp.example/crl", "gopher://x/", "http:///nohost", "//x/", "javascript:1"} {
		require.ErrorIs(t, ask(url), revocation.CheckScheme, url)
	}
	require.ErrorContains(t, ask("ldap://ldap.example/cn=ca"), `"ldap"`)
	require.Zero(t, asked.Load())
	require.NoError(t, ask("http://127.0.0.1:"+port+"/", func(o *revocation.Config) { o.AllowPrivate = true }))
	require.EqualValues(t, 1, asked.Load())
}

// TestNamesOfPrivateAddresses has names that resolve to addresses inside: they are seen where the connection is made.
func TestNamesOfPrivateAddresses(t *testing.T) {
	names := []string{"localhost.localdomain", "ip6-localhost", "ip6-loopback"}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	pki := testpki.New(t)
	tried := false
	for _, name := range names {
		if hosts, err := net.LookupHost(name); err != nil || len(hosts) == 0 || !private(hosts) {
			continue
		}
		tried = true
		leaf := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://" + name + "/"} }).Certificate()
		c, err := revocation.NewClient(revocation.Config{Clock: testpki.Now, Timeout: 5 * time.Second})
		require.NoError(t, err)
		_, err = c.Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
		require.ErrorIs(t, err, revocation.CheckAddress, name)
	}
	if !tried {
		t.Skip("no other name than localhost leads inside")
	}
}

func private(hosts []string) bool {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip == nil || !ip.IsPrivate() && !ip.IsLoopback() {
			return false
		}
	}
	return true
}

// TestGuard dials: what counts is the address that a name resolved to.
func TestGuard(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	d := net.Dialer{Control: revocation.Guard, Timeout: 5 * time.Second}
	for _, address := range []string{l.Addr().String(), "localhost:1", "[::1]:1", "10.0.0.1:80", "[fe80::1]:80"} {
		_, err := d.DialContext(t.Context(), "tcp", address)
		require.ErrorIs(t, err, revocation.CheckAddress, address)
	}
	for _, address := range []string{"8.8.8.8:80", "[2606:4700::1]:443", "172.32.0.1:80", "[64:ff9b::808:808]:80"} {
		require.NoError(t, revocation.Guard("tcp", address, nil), address)
	}
	require.ErrorIs(t, revocation.Guard("unix", "/run/docker.sock", nil), revocation.CheckAddress)
}

func TestRedirects(t *testing.T) {
	w := newWorld(t)
	der := testpki.OCSPResponse(t, w.leaf, w.ca)
	for target, check := range map[string]error{
		"http://other.example/": nil, "http://169.254.169.254/": revocation.CheckAddress, "ldap://x/": revocation.CheckScheme,
		"http://localhost/": revocation.CheckAddress, ocspURL: revocation.CheckTransport,
	} {
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "ocsp.example" {
				answer := reply(http.StatusTemporaryRedirect, nil)
				answer.Header.Set("Location", target)
				return answer, nil
			}
			require.Equal(t, "other.example", r.URL.Host, "nobody else is asked")
			return reply(200, der), nil
		})
		_, err := w.status(t, w.client(t, func(o *revocation.Config) {
			o.Connect.HTTP, o.Methods = &http.Client{Transport: rt}, []revocation.Method{revocation.OCSP}
		}))
		require.ErrorIs(t, err, check, target)
	}
}

// TestRedirectInTheClear: what is asked by https is not answered by anybody in between.
func TestRedirectInTheClear(t *testing.T) {
	w := newWorld(t)
	der := testpki.OCSPResponse(t, w.leaf, w.ca)
	leaf := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.OCSPServer = []string{"https://ocsp.example/"} }).Certificate()
	for target, refused := range map[string]bool{"http://ocsp.example/": true, "https://other.example/": false} {
		c := w.client(t, func(o *revocation.Config) {
			o.Methods = []revocation.Method{revocation.OCSP}
			o.Connect.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "ocsp.example" && r.URL.Scheme == "https" {
					answer := reply(http.StatusTemporaryRedirect, nil)
					answer.Header.Set("Location", target)
					return answer, nil
				}
				return reply(200, der), nil // for another certificate
			})}
		})
		_, err := c.Status(t.Context(), leaf, w.ca.Certificate(), time.Time{})
		if refused {
			require.ErrorContains(t, err, "from https to http")
		} else {
			require.NotContains(t, err.Error(), "from https to http")
		}
	}
}

// TestErrorsHoldNoSecrets has a URL with a password and a key in its query.
func TestErrorsHoldNoSecrets(t *testing.T) {
	w := newWorld(t)
	leaf := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.OCSPServer = []string{"http://user:secret@gone.example/x?key=secret", "http://gone.example/" + strings.Repeat("y", 500)}
	}).Certificate()
	c := w.client(t, func(o *revocation.Config) {
		o.Connect.HTTP = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, net.ErrClosed })}
	})
	_, err := c.Status(t.Context(), leaf, w.ca.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckTransport)
	require.ErrorIs(t, err, net.ErrClosed)
	require.NotContains(t, err.Error(), "secret")
	require.Less(t, len(err.Error()), 600)
}
