package tsp_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// opensslAuthority is `openssl ts -reply` behind HTTP. Its file of serial numbers is not locked, so that it answers one
// after the other.
func opensslAuthority(t *testing.T, id testpki.Identity, config string) *httptest.Server {
	dir := t.TempDir()
	write(t, dir, "tsa.pem", testpki.CertPEM(id.Certificate()))
	write(t, dir, "chain.pem", testpki.CertPEM(id.Chain...))
	write(t, dir, "tsa.key", testpki.KeyPEM(t, id.Key))
	write(t, dir, "serial", []byte("01\n"))
	write(t, dir, "tsa.cnf", []byte(`[tsa]
default_tsa = tsa1
[tsa1]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = chain.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
`+config))
	testpki.OpenSSL(t, dir, "version")
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		q, err := io.ReadAll(r.Body)
		if err != nil || os.WriteFile(dir+"/q", q, 0o600) != nil {
			return
		}
		testpki.OpenSSL(t, dir, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q", "-out", "r")
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(read(t, dir, "r"))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestOpenSSLAuthority(t *testing.T) {
	pki := testpki.New(t)
	for name, c := range map[string]struct {
		config string
		ess    cms.OID
	}{
		"signing-certificate-v2": {"ess_cert_id_alg = sha256\n", cms.OIDSigningCertificateV2},
		"signing-certificate":    {"", cms.OIDSigningCertificate},
		"with the chain":         {"ess_cert_id_chain = yes\n", cms.OIDSigningCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			server := opensslAuthority(t, pki.TSA(testpki.RSA2048), c.config)
			client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL}}, Roots: pki.Roots(), Tolerance: time.Minute})
			require.NoError(t, err)
			token, err := client.Timestamp(t.Context(), imprint())
			require.NoError(t, err)
			require.NotEmpty(t, cms.Find(structure(t, token).Signers[0].Signed, c.ess))
			require.Equal(t, 1500100*time.Microsecond, token.Accuracy)
			require.True(t, token.Ordering)
			require.NotNil(t, token.TSA)
			requireNow(t, token.GenTime)

			sum := sha512.Sum384([]byte("x"))
			token, err = client.Timestamp(t.Context(), testpki.Must(sign.NewDigest(crypto.SHA384, sum[:])))
			require.NoError(t, err)
			require.Equal(t, crypto.SHA384, token.Hash())

			_, err = client.Timestamp(t.Context(), sign.Digest{Algorithm: []byte("\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a"), Sum: make([]byte, 20)})
			require.ErrorIs(t, err, tsp.CheckStatus)
			require.ErrorContains(t, err, "badAlg")
			for policy, ok := range map[string]bool{"1.2.3.4.5": true, "1.2.3.4.6": false} {
				client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL, Policy: policy}}})
				require.NoError(t, err)
				_, err = client.Timestamp(t.Context(), imprint())
				if ok {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, "unacceptedPolicy")
				}
			}
		})
	}
}

// TestOpenSSLVerifies shows tokens and refusals of our authority to `openssl ts`.
func TestOpenSSLVerifies(t *testing.T) {
	pki := testpki.New(t)
	dir := t.TempDir()
	data := []byte("signature value")
	write(t, dir, "root.pem", testpki.CertPEM(pki.Root.Certificate()))
	write(t, dir, "data", data)
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P384} {
		id := pki.TSA(kind)
		write(t, dir, "chain.pem", testpki.CertPEM(id.Chain...))
		for _, scheme := range sign.Schemes(id.Key.Public()) {
			if strings.HasPrefix(scheme.Name, "rsa-pss") {
				continue // `openssl ts` reads tokens as PKCS #7, which has no RSASSA-PSS
			}
			t.Run(string(kind)+"/"+scheme.Name, func(t *testing.T) {
				a, err := tsp.NewAuthority(signerOf(t, id, scheme), &tsp.AuthorityOptions{Policy: "1.2.3.4.1", Accuracy: 1500 * time.Millisecond, Ordering: true, Name: true})
				require.NoError(t, err)
				testpki.OpenSSL(t, dir, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "q")
				write(t, dir, "r", a.Respond(t.Context(), read(t, dir, "q")))
				require.Contains(t, testpki.OpenSSL(t, dir, "ts", "-verify", "-queryfile", "q", "-in", "r", "-CAfile", "root.pem"), "Verification: OK")
				require.Contains(t, testpki.OpenSSL(t, dir, "ts", "-reply", "-in", "r", "-text"), "Ordering: yes")

				testpki.OpenSSL(t, dir, "ts", "-query", "-data", "data", "-sha512", "-no_nonce", "-out", "q")
				write(t, dir, "r", a.Respond(t.Context(), read(t, dir, "q")))
				require.Contains(t, testpki.OpenSSL(t, dir, "ts", "-verify", "-queryfile", "q", "-in", "r", "-CAfile", "root.pem", "-untrusted", "chain.pem"), "Verification: OK")

				sum := sha256.Sum256(data)
				token, err := a.Timestamp(t.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])))
				require.NoError(t, err)
				write(t, dir, "token", token.Raw)
				require.Contains(t, testpki.OpenSSL(t, dir, "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "root.pem"), "Verification: OK")
				write(t, dir, "refusal", a.Respond(t.Context(), nil))
				require.Contains(t, testpki.OpenSSL(t, dir, "ts", "-reply", "-in", "refusal", "-text"), "transaction not permitted or supported", "which is badRequest")
			})
		}
	}
}
