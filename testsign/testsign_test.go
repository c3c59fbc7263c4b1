package testsign_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
	"github.com/seed-116355fd/signet/tsp"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func signed(t *testing.T, s *sign.Signer, o *cades.Options) []byte {
	t.Helper()
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("a contract")), o)
	require.NoError(t, err)
	return p7s
}

// judged is the outcome for the first signature.
func judged(t *testing.T, p7s []byte, o *cades.VerifyOptions) *validate.SignatureReport {
	t.Helper()
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Bytes("", []byte("a contract")), o)
	require.NoError(t, err)
	s := &report.Outcome().Signatures[0]
	require.Equal(t, s.Indication == validate.TotalPassed, report.Trusted())
	return s
}

// TestLevels goes to every level with every kind of key, at once, and what is made is valid, in a bubble as outside.
func TestLevels(t *testing.T) {
	every := func(t *testing.T) {
		w := testsign.New(t)
		for _, kind := range []testsign.Kind{testsign.P256, testsign.P384, testsign.P521, testsign.Ed25519, testsign.RSA2048, testsign.RSA3072} {
			s := w.Issue(testsign.Certificate{Kind: kind})
			for _, level := range cades.Levels() {
				v := judged(t, signed(t, s, w.Options(level)), w.VerifyOptions())
				require.Equal(t, validate.TotalPassed, v.Indication, "%s %s: %+v", kind, level, v)
			}
		}
		v := judged(t, signed(t, w.Signer(), w.Options(cades.LevelLTA)), &cades.VerifyOptions{Roots: w.Roots(), Clock: w.Now})
		require.Equal(t, validate.TotalPassed, v.Indication)
		require.Equal(t, "CAdES-LTA", v.Form)
	}
	t.Run("in the time of the machine", every)
	t.Run("in a bubble", func(t *testing.T) { synctest.Test(t, every) })
}

// TestZeroOptions needs nothing of the world but its signer: its certificates are good in the time of the machine.
func TestZeroOptions(t *testing.T) {
	w := testsign.New(t)
	require.WithinDuration(t, time.Now(), w.Now(), time.Minute)
	require.Equal(t, validate.TotalPassed, judged(t, signed(t, w.Signer(), nil), w.VerifyOptions()).Indication)
}

// TestListen configures everything by URLs, as a service is.
func TestListen(t *testing.T) {
	w := testsign.New(t)
	base := w.Listen()
	require.Equal(t, base, w.Listen())
	require.Equal(t, base+"/tsa", w.TSA.URL())
	stamper, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: w.TSA.URL()}}, Roots: w.Roots()})
	require.NoError(t, err)
	source, err := revocation.NewClient(revocation.Config{AllowPrivate: true, Rest: -1, Negative: -1})
	require.NoError(t, err)
	o := &cades.Options{Level: cades.LevelLTA, Timestamper: stamper, Revocation: source}
	require.Equal(t, validate.TotalPassed, judged(t, signed(t, w.Signer(), o), &cades.VerifyOptions{Roots: w.Roots()}).Indication)
	require.Equal(t, 2, w.TSA.Requests())
	require.NotZero(t, w.OCSP.Requests())
	require.NotZero(t, w.CRL.Requests())

	w.TSA.Fail(testsign.Fault{Err: testsign.Down(), Times: 1})
	_, err = cades.Sign(t.Context(), w.Signer(), sign.Bytes("", []byte("x")), o)
	require.ErrorIs(t, err, tsp.CheckTransport)
	require.ErrorContains(t, err, "EOF")

	for path, status := range map[string]int{"/": 404, "/ca/0.cer": 200, "/ca/9.cer": 404, "/crl/1.crl": 200, "/crl/9.crl": 404, "/tsa": 405} {
		r, err := http.Get(base + path)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, status, r.StatusCode, path)
	}
	w.Close()
	_, err = http.Get(base + "/ca/0.cer")
	require.Error(t, err)
	t.Run("ends with its test", func(t *testing.T) { base = testsign.New(t).Listen() })
	_, err = http.Get(base + "/ca/0.cer")
	require.Error(t, err)
}

// TestAnybodysClients asks the world in the process by clients of the caller's own, which reach nothing else.
func TestAnybodysClients(t *testing.T) {
	w := testsign.New(t)
	through := connect.Options{HTTP: w.Client()}
	source, err := revocation.NewClient(revocation.Config{Connect: through, Methods: []revocation.Method{revocation.CRLs}, Known: &revocation.Values{Certificates: []*x509.Certificate{w.Root()}}})
	require.NoError(t, err)
	chain, err := source.Chain(t.Context(), w.Signer().Certificate(), nil) // the issuer is fetched
	require.NoError(t, err)
	require.Len(t, chain, 3)
	s, err := source.Status(t.Context(), chain[0], chain[1], time.Time{})
	require.NoError(t, err)
	require.Equal(t, revocation.Good, s.State)
	require.Zero(t, w.OCSP.Requests())

	_, err = w.Client().Get("http://example.com/")
	require.ErrorContains(t, err, "connection refused")
	for _, nonce := range []bool{false, true} { // GET, and POST
		source, err = revocation.NewClient(revocation.Config{Connect: through, NoNonce: !nonce, RequireNonce: nonce})
		require.NoError(t, err)
		s, err = source.Status(t.Context(), chain[0], chain[1], time.Time{})
		require.NoError(t, err)
		require.Equal(t, revocation.OCSP, s.Method)
	}
}

// TestClock moves the time for everything: certificates, values and time-stamps.
func TestClock(t *testing.T) {
	w := testsign.New(t)
	bes, lta := signed(t, w.Signer(), w.Options(cades.LevelBES)), signed(t, w.Signer(), w.Options(cades.LevelLTA))
	w.Advance(3 * year)
	_, err := cades.Sign(t.Context(), w.Signer(), sign.Bytes("", []byte("x")), w.Options(cades.LevelBES))
	require.ErrorContains(t, err, "expired")
	v := judged(t, bes, w.VerifyOptions())
	require.Equal(t, validate.Indeterminate, v.Indication)
	require.Equal(t, validate.TotalPassed, judged(t, lta, w.VerifyOptions()).Indication)

	// Signers that are made now are of now, and so are time-stamps and values.
	fresh := signed(t, w.Issue(testsign.Certificate{}), w.Options(cades.LevelLTA))
	require.Equal(t, validate.TotalPassed, judged(t, fresh, w.VerifyOptions()).Indication)
	m, err := cades.Parse(fresh)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(3*year), m.Signatures()[0].Timestamps()[0].Token.GenTime, time.Hour)

	// The authority of time-stamps gets a new certificate in time for a renewal, and only a renewed archive is still good later.
	w.Advance(6 * year)
	m, err = cades.Parse(lta)
	require.NoError(t, err)
	content, o := sign.Bytes("", []byte("a contract")), w.ExtendOptions()
	o.Content = content
	renewed, err := m.Extend(t.Context(), cades.LevelLTA, o)
	require.NoError(t, err)
	w.Advance(2 * year)
	_, err = w.Timestamper().Timestamp(t.Context(), m.Signatures()[0].Timestamps()[0].Token.Imprint)
	require.NoError(t, err)
	require.Equal(t, validate.Indeterminate, judged(t, lta, w.VerifyOptions()).Indication)
	w.Advance(-2 * year)
	require.Equal(t, validate.TotalPassed, judged(t, renewed, w.VerifyOptions()).Indication)
}

// TestBubble has the clock of a bubble move everything.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := testsign.New(t)
		began := w.Now()
		s := w.Issue(testsign.Certificate{NotAfter: began.Add(time.Hour)})
		p7s := signed(t, s, w.Options(cades.LevelBES))
		time.Sleep(2 * time.Hour)
		require.Equal(t, 2*time.Hour, w.Now().Sub(began))
		require.NotEqual(t, validate.TotalPassed, judged(t, p7s, w.VerifyOptions()).Indication)
	})
}

// TestRevoke revokes a signer between two signatures.
func TestRevoke(t *testing.T) {
	w := testsign.New(t)
	s, other := w.Signer(), w.Issue(testsign.Certificate{})
	before, bes := signed(t, s, w.Options(cades.LevelLT)), signed(t, s, w.Options(cades.LevelBES))
	verify := w.VerifyOptions()
	require.Equal(t, validate.TotalPassed, judged(t, bes, verify).Indication)
	w.Advance(time.Hour)
	require.Equal(t, validate.TotalPassed, judged(t, bes, verify).Indication)
	w.Revoke(s.Certificate())
	_, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("x")), w.Options(cades.LevelLT))
	require.ErrorContains(t, err, "revoked")
	require.Equal(t, validate.CauseRevoked, judged(t, bes, verify).Cause, "the same source sees it")
	require.Equal(t, validate.TotalPassed, judged(t, before, w.VerifyOptions()).Indication)
	require.Equal(t, validate.TotalPassed, judged(t, signed(t, other, w.Options(cades.LevelLT)), w.VerifyOptions()).Indication)
	w.OCSP.Fail(testsign.Fault{Status: 500}) // the list says so, too
	require.Equal(t, validate.CauseRevoked, judged(t, bes, w.VerifyOptions()).Cause)
	w.OCSP.Fail(testsign.Fault{})
	state, err := w.Revocation().Status(t.Context(), s.Certificate(), s.Chain()[1], time.Time{})
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, state.State)
	require.Equal(t, revocation.KeyCompromise, state.Reason)
	require.WithinDuration(t, w.Now(), state.RevokedAt, 2*time.Minute)

	w.Revoke(s.Chain()[1]) // the authority
	require.NotEqual(t, validate.TotalPassed, judged(t, signed(t, other, nil), w.VerifyOptions()).Indication)
}

// TestStranger is valid, and by nobody who is trusted.
func TestStranger(t *testing.T) {
	w := testsign.New(t)
	s := w.Stranger()
	require.False(t, s.Certificate().Equal(w.Stranger().Certificate()))
	for _, level := range []cades.Level{cades.LevelBES, cades.LevelT} {
		v := judged(t, signed(t, s, w.Options(level)), w.VerifyOptions())
		require.Equal(t, validate.Indeterminate, v.Indication, level)
		require.Equal(t, validate.CauseUnknownAuthority, v.Cause, level)
	}
	chain, err := w.Revocation().Chain(t.Context(), s.Certificate(), nil)
	require.NoError(t, err)
	require.Len(t, chain, 3)
	_, err = w.Revocation().Status(t.Context(), chain[0], chain[1], time.Time{})
	require.NoError(t, err, "its authority answers")

	other := testsign.New(t)
	require.Equal(t, validate.Indeterminate, judged(t, signed(t, other.Signer(), nil), w.VerifyOptions()).Indication)
	require.NotEqual(t, w.Root().Raw, other.Root().Raw)
	require.NotEqual(t, w.Root().Subject.String(), other.Root().Subject.String())
}

// TestSaysTest finds TEST in every certificate, whatever was asked for.
func TestSaysTest(t *testing.T) {
	w := testsign.New(t)
	bent := w.Issue(testsign.Certificate{Name: "Seal of a bank", Bend: func(c *x509.Certificate) {
		c.Subject.CommonName, c.Subject.Organization = "A bank", []string{"A bank"}
		c.RawSubject = []byte{0x30, 0}
	}})
	token, err := w.Timestamper().Timestamp(t.Context(), sha256Of("x"))
	require.NoError(t, err)
	all := append(token.Certificates(), w.Root())
	for _, s := range []*sign.Signer{w.Signer(), bent, w.Stranger()} {
		all = append(all, s.Chain()...)
	}
	for _, c := range all {
		require.Contains(t, c.Subject.CommonName, "TEST")
		require.Contains(t, c.Issuer.CommonName, "TEST")
		require.Equal(t, []string{"TEST ONLY, NOT FOR REAL USE"}, c.Subject.Organization)
		require.Equal(t, []string{"TEST ONLY, NOT FOR REAL USE"}, c.Issuer.Organization)
	}
	require.Len(t, all, 9)
	require.Equal(t, "TEST A bank", bent.Certificate().Subject.CommonName)
	require.Equal(t, "TEST signer 2", w.Issue(testsign.Certificate{Name: "signer 2"}).Certificate().Subject.CommonName)
}

// sha256Of is an imprint.
func sha256Of(text string) sign.Digest {
	sum := sha256.Sum256([]byte(text))
	return sign.Digest{Algorithm: []byte("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"), Sum: sum[:]}
}

func judgedOver(t *testing.T, w *testsign.World, p7s []byte, content string) *validate.SignatureReport {
	t.Helper()
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Bytes("", []byte(content)), w.VerifyOptions())
	require.NoError(t, err)
	return &report.Outcome().Signatures[0]
}

// TestPEM opens the key of a signer as a file.
func TestPEM(t *testing.T) {
	w := testsign.New(t)
	for _, s := range []*sign.Signer{w.Signer(), w.Issue(testsign.Certificate{Kind: testsign.Ed25519})} {
		keys, err := soft.Parse(t.Context(), "seal.pem", w.PEM(s), soft.Config{})
		require.NoError(t, err)
		same, err := sign.Open(t.Context(), keys, sign.Ref{Certificate: s.Certificate()})
		require.NoError(t, err)
		require.Equal(t, s.Chain(), same.Chain())
		require.Equal(t, validate.TotalPassed, judged(t, signed(t, same, nil), w.VerifyOptions()).Indication)
	}
	require.True(t, bytes.HasPrefix(w.RootPEM(), []byte("-----BEGIN CERTIFICATE-----")))
}

// TestWithoutTest panics where there is no test to end, and ends the test where there is one.
func TestWithoutTest(t *testing.T) {
	w := testsign.New(nil)
	panics := func(text string, f func()) {
		defer func() { require.Contains(t, fmt.Sprint(recover()), text) }()
		f()
	}
	panics("none", func() { w.Issue(testsign.Certificate{Kind: "none"}) })
	panics("not a certificate of this world", func() { w.Revoke(testsign.New(nil).Root()) })
	panics("not a signer of this world", func() { w.PEM(testsign.New(nil).Signer()) })
	w.Signer()
	panics("call Listen before", func() { w.Listen() })
	require.Equal(t, validate.TotalPassed, judged(t, signed(t, w.Signer(), w.Options(cades.LevelLTA)), w.VerifyOptions()).Indication)

	f := &fatal{TB: t}
	func() {
		defer func() { _ = recover() }()
		testsign.New(f).Issue(testsign.Certificate{Kind: "none"})
	}()
	require.Contains(t, f.text, "none")
}

type fatal struct {
	testing.TB
	text string
}

func (f *fatal) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	panic("ended")
}

// TestTogether uses one world from many goroutines.
func TestTogether(t *testing.T) {
	w := testsign.New(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			s := w.Issue(testsign.Certificate{})
			_, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("x")), w.Options(cades.LevelLTA))
			if err != nil {
				t.Error(err)
			}
			w.Advance(time.Second)
			w.Revoke(s.Certificate())
			w.OCSP.Fail(testsign.Fault{})
			w.Stranger()
		})
	}
	wait.Wait()
}
