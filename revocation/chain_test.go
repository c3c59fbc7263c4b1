package revocation_test

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/trust"
)

// crossed is a certificate of the key and name of an authority, by another one.
func crossed(pki *testpki.PKI, of, by testpki.Identity) *x509.Certificate {
	template := *of.Certificate()
	template.ExtraExtensions, template.IssuingCertificateURL = nil, nil
	return pki.Issue(by, of.Key, &template).Certificate()
}

// TestChainOfNoAuthority offers a certificate as issuer that is none: by its basicConstraints, its key usage, or both.
func TestChainOfNoAuthority(t *testing.T) {
	for name, bend := range map[string]func(*x509.Certificate){
		"no authority": func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.SubjectKeyId = false, false, []byte{1} },
		"no key usage": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			middle := w.pki.SubAuthority("somebody", w.pki.Root, bend)
			leaf := w.pki.Issue(middle, testpki.NewKey(t, testpki.P256), &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}, named).Certificate()
			w.serve(aiaURL, always(middle.Certificate().Raw))
			chain, err := w.client(t).Chain(t.Context(), leaf, []*x509.Certificate{middle.Certificate(), w.pki.Root.Certificate()})
			require.ErrorIs(t, err, revocation.CheckChain)
			require.Len(t, chain, 1)
		})
	}
}

// TestChainPrefers has the root of an authority twice: self-signed, and crossed by a stranger's root.
func TestChainPrefers(t *testing.T) {
	pki, world := testpki.New(t), testpki.New(t)
	root, stranger, ca := pki.Root.Certificate(), world.Root.Certificate(), pki.Authority.Certificate()
	cross := crossed(pki, pki.Root, world.Root)
	// Two certificates of one key, one of them by another root, are for those who trust that.
	crossCA := crossed(pki, pki.Authority, world.Root)
	leaf := pki.Leaf(testpki.P256).Certificate()
	for name, c := range map[string]struct {
		roots      *trust.Roots
		candidates []*x509.Certificate
		want       []*x509.Certificate
	}{
		"a self-signed root before a cross":   {nil, []*x509.Certificate{cross, stranger, ca, root}, []*x509.Certificate{leaf, ca, root}},
		"a chain with an end":                 {nil, []*x509.Certificate{crossCA, ca, root}, []*x509.Certificate{leaf, ca, root}},
		"the trusted root by a cross":         {trust.New(stranger), []*x509.Certificate{root, ca, cross}, []*x509.Certificate{leaf, ca, cross, stranger}},
		"the trusted root, not the first one": {trust.New(root), []*x509.Certificate{stranger, crossCA, ca}, []*x509.Certificate{leaf, ca, root}},
		"a trusted authority is an end":       {trust.New(ca), []*x509.Certificate{crossCA, stranger, root}, []*x509.Certificate{leaf, ca}},
		"nobody trusted is there":             {trust.New(testpki.New(t).Authority.Certificate()), []*x509.Certificate{ca, root}, []*x509.Certificate{leaf, ca, root}},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := newWeb().client(t, func(o *revocation.Config) { o.Roots = c.roots }).Chain(t.Context(), leaf, c.candidates)
			require.NoError(t, err)
			require.Len(t, chain, len(c.want))
			for i := range chain {
				require.Equal(t, c.want[i].Raw, chain[i].Raw, i)
			}
		})
	}
	// Who is trusted is not asked for.
	client := newWeb().client(t, func(o *revocation.Config) { o.Roots = trust.New(ca) })
	all, err := client.Collect(t.Context(), [][]*x509.Certificate{{leaf, ca}}, &revocation.CollectOptions{Known: &revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, pki.Authority, nil)}}, At: testpki.Now()})
	require.NoError(t, err)
	require.Len(t, all.Statuses, 1)
}

// TestChainOfManyCrosses has authorities that all sign each other, where there are more ways than anybody could try: without a bound the test would not end.
func TestChainOfManyCrosses(t *testing.T) {
	pki := testpki.New(t)
	var all []testpki.Identity
	for i := range 12 {
		all = append(all, pki.SubAuthority(fmt.Sprint(i), pki.Authority))
	}
	var candidates []*x509.Certificate
	for _, a := range all {
		for _, b := range all {
			candidates = append(candidates, crossed(pki, a, b))
		}
	}
	leaf := pki.Issue(all[0], testpki.NewKey(t, testpki.P256), &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}).Certificate()
	chain, err := newWeb().client(t, func(o *revocation.Config) { o.Roots = trust.New(pki.Root.Certificate()) }).Chain(t.Context(), leaf, candidates)
	if err != nil {
		require.ErrorIs(t, err, revocation.CheckChain)
	}
	require.Equal(t, leaf.Raw, chain[0].Raw)
}
