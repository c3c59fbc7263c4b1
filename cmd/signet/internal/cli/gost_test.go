package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// engine runs OpenSSL with the engine of GOST.
func (w *world) engine(args ...string) string {
	w.t.Helper()
	conf := w.write("gost.cnf", "openssl_conf=o\n[o]\nengines=e\n[e]\ngost=g\n[g]\nengine_id=gost\ndefault_algorithms=ALL\n")
	cmd := exec.CommandContext(w.t.Context(), "openssl", args...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+conf)
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, "openssl %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// TestGOST takes a key of GOST R 34.10-2012 from a key file to a signature with a time-stamp. The engine of OpenSSL judges key, request,
// certificate and signature, and gives a key back in PKCS#12 with algorithms of GOST.
func TestGOST(t *testing.T) {
	out, _ := exec.CommandContext(t.Context(), "openssl", "engine", "gost").CombinedOutput()
	judge := strings.Contains(string(out), "(gost)") && !strings.Contains(string(out), "rror")
	for _, c := range []struct {
		kind  []string
		bits  string
		curve string
	}{
		{[]string{"gost2012-256"}, "256", "CryptoPro-A"},
		{[]string{"GOST2012_256", "--curve", "TCA"}, "256", "tc26-256-A"},
		{[]string{"gost2012-256", "--curve", "1.2.643.2.2.36.0"}, "256", "CryptoPro"},
		{[]string{"gost2012-512"}, "512", "tc26-512-A"},
		{[]string{"gost2012-512", "--curve", "tc26-512-c"}, "512", "tc26-512-C"},
	} {
		t.Run(strings.Join(c.kind, " "), func(t *testing.T) {
			w := newWorld(t)
			w.write("pass", "long enough")
			got := w.run(append([]string{"keygen", "--out", "@a.key", "--password-file", "@pass", "--algorithm"}, c.kind...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			block, _ := pem.Decode([]byte(w.read("a.key")))
			require.Equal(t, "ENCRYPTED PRIVATE KEY", block.Type)
			require.Contains(t, string(block.Bytes), "\x06\x09\x2a\x85\x03\x07\x01\x01\x05\x02\x01", "Kuznyechik in CTR-ACPKM")
			subject := "CN=Seal,O=Example,OGRN=1234567890123,INNLE=1234567890,SNILS=12345678901"
			got = w.run("csr", "--key", "@a.key", "--password-file", "@pass", "--subject", subject, "--out", "@r.csr")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			got = w.run("csr", "--self-signed", "300", "--key", "@a.key", "--password-file", "@pass", "--subject", subject, "--out", "@a.crt")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			got = w.run("csr", "--key", "@a.key", "--password-file", "@pass", "--subject", "CN=Seal", "--scheme", "gost3410-2001")
			require.Equal(t, cli.ExitUsage, got.code, got.stderr)

			w.write("content", "what is signed")
			key := []string{"--key", "@a.key", "--password-file", "@pass", "--cert", "@a.crt"}
			got = w.run(append([]string{"sign"}, append(key, "--level", "t", "--tsa", "demo", "@content")...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			verify := []string{"verify", "--trust", "@a.crt", "--timestamp-trust", "demo", "--revocation", "off", "@content.p7s"}
			got = w.run(verify...)
			require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
			m, err := cades.Parse([]byte(w.read("content.p7s")))
			require.NoError(t, err)
			require.Equal(t, "GOST R 34.11-2012 "+c.bits, m.Signatures()[0].Timestamps()[0].Token.HashName(), "of the demo authority, whose key is of P-256")
			got = w.run("inspect", "@content.p7s")
			require.Contains(t, got.stdout, "GOST R 34.10-2012 "+c.bits)
			require.Contains(t, got.stdout, "GOST R 34.11-2012 "+c.bits)
			got = w.run("inspect", "@a.crt")
			require.Contains(t, got.stdout, "OGRN=1234567890123")
			require.Contains(t, got.stdout, c.curve)
			got = w.run("keys", "--key", "@a.key", "--password-file", "@pass")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			require.Contains(t, got.stdout, " gost3410-2012-"+c.bits)
			got = w.run(append([]string{"doctor"}, key...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
			require.Contains(t, got.stdout, "gost3410-2012-"+c.bits+", verified")

			if judge {
				w.engine("pkey", "-in", w.path("a.key"), "-passin", "pass:long enough", "-noout", "-text")
				require.Contains(t, w.engine("req", "-in", w.path("r.csr"), "-noout", "-verify", "-text"), "GOST R 34.10-2012")
				w.engine("verify", "-check_ss_sig", "-CAfile", w.path("a.crt"), w.path("a.crt"))
				w.engine("cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.path("content.p7s"), "-content", w.path("content"), "-CAfile", w.path("a.crt"), "-purpose", "any", "-out", "/dev/null")
				w.engine("pkcs12", "-export", "-inkey", w.path("a.key"), "-passin", "pass:long enough", "-in", w.path("a.crt"), "-out", w.path("a.p12"),
					"-keypbe", "kuznyechik-ctr-acpkm", "-certpbe", "gost89", "-macalg", "md_gost12_512", "-passout", "pass:long enough")
				w.write("other", "more")
				got = w.run("sign", "--key", "@a.p12", "--password-file", "@pass", "@other")
				require.Equal(t, cli.ExitOK, got.code, got.stderr)
				got = w.run("verify", "--trust", "@a.crt", "--revocation", "off", "@other.p7s")
				require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
			}
			w.write("content", "what was not signed")
			got = w.run(verify...)
			require.NotEqual(t, cli.ExitOK, got.code, got.stdout)
		})
	}
	if !judge {
		t.Skip("SKIPPED: there is no engine of GOST for OpenSSL, as scripts/tools.sh installs it (libengine-gost-openssl)")
	}
}

// TestCurveFlag refuses curves that do not go with the type of key.
func TestCurveFlag(t *testing.T) {
	w := newWorld(t)
	for _, c := range [][]string{
		{"ed25519", "cryptopro-a"}, {"gost2012-256", "tc26-512-a"}, {"gost2012-512", "cryptopro-a"}, {"gost2012-256", "x"}, {"gost2012-512", "1.2.643.2.2.35.1"}, {"gost2012-512", "d"},
	} {
		got := w.run("keygen", "--type", c[0], "--curve", c[1], "--out", "@k", "--no-password")
		require.Equal(t, cli.ExitUsage, got.code, got.stderr)
		require.Contains(t, got.stderr, "--curve")
	}
	for _, c := range [][]string{{"gost2012-256", "xcha"}, {"gost2012-256", "cryptopro-xchb"}, {"gost2012-256", "tc26-256-d"}, {"gost2012-512", "b"}, {"gost2012-256", "XB"}} {
		got := w.run("keygen", "--type", c[0], "--curve", c[1], "--out", "@"+c[0]+c[1], "--no-password")
		if c[1] == "xcha" { // half a name
			require.Equal(t, cli.ExitUsage, got.code)
			continue
		}
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
	}
}

// TestRussianExtensions shows what only certificates of Russia have, in words.
func TestRussianExtensions(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	extension := func(last int, v any) pkix.Extension {
		der, err := asn1.MarshalWithParams(v, "utf8")
		if _, isText := v.(string); !isText {
			der, err = asn1.Marshal(v)
		}
		require.NoError(t, err)
		return pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 643, 100, last}, Value: der}
	}
	type tool struct {
		A string `asn1:"utf8"`
		B string `asn1:"utf8"`
		C string `asn1:"utf8"`
		D string `asn1:"utf8"`
	}
	policies := []x509.OID{}
	for last := range uint64(6) {
		id, err := x509.OIDFromInts([]uint64{1, 2, 643, 100, 113, last + 1})
		require.NoError(t, err)
		policies = append(policies, id)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: w.now, NotAfter: w.now.AddDate(1, 0, 0), Policies: policies,
		ExtraExtensions: []pkix.Extension{extension(111, "CryptoPro CSP"), extension(112, tool{"CSP 5.0", "CA 2.0", "No. 1", "No. 2"}), extension(114, 0)},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "x"}}, &key.PublicKey, key)
	require.NoError(t, err)
	w.write("x.cer", string(der))
	got := w.run("inspect", "@x.cer")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	for _, text := range []string{
		"subjectSignTool (1.2.643.100.111): the key is in CryptoPro CSP",
		"issuerSignTool (1.2.643.100.112): signed with CSP 5.0, by the authority CA 2.0, conformity of the tool No. 1, conformity of the authority No. 2",
		"identificationKind (1.2.643.100.114): the owner was identified in person", "classSignToolKC1", "classSignToolKC2", "classSignToolKC3", "classSignToolKB1", "classSignToolKB2", "classSignToolKA1",
	} {
		require.Contains(t, got.stdout, text)
	}
}
