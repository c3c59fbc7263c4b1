package cli_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestTrust reads trusted certificates in all forms; one that cannot be read is named, and takes no other away.
func TestTrust(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	root := w.pki.Root.Certificate()
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("\x30\x03\x02\x01\x01")}))
	w.write("broken.pem", broken+certPEM(root))
	w.write("only-broken.pem", broken)
	w.write("words.pem", "words\n")
	w.write("b64.cer", base64.StdEncoding.EncodeToString(root.Raw))
	w.write("d/ROOT.CRT", certPEM(root))
	w.write("d/broken.pem", broken)
	w.write("d/words.pem", "words\n")
	w.write("d/readme.txt", "words\n")
	w.write("p7b/root.p7b", "")
	w.write("none/words.pem", "words\n")
	testpki.OpenSSL(t, w.dir, "crl2pkcs7", "-nocrl", "-certfile", "root.pem", "-outform", "DER", "-out", "p7b/root.p7b")
	testpki.OpenSSL(t, w.dir, "crl2pkcs7", "-nocrl", "-certfile", "root.pem", "-out", "root.p7c")
	w.writeP12("k.p12", password, w.id)
	for trust, warnings := range map[string][]string{
		"@root.pem": nil, "@b64.cer": nil, "@p7b": nil, "@p7b/root.p7b": nil, "@root.p7c": nil,
		"@broken.pem": {"--trust @broken.pem: certificate 1 in it cannot be read"},
		"@d":          {"--trust @d/broken.pem: certificate 1 in it cannot be read", "--trust @d/words.pem: there is no certificate in it"},
	} {
		got := w.run("verify", "--trust", trust, "@a.p7m")
		require.Zero(t, got.code, "%s: %s%s", trust, got.stdout, got.stderr)
		require.Equal(t, len(warnings), strings.Count(got.stderr, "warning"), got.stderr)
		for _, says := range warnings {
			require.Contains(t, got.stderr, "signet: warning: "+says)
		}
	}
	for trust, says := range map[string]string{
		"@only-broken.pem": "certificate 1 in it cannot be read", "@words.pem": "there is no certificate in it, neither in PEM", "@none": "@none/words.pem: there is no certificate",
		"@k.p12": "it is a file of keys (PKCS #12); openssl pkcs12", "@key.pem.no": "no such file", "": "--trust is empty", "@roots.p7b": "no such file",
	} {
		got := w.run("verify", "--trust", trust, "@a.p7m")
		require.Equal(t, cli.ExitUsage, got.code, trust)
		require.Contains(t, got.stderr, says, trust)
		require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	}
}

// TestTrustSystem trusts what the system trusts, and nobody else.
func TestTrustSystem(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	t.Setenv("SSL_CERT_DIR", w.path("nowhere"))
	t.Setenv("SSL_CERT_FILE", w.path("root.pem"))
	require.Zero(t, w.run("verify", "--trust", "system", "@a.p7m").code)
	w.write("other.pem", certPEM(testpki.New(t).Root.Certificate()))
	t.Setenv("SSL_CERT_FILE", w.path("other.pem"))
	require.Equal(t, cli.ExitOpen, w.run("verify", "--trust", "system", "@a.p7m").code)
	require.Zero(t, w.run("verify", "--trust", "system", "--trust", "@root.pem", "@a.p7m").code)
}

// TestCertificatesNotInside gives signers and issuers that a message does not hold, of which none is trusted for that.
func TestCertificatesNotInside(t *testing.T) {
	w := newWorld(t)
	id := w.pki.Leaf(testpki.RSA2048)
	w.write("signer.pem", keyPEM(t, id))
	w.write("foreign.pem", certPEM(testpki.New(t).Root.Certificate()))
	w.write("leaf.der", string(id.Chain[0].Raw))
	w.write("issuer.pem", certPEM(id.Chain[1]))
	w.write("both.pem", certPEM(id.Chain[0])+certPEM(id.Chain[1]))
	w.write("a", "content")
	testpki.OpenSSL(t, w.dir, "cms", "-sign", "-cades", "-binary", "-nocerts", "-in", "a", "-signer", "signer.pem", "-outform", "DER", "-out", "a.p7s")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"signer":           {[]string{"--cert", "@leaf.der"}, cli.ExitOpen, "VALID, but"},
		"signer, no path":  {[]string{"--cert", "@leaf.der", "--trust", "@root.pem"}, cli.ExitOpen, "NOT KNOWN: chain: "},
		"both":             {[]string{"--cert", "@both.pem", "--trust", "@root.pem"}, cli.ExitOK, ": VALID\n"},
		"one by one":       {[]string{"--cert", "@leaf.der", "--cert", "@issuer.pem", "--trust", "@root.pem"}, cli.ExitOK, ": VALID\n"},
		"a trusted signer": {[]string{"--trust", "@leaf.der"}, cli.ExitOK, ": VALID\n"},
		"not trusted":      {[]string{"--cert", "@both.pem", "--cert", "@root.pem", "--trust", "@foreign.pem"}, cli.ExitOpen, "NOT KNOWN: chain: "},
	} {
		got := w.run(append(append([]string{"verify"}, c.args...), "@a.p7s")...)
		require.Equal(t, c.code, got.code, "%s: %s%s", name, got.stdout, got.stderr)
		require.Contains(t, got.stdout, c.says, name)
	}
	got := w.run("verify", "@a.p7s")
	require.NotZero(t, got.code)
	require.Contains(t, got.stdout, "give the certificate of the signer with --cert FILE\n")
	got = w.run("verify", "--cert", "@a", "@a.p7s")
	require.Equal(t, cli.ExitUsage, got.code)
	require.Contains(t, got.stderr, "--cert @a: there is no certificate in it")

	got = w.run("extend", "--level", "t", "--tsa", "demo", "--out", "@raised", "@a.p7s")
	require.Equal(t, cli.ExitFailed, got.code, "without the signer nothing says that the signature is good")
	got = w.run("extend", "--level", "t", "--tsa", "demo", "--out", "@raised", "--cert", "@leaf.der", "@a.p7s")
	require.Zero(t, got.code, got.stderr)
}

// TestWholeChainInKeyFile reaches LT with the root from the key file, or from --cert, and nowhere else to find it.
func TestWholeChainInKeyFile(t *testing.T) {
	w := newWorld(t)
	w.now = testpki.Now()
	lists := map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { _, _ = out.Write(lists[r.URL.Path]) }))
	t.Cleanup(server.Close)
	from := func(path string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.CRLDistributionPoints = []string{server.URL + path} }
	}
	authority := w.pki.SubAuthority("An authority", w.pki.Root, from("/root.crl"))
	id := w.pki.Issue(authority, testpki.NewKey(t, testpki.P256), &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "A signer"}, NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter(), KeyUsage: x509.KeyUsageDigitalSignature,
	}, from("/authority.crl"))
	lists["/root.crl"] = testpki.RevocationList(t, w.pki.Root, nil)
	lists["/authority.crl"] = testpki.RevocationList(t, authority, nil)
	w.write("whole.pem", keyPEM(t, id)+certPEM(w.pki.Root.Certificate()))
	w.write("cut.pem", keyPEM(t, id))
	w.write("a", "content")
	sign := []string{"sign", "--tsa", "demo", "--allow-private", "@a", "--level"}
	got := w.run(append(sign, "lt", "--key", "@cut.pem")...)
	require.Equal(t, cli.ExitFailed, got.code)
	got = w.run(append(sign, "lt", "--key", "@whole.pem")...)
	require.Zero(t, got.code, got.stderr)
	_, level := w.levelOf("a.p7s")
	require.Equal(t, "CAdES-LT", level)
	require.Zero(t, w.run("verify", "--trust", "@root.pem", "--trust", "demo", "@a.p7s").code)

	require.Zero(t, w.run(append(sign, "t", "--key", "@cut.pem")...).code)
	extend := []string{"extend", "--level", "lt", "--tsa", "demo", "--allow-private", "@a.p7s"}
	require.Equal(t, cli.ExitFailed, w.run(append([]string(nil), extend...)...).code)
	got = w.run(append(extend, "--cert", "@root.pem")...)
	require.Zero(t, got.code, got.stderr)
}

// TestCertificatesThatGoRefuses finds and names signers whose certificates crypto/x509 refuses, and says why a key with such
// a certificate does not sign.
func TestCertificatesThatGoRefuses(t *testing.T) {
	w := newWorld(t)
	id := w.pki.Leaf(testpki.RSA2048)
	refused := negativeSerial(t, w.pki, id.Chain[0])
	_, err := x509.ParseCertificate(refused)
	require.Error(t, err)
	leaf := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: refused}))
	w.write("leaf.pem", leaf)
	w.write("key.pem", string(testpki.KeyPEM(t, id.Key)))
	w.write("both.pem", leaf+w.read("key.pem"))
	w.write("issuer.pem", certPEM(id.Chain[1]))
	w.write("a", "content")
	sign := []string{"cms", "-sign", "-cades", "-binary", "-in", "a", "-signer", "leaf.pem", "-inkey", "key.pem", "-certfile", "issuer.pem", "-outform", "DER", "-out", "a.p7s"}
	testpki.OpenSSL(t, w.dir, sign...)
	require.Contains(t, w.run("verify", "--trust", "@root.pem", "@a.p7s").stdout, "@a.p7s: Signet test rsa-2048")
	got := w.run("verify", "-v", "--trust", "@root.pem", "@a.p7s")
	require.Zero(t, got.code, got.stdout)
	require.Regexp(t, `certificate +[0-9A-F]{40}\n`, got.stdout)

	testpki.OpenSSL(t, w.dir, append(sign, "-nocerts")...)
	require.NotZero(t, w.run("verify", "--trust", "@root.pem", "--cert", "@issuer.pem", "@a.p7s").code)
	got = w.run("verify", "--trust", "@root.pem", "--cert", "@leaf.pem", "--cert", "@issuer.pem", "@a.p7s")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Zero(t, w.run("verify", "--trust", "@leaf.pem", "@a.p7s").code)

	for _, level := range []string{"t", "lt", "lta"} { // whether it can be raised is the library's business, but it ends with a sentence
		got = w.run("extend", "--level", level, "--tsa", "demo", "--trust", "@root.pem", "--cert", "@leaf.pem", "--cert", "@issuer.pem", "--out", "@raised", "@a.p7s")
		require.Contains(t, []int{cli.ExitOK, cli.ExitFailed}, got.code)
		require.NotContains(t, got.stderr, "nil")
	}

	got = w.run("extend", "--level", "t", "--tsa", "demo", "--trust", "@root.pem", "--cert", "@leaf.pem", "--cert", "@issuer.pem", "--out", "@raised", "@a.p7s")
	require.Zero(t, got.code, got.stderr)

	got = w.run("sign", "--key", "@both.pem", "--attached", "@a")
	require.Zero(t, got.code, got.stderr)
	got = w.run("verify", "--trust", "@root.pem", "--cert", "@issuer.pem", "@a.p7m")
	require.Zero(t, got.code, got.stdout)
	require.Contains(t, got.stdout, "Signet test rsa-2048")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--cert", "@leaf.pem", "--out", "@apart", "@a").code)
}

// negativeSerial signs a certificate again with the serial number -1.
func negativeSerial(t *testing.T, pki *testpki.PKI, c *x509.Certificate) []byte {
	t.Helper()
	var outer, fields []asn1.RawValue
	_, err := asn1.Unmarshal(c.Raw, &outer)
	require.NoError(t, err)
	_, err = asn1.Unmarshal(outer[0].FullBytes, &fields)
	require.NoError(t, err)
	fields[1] = asn1.RawValue{FullBytes: []byte{2, 1, 0xff}}
	tbs, err := asn1.Marshal(fields)
	require.NoError(t, err)
	sum := sha256.Sum256(tbs)
	value, err := pki.Authority.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	der, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: outer[1].FullBytes}, asn1.BitString{Bytes: value, BitLength: 8 * len(value)}})
	require.NoError(t, err)
	return der
}
