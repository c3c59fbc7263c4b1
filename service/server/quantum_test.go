package server

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/trust"
)

// TestQuantum: a key of ML-DSA in a file signs by POST /v2/sign, and POST /v1/verify takes what it signed.
func TestQuantum(t *testing.T) {
	w := newWorld(t)
	key, err := mldsa.GenerateKey(mldsa.MLDSA65)
	require.NoError(t, err)
	der, err := certify.Certificate(t.Context(), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Archive"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, key.SubjectPublicKeyInfo(), nil, key, mldsa.MLDSA65.Scheme())
	require.NoError(t, err)
	c, err := trust.ParseCertificate(der)
	require.NoError(t, err)
	private, err := key.MarshalPKCS8()
	require.NoError(t, err)
	w.write("root.pem", testpki.CertPEM(c))
	w.write("archive.pem", append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), testpki.CertPEM(c)...))
	w.write("signet.yaml", []byte(`
listen: {addresses: ["127.0.0.1:0"]}
stores: [{name: archive, file: archive.pem}]
keys: [{name: archive, store: archive, scheme: ml-dsa-65, attached: true}]
verify: {roots: root.pem}
auth: {tokens: tokens}
`))
	w.id = testpki.Identity{Chain: []*x509.Certificate{c}}
	config, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	r := w.runConfig(config)
	var signed []struct{ Result string }
	require.NoError(t, json.Unmarshal([]byte(r.signs(w, w.token).body), &signed))
	require.Len(t, signed, 2)
	for _, s := range signed {
		body, err := json.Marshal(map[string]any{"signature": s.Result})
		require.NoError(t, err)
		a := r.do(http.MethodPost, "/v1/verify", w.token, strings.NewReader(string(body)))
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, "ML-DSA-65")
		require.NotContains(t, a.body, `"status":"failed"`)
		require.NotContains(t, a.body, "not supported")
		t.Log(a.body[:min(len(a.body), 300)])
	}
}
