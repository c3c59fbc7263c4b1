package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// imprint is the digest that most tests want stamped.
func imprint() sign.Digest {
	sum := sha256.Sum256([]byte("signature value"))
	return testpki.Must(sign.NewDigest(crypto.SHA256, sum[:]))
}

// structure is the SignedData of a token, whose values are views of its octets.
func structure(t testing.TB, token *tsp.Token) *cms.SignedData {
	t.Helper()
	sd, err := cms.ParseSignedData(token.Raw)
	require.NoError(t, err)
	return sd
}

func signerOf(t testing.TB, id testpki.Identity, s sign.Scheme) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, id.Chain, s)
	require.NoError(t, err)
	return signer
}

// authority makes one with a P-256 key whose clock stands still.
func authority(t testing.TB, pki *testpki.PKI, bend ...func(*tsp.AuthorityOptions)) *tsp.Authority {
	t.Helper()
	o := &tsp.AuthorityOptions{Clock: testpki.Now}
	for _, b := range bend {
		b(o)
	}
	a, err := tsp.NewAuthority(signerOf(t, pki.TSA(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256))), o)
	require.NoError(t, err)
	return a
}

// answers is an http.RoundTripper that needs no network: a host for each authority.
type answers map[string]func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return a[r.URL.Host](r)
}

// body answers with status 200 and octets that depend on the request.
func body(make func(request []byte) []byte) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		request, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return reply(http.StatusOK, bytes.NewReader(make(request))), nil
	}
}

func reply(status int, r io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(r)}
}

// client asks the authorities in the order of their names.
func client(t testing.TB, a answers, names []string, bend ...func(*tsp.Config)) *tsp.Client {
	t.Helper()
	o := tsp.Config{Connect: connect.Options{HTTP: &http.Client{Transport: a}}}
	for _, name := range names {
		o.Endpoints = append(o.Endpoints, tsp.Endpoint{URL: "http://" + name + "/tsr"})
	}
	for _, b := range bend {
		b(&o)
	}
	c, err := tsp.NewClient(o)
	require.NoError(t, err)
	return c
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// requireNow fails unless a time is close to the real one.
func requireNow(t testing.TB, at time.Time) {
	t.Helper()
	require.WithinDuration(t, time.Now(), at, time.Minute)
}
