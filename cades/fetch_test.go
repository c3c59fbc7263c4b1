package cades_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestBatchFetchesOnce signs a batch at LT with a client of time-stamps and one of revocation over HTTP: each CRL is
// fetched once for all of it, and each container gets one time-stamp.
func TestBatchFetchesOnce(t *testing.T) {
	pki := testpki.New(t)
	var fetched, stamped atomic.Int64
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	listed := func(path string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.CRLDistributionPoints = []string{server.URL + path} }
	}
	serve := func(path string, id testpki.Identity) {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		}, id.Certificate(), id.Key)
		require.NoError(t, err)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			fetched.Add(1)
			_, _ = w.Write(der)
		})
	}
	serve("/root.crl", pki.Root)
	pki.Authority = pki.SubAuthority("Signet test authority with a list", pki.Root, listed("/root.crl"))
	serve("/authority.crl", pki.Authority)
	authority := testlevels.Authority(t, pki, nil, listed("/authority.crl"))
	mux.HandleFunc("/tsa", func(w http.ResponseWriter, r *http.Request) {
		stamped.Add(1)
		authority.ServeHTTP(w, r)
	})
	stamper, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL + "/tsa"}}, Roots: pki.Roots()})
	require.NoError(t, err)
	source, err := revocation.NewClient(revocation.Config{AllowPrivate: true, Known: &revocation.Values{Certificates: []*x509.Certificate{pki.Root.Certificate()}}})
	require.NoError(t, err)

	signer := signerOf(t, pki.Leaf(testpki.P256, listed("/authority.crl")), testpki.Must(sign.ECDSA(crypto.SHA256)))
	contents := make([]batch.Content, 200)
	for i := range contents {
		contents[i] = sign.Bytes("", []byte{byte(i)})
	}
	results, err := batch.Sign(t.Context(), signer, &cades.Options{Level: cades.LevelLT, Attached: true, Timestamper: stamper, Revocation: source}, contents, nil)
	require.NoError(t, err)
	for _, result := range results {
		require.NoError(t, result.Err)
		m, _ := parse(t, result.Signature)
		require.Equal(t, "CAdES-LT", m.Signatures()[0].LevelName())
		require.Len(t, m.RevocationValues(), 2)
		r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
		requireTrusted(t, r, err)
	}
	require.Equal(t, int64(200), stamped.Load())
	require.Equal(t, int64(2), fetched.Load(), "one list of each authority")
}
