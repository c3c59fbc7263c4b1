package revocation_test

import (
	"bytes"
	"crypto/x509"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// web is an http.RoundTripper that needs no network: an answer for each URL, and a count of the requests.
type web struct {
	mu      sync.Mutex
	answers map[string]func(*http.Request) (*http.Response, error)
	asked   map[string]int
}

func newWeb() *web {
	return &web{answers: map[string]func(*http.Request) (*http.Response, error){}, asked: map[string]int{}}
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	address := "http://" + r.URL.Host + r.URL.Path
	w.mu.Lock()
	w.asked[address]++
	answer := w.answers[address]
	w.mu.Unlock()
	if answer == nil {
		return reply(http.StatusNotFound, nil), nil
	}
	return answer(r)
}

func (w *web) count(address string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[address]
}

// serve answers with octets.
func (w *web) serve(address string, make func(body []byte) []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[address] = func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, err
			}
		}
		return reply(http.StatusOK, make(body)), nil
	}
}

func always(b []byte) func([]byte) []byte { return func([]byte) []byte { return b } }

func reply(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}

// client asks the web of a test, at the time of the test.
func (w *web) client(t testing.TB, bend ...func(*revocation.Config)) *revocation.Client {
	t.Helper()
	o := revocation.Config{Connect: connect.Options{HTTP: &http.Client{Transport: w}}, Clock: testpki.Now}
	for _, b := range bend {
		b(&o)
	}
	c, err := revocation.NewClient(o)
	require.NoError(t, err)
	return c
}

// The addresses that certificates of tests name.
const (
	ocspURL = "http://ocsp.example/"
	crlURL  = "http://crl.example/list"
	aiaURL  = "http://aia.example/issuer"
)

// named puts addresses into a certificate.
func named(c *x509.Certificate) {
	c.OCSPServer, c.CRLDistributionPoints, c.IssuingCertificateURL = []string{ocspURL}, []string{crlURL}, []string{aiaURL}
}

// options are those of a check at the time of the test.
func options(bend ...func(*revocation.CheckOptions)) *revocation.CheckOptions {
	o := &revocation.CheckOptions{At: testpki.Now(), Now: testpki.Now()}
	for _, b := range bend {
		b(o)
	}
	return o
}

func hour(n int) time.Time { return testpki.Now().Add(time.Duration(n) * time.Hour) }
