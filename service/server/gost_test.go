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

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/trust"
)

// TestGOST: a key of GOST R 34.10-2012 in a file signs by POST /v2/sign, and POST /v1/verify takes what it signed.
func TestGOST(t *testing.T) {
	w := newWorld(t)
	key, err := gost.GenerateNamed("1.2.643.2.2.36.0")
	require.NoError(t, err)
	der, err := certify.Certificate(t.Context(), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Seal"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, key.SubjectPublicKeyInfo(), nil, key, gost.Scheme(gost.Streebog256))
	require.NoError(t, err)
	c, err := trust.ParseCertificate(der)
	require.NoError(t, err)
	private, err := key.MarshalPKCS8()
	require.NoError(t, err)
	w.write("root.pem", testpki.CertPEM(c))
	w.write("seal.pem", append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), testpki.CertPEM(c)...))
	w.write("signet.yaml", []byte(`
listen: {addresses: ["127.0.0.1:0"]}
stores: [{name: seal, file: seal.pem}]
keys: [{name: seal, store: seal, scheme: gost3410-2012-256, attached: true}]
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
		require.Contains(t, a.body, "GOST R 34.10-2012")
		require.NotContains(t, a.body, `"status":"failed"`)
		require.NotContains(t, a.body, "not supported")
		t.Log(a.body[:min(len(a.body), 300)])
	}
}
