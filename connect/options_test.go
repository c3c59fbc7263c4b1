package connect_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestMutualTLS shows that the server of ExampleOptions lets nobody in without a certificate, and is not trusted without its own.
func TestMutualTLS(t *testing.T) {
	w := testsign.New(t)
	server := mutualTLS(w)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	sum := sha256.Sum256(nil)
	imprint, err := sign.NewDigest(crypto.SHA256, sum[:])
	require.NoError(t, err)
	for name, c := range map[string]struct {
		o    connect.Options
		text string
	}{
		"both":           {connect.Options{Roots: roots, Certificates: []tls.Certificate{clientCertificate(w)}}, ""},
		"no certificate": {connect.Options{Roots: roots}, "certificate required"},
		"a stranger's":   {connect.Options{Roots: roots, Certificates: []tls.Certificate{clientCertificate(testsign.New(t))}}, "certificate"},
		"no roots":       {connect.Options{Certificates: []tls.Certificate{clientCertificate(w)}}, "unknown authority"},
	} {
		client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL, Connect: c.o}}, Roots: w.Roots()})
		require.NoError(t, err)
		_, err = client.Timestamp(t.Context(), imprint)
		if c.text == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.text, name)
		}
	}
}
