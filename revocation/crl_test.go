package revocation_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

var (
	oidDelta  = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIDP    = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
)

// point makes a list of an issuing distribution point.
func point(t testing.TB, bend func(*testpki.DistributionPoint)) func(*x509.RevocationList) {
	t.Helper()
	var p testpki.DistributionPoint
	bend(&p)
	return testpki.Critical(t, oidIDP, p)
}

func TestCRL(t *testing.T) {
	pki := testpki.New(t)
	ca := pki.Authority
	good, revoked := pki.Leaf(testpki.P256, named).Certificate(), pki.Leaf(testpki.P256, named).Certificate()
	old := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = hour(-24) }).Certificate()
	none := func(*x509.RevocationList) {}
	for name, c := range map[string]struct {
		cert   *x509.Certificate
		issuer testpki.Identity
		list   []*x509.Certificate
		bend   func(*x509.RevocationList)
		state  revocation.State
	}{
		"empty":           {good, ca, nil, none, revocation.Good},
		"good":            {good, ca, []*x509.Certificate{revoked}, none, revocation.Good},
		"revoked":         {revoked, ca, []*x509.Certificate{good, revoked}, none, revocation.Revoked},
		"of an authority": {ca.Certificate(), pki.Root, nil, none, revocation.Good},
		"scope of users":  {good, ca, nil, point(t, func(p *testpki.DistributionPoint) { p.OnlyUsers = true }), revocation.Good},
		"of authorities":  {ca.Certificate(), pki.Root, nil, point(t, func(p *testpki.DistributionPoint) { p.OnlyAuthorities = true }), revocation.Good},
		"its point": {good, ca, nil, point(t, func(p *testpki.DistributionPoint) {
			p.Name.FullName = []asn1.RawValue{testpki.URI("http://other"), testpki.URI(crlURL)}
		}), revocation.Good},
		"indirect, of its own issuer": {good, ca, []*x509.Certificate{revoked}, point(t, func(p *testpki.DistributionPoint) { p.Indirect = true }), revocation.Good},
		"no next update":              {good, ca, nil, func(l *x509.RevocationList) { l.NextUpdate = hour(0) }, revocation.Good},
		"expired and kept": {old, ca, nil, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 60}, Value: []byte("\x18\x0f20200301000000Z")}}
		}, revocation.Good},
		"expired, revoked": {old, ca, []*x509.Certificate{old}, none, revocation.Revoked},
		"unknown extension": {good, ca, nil, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}, revocation.Good},
	} {
		t.Run(name, func(t *testing.T) {
			der := testpki.RevocationList(t, c.issuer, c.list, c.bend)
			l, err := revocation.ParseCRL(der)
			require.NoError(t, err)
			require.Equal(t, der, l.Raw)
			s, err := l.Check(c.cert, c.issuer.Certificate(), options())
			require.NoError(t, err)
			require.Equal(t, c.state, s.State)
			if c.state == revocation.Revoked {
				require.Equal(t, testpki.Now().AddDate(0, 0, -1), s.RevokedAt)
				require.Equal(t, revocation.KeyCompromise, s.Reason)
			}
			l, err = revocation.ParseCRL(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
			require.NoError(t, err)
			require.Equal(t, der, l.Raw)
		})
	}
}

func TestCRLRefused(t *testing.T) {
	pki := testpki.New(t)
	ca := pki.Authority
	leaf := pki.Leaf(testpki.P256, named).Certificate()
	old := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = hour(-24) }).Certificate()
	other := pki.SubAuthority("another authority", pki.Root)
	same := pki.SubAuthority(ca.Certificate().Subject.CommonName, pki.Root)
	mute := pki.SubAuthority("no CRL", pki.Root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	ofMute := pki.Issue(mute, testpki.NewKey(t, testpki.P256), &x509.Certificate{SerialNumber: big.NewInt(5), NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter()}).Certificate()
	signsAnyway := mute
	bent := *mute.Certificate()
	bent.KeyUsage |= x509.KeyUsageCRLSign
	signsAnyway.Chain = []*x509.Certificate{&bent}
	none := func(*x509.RevocationList) {}
	entry := func(e pkix.Extension) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(9), RevocationTime: hour(-2), ExtraExtensions: []pkix.Extension{e}}}
		}
	}
	for name, c := range map[string]struct {
		cert, issuer *x509.Certificate
		signer       testpki.Identity
		bend         func(*x509.RevocationList)
		check        revocation.Check
	}{
		"another issuer":       {leaf, ca.Certificate(), other, none, revocation.CheckIssuer},
		"another key":          {leaf, ca.Certificate(), same, none, revocation.CheckSignature},
		"may not sign":         {ofMute, mute.Certificate(), signsAnyway, none, revocation.CheckKeyUsage},
		"stale":                {leaf, ca.Certificate(), ca, func(l *x509.RevocationList) { l.NextUpdate = hour(0).Add(-6 * time.Minute) }, revocation.CheckTime},
		"future":               {leaf, ca.Certificate(), ca, func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = hour(1), hour(2) }, revocation.CheckTime},
		"delta":                {leaf, ca.Certificate(), ca, testpki.Critical(t, oidDelta, 1), revocation.CheckDelta},
		"unknown critical":     {leaf, ca.Certificate(), ca, testpki.Critical(t, asn1.ObjectIdentifier{1, 2, 3}, 1), revocation.CheckExtensions},
		"entry of another":     {leaf, ca.Certificate(), ca, entry(pkix.Extension{Id: oidIssuer, Critical: true, Value: []byte{0x30, 0}}), revocation.CheckIndirect},
		"critical of an entry": {leaf, ca.Certificate(), ca, entry(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}), revocation.CheckExtensions},
		"authorities only":     {leaf, ca.Certificate(), ca, point(t, func(p *testpki.DistributionPoint) { p.OnlyAuthorities = true }), revocation.CheckScope},
		"users only":           {ca.Certificate(), pki.Root.Certificate(), pki.Root, point(t, func(p *testpki.DistributionPoint) { p.OnlyUsers = true }), revocation.CheckScope},
		"attributes only":      {leaf, ca.Certificate(), ca, point(t, func(p *testpki.DistributionPoint) { p.OnlyAttributes = true }), revocation.CheckScope},
		"some reasons":         {leaf, ca.Certificate(), ca, point(t, func(p *testpki.DistributionPoint) { p.SomeReasons = asn1.BitString{Bytes: []byte{0x40}, BitLength: 2} }), revocation.CheckScope},
		"another point":        {leaf, ca.Certificate(), ca, point(t, func(p *testpki.DistributionPoint) { p.Name.FullName = []asn1.RawValue{testpki.URI("http://other")} }), revocation.CheckScope},
		"point of nobody":      {old, ca.Certificate(), ca, point(t, func(p *testpki.DistributionPoint) { p.Name.FullName = []asn1.RawValue{testpki.URI(crlURL)} }), revocation.CheckScope},
		"malformed point":      {leaf, ca.Certificate(), ca, testpki.Critical(t, oidIDP, 5), revocation.CheckEncoding},
		"after it expired":     {old, ca.Certificate(), ca, none, revocation.CheckExpired},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := revocation.ParseCRL(testpki.RevocationList(t, c.signer, nil, c.bend))
			require.NoError(t, err)
			s, err := l.Check(c.cert, c.issuer, options())
			require.Nil(t, s)
			require.ErrorIs(t, err, c.check)
		})
	}
	l, err := revocation.ParseCRL(testpki.RevocationList(t, ca, nil))
	require.NoError(t, err)
	_, err = l.Check(leaf, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.Since = hour(0) }))
	require.ErrorIs(t, err, revocation.CheckTime)
	_, err = l.Check(old, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.AllowExpired = true }))
	require.NoError(t, err)

	for name, der := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "PEM": []byte("-----BEGIN X509 CRL-----"), "a certificate": leaf.Raw, "PEM of another": testpki.CertPEM(leaf)} {
		_, err := revocation.ParseCRL(der)
		require.ErrorIs(t, err, revocation.CheckEncoding, name)
	}
}

// TestPlainCRL is a list without extensions, which may not even have a number (RFC 5280 section 5.1.2.1, version 1).
func TestPlainCRL(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256, named).Certificate()
	entry, err := asn1.Marshal(pkix.RevokedCertificate{SerialNumber: leaf.SerialNumber, RevocationTime: hour(-3)})
	require.NoError(t, err)
	times, err := asn1.Marshal(hour(-1))
	require.NoError(t, err)
	next, err := asn1.Marshal(hour(1))
	require.NoError(t, err)
	algorithm := sequence(t, []byte("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"))
	for state, entries := range map[revocation.State][]byte{revocation.Good: nil, revocation.Revoked: sequence(t, entry)} {
		tbs := sequence(t, algorithm, pki.Authority.Certificate().RawSubject, times, next, entries)
		digest := sha256.Sum256(tbs)
		signature, err := pki.Authority.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
		require.NoError(t, err)
		bits, err := asn1.Marshal(asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)})
		require.NoError(t, err)
		l, err := revocation.ParseCRL(sequence(t, tbs, algorithm, bits))
		require.NoError(t, err)
		s, err := l.Check(leaf, pki.Authority.Certificate(), options())
		require.NoError(t, err)
		require.Equal(t, state, s.State)
	}
}

// TestValues finds states without the network.
func TestValues(t *testing.T) {
	pki := testpki.New(t)
	ca := pki.Authority
	leaf, other := pki.Leaf(testpki.P256).Certificate(), pki.Leaf(testpki.P256).Certificate()
	responder := pki.Responder(ca)
	newer := testpki.OCSPResponse(t, leaf, ca, func(o *testpki.OCSP) { o.ThisUpdate, o.ProducedAt = hour(0), hour(0) })
	v := &revocation.Values{
		OCSP: [][]byte{testpki.OCSPResponse(t, leaf, ca), newer, testpki.OCSPResponse(t, other, ca), []byte("garbage"),
			testpki.OCSPResponse(t, other, ca, func(o *testpki.OCSP) { o.Key, o.Responder = responder.Key, responder.Certificate() })},
		CRLs: [][]byte{testpki.RevocationList(t, ca, []*x509.Certificate{other}), testpki.RevocationList(t, pki.Root, nil)},
	}
	s, err := v.Check(leaf, ca.Certificate(), options())
	require.NoError(t, err)
	require.Equal(t, newer, s.Response.Raw, "the latest")
	s, err = v.Check(other, ca.Certificate(), options())
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, s.State, "counts more than good")
	require.Equal(t, v.CRLs[0], s.CRL.Raw)
	s, err = v.Check(ca.Certificate(), pki.Root.Certificate(), options())
	require.NoError(t, err)
	require.Equal(t, v.CRLs[1], s.CRL.Raw)
	// A year later all are stale, and an archive asks for the time they are from.
	_, err = v.Check(leaf, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.At, o.Now = hour(9000), hour(9000) }))
	require.ErrorIs(t, err, revocation.CheckTime)
	_, err = v.Check(leaf, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.Now = hour(9000) }))
	require.NoError(t, err)

	_, err = (&revocation.Values{}).Check(leaf, ca.Certificate(), nil)
	require.ErrorIs(t, err, revocation.CheckSource)
	only := &revocation.Values{OCSP: v.OCSP[4:]}
	_, err = only.Check(other, ca.Certificate(), options())
	require.ErrorIs(t, err, revocation.CheckResponder)
	only.Certificates = []*x509.Certificate{responder.Certificate()}
	_, err = only.Check(other, ca.Certificate(), options())
	require.NoError(t, err, "certificates of responders stand beside the responses")
}
