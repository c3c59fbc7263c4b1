package revocation_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/trust"
)

// TestResponderThatEnded has a response of a delegated responder that says it holds for ten years, and its certificate ends tomorrow.
func TestResponderThatEnded(t *testing.T) {
	pki := testpki.New(t)
	end := testpki.Now().AddDate(0, 0, 1)
	responder := pki.Responder(pki.Authority, testpki.NoCheck, func(c *x509.Certificate) { c.NotAfter = end })
	leaf := pki.Leaf(testpki.P256).Certificate()
	for _, state := range []int{0, 1} {
		values := &revocation.Values{OCSP: [][]byte{testpki.OCSPResponse(t, leaf, pki.Authority, func(o *testpki.OCSP) {
			o.Key, o.Responder, o.Certificates, o.NextUpdate = responder.Key, responder.Certificate(), responder.Chain[:1], testpki.Now().AddDate(10, 0, 0)
			o.State, o.RevokedAt, o.Reason = state, testpki.Now().Add(-2*time.Hour), 1
		})}}
		ask := func(at time.Time) (*revocation.Status, error) {
			return values.Check(leaf, pki.Authority.Certificate(), &revocation.CheckOptions{At: at, Now: at})
		}
		_, err := ask(end)
		require.NoError(t, err)
		s, err := ask(end.Add(time.Hour))
		if state == 0 {
			require.ErrorIs(t, err, revocation.CheckTime)
			continue
		}
		require.NoError(t, err) // nobody takes that back
		require.Equal(t, revocation.Revoked, s.State)
	}
}

// TestDeltaOfAListFromTheFuture: a delta keeps a list in force, and does not make it one of today.
func TestDeltaOfAListFromTheFuture(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256).Certificate()
	early := testpki.RevocationList(t, pki.Authority, nil, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = testpki.Now().Add(2*time.Hour), testpki.Now().Add(3*time.Hour)
	})
	delta := testpki.RevocationList(t, pki.Authority, nil, changes(t, 7, 8))
	_, err := (&revocation.Values{CRLs: [][]byte{early, delta}}).Check(leaf, pki.Authority.Certificate(), &revocation.CheckOptions{Now: testpki.Now()})
	require.ErrorIs(t, err, revocation.CheckTime)
}

// TestValuesOfAnAlgorithmThatEnded: a value from before the end of its algorithm, by what it says itself, is used after it.
func TestValuesOfAnAlgorithmThatEnded(t *testing.T) {
	pki := testpki.New(t)
	leaf, end := pki.Leaf(testpki.P256).Certificate(), testpki.Now().AddDate(0, 1, 0)
	later := testpki.Now().AddDate(1, 0, 0)
	rules := &trust.Algorithms{Until: map[string]time.Time{"ECDSA": end}}
	for name, values := range map[string]*revocation.Values{
		"list":     {CRLs: [][]byte{testpki.RevocationList(t, pki.Authority, nil, func(l *x509.RevocationList) { l.NextUpdate = later })}},
		"response": {OCSP: [][]byte{testpki.OCSPResponse(t, leaf, pki.Authority, func(o *testpki.OCSP) { o.NextUpdate = later })}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := values.Check(leaf, pki.Authority.Certificate(), &revocation.CheckOptions{Now: end.Add(-time.Hour), Algorithms: rules})
			require.NoError(t, err)
			_, err = values.Check(leaf, pki.Authority.Certificate(), &revocation.CheckOptions{Now: end.Add(time.Hour), Algorithms: rules})
			require.ErrorIs(t, err, revocation.CheckSignature)
			_, err = values.Check(leaf, pki.Authority.Certificate(), &revocation.CheckOptions{Now: end.Add(time.Hour)})
			require.NoError(t, err)
		})
	}
}
