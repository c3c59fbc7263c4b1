package cli_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestConnect asks an authority that wants to know who connects, by TLS of an authority of its own, and says why it refused.
func TestConnect(t *testing.T) {
	w := newWorld(t)
	tsa := testlevels.Authority(t, w.pki, nil)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "seal" || password != "hunter2" {
			http.Error(rw, "no account of that name\x1b[31m", http.StatusForbidden)
			return
		}
		tsa.ServeHTTP(rw, r)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	client := w.pki.Leaf(testpki.P256)
	w.write("tls.pem", certPEM(server.Certificate()))
	w.write("client.pem", keyPEM(t, client)+certPEM(client.Certificate()))
	w.write("pass", "hunter2\n")
	require.NoError(t, os.Chmod(w.path("pass"), 0o600))
	w.write("a", "a")
	with := func(more ...string) outcome {
		return w.run(append([]string{"sign", "--key", "@key.pem", "--level", "t", "--tsa", server.URL, "@a"}, more...)...)
	}
	got := with("--tsa-ca", "@tls.pem", "--tsa-cert", "@client.pem", "--tsa-user", "seal", "--tsa-password-file", "@pass")
	require.Zero(t, got.code, got.stderr)
	require.NotContains(t, got.stderr, "warning")
	_, level := w.levelOf("a.p7s")
	require.Equal(t, "CAdES-T", level)

	locked, err := pkcs12.Modern.Encode(client.Key, client.Chain[0], client.Chain[1:], "hunter2")
	require.NoError(t, err)
	w.write("client.p12", string(locked))
	require.NoError(t, os.Remove(w.path("a.p7s")))
	got = with("--tsa-ca", "@tls.pem", "--tsa-cert", "@client.p12", "--tsa-cert-password-file", "@pass", "--tsa-user", "seal", "--tsa-password-file", "@pass")
	require.Zero(t, got.code, got.stderr)
	_, level = w.levelOf("a.p7s")
	require.Equal(t, "CAdES-T", level)
	w.write("wrong", "hunter3\n")
	got = with("--tsa-ca", "@tls.pem", "--tsa-cert", "@client.p12", "--tsa-cert-password-file", "@wrong")
	require.Contains(t, got.stderr, "--tsa-cert @client.p12: soft: open @client.p12: the PIN or password was refused")
	require.NotContains(t, got.stderr, "hunter")

	got = with("--tsa-ca", "@tls.pem", "--tsa-cert", "@client.pem", "--tsa-user", "other", "--tsa-password-file", "@pass")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, `HTTP 403: "no account of that name[31m"`)
	require.NotContains(t, got.stderr, "hunter2")
	got = with("--tsa-ca", "@tls.pem")
	require.Equal(t, cli.ExitFailed, got.code)
	got = with("--tsa-cert", "@client.pem")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "certificate")

	var through []string
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		through = append(through, r.URL.String())
		tsa.ServeHTTP(rw, r)
	}))
	t.Cleanup(proxy.Close)
	got = w.run("sign", "--key", "@key.pem", "--level", "t", "--tsa", "http://tsa.invalid/tsr", "--proxy", proxy.URL, "--tsa-user", "seal", "--tsa-password-file", "@pass", "@a")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, []string{"http://tsa.invalid/tsr"}, through)
	require.Contains(t, got.stderr, "everybody on the way reads it")
}

// TestConnectUsage says what is wrong with a call, and repeats no secret.
func TestConnectUsage(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	w.write("pass", "hunter2\n")
	sign := []string{"sign", "--key", "@key.pem", "--level", "t", "@a", "--tsa", "http://tsa.invalid/"}
	for _, c := range []struct {
		args []string
		says string
	}{
		{append(sign, "--tsa-user", "u"), "belong together"},
		{append(sign, "--tsa-password-file", "@pass"), "belong together"},
		{append(sign, "--tsa", "http://other.invalid/", "--tsa-user", "u", "--tsa-password-file", "@pass"), "which of them may see it"},
		{append(sign, "--tsa", "http://other.invalid/", "--tsa-cert", "@key.pem"), "which of them may see it"},
		{append(sign, "--tsa-cert", "@a"), "it is not PEM"},
		{append(sign, "--tsa-cert-password-file", "@pass"), "is the password of --tsa-cert"},
		{append(sign, "--tsa-cert", "@root.pem"), "there has to be a certificate in it"},
		{append(sign, "--tsa-cert", "@absent"), "--tsa-cert @absent"},
		{append(sign, "--tsa-ca", "@absent"), "--tsa-ca @absent"},
		{append(sign, "--proxy", "ftp://u:hunter2@proxy"), "--proxy: give a URL"},
		{append(sign, "--chain", "@absent"), "--chain @absent"},
		{[]string{"sign", "--key", "@key.pem", "--level", "t", "--tsa", "demo", "--tsa-ca", "@root.pem", "@a"}, "give --tsa URL"},
		{[]string{"verify", "--proxy", "http://proxy", "@a"}, "--proxy is for --fetch"},
	} {
		got := w.run(c.args...)
		require.Equal(t, cli.ExitUsage, got.code, "%v: %s", c.args, got.stderr)
		require.Contains(t, got.stderr, c.says, "%v", c.args)
		require.NotContains(t, got.stderr, "hunter2")
	}
}

// TestChainFlag puts the issuers into the container that are not with the key.
func TestChainFlag(t *testing.T) {
	w := newWorld(t)
	sub := w.pki.SubAuthority("Issuer in a file of its own", w.pki.Authority)
	key := testpki.NewKey(t, testpki.P256)
	w.pki.Authority = sub
	id := w.pki.LeafOf(key, "Seal")
	w.write("alone.pem", string(testpki.KeyPEM(t, key))+certPEM(id.Certificate()))
	w.write("issuers.pem", certPEM(sub.Certificate()))
	w.write("a", "a")
	require.Zero(t, w.run("sign", "--key", "@alone.pem", "@a").code)
	require.Equal(t, []string{"Seal"}, certificatesIn(t, w.read("a.p7s")))
	got := w.run("sign", "--key", "@alone.pem", "--chain", "@issuers.pem", "@a")
	require.Zero(t, got.code, got.stderr)
	require.ElementsMatch(t, []string{"Seal", "Issuer in a file of its own"}, certificatesIn(t, w.read("a.p7s")))
}

func certificatesIn(t *testing.T, p7s string) (names []string) {
	t.Helper()
	m, err := cades.Parse([]byte(p7s))
	require.NoError(t, err)
	for _, c := range m.Certificates() {
		var x *x509.Certificate = c.X509
		names = append(names, strings.TrimSpace(x.Subject.CommonName))
	}
	return names
}
