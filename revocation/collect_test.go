package revocation_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// bundle makes a SignedData without signers.
func bundle(certs ...*x509.Certificate) []byte {
	b := cms.NewBuilder(nil)
	info := b.Open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	explicit := b.Open(cms.ContextConstructed(0))
	sd := b.Open(cms.TagSequence)
	b.Int(1)
	b.Close(b.Open(cms.TagSet))
	encap := b.Open(cms.TagSequence)
	b.OID(cms.OIDData)
	b.Close(encap)
	set := b.Open(cms.ContextConstructed(0))
	for _, c := range certs {
		b.Raw(c.Raw)
	}
	b.Close(set)
	b.Close(b.Open(cms.TagSet))
	b.Close(sd)
	b.Close(explicit)
	b.Close(info)
	return b.Bytes()
}

func TestChain(t *testing.T) {
	w := newWorld(t)
	rootURL := "http://aia.example/root"
	middle := w.pki.SubAuthority("middle", w.pki.Root, func(c *x509.Certificate) { c.IssuingCertificateURL = []string{rootURL} })
	leaf := w.pki.Issue(middle, testpki.NewKey(t, testpki.P256), &x509.Certificate{SerialNumber: w.leaf.SerialNumber, Subject: pkix.Name{CommonName: "leaf"}, NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}, named).Certificate()
	root := w.pki.Root.Certificate()
	want := []*x509.Certificate{leaf, middle.Certificate(), root}
	pkcs7 := bundle(w.ca.Certificate(), middle.Certificate(), root)
	w.serve(rootURL, always(root.Raw))
	for name, raw := range map[string][]byte{
		"DER": middle.Certificate().Raw, "PEM": testpki.CertPEM(w.ca.Certificate(), middle.Certificate()), "p7c": pkcs7,
		"p7c in PEM": pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: pkcs7}),
	} {
		t.Run(name, func(t *testing.T) {
			w.serve(aiaURL, always(raw))
			chain, err := w.client(t).Chain(t.Context(), leaf, nil)
			require.NoError(t, err)
			require.Equal(t, want, chain)
		})
	}
	before := w.count(aiaURL)
	chain, err := w.client(t).Chain(t.Context(), leaf, []*x509.Certificate{root, nil, w.leaf, middle.Certificate(), leaf})
	require.NoError(t, err)
	require.Equal(t, want, chain)
	require.Equal(t, before, w.count(aiaURL), "what is at hand is not fetched")
	chain, err = w.client(t, func(o *revocation.Config) { o.Known = &revocation.Values{Certificates: want[1:]} }).Chain(t.Context(), leaf, nil)
	require.NoError(t, err)
	require.Equal(t, want, chain)
	c := w.client(t)
	for range 3 {
		_, err = c.Chain(t.Context(), leaf, nil)
		require.NoError(t, err)
	}
	require.Equal(t, before+1, w.count(aiaURL))
	chain, err = c.Chain(t.Context(), root, nil)
	require.NoError(t, err)
	require.Equal(t, want[2:], chain)

	for name, raw := range map[string][]byte{"garbage": []byte("garbage"), "another": w.ca.Certificate().Raw, "nothing": nil, "empty p7c": bundle(), "bad PEM": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")} {
		w.serve(aiaURL, always(raw))
		chain, err = w.client(t).Chain(t.Context(), leaf, nil)
		require.ErrorIs(t, err, revocation.CheckChain, name)
		require.Equal(t, want[:1], chain)
	}
	chain, err = w.client(t).Chain(t.Context(), w.pki.Leaf(testpki.P256).Certificate(), nil)
	require.ErrorIs(t, err, revocation.CheckChain)
	require.Len(t, chain, 1)
	_, err = w.client(t).Chain(t.Context(), nil, nil)
	require.ErrorIs(t, err, revocation.CheckChain)
}

// TestEndlessChain has authorities sign each other, and one sign without end.
func TestEndlessChain(t *testing.T) {
	pki := testpki.New(t)
	at := pki.Root
	var all []*x509.Certificate
	for i := range 20 {
		at = pki.SubAuthority(fmt.Sprint(i), at)
		all = append(all, at.Certificate())
	}
	chain, err := newWeb().client(t).Chain(t.Context(), at.Certificate(), append(all, pki.Root.Certificate()))
	require.ErrorIs(t, err, revocation.CheckChain)
	require.Len(t, chain, 10)

	a, b := pki.SubAuthority("a", pki.Root), pki.SubAuthority("b", pki.Root)
	cross := func(name testpki.Identity, by testpki.Identity) *x509.Certificate {
		template := *name.Certificate()
		return pki.Issue(by, name.Key, &template).Certificate()
	}
	leaf := pki.Issue(a, testpki.NewKey(t, testpki.P256), &x509.Certificate{SerialNumber: a.Certificate().SerialNumber, NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}).Certificate()
	chain, err = newWeb().client(t).Chain(t.Context(), leaf, []*x509.Certificate{cross(a, b), cross(b, a)})
	require.ErrorIs(t, err, revocation.CheckChain)
	require.LessOrEqual(t, len(chain), 4)
}

func TestCollect(t *testing.T) {
	w := newWorld(t)
	rootCRL := "http://crl.example/root"
	ca := w.pki.SubAuthority("collecting authority", w.pki.Root, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{rootCRL} })
	responder := w.pki.Responder(ca, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{crlURL} })
	serial := int64(0)
	issue := func(name string, bend ...func(*x509.Certificate)) *x509.Certificate {
		serial++
		template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}
		return w.pki.Issue(ca, testpki.NewKey(t, testpki.P256), template, bend...).Certificate()
	}
	signer, tsa := issue("signer", named), issue("tsa", func(c *x509.Certificate) { c.CRLDistributionPoints = []string{crlURL} })
	exempt := issue("short", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{0, 4, 0, 194121, 2, 1}, Value: []byte{5, 0}}}
	})
	ocspDER := testpki.OCSPResponse(t, signer, ca, func(o *testpki.OCSP) {
		o.Key, o.Responder, o.Certificates = responder.Key, responder.Certificate(), responder.Chain[:1]
	})
	crl, root := testpki.RevocationList(t, ca, nil), testpki.RevocationList(t, w.pki.Root, nil)
	w.serve(ocspURL, always(ocspDER))
	w.serve(crlURL, always(crl))
	w.serve(rootCRL, always(root))
	chain := func(leaf *x509.Certificate) []*x509.Certificate {
		return []*x509.Certificate{leaf, ca.Certificate(), w.pki.Root.Certificate()}
	}
	c := w.client(t)
	all, err := c.Collect(t.Context(), [][]*x509.Certificate{chain(signer), chain(tsa), chain(signer), chain(exempt)}, nil)
	require.NoError(t, err)
	require.Equal(t, [][]byte{ocspDER}, all.OCSP)
	require.Equal(t, [][]byte{root, crl}, all.CRLs)
	require.Equal(t, []*x509.Certificate{signer, ca.Certificate(), w.pki.Root.Certificate(), tsa, exempt, responder.Certificate()}, all.Certificates)
	require.Len(t, all.Statuses, 4, "signer, authority, time-stamp authority, responder")
	require.Equal(t, revocation.OCSP, all.Status(signer).Method)
	require.Equal(t, revocation.CRLs, all.Status(responder.Certificate()).Method)
	require.Nil(t, all.Status(w.pki.Root.Certificate()))
	require.Nil(t, all.Status(exempt))
	require.Empty(t, all.Revoked())
	for _, url := range []string{ocspURL, crlURL, rootCRL} {
		require.Equal(t, 1, w.count(url), url)
	}
	// What was collected is enough without the network.
	for _, s := range all.Statuses {
		_, err := all.Check(s.Certificate, s.Issuer, options())
		require.NoError(t, err)
	}

	known, err := w.client(t).Collect(t.Context(), [][]*x509.Certificate{chain(signer), chain(tsa)}, &revocation.CollectOptions{Known: &all.Values})
	require.NoError(t, err)
	require.Equal(t, all.OCSP, known.OCSP)
	require.Equal(t, 1, w.count(ocspURL)+w.count(crlURL)+w.count(rootCRL)-2, "what is at hand is not fetched")

	w.serve(crlURL, always(testpki.RevocationList(t, ca, []*x509.Certificate{tsa})))
	all, err = w.client(t).Collect(t.Context(), [][]*x509.Certificate{chain(signer), chain(tsa)}, nil)
	require.NoError(t, err)
	require.Len(t, all.Revoked(), 1)
	require.Equal(t, tsa, all.Revoked()[0].Certificate)

	// What cannot be found is named, and the rest is there.
	w.serve(rootCRL, always(nil))
	all, err = w.client(t).Collect(t.Context(), [][]*x509.Certificate{chain(signer), {tsa}}, nil)
	require.ErrorIs(t, err, revocation.CheckEncoding)
	require.ErrorIs(t, err, revocation.CheckChain)
	require.ErrorContains(t, err, "collecting authority")
	require.Equal(t, [][]byte{ocspDER}, all.OCSP)
	all, err = w.client(t).Collect(t.Context(), [][]*x509.Certificate{chain(signer)}, &revocation.CollectOptions{Anchors: []*x509.Certificate{ca.Certificate()}})
	require.NoError(t, err)
	require.NotNil(t, all.Status(signer))
}

// TestResponders are the kinds of responders that Collect meets.
func TestResponders(t *testing.T) {
	w := newWorld(t)
	chain := []*x509.Certificate{w.leaf, w.ca.Certificate()}
	anchored := &revocation.CollectOptions{Anchors: chain[1:]}
	answer := func(cert *x509.Certificate, id testpki.Identity) []byte {
		return testpki.OCSPResponse(t, cert, w.ca, func(o *testpki.OCSP) { o.Key, o.Responder, o.Certificates = id.Key, id.Certificate(), id.Chain[:1] })
	}
	for name, c := range map[string]struct {
		bend     func(*x509.Certificate)
		statuses int
		err      error
	}{
		"vouched for":  {testpki.NoCheck, 1, nil},
		"says nothing": {func(*x509.Certificate) {}, 1, nil},
		"asks itself":  {func(c *x509.Certificate) { c.OCSPServer = []string{"http://self.example/"} }, 2, nil},
		"unreachable":  {func(c *x509.Certificate) { c.OCSPServer = []string{"http://gone.example/"} }, 1, revocation.CheckHTTPStatus},
	} {
		t.Run(name, func(t *testing.T) {
			responder := w.pki.Responder(w.ca, c.bend)
			w.serve(ocspURL, always(answer(w.leaf, responder)))
			w.serve("http://self.example/", always(answer(responder.Certificate(), responder)))
			all, err := w.client(t).Collect(t.Context(), [][]*x509.Certificate{chain}, anchored)
			require.ErrorIs(t, err, c.err)
			require.Len(t, all.Statuses, c.statuses)
			require.Contains(t, all.Certificates, responder.Certificate())
		})
	}
	// Responders of responders without end.
	ids := []testpki.Identity{}
	for i := range 10 {
		ids = append(ids, w.pki.Responder(w.ca, func(c *x509.Certificate) { c.OCSPServer = []string{fmt.Sprintf("http://r%d.example/", i+1)} }))
	}
	w.serve(ocspURL, always(answer(w.leaf, ids[0])))
	for i := range 9 {
		w.serve(fmt.Sprintf("http://r%d.example/", i+1), always(answer(ids[i].Certificate(), ids[i+1])))
	}
	all, err := w.client(t).Collect(t.Context(), [][]*x509.Certificate{chain}, anchored)
	require.ErrorIs(t, err, revocation.CheckResponder)
	require.Len(t, all.Statuses, 4)
}
