package validate_test

import (
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// world is a clock, and authorities of which each may be told to be good until some day.
type world struct {
	testing.TB
	pki *testpki.PKI
	now time.Time
}

var content = []byte("content")

func newWorld(t testing.TB) *world { return &world{t, testpki.New(t), testpki.Now()} }

func (w *world) clock() time.Time { return w.now }

func (w *world) later(years, days int) { w.now = w.now.AddDate(years, 0, days) }

func until(t time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = t }
}

func (w *world) signerOf(id testpki.Identity, scheme sign.Scheme) *sign.Signer {
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(w, err)
	s, err := sign.New(key, id.Chain, scheme)
	require.NoError(w, err)
	return s
}

func (w *world) signer(bend ...func(*x509.Certificate)) *sign.Signer {
	id := w.pki.Leaf(testpki.P256, bend...)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(w, err)
	s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(w, err)
	return s
}

// tsa is an authority that is good for some years from now.
func (w *world) tsa(years int) *tsp.Authority {
	return testlevels.Authority(w, w.pki, w.clock, until(w.now.AddDate(years, 0, 0)))
}

// values are CRLs of both authorities, of an hour ago.
func (w *world) values(revoked ...x509.RevocationListEntry) *revocation.Values {
	v := &revocation.Values{Certificates: []*x509.Certificate{w.pki.Root.Certificate(), w.pki.Authority.Certificate()}}
	for _, id := range []testpki.Identity{w.pki.Root, w.pki.Authority} {
		v.CRLs = append(v.CRLs, testpki.RevocationList(w, id, nil, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate, l.RevokedCertificateEntries = w.now.Add(-time.Hour), w.now.Add(time.Hour), revoked
		}))
	}
	return v
}

func (w *world) source(revoked ...x509.RevocationListEntry) *revocation.Client {
	c, err := revocation.NewClient(revocation.Config{Known: w.values(revoked...), Clock: w.clock})
	require.NoError(w, err)
	return c
}

func (w *world) sign(s *sign.Signer, o *cades.Options) []byte {
	w.Helper()
	o.Clock, o.Attached = w.clock, true
	der, err := cades.Sign(w.Context(), s, sign.Bytes("", content), o)
	require.NoError(w, err)
	return der
}

func (w *world) extend(der []byte, to cades.Level, o *cades.ExtendOptions) []byte {
	w.Helper()
	m, err := cades.Parse(der)
	require.NoError(w, err)
	der, err = m.Extend(w.Context(), to, o)
	require.NoError(w, err)
	return der
}

// verify is the outcome of the only signature, with the roots of the world.
func (w *world) verify(der []byte, bend ...func(*validate.Options)) *cades.SignatureReport {
	w.Helper()
	o := &validate.Options{Roots: w.pki.Roots(), Clock: w.clock}
	for _, b := range bend {
		b(o)
	}
	m, err := cades.Parse(der)
	require.NoError(w, err)
	r, err := m.Verify(w.Context(), sign.Content{}, o)
	require.NoError(w, err)
	require.Len(w, r.Signatures, 1)
	require.Equal(w, r.Trusted(), r.Signatures[0].Indication == validate.TotalPassed && r.Valid())
	return &r.Signatures[0]
}

func (w *world) want(r *cades.SignatureReport, i validate.Indication, sub validate.SubIndication, says string) {
	w.Helper()
	require.Equal(w, i, r.Indication, "%s: %s", r.SubIndication, r.Reason)
	require.Equal(w, sub, r.SubIndication, r.Reason)
	require.Contains(w, r.Reason, says)
	if i == validate.TotalPassed {
		require.Empty(w, r.Reason)
	} else {
		require.NotEmpty(w, r.Reason)
	}
}
