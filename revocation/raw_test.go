package revocation_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// attribute is a name of one commonName, in a string of any type.
func attribute(t testing.TB, tag int, text string) []byte {
	t.Helper()
	der, err := asn1.Marshal([][]struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}{})
	require.NoError(t, err)
	value, err := asn1.Marshal(struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}{asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.RawValue{Tag: tag, Bytes: []byte(text)}})
	require.NoError(t, err)
	set, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: value})
	require.NoError(t, err)
	require.Equal(t, sequence(t), der)
	return sequence(t, set)
}

// refusedByGo makes a certificate that crypto/x509 refuses: an @ in a PrintableString.
func refusedByGo(t testing.TB, issuer testpki.Identity, bend ...func(*x509.Certificate)) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(4711), RawSubject: attribute(t, asn1.TagPrintableString, "a@b"), NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}
	for _, b := range bend {
		b(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer.Certificate(), testpki.NewKey(t, testpki.P256).Public(), issuer.Key)
	require.NoError(t, err)
	_, err = x509.ParseCertificate(der)
	require.Error(t, err)
	return der
}

// TestRaw asks about a certificate that crypto/x509 refuses: by CRL, by OCSP, and over the network.
func TestRaw(t *testing.T) {
	pki := testpki.New(t)
	ca := pki.Authority
	leaf := refusedByGo(t, ca, named)
	revoked := func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(4711), RevocationTime: hour(-3), ReasonCode: 1}}
	}
	other := pki.Leaf(testpki.P256).Certificate()
	response := testpki.OCSPResponse(t, other, ca, func(o *testpki.OCSP) { o.Serial = big.NewInt(4711) })
	for name, c := range map[string]struct {
		values revocation.Values
		state  revocation.State
		method revocation.Method
	}{
		"CRL":          {revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, ca, nil)}}, revocation.Good, revocation.CRLs},
		"CRL, revoked": {revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, ca, nil, revoked)}}, revocation.Revoked, revocation.CRLs},
		"OCSP":         {revocation.Values{OCSP: [][]byte{response}}, revocation.Good, revocation.OCSP},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := revocation.NewChecker(&c.values).CheckRaw(leaf, ca.Certificate().Raw, options())
			require.NoError(t, err)
			require.Equal(t, c.state, s.State)
			require.Equal(t, c.method, s.Method)
			require.Equal(t, leaf, s.Certificate.Raw)
			require.Equal(t, leaf, s.RawCertificate)
			require.Equal(t, ca.Certificate().Raw, s.RawIssuer)
			require.False(t, s.Delegated())
		})
	}
	_, err := revocation.NewChecker(nil).CheckRaw(leaf, ca.Certificate().Raw, options())
	require.ErrorIs(t, err, revocation.CheckSource)
	for _, wrong := range [][2][]byte{{nil, ca.Certificate().Raw}, {leaf, []byte("garbage")}} {
		_, err = revocation.NewChecker(nil).CheckRaw(wrong[0], wrong[1], options())
		require.ErrorIs(t, err, revocation.CheckEncoding)
	}

	w := newWeb()
	w.serve(crlURL, always(testpki.RevocationList(t, ca, nil, revoked)))
	s, err := w.client(t).StatusRaw(t.Context(), leaf, ca.Certificate().Raw, time.Time{})
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, s.State)
	require.Equal(t, crlURL, s.Place)
	_, err = w.client(t).StatusRaw(t.Context(), leaf, pki.Root.Certificate().Raw, time.Time{})
	require.ErrorIs(t, err, revocation.CheckChain)

	why, ok := revocation.ExemptRaw(leaf)
	require.False(t, ok, why)
	_, ok = revocation.ExemptRaw(refusedByGo(t, ca, extended(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 56}, Value: []byte{5, 0}})))
	require.True(t, ok)
	_, ok = revocation.ExemptRaw(nil)
	require.False(t, ok)
}

// TestRawResponder has a responder whose certificate crypto/x509 refuses, inside the response and beside it.
func TestRawResponder(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256).Certificate()
	key := testpki.NewKey(t, testpki.P256)
	template := &x509.Certificate{SerialNumber: big.NewInt(5), RawSubject: attribute(t, asn1.TagPrintableString, "r@b"), NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter(), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
	der, err := x509.CreateCertificate(rand.Reader, template, pki.Authority.Certificate(), key.Public(), pki.Authority.Key)
	require.NoError(t, err)
	named := *leaf
	named.RawSubject, named.Raw = template.RawSubject, der
	v := &revocation.Values{OCSP: [][]byte{testpki.OCSPResponse(t, leaf, pki.Authority, func(o *testpki.OCSP) { o.Key, o.Responder = key, &named })}}
	_, err = v.Check(leaf, pki.Authority.Certificate(), options())
	require.ErrorIs(t, err, revocation.CheckResponder)
	v.RawCertificates = [][]byte{der}
	s, err := v.Check(leaf, pki.Authority.Certificate(), options())
	require.NoError(t, err)
	require.Equal(t, der, s.Responder.Raw)
	require.Equal(t, der, s.RawResponder)
	require.True(t, s.Delegated())
}

// TestNamesOfOtherStrings has the issuer written in another string type, case and spacing by the list than by the certificate.
func TestNamesOfOtherStrings(t *testing.T) {
	pki := testpki.New(t)
	key := testpki.NewKey(t, testpki.P256)
	authority := func(subject []byte) testpki.Identity {
		return pki.Issue(pki.Root, key, &x509.Certificate{SerialNumber: big.NewInt(6), RawSubject: subject, NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter(), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}})
	}
	one, other := authority(attribute(t, asn1.TagPrintableString, "Some Authority")), authority(attribute(t, asn1.TagUTF8String, " some  AUTHORITY"))
	leaf := pki.Issue(one, testpki.NewKey(t, testpki.P256), &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}).Certificate()
	for state, revoked := range map[revocation.State][]*x509.Certificate{revocation.Good: nil, revocation.Revoked: {leaf}} {
		v := &revocation.Values{CRLs: [][]byte{testpki.RevocationList(t, other, revoked)}}
		s, err := v.Check(leaf, one.Certificate(), options())
		require.NoError(t, err)
		require.Equal(t, state, s.State)
	}
}

// TestSignaturesAreBounded has many lists and many keys of the issuer's name, so that each list would be tried with each key.
func TestSignaturesAreBounded(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256).Certificate()
	name := pki.Authority.Certificate().Subject.CommonName
	list := testpki.RevocationList(t, pki.SubAuthority(name, pki.Root), nil)
	v := &revocation.Values{}
	for range 60 {
		v.Certificates, v.CRLs = append(v.Certificates, pki.SubAuthority(name, pki.Root).Certificate()), append(v.CRLs, list)
	}
	_, err := revocation.NewChecker(v).Check(leaf, pki.Authority.Certificate(), options())
	require.ErrorIs(t, err, revocation.CheckWork)
}

// TestWithoutAnchor has a list signed by another key: one that the issuer made for it counts, and no other.
func TestWithoutAnchor(t *testing.T) {
	pki := testpki.New(t)
	ca := pki.Authority
	leaf := pki.Leaf(testpki.P256).Certificate()
	by := func(issuer testpki.Identity) testpki.Identity {
		return pki.SubAuthority(ca.Certificate().Subject.CommonName, issuer, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign | x509.KeyUsageCertSign })
	}
	own, other := by(ca), by(pki.Root)
	check := func(signer testpki.Identity, bend ...func(*revocation.CheckOptions)) error {
		v := &revocation.Values{Certificates: []*x509.Certificate{signer.Certificate()}, CRLs: [][]byte{testpki.RevocationList(t, signer, nil)}}
		_, err := v.Check(leaf, ca.Certificate(), options(bend...))
		return err
	}
	anchored := func(o *revocation.CheckOptions) { o.Anchor = pki.Root.Certificate().Raw }
	// Nothing but the list speaks of who signed it, which would be a circle.
	require.ErrorIs(t, check(own), revocation.CheckIssuer)
	require.ErrorIs(t, check(other), revocation.CheckIssuer, "not by the issuer")
	require.NoError(t, check(other, anchored), "but by the same root")
	require.ErrorIs(t, check(other, func(o *revocation.CheckOptions) { o.Anchor = []byte("garbage") }), revocation.CheckIssuer)
}

// TestWorkIsBounded has more lists of the issuer's name, each with another signature, than anybody needs, and asks about many certificates.
func TestWorkIsBounded(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256).Certificate()
	list := testpki.RevocationList(t, pki.SubAuthority(pki.Authority.Certificate().Subject.CommonName, pki.Root), nil)
	v := &revocation.Values{}
	for range 500 {
		v.CRLs = append(v.CRLs, list)
	}
	c := revocation.NewChecker(v)
	_, err := c.Check(leaf, pki.Authority.Certificate(), options())
	require.ErrorIs(t, err, revocation.CheckSignature)
	require.NotErrorIs(t, err, revocation.CheckWork)
	require.Less(t, len(err.Error()), 10_000, "what is said is bounded, too")
	for range 2000 {
		if _, err = c.Check(leaf, pki.Authority.Certificate(), options()); errors.Is(err, revocation.CheckWork) {
			break
		}
	}
	_, err = c.Check(leaf, pki.Authority.Certificate(), options())
	require.ErrorIs(t, err, revocation.CheckWork)
	require.NotErrorIs(t, err, revocation.CheckSignature, "no list is looked at any more")
}
