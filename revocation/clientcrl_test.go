package revocation_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

const (
	deltaURL = "http://crl.example/changes"
	restURL  = "http://crl.example/rest"
)

func byLists(o *revocation.Config) { o.Methods = []revocation.Method{revocation.CRLs} }

// TestFreshest fetches the delta that a list, or the certificate, names.
func TestFreshest(t *testing.T) {
	fresh := points(t, oidFreshest, pointAt(t, deltaURL, nil, nil))
	naming := func(l *x509.RevocationList) { l.ExtraExtensions = append(l.ExtraExtensions, fresh) }
	for name, c := range map[string]struct {
		cert []func(*x509.Certificate)
		list []func(*x509.RevocationList)
	}{
		"by the certificate": {[]func(*x509.Certificate){named, extended(fresh)}, nil},
		"by the list":        {[]func(*x509.Certificate){named}, []func(*x509.RevocationList){naming}},
		"by both":            {[]func(*x509.Certificate){named, extended(fresh)}, []func(*x509.RevocationList){naming}},
	} {
		t.Run(name, func(t *testing.T) {
			pki := testpki.New(t)
			leaf := pki.Leaf(testpki.P256, c.cert...).Certificate()
			w := newWeb()
			list := testpki.RevocationList(t, pki.Authority, nil, c.list...)
			delta := testpki.RevocationList(t, pki.Authority, nil, changes(t, 7, 8, entryOf(leaf, 1)))
			w.serve(crlURL, always(list))
			status := func(client *revocation.Client) *revocation.Status {
				s, err := client.Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
				require.NoError(t, err)
				require.Equal(t, crlURL, s.Place)
				return s
			}
			require.Equal(t, revocation.Good, status(w.client(t, byLists)).State, "without the delta the list holds")
			w.serve(deltaURL, always(delta))
			before := w.count(deltaURL)
			s := status(w.client(t, byLists))
			require.Equal(t, revocation.Revoked, s.State)
			require.Equal(t, before+1, w.count(deltaURL))
			require.Len(t, s.More, 1)
			require.Equal(t, delta, s.More[0].Raw)
			all, err := w.client(t, byLists).Collect(t.Context(), [][]*x509.Certificate{{leaf, pki.Authority.Certificate(), pki.Root.Certificate()}}, &revocation.CollectOptions{
				Known: &revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, pki.Root, nil)}}})
			require.NoError(t, err)
			require.Contains(t, all.CRLs, list)
			require.Contains(t, all.CRLs, delta)
		})
	}
}

// TestListsOfReasons fetches the lists of two points.
func TestListsOfReasons(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256, extended(points(t, oidPoints, pointAt(t, crlURL, []byte{0, 0x60}, nil), pointAt(t, restURL, []byte{7, 0x1f, 0x80}, nil)))).Certificate()
	w := newWeb()
	at := func(url string) func(*x509.RevocationList) {
		return point(t, func(p *testpki.DistributionPoint) { p.Name.FullName = append(p.Name.FullName, testpki.URI(url)) })
	}
	w.serve(crlURL, always(testpki.RevocationList(t, pki.Authority, nil, at(crlURL))))
	_, err := w.client(t, byLists).Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckScope)
	require.ErrorIs(t, err, revocation.CheckHTTPStatus)
	w.serve(restURL, always(testpki.RevocationList(t, pki.Authority, nil, at(restURL))))
	s, err := w.client(t, byLists).Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, revocation.Good, s.State)
	require.Len(t, s.More, 1)
	w.serve(restURL, always(testpki.RevocationList(t, pki.Authority, []*x509.Certificate{leaf}, at(restURL))))
	s, err = w.client(t, byLists).Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, s.State)
}

// TestIndirectByClient fetches the list of another issuer, whose certificate is at hand; one of a stranger is not kept.
func TestIndirectByClient(t *testing.T) {
	pki, world := testpki.New(t), testpki.New(t)
	lister := pki.SubAuthority("issuer of lists", pki.Authority)
	stranger := world.SubAuthority("issuer of lists", world.Root)
	leaf := pki.Leaf(testpki.P256, extended(points(t, oidPoints, pointAt(t, crlURL, nil, lister.Certificate())))).Certificate()
	indirect := point(t, func(p *testpki.DistributionPoint) { p.Indirect = true })
	w := newWeb()
	client := w.client(t, byLists, func(o *revocation.Config) {
		o.Known, o.Negative = &revocation.Values{Certificates: []*x509.Certificate{lister.Certificate()}}, -1
	})
	w.serve(crlURL, always(testpki.RevocationList(t, stranger, nil, indirect)))
	_, err := client.Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
	require.ErrorIs(t, err, revocation.CheckIssuer)
	w.serve(crlURL, always(testpki.RevocationList(t, lister, nil, indirect)))
	s, err := client.Status(t.Context(), leaf, pki.Authority.Certificate(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, revocation.Good, s.State)
	require.True(t, s.Delegated())
	require.Equal(t, lister.Certificate().Raw, s.Responder.Raw)
}
