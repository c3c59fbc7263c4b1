package tsp_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

func TestClient(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	for name, bend := range map[string]func(*testpki.Timestamp){
		"granted":              func(*testpki.Timestamp) {},
		"granted with changes": func(ts *testpki.Timestamp) { ts.Status = 1 },
		"an extension": func(ts *testpki.Timestamp) {
			ts.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		},
		"bound by SHA-1": func(ts *testpki.Timestamp) { ts.BoundV1 = true },
	} {
		t.Run(name, func(t *testing.T) {
			var raw []byte
			c := client(t, answers{"a": body(func(q []byte) []byte { raw = testpki.TimestampResponse(t, id, q, bend); return raw })}, []string{"a"},
				func(o *tsp.Config) {
					o.Policy, o.Roots, o.Clock, o.Tolerance = "1.2.3.4.5", pki.Roots(), testpki.Now, time.Second
				})
			token, err := c.Timestamp(t.Context(), imprint())
			require.NoError(t, err)
			require.Contains(t, string(raw), string(token.Raw))
			require.Equal(t, testpki.Now(), token.GenTime)
			require.Equal(t, big.NewInt(4711), token.SerialNumber)
			require.Equal(t, "1.2.3.4.5", token.Policy)
			require.Equal(t, imprint().Sum, token.Imprint.Sum)
			require.Equal(t, "SHA-256", token.HashName())
			require.Equal(t, crypto.SHA256, token.Hash())
			require.GreaterOrEqual(t, token.Nonce.BitLen(), 64)
			require.Equal(t, id.Certificate(), token.Certificate())
			require.Equal(t, id.Chain, token.Certificates())
		})
	}
}

// wrong is every way in which an authority answers badly, with the name of the check that must find it.
func wrong(t *testing.T, pki *testpki.PKI) map[string]struct {
	answer func(*http.Request) (*http.Response, error)
	check  tsp.Check
	says   string
} {
	good, other := pki.TSA(testpki.P256), pki.TSA(testpki.P256)
	bent := func(id testpki.Identity, bend ...func(*testpki.Timestamp)) func(*http.Request) (*http.Response, error) {
		return body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q, bend...) })
	}
	of := func(bend func(*x509.Certificate)) testpki.Identity { return pki.Leaf(testpki.P256, bend) }
	return map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		check  tsp.Check
		says   string
	}{
		"no connection": {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, tsp.CheckTransport, "connection refused"},
		"hangs up": {func(*http.Request) (*http.Response, error) {
			return reply(200, iotest.ErrReader(io.ErrUnexpectedEOF)), nil
		}, tsp.CheckTransport, "broke off"},
		"HTTP 500":     {func(*http.Request) (*http.Response, error) { return reply(500, strings.NewReader("sorry")), nil }, tsp.CheckHTTPStatus, "500"},
		"HTTP 404":     {func(*http.Request) (*http.Response, error) { return reply(404, strings.NewReader("")), nil }, tsp.CheckHTTPStatus, "404"},
		"too long":     {body(func([]byte) []byte { return make([]byte, tsp.DefaultMaxResponse+1) }), tsp.CheckSize, "262144"},
		"garbage":      {body(func([]byte) []byte { return []byte("<html>login</html>") }), tsp.CheckEncoding, "response"},
		"nothing":      {body(func([]byte) []byte { return nil }), tsp.CheckEncoding, "response"},
		"a bare token": {body(func(q []byte) []byte { return testpki.TimestampResponse(t, good, q)[9:] }), tsp.CheckEncoding, "response"},
		"no token":     {bent(good, func(ts *testpki.Timestamp) { ts.NoToken = true }), tsp.CheckEncoding, "holds no token"},
		"rejection": {bent(good, func(ts *testpki.Timestamp) {
			ts.Status, ts.NoToken, ts.Text, ts.Failure = 2, true, []string{"no\x1b[2J"}, asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}
		}), tsp.CheckStatus, `2 (rejection), "no\x1b[2J", badAlg`},
		"rejected token":  {bent(good, func(ts *testpki.Timestamp) { ts.Status = 2 }), tsp.CheckStatus, "rejection"},
		"waiting":         {bent(good, func(ts *testpki.Timestamp) { ts.Status, ts.NoToken = 3, true }), tsp.CheckStatus, "waiting"},
		"another content": {bent(good, func(ts *testpki.Timestamp) { ts.ContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }), tsp.CheckContentType, "data"},
		"version 2":       {bent(good, func(ts *testpki.Timestamp) { ts.Version = 2 }), tsp.CheckVersion, "2"},
		"another imprint": {bent(good, func(ts *testpki.Timestamp) { ts.Digest = make([]byte, 32) }), tsp.CheckImprint, "0000"},
		"another hash":    {bent(good, func(ts *testpki.Timestamp) { ts.Hash = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 8} }), tsp.CheckImprint, "SHA3-256 instead of SHA-256"},
		"another nonce":   {bent(good, func(ts *testpki.Timestamp) { ts.Nonce = big.NewInt(1) }), tsp.CheckNonce, "another one"},
		"no nonce":        {bent(good, func(ts *testpki.Timestamp) { ts.Nonce = nil }), tsp.CheckNonce, "has none"},
		"another policy":  {bent(good, func(ts *testpki.Timestamp) { ts.Policy = asn1.ObjectIdentifier{1, 2, 3} }), tsp.CheckPolicy, "1.2.3 instead of 1.2.3.4.5"},
		"critical extension": {bent(good, func(ts *testpki.Timestamp) {
			ts.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), tsp.CheckExtensions, "1.2.3"},
		"two signers":        {bent(good, func(ts *testpki.Timestamp) { ts.Signers = 2 }), tsp.CheckSigners, "2 signers"},
		"no signer":          {bent(good, func(ts *testpki.Timestamp) { ts.Signers = 0 }), tsp.CheckSigners, "0 signers"},
		"signed data":        {bent(good, func(ts *testpki.Timestamp) { ts.SignedContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }), tsp.CheckAttributes, "content-type"},
		"another content's":  {bent(good, func(ts *testpki.Timestamp) { ts.MessageDigest = make([]byte, 32) }), tsp.CheckAttributes, "message-digest"},
		"no certificates":    {bent(good, func(ts *testpki.Timestamp) { ts.Certificates = nil }), tsp.CheckCertificate, "certReq"},
		"ESS of another":     {bent(good, func(ts *testpki.Timestamp) { ts.Bound = other.Certificate() }), tsp.CheckSigningCertificate, "another certificate"},
		"ESSv1 of another":   {bent(good, func(ts *testpki.Timestamp) { ts.Bound, ts.BoundV1 = other.Certificate(), true }), tsp.CheckSigningCertificate, "SHA-1"},
		"no ESS":             {bent(good, func(ts *testpki.Timestamp) { ts.Unbound = true }), tsp.CheckSigningCertificate, "does not say"},
		"other identifier":   {bent(good, func(ts *testpki.Timestamp) { ts.Signer = other.Certificate() }), tsp.CheckSigningCertificate, "different"},
		"wrong signature":    {bent(good, func(ts *testpki.Timestamp) { ts.SpoilSignature = true }), tsp.CheckSignature, "value"},
		"no usage":           {bent(of(func(*x509.Certificate) {})), tsp.CheckKeyUsage, "no extKeyUsage"},
		"wrong usage":        {bent(of(testpki.Usages(true, testpki.CodeSigning))), tsp.CheckKeyUsage, "alone"},
		"two usages":         {bent(of(testpki.Usages(true, testpki.TimeStamping, testpki.CodeSigning))), tsp.CheckKeyUsage, "alone"},
		"usage not critical": {bent(of(testpki.Usages(false, testpki.TimeStamping))), tsp.CheckKeyUsage, "critical"},
		"cannot sign":        {bent(pki.TSA(testpki.P256, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })), tsp.CheckKeyUsage, "keyUsage lacks"},
		"expired":            {bent(pki.TSA(testpki.P256, func(c *x509.Certificate) { c.NotAfter = testpki.Now().Add(-time.Second) })), tsp.CheckValidity, "validity"},
		"not yet valid":      {bent(pki.TSA(testpki.P256, func(c *x509.Certificate) { c.NotBefore = testpki.Now().Add(time.Second) })), tsp.CheckValidity, "validity"},
		"slow clock":         {bent(good, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now().Add(-time.Hour) }), tsp.CheckTime, "1h0m0s"},
		"fast clock":         {bent(good, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now().Add(time.Hour) }), tsp.CheckTime, "1h0m0s"},
		"unknown authority":  {bent(testpki.New(t).TSA(testpki.P256)), tsp.CheckChain, "root"},
	}
}

// TestWrongAnswers shows that each is refused by its own name, and that the next authority is asked.
func TestWrongAnswers(t *testing.T) {
	pki := testpki.New(t)
	good := pki.TSA(testpki.P256)
	for name, c := range wrong(t, pki) {
		t.Run(name, func(t *testing.T) {
			settings := func(o *tsp.Config) {
				o.Policy, o.Roots, o.Clock, o.Tolerance = "1.2.3.4.5", pki.Roots(), testpki.Now, time.Minute
			}
			a := answers{"a": c.answer, "b": body(func(q []byte) []byte { return testpki.TimestampResponse(t, good, q) })}
			token, err := client(t, a, []string{"a"}, settings).Timestamp(t.Context(), imprint())
			require.Nil(t, token)
			require.ErrorIs(t, err, c.check)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "http://a/tsr: ")
			require.False(t, sign.IsKeyError(err), "the key is not at fault")
			check, ok := errors.AsType[tsp.Check](err)
			require.True(t, ok)
			require.Equal(t, c.check, check)
			require.ErrorIs(t, err, sign.ErrAuthority)

			token, err = client(t, a, []string{"a", "b"}, settings).Timestamp(t.Context(), imprint())
			require.NoError(t, err)
			require.Equal(t, good.Certificate(), token.Certificate())
		})
	}
}

// TestMediaType has a login page answer, and an authority that does not know its media type.
func TestMediaType(t *testing.T) {
	typed := func(media string, make func([]byte) []byte) func(*http.Request) (*http.Response, error) {
		inner := body(make)
		return func(r *http.Request) (*http.Response, error) {
			answer, err := inner(r)
			if err == nil {
				answer.Header.Set("Content-Type", media)
			}
			return answer, err
		}
	}
	id := testpki.New(t).TSA(testpki.P256)
	_, err := client(t, answers{"a": typed("text/html", func([]byte) []byte { return []byte("<html>") })}, []string{"a"}).Timestamp(t.Context(), imprint())
	require.ErrorContains(t, err, "this is not a time-stamp response")
	require.ErrorContains(t, err, `; the answer came as "text/html"`)
	_, err = client(t, answers{"a": typed("text/html", func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })}, []string{"a"}).Timestamp(t.Context(), imprint())
	require.NoError(t, err)
}

func TestFailureNamesAll(t *testing.T) {
	fail := func(status int) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return reply(status, strings.NewReader("")), nil }
	}
	c := client(t, answers{"a": fail(403), "b": fail(503)}, []string{"a", "b"})
	_, err := c.Timestamp(t.Context(), imprint())
	require.EqualError(t, err, "tsp: time-stamp: http://a/tsr: http-status: the authority answered HTTP 403; http://b/tsr: http-status: the authority answered HTTP 503")
	all, ok := errors.AsType[sign.Errors](err)
	require.True(t, ok)
	require.Len(t, all, 2)
	require.True(t, sign.IsTemporary(err))
	_, err = client(t, answers{"a": fail(403)}, []string{"a"}).Timestamp(t.Context(), imprint())
	require.ErrorIs(t, err, sign.ErrAuthority)
	require.False(t, sign.IsTemporary(err))
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := client(t, answers{"a": hang, "b": func(r *http.Request) (*http.Response, error) { asked++; return hang(r) }}, []string{"a", "b"}, func(o *tsp.Config) { o.InFlight = 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		var wg sync.WaitGroup
		for range 3 { // one asks, two wait for their turn
			wg.Go(func() {
				_, err := c.Timestamp(ctx, imprint())
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		wg.Wait()
		require.Equal(t, time.Second, time.Since(begin))
		require.Zero(t, asked, "no other authority is asked for nobody")
	})
}

func TestInFlightAndRate(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		answer := body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })
		a := answers{"a": func(r *http.Request) (*http.Response, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(20 * time.Millisecond)
			now.Add(-1)
			return answer(r)
		}}
		run := func(n int, bend func(*tsp.Config)) time.Duration {
			c := client(t, a, []string{"a"}, bend)
			begin := time.Now()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					_, err := c.Timestamp(t.Context(), imprint())
					require.NoError(t, err)
				})
			}
			wg.Wait()
			return time.Since(begin)
		}
		require.Equal(t, 100*time.Millisecond, run(20, func(o *tsp.Config) { o.InFlight = 4 }))
		require.EqualValues(t, 4, most.Load())
		require.Equal(t, 920*time.Millisecond, run(10, func(o *tsp.Config) { o.Rate = 10 }))
	})
}

func TestEndpoint(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	var got *http.Request
	answer := body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })
	c := client(t, answers{"a": func(r *http.Request) (*http.Response, error) { got = r; return answer(r) }}, []string{"a"}, func(o *tsp.Config) {
		o.Policy = "1.2.3"
		o.Endpoints[0] = tsp.Endpoint{URL: "http://u:secret@a/tsr?key=secret", Policy: "1.2.3.4", Connect: connect.Options{User: "user", Password: sign.NewSecret([]byte("pass")), Header: http.Header{"X-Key": {"k"}}}}
	})
	token, err := c.Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	require.Equal(t, "1.2.3.4", token.Policy)
	user, pass, _ := got.BasicAuth()
	require.Equal(t, "user pass", user+" "+pass)
	require.Equal(t, "k", got.Header.Get("X-Key"))
	require.Equal(t, "application/timestamp-query", got.Header.Get("Content-Type"))

	c = client(t, answers{"a": hang}, []string{"a"}, func(o *tsp.Config) { o.Endpoints[0].URL = "http://u:secret@a/tsr?key=secret" })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Timestamp(ctx, imprint())
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "secret")
}

// TestRedirects: what is for one server goes to no other one, and nothing that was asked by https is asked in the clear.
func TestRedirects(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	stamps := body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })
	plain := tsp.Endpoint{}
	password := tsp.Endpoint{Connect: connect.Options{User: "user", Password: sign.NewSecret([]byte("pass"))}}
	header := tsp.Endpoint{Connect: connect.Options{Header: http.Header{"X-Key": {"k"}}}}
	for _, c := range []struct {
		from, to string
		endpoint tsp.Endpoint
		says     string // nothing when it is followed
	}{
		{"http://a/", "http://b/", plain, ""},
		{"http://a/", "https://b/", plain, ""},
		{"https://a/", "https://b/", plain, ""},
		{"https://a/", "http://a/", plain, "from https to http"},
		{"https://a/", "http://b/", plain, "from https to http"},
		{"http://a/", "http://a/x", password, ""},
		{"http://a/", "http://A/x", header, ""},
		{"http://a/", "https://a/", password, ""},
		{"http://a:80/", "https://a/", password, "which the credentials are not for"},
		{"http://a/", "https://a:8443/", password, "which the credentials are not for"},
		{"http://a/", "http://a:8080/", password, "which the credentials are not for"},
		{"http://a/", "http://b/", password, "redirects to b, which the credentials are not for"},
		{"http://a/", "http://x.a/", header, "which the credentials are not for"},
		{"https://a/", "https://b/", header, "which the credentials are not for"},
		{"http://a/?key=secret", "http://b/", plain, "which the credentials are not for"},
		{"http://u:secret@a/", "http://b/", plain, "which the credentials are not for"},
		{"https://a/", "http://a/", header, "from https to http"},
	} {
		t.Run(c.from+" "+c.to, func(t *testing.T) {
			asked := 0
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				if asked++; asked == 1 {
					answer := reply(http.StatusPermanentRedirect, http.NoBody)
					answer.Header.Set("Location", c.to)
					return answer, nil
				}
				return stamps(r)
			})
			e := c.endpoint
			e.URL = c.from
			further := 0
			client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{e}, Connect: connect.Options{HTTP: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
				further++
				return nil
			}}}})
			require.NoError(t, err)
			_, err = client.Timestamp(t.Context(), imprint())
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, 2, asked)
				require.Equal(t, 1, further, "what the caller checks is checked, too")
				return
			}
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, 1, asked)
		})
	}
	asked := 0
	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: "http://a/"}}, Connect: connect.Options{HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		asked++
		answer := reply(http.StatusTemporaryRedirect, http.NoBody)
		answer.Header.Set("Location", "http://a/")
		return answer, nil
	})}}})
	require.NoError(t, err)
	_, err = client.Timestamp(t.Context(), imprint())
	require.ErrorContains(t, err, "more than 4 times")
	require.Equal(t, 5, asked)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWrongConfig(t *testing.T) {
	one := []tsp.Endpoint{{URL: "http://a"}}
	for name, o := range map[string]tsp.Config{
		"no endpoint": {}, "file": {Endpoints: []tsp.Endpoint{{URL: "file:///etc/passwd"}}}, "no host": {Endpoints: []tsp.Endpoint{{URL: "http://"}}},
		"policy": {Endpoints: one, Policy: "x"}, "rate": {Endpoints: one, Rate: -1},
	} {
		_, err := tsp.NewClient(o)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	c := client(t, nil, []string{"a"})
	for name, d := range map[string]sign.Digest{"zero": {}, "short": {Algorithm: imprint().Algorithm, Sum: []byte{1}}} {
		_, err := c.Timestamp(t.Context(), d)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
}

// TestTransportPanics makes an error of a panic of the caller's client for HTTP, as often as there are requests.
func TestTransportPanics(t *testing.T) {
	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: "http://a/"}}, InFlight: 1, Connect: connect.Options{HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		panic("the driver is broken")
	})}}})
	require.NoError(t, err)
	for range 3 { // the slot is given back
		_, err = client.Timestamp(t.Context(), imprint())
		require.ErrorContains(t, err, "panic: the driver is broken")
	}
}
