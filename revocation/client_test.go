package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// world is an authority with a leaf that names addresses, and a web where OCSP and CRL of it are.
type world struct {
	*web
	pki  *testpki.PKI
	leaf *x509.Certificate
	ca   testpki.Identity
}

func newWorld(t testing.TB) *world {
	pki := testpki.New(t)
	w := &world{web: newWeb(), pki: pki, ca: pki.Authority}
	w.leaf = pki.Leaf(testpki.P256, named).Certificate()
	w.serve(ocspURL, always(testpki.OCSPResponse(t, w.leaf, w.ca)))
	w.serve(crlURL, always(testpki.RevocationList(t, w.ca, nil)))
	return w
}

func (w *world) status(t testing.TB, c *revocation.Client) (*revocation.Status, error) {
	return c.Status(t.Context(), w.leaf, w.ca.Certificate(), time.Time{})
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	s, err := w.status(t, w.client(t))
	require.NoError(t, err)
	require.Equal(t, revocation.OCSP, s.Method)
	require.Equal(t, revocation.Good, s.State)
	require.Equal(t, ocspURL, s.Place)
	s, err = w.status(t, w.client(t, func(o *revocation.Config) { o.Methods = []revocation.Method{revocation.CRLs, revocation.OCSP} }))
	require.NoError(t, err)
	require.Equal(t, revocation.CRLs, s.Method)
	require.Equal(t, crlURL, s.Place)

	plain := w.pki.Leaf(testpki.P256).Certificate()
	_, err = w.client(t).Status(t.Context(), plain, w.ca.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckSource)
	_, err = w.client(t).Status(t.Context(), w.leaf, w.pki.Root.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckChain)
	_, err = w.client(t).Status(t.Context(), w.leaf, nil, time.Time{})
	require.ErrorIs(t, err, revocation.CheckChain)
	namesake := w.pki.SubAuthority(w.ca.Certificate().Subject.CommonName, w.pki.Root)
	_, err = w.client(t).Status(t.Context(), w.leaf, namesake.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckChain)

	// Values at hand, and responders of one's own.
	before := w.count(ocspURL)
	s, err = w.status(t, w.client(t, func(o *revocation.Config) {
		o.Known = &revocation.Values{OCSP: [][]byte{testpki.OCSPResponse(t, w.leaf, w.ca)}}
	}))
	require.NoError(t, err)
	require.Empty(t, s.Place)
	require.Equal(t, before, w.count(ocspURL))
	w.serve("http://own.example/", always(testpki.OCSPResponse(t, plain, w.ca)))
	s, err = w.client(t, func(o *revocation.Config) { o.Responders = []string{"http://own.example/"} }).Status(t.Context(), plain, w.ca.Certificate(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, "http://own.example/", s.Place)
}

// TestWrongResponders shows that every wrong answer is refused by its name, and that the CRL is asked then.
func TestWrongResponders(t *testing.T) {
	w := newWorld(t)
	answer := func(make func() []byte) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return reply(200, make()), nil }
	}
	bent := func(bend func(*testpki.OCSP)) func(*http.Request) (*http.Response, error) {
		return answer(func() []byte { return testpki.OCSPResponse(t, w.leaf, w.ca, bend) })
	}
	thief, other := w.pki.Leaf(testpki.P256), w.pki.Leaf(testpki.P256).Certificate()
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		check  revocation.Check
	}{
		"no connection": {func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }, revocation.CheckTransport},
		"hangs up": {func(*http.Request) (*http.Response, error) {
			r := reply(200, nil)
			r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
			return r, nil
		}, revocation.CheckTransport},
		"HTTP 500":      {func(*http.Request) (*http.Response, error) { return reply(500, nil), nil }, revocation.CheckHTTPStatus},
		"too long":      {answer(func() []byte { return make([]byte, revocation.DefaultMaxOCSP+1) }), revocation.CheckSize},
		"garbage":       {answer(func() []byte { return []byte("<html>") }), revocation.CheckEncoding},
		"tryLater":      {bent(func(o *testpki.OCSP) { o.Status = 3 }), revocation.CheckStatus},
		"unauthorized":  {bent(func(o *testpki.OCSP) { o.Status = 6 }), revocation.CheckStatus},
		"another nonce": {bent(func(o *testpki.OCSP) { o.Nonce = make([]byte, 32) }), revocation.CheckNonce},
		"another":       {answer(func() []byte { return testpki.OCSPResponse(t, other, w.ca) }), revocation.CheckSubject},
		"not its own":   {bent(func(o *testpki.OCSP) { o.Issuer = w.pki.Root.Certificate() }), revocation.CheckSubject},
		"thief": {bent(func(o *testpki.OCSP) {
			o.Key, o.Responder, o.Certificates = thief.Key, thief.Certificate(), thief.Chain
		}), revocation.CheckResponder},
		"stale":   {bent(func(o *testpki.OCSP) { o.NextUpdate = hour(-1).Add(time.Minute) }), revocation.CheckTime},
		"unknown": {bent(func(o *testpki.OCSP) { o.State = 2 }), revocation.CheckUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w.mu.Lock()
			w.answers[ocspURL] = c.answer
			w.mu.Unlock()
			s, err := w.status(t, w.client(t, func(o *revocation.Config) { o.Methods = []revocation.Method{revocation.OCSP} }))
			require.Nil(t, s)
			require.ErrorIs(t, err, c.check)
			require.ErrorContains(t, err, ocspURL)
			s, err = w.status(t, w.client(t))
			require.NoError(t, err)
			require.Equal(t, revocation.CRLs, s.Method)
		})
	}
	w.serve(ocspURL, always(testpki.OCSPResponse(t, w.leaf, w.ca, func(o *testpki.OCSP) { o.State = 2 })))
	w.serve(crlURL, always([]byte("garbage")))
	_, err := w.status(t, w.client(t))
	require.ErrorIs(t, err, revocation.CheckUnknown)
	require.ErrorIs(t, err, revocation.CheckEncoding)
	w.serve(crlURL, always(make([]byte, 1000)))
	_, err = w.status(t, w.client(t, func(o *revocation.Config) { o.MaxCRL = 999 }))
	require.ErrorIs(t, err, revocation.CheckSize)
}

func TestNonce(t *testing.T) {
	w := newWorld(t)
	var q []byte
	w.serve(ocspURL, func(body []byte) []byte {
		q = body
		return testpki.OCSPResponse(t, w.leaf, w.ca, func(o *testpki.OCSP) { o.Nonce = body[len(body)-32:] })
	})
	_, err := w.status(t, w.client(t, func(o *revocation.Config) { o.RequireNonce = true }))
	require.NoError(t, err)
	require.NotEmpty(t, q)
	w.serve(ocspURL, always(testpki.OCSPResponse(t, w.leaf, w.ca)))
	_, err = w.status(t, w.client(t, func(o *revocation.Config) { o.RequireNonce, o.Methods = true, []revocation.Method{revocation.OCSP} }))
	require.ErrorIs(t, err, revocation.CheckNonce)
}

func TestGET(t *testing.T) {
	w := newWorld(t)
	der := testpki.OCSPResponse(t, w.leaf, w.ca)
	var methods []string
	refuse := false
	rt := roundTrip(func(r *http.Request) (*http.Response, error) {
		methods = append(methods, r.Method)
		if r.Method == http.MethodGet && refuse {
			return reply(http.StatusMethodNotAllowed, nil), nil
		}
		require.Less(t, len(r.URL.String()), 256)
		return reply(200, der), nil
	})
	settings := func(o *revocation.Config) { o.NoNonce, o.Connect.HTTP = true, &http.Client{Transport: rt} }
	_, err := w.status(t, w.client(t, settings))
	require.NoError(t, err)
	require.Equal(t, []string{"GET"}, methods)
	refuse, methods = true, nil
	_, err = w.status(t, w.client(t, settings))
	require.NoError(t, err)
	require.Equal(t, []string{"GET", "POST"}, methods)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCache(t *testing.T) {
	w := newWorld(t)
	now := testpki.Now()
	clock := func(o *revocation.Config) { o.Clock = func() time.Time { return now } }
	c := w.client(t, clock)
	for range 3 {
		_, err := w.status(t, c)
		require.NoError(t, err)
	}
	require.Equal(t, 1, w.count(ocspURL), "kept until the next update")
	now = hour(1)
	w.serve(ocspURL, always(testpki.OCSPResponse(t, w.leaf, w.ca, func(o *testpki.OCSP) { o.ThisUpdate, o.NextUpdate, o.ProducedAt = now, hour(2), now })))
	_, err := w.status(t, c)
	require.NoError(t, err)
	require.Equal(t, 2, w.count(ocspURL))

	// A caller for whom what is kept is too old gets a new one.
	_, err = c.Collect(t.Context(), [][]*x509.Certificate{{w.leaf, w.ca.Certificate()}}, &revocation.CollectOptions{Since: now, Anchors: []*x509.Certificate{w.ca.Certificate()}})
	require.NoError(t, err)
	require.Equal(t, 2, w.count(ocspURL))
	_, err = c.Collect(t.Context(), [][]*x509.Certificate{{w.leaf, w.ca.Certificate()}}, &revocation.CollectOptions{Since: now.Add(time.Second), Anchors: []*x509.Certificate{w.ca.Certificate()}})
	require.ErrorIs(t, err, revocation.CheckTime)
	require.Equal(t, 3, w.count(ocspURL))

	// Failures are remembered for a while.
	w.serve(ocspURL, always(nil))
	w.serve(crlURL, always(nil))
	c = w.client(t, clock)
	for range 3 {
		_, err := w.status(t, c)
		require.ErrorIs(t, err, revocation.CheckEncoding)
	}
	require.Equal(t, 4, w.count(ocspURL))
	now = now.Add(revocation.DefaultNegative)
	_, err = w.status(t, c)
	require.Error(t, err)
	require.Equal(t, 5, w.count(ocspURL))
	// Also when something was there before.
	w.serve(ocspURL, always(testpki.OCSPResponse(t, w.leaf, w.ca, func(o *testpki.OCSP) { o.ThisUpdate, o.NextUpdate, o.ProducedAt = now, now.Add(time.Hour), now })))
	now = now.Add(revocation.DefaultNegative)
	_, err = w.status(t, c)
	require.NoError(t, err)
	now = now.Add(time.Hour)
	w.serve(ocspURL, always(nil))
	for range 3 {
		_, err = w.status(t, c)
		require.Error(t, err)
	}
	require.Equal(t, 7, w.count(ocspURL))
	c = w.client(t, clock, func(o *revocation.Config) { o.Negative = -1 })
	for range 2 {
		_, err = w.status(t, c)
		require.Error(t, err)
	}
	require.Equal(t, 9, w.count(ocspURL))
}

func TestCacheDir(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "cache")
	settings := func(o *revocation.Config) { o.CacheDir = dir }
	for range 2 { // the second is another process
		_, err := w.status(t, w.client(t, settings))
		require.NoError(t, err)
		require.Equal(t, 1, w.count(ocspURL))
	}
	files, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.True(t, strings.HasPrefix(filepath.Base(files[0]), "ocsp-"))
	good, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for i, bad := range [][]byte{nil, good[:100], append([]byte("x"), good...), testpki.OCSPResponse(t, w.leaf, w.ca, func(o *testpki.OCSP) { o.SpoilSignature = true }), make([]byte, revocation.DefaultMaxOCSP+1)} {
		require.NoError(t, os.WriteFile(files[0], bad, 0o600))
		_, err := w.status(t, w.client(t, settings))
		require.NoError(t, err)
		require.Equal(t, 2+i, w.count(ocspURL))
		again, err := os.ReadFile(files[0])
		require.NoError(t, err)
		require.Equal(t, good, again)
	}
	// A stale file is as good as none.
	_, err = w.status(t, w.client(t, settings, func(o *revocation.Config) { o.Clock = func() time.Time { return hour(2) } }))
	require.ErrorIs(t, err, revocation.CheckTime)
	_, err = revocation.NewClient(revocation.Config{CacheDir: files[0]})
	require.Error(t, err)
}

// TestCacheIsPerIssuer has a stranger's certificate name the URL of another issuer's list.
func TestCacheIsPerIssuer(t *testing.T) {
	w := newWorld(t)
	stranger := testpki.New(t)
	theirs := stranger.Leaf(testpki.P256, named).Certificate()
	c := w.client(t, func(o *revocation.Config) { o.Methods = []revocation.Method{revocation.CRLs} })
	_, err := c.Status(t.Context(), theirs, stranger.Authority.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckSignature)
	_, err = w.status(t, c)
	require.NoError(t, err)
}

func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t)
	der := testpki.RevocationList(t, w.ca, nil)
	c := w.client(t, func(o *revocation.Config) {
		o.MaxMemory, o.Methods = 2*len(der)+1, []revocation.Method{revocation.CRLs}
	})
	for round := range 2 {
		for i := range 3 {
			url := fmt.Sprintf("http://crl.example/%d", i)
			w.serve(url, always(der))
			leaf := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{url} }).Certificate()
			_, err := c.Status(t.Context(), leaf, w.ca.Certificate(), time.Time{})
			require.NoError(t, err)
		}
		_ = round
	}
	require.Greater(t, w.count("http://crl.example/0")+w.count("http://crl.example/1")+w.count("http://crl.example/2"), 3)
}

func TestSingleFlight(t *testing.T) {
	w := newWorld(t)
	der := testpki.OCSPResponse(t, w.leaf, w.ca)
	synctest.Test(t, func(t *testing.T) {
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Second):
				return reply(200, der), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		asked := 0
		c := w.client(t, func(o *revocation.Config) {
			o.Connect.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) { asked++; return slow(r) })}
		})
		var wg sync.WaitGroup
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for i := range 20 {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = impatient
			}
			wg.Go(func() {
				_, err := c.Status(ctx, w.leaf, w.ca.Certificate(), time.Time{})
				if i%2 == 0 {
					require.ErrorIs(t, err, context.DeadlineExceeded)
				} else {
					require.NoError(t, err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, asked)

		// When all have given up the request ends, and nobody remembers a failure that was none.
		c = w.client(t, func(o *revocation.Config) { o.Connect.HTTP = &http.Client{Transport: slow} })
		_, err := c.Status(impatient, w.leaf, w.ca.Certificate(), time.Time{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		_, err = c.Status(t.Context(), w.leaf, w.ca.Certificate(), time.Time{})
		require.NoError(t, err)
	})
}

func TestTimeout(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		hang := roundTrip(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
		c := w.client(t, func(o *revocation.Config) { o.Connect.HTTP, o.Timeout = &http.Client{Transport: hang}, 3*time.Second })
		begin := time.Now()
		_, err := c.Status(t.Context(), w.leaf, w.ca.Certificate(), time.Time{})
		require.ErrorIs(t, err, revocation.CheckTransport)
		require.ErrorContains(t, err, "no answer within 3s")
		require.Equal(t, 6*time.Second, time.Since(begin), "OCSP, then CRL")
		_, err = c.Status(t.Context(), w.leaf, w.ca.Certificate(), time.Time{})
		require.Error(t, err)
		require.Equal(t, 6*time.Second, time.Since(begin), "remembered")
	})
}

// TestTransportPanics makes an error of a panic of the caller's client for HTTP, which runs in a goroutine of the client.
func TestTransportPanics(t *testing.T) {
	w := newWorld(t)
	panics := func(*http.Request) (*http.Response, error) { panic("the driver is broken") }
	w.answers[ocspURL], w.answers[crlURL] = panics, panics
	_, err := w.status(t, w.client(t))
	require.ErrorContains(t, err, "panic: the driver is broken")
	_, err = w.status(t, w.client(t, func(o *revocation.Config) { o.Clock = func() time.Time { panic("the clock is broken") } }))
	require.ErrorContains(t, err, "panic: the clock is broken")
}

// TestRestingServer leaves a server alone that is out of order, whichever certificates are asked about, and tells its state.
func TestRestingServer(t *testing.T) {
	w := newWorld(t)
	other := w.pki.Leaf(testpki.P256, named).Certificate()
	synctest.Test(t, func(t *testing.T) {
		hangs := func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		w.answers[ocspURL], w.answers[crlURL] = hangs, hangs
		c := w.client(t, func(o *revocation.Config) { o.Timeout, o.Rest = 5*time.Second, time.Minute })
		_, err := w.status(t, c)
		require.ErrorIs(t, err, sign.ErrAuthority)
		states := c.Authorities()
		require.Len(t, states, 2)
		require.Equal(t, "http://crl.example", states[0].Place)
		require.True(t, states[0].Resting && states[1].Resting)
		require.ErrorContains(t, states[1].Err, "no answer within 5s")

		began := time.Now()
		_, err = c.Status(t.Context(), other, w.ca.Certificate(), time.Time{})
		require.ErrorContains(t, err, "not asked before")
		require.Zero(t, time.Since(began))
		require.Equal(t, 1, w.count(ocspURL))

		time.Sleep(time.Minute)
		w.serve(ocspURL, always(testpki.OCSPResponse(t, other, w.ca)))
		_, err = c.Status(t.Context(), other, w.ca.Certificate(), time.Time{})
		require.Error(t, err, "that it failed is remembered") // by the clock of the test, which stands still
		third := w.pki.Leaf(testpki.P256, named).Certificate()
		w.serve(ocspURL, always(testpki.OCSPResponse(t, third, w.ca)))
		_, err = c.Status(t.Context(), third, w.ca.Certificate(), time.Time{})
		require.NoError(t, err)
		require.False(t, c.Authorities()[1].Resting)
	})
	_, err := w.client(t).Status(t.Context(), w.pki.Leaf(testpki.P256).Certificate(), w.ca.Certificate(), time.Time{})
	require.NotErrorIs(t, err, sign.ErrAuthority, "nobody was asked")
}

// TestCredentialsStay sends what is for one server to no other: neither to one that a certificate names nor by a redirect.
func TestCredentialsStay(t *testing.T) {
	w := newWorld(t)
	var got []string
	ocsp := w.answers[ocspURL]
	w.answers[ocspURL] = func(r *http.Request) (*http.Response, error) {
		user, _, _ := r.BasicAuth()
		got = append(got, user)
		return ocsp(r)
	}
	one := connect.Options{HTTP: &http.Client{Transport: w}, User: "seal", Password: sign.NewSecret([]byte("x")), Header: http.Header{"X-Key": {"k"}}}
	_, err := w.status(t, w.client(t, func(o *revocation.Config) { o.Servers = map[string]connect.Options{"http://OCSP.example": one} }))
	require.NoError(t, err)
	_, err = w.status(t, w.client(t, func(o *revocation.Config) { o.Servers = map[string]connect.Options{"http://other.example": one} }))
	require.NoError(t, err)
	require.Equal(t, []string{"seal", ""}, got)

	for _, to := range []string{"http://evil.example/", "http://ocsp.example:8080/", "https://evil.example/"} {
		w.answers["http://evil.example/"] = func(*http.Request) (*http.Response, error) { t.Error("it followed"); return nil, io.EOF }
		w.answers[ocspURL] = func(*http.Request) (*http.Response, error) {
			r := reply(http.StatusTemporaryRedirect, nil)
			r.Header.Set("Location", to)
			return r, nil
		}
		_, err = w.status(t, w.client(t, func(o *revocation.Config) {
			o.Servers, o.Methods = map[string]connect.Options{"http://ocsp.example": one}, []revocation.Method{revocation.OCSP}
		}))
		require.ErrorContains(t, err, "which the credentials are not for", to)
	}
}
