package revocation_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

func TestOCSP(t *testing.T) {
	pki := testpki.New(t)
	leaf, ca := pki.Leaf(testpki.P256).Certificate(), pki.Authority
	responder := pki.Responder(ca, testpki.NoCheck)
	checked := pki.Responder(ca)
	delegated := func(id testpki.Identity) func(*testpki.OCSP) {
		return func(o *testpki.OCSP) {
			o.Key, o.Responder, o.Certificates = id.Key, id.Certificate(), id.Chain[:1]
		}
	}
	for name, c := range map[string]struct {
		bend      func(*testpki.OCSP)
		state     revocation.State
		responder *x509.Certificate
		noCheck   bool
	}{
		"issuer":                {func(*testpki.OCSP) {}, revocation.Good, ca.Certificate(), true},
		"issuer by key":         {func(o *testpki.OCSP) { o.ByKey = true }, revocation.Good, ca.Certificate(), true},
		"SHA-256":               {func(o *testpki.OCSP) { o.SHA256 = true }, revocation.Good, ca.Certificate(), true},
		"responder":             {delegated(responder), revocation.Good, responder.Certificate(), true},
		"responder by key":      {func(o *testpki.OCSP) { delegated(responder)(o); o.ByKey = true }, revocation.Good, responder.Certificate(), true},
		"responder to be asked": {delegated(checked), revocation.Good, checked.Certificate(), false},
		"no next update":        {func(o *testpki.OCSP) { o.NextUpdate = time.Time{} }, revocation.Good, ca.Certificate(), true},
		"revoked":               {func(o *testpki.OCSP) { o.State, o.RevokedAt, o.Reason = 1, hour(-5), 1 }, revocation.Revoked, ca.Certificate(), true},
		"others before": {func(o *testpki.OCSP) {
			other := *o
			other.Serial, other.State = big.NewInt(1), 2
			old := *o
			old.State, old.RevokedAt, old.ThisUpdate = 1, hour(-5), hour(-30)
			o.Before = []testpki.OCSP{other, old}
		}, revocation.Good, ca.Certificate(), true},
		"known extension": {func(o *testpki.OCSP) {
			o.OfSingle = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}, revocation.Good, ca.Certificate(), true},
	} {
		t.Run(name, func(t *testing.T) {
			der := testpki.OCSPResponse(t, leaf, ca, c.bend)
			r, err := revocation.ParseResponse(der)
			require.NoError(t, err)
			require.Equal(t, der, r.Raw)
			s, err := r.Check(leaf, ca.Certificate(), options())
			require.NoError(t, err)
			require.Equal(t, c.state, s.State)
			require.Equal(t, c.responder, s.Responder)
			require.Equal(t, c.noCheck, s.NoCheck)
			require.Equal(t, c.responder != ca.Certificate(), s.Delegated())
			require.Equal(t, revocation.OCSP, s.Method)
			if c.state == revocation.Revoked {
				require.Equal(t, hour(-5), s.RevokedAt)
				require.Equal(t, revocation.KeyCompromise, s.Reason)
			}
			basic, err := revocation.ParseResponse(r.Basic)
			require.NoError(t, err, "older signatures carry the inner part alone")
			require.Nil(t, basic.Raw)
			require.Equal(t, r.Basic, basic.Basic)
			again, err := basic.Check(leaf, ca.Certificate(), options())
			require.NoError(t, err)
			require.Equal(t, s.State, again.State)

			if _, err := ocsp.ParseResponseForCert(der, leaf, ca.Certificate()); name != "others before" {
				require.NoError(t, err, "x/crypto/ocsp reads what the tests make")
			}
		})
	}
}

func TestOCSPRefused(t *testing.T) {
	pki := testpki.New(t)
	ca := pki.Authority
	leaf := pki.Leaf(testpki.P256).Certificate()
	old := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = hour(-24) }).Certificate()
	other := pki.SubAuthority("another authority", pki.Root)
	same := pki.SubAuthority(ca.Certificate().Subject.CommonName, pki.Root) // another key of the same name
	by := func(id testpki.Identity) func(*testpki.OCSP) {
		return func(o *testpki.OCSP) {
			o.Key, o.Responder, o.Certificates = id.Key, id.Certificate(), id.Chain[:1]
		}
	}
	critical := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	spoiled := pki.BendDER(pki.Responder(ca).Certificate(), func(fields []asn1.RawValue) {})
	spoiled.Raw[len(spoiled.Raw)-1] ^= 1
	key := pki.Responder(ca)
	for name, c := range map[string]struct {
		cert  *x509.Certificate
		bend  func(*testpki.OCSP)
		check revocation.Check
		says  string
	}{
		"another serial":       {leaf, func(o *testpki.OCSP) { o.Serial = big.NewInt(1) }, revocation.CheckSubject, ""},
		"another issuer":       {leaf, func(o *testpki.OCSP) { o.Issuer = other.Certificate() }, revocation.CheckSubject, ""},
		"another issuer's key": {leaf, func(o *testpki.OCSP) { o.Issuer = same.Certificate() }, revocation.CheckSubject, ""},
		"a certificate of it":  {leaf, by(pki.Leaf(testpki.P256)), revocation.CheckResponder, "OCSPSigning"},
		"for code":             {leaf, by(pki.Leaf(testpki.P256, testpki.Usages(false, testpki.CodeSigning))), revocation.CheckResponder, "OCSPSigning"},
		"another's responder":  {leaf, by(pki.Responder(other)), revocation.CheckResponder, "not authorised"},
		"a namesake's":         {leaf, by(pki.Responder(same)), revocation.CheckResponder, "not signed"},
		"expired responder":    {leaf, by(pki.Responder(ca, func(c *x509.Certificate) { c.NotAfter = hour(-2) })), revocation.CheckResponder, "expired on"},
		"future responder":     {leaf, by(pki.Responder(ca, func(c *x509.Certificate) { c.NotBefore = hour(0) })), revocation.CheckResponder, "is valid from"},
		"responder not there":  {leaf, func(o *testpki.OCSP) { by(pki.Responder(ca))(o); o.Certificates = nil }, revocation.CheckResponder, "neither"},
		"spoiled responder": {leaf, func(o *testpki.OCSP) {
			o.Key, o.Responder, o.Certificates = key.Key, spoiled, []*x509.Certificate{spoiled}
		}, revocation.CheckResponder, "not signed"},
		"another key":           {leaf, func(o *testpki.OCSP) { o.Key = other.Key }, revocation.CheckSignature, ""},
		"wrong signature":       {leaf, func(o *testpki.OCSP) { o.SpoilSignature = true }, revocation.CheckSignature, ""},
		"stale":                 {leaf, func(o *testpki.OCSP) { o.NextUpdate = hour(0).Add(-time.Minute * 6) }, revocation.CheckTime, "stale"},
		"stale without an end":  {leaf, func(o *testpki.OCSP) { o.ThisUpdate, o.NextUpdate = hour(-25), time.Time{} }, revocation.CheckTime, "stale"},
		"from the future":       {leaf, func(o *testpki.OCSP) { o.ThisUpdate, o.NextUpdate = hour(1), hour(2) }, revocation.CheckTime, "future"},
		"produced in future":    {leaf, func(o *testpki.OCSP) { o.ProducedAt = hour(1) }, revocation.CheckTime, "future"},
		"ends before it begins": {leaf, func(o *testpki.OCSP) { o.NextUpdate = hour(-2) }, revocation.CheckTime, "before it begins"},
		"unknown":               {leaf, func(o *testpki.OCSP) { o.State = 2 }, revocation.CheckUnknown, ""},
		"critical":              {leaf, func(o *testpki.OCSP) { o.Extensions = critical }, revocation.CheckExtensions, "1.2.3"},
		"critical of one":       {leaf, func(o *testpki.OCSP) { o.OfSingle = critical }, revocation.CheckExtensions, "1.2.3"},
		"after it expired":      {old, func(*testpki.OCSP) {}, revocation.CheckExpired, ""},
		"too late a cutoff": {old, func(o *testpki.OCSP) {
			o.OfSingle = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}, Value: []byte("\x18\x0f20260301000000Z")}}
		}, revocation.CheckExpired, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := revocation.ParseResponse(testpki.OCSPResponse(t, c.cert, ca, c.bend))
			require.NoError(t, err)
			s, err := r.Check(c.cert, ca.Certificate(), options())
			require.Nil(t, s)
			require.ErrorIs(t, err, c.check)
			require.ErrorContains(t, err, c.says)
		})
	}
	// What an old certificate needs: a responder that keeps expired ones, or a caller who does not mind.
	r, err := revocation.ParseResponse(testpki.OCSPResponse(t, old, ca, func(o *testpki.OCSP) {
		o.OfSingle = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}, Value: []byte("\x18\x0f20200301000000Z")}}
	}))
	require.NoError(t, err)
	_, err = r.Check(old, ca.Certificate(), options())
	require.NoError(t, err)
	r, err = revocation.ParseResponse(testpki.OCSPResponse(t, old, ca))
	require.NoError(t, err)
	_, err = r.Check(old, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.AllowExpired = true }))
	require.NoError(t, err)
	_, err = r.Check(old, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.AllowExpired, o.Since = true, hour(0) }))
	require.ErrorIs(t, err, revocation.CheckTime)
}

// TestAnyCertificateOfTheAuthority is the hole of x/crypto/ocsp: it takes an answer from whoever holds a certificate.
func TestAnyCertificateOfTheAuthority(t *testing.T) {
	pki := testpki.New(t)
	leaf, thief := pki.Leaf(testpki.P256).Certificate(), pki.Leaf(testpki.P256)
	template := ocsp.Response{Status: ocsp.Good, SerialNumber: leaf.SerialNumber, ThisUpdate: hour(-1), NextUpdate: hour(1), Certificate: thief.Certificate(), IssuerHash: crypto.SHA1}
	der, err := ocsp.CreateResponse(pki.Authority.Certificate(), thief.Certificate(), template, thief.Key)
	require.NoError(t, err)
	_, err = ocsp.ParseResponseForCert(der, leaf, pki.Authority.Certificate())
	require.NoError(t, err)
	r, err := revocation.ParseResponse(der)
	require.NoError(t, err)
	_, err = r.Check(leaf, pki.Authority.Certificate(), &revocation.CheckOptions{At: hour(0)})
	require.ErrorIs(t, err, revocation.CheckResponder)
}

// TestTrustedResponders are those that another authority made, as some large issuers have it.
func TestTrustedResponders(t *testing.T) {
	pki := testpki.New(t)
	leaf, ca := pki.Leaf(testpki.P256).Certificate(), pki.Authority
	other := pki.SubAuthority("authority of responders", pki.Root)
	responder, stranger := pki.Responder(other), pki.Leaf(testpki.P256)
	check := func(id testpki.Identity, trusted ...*x509.Certificate) (*revocation.Status, error) {
		r, err := revocation.ParseResponse(testpki.OCSPResponse(t, leaf, ca, func(o *testpki.OCSP) {
			o.Key, o.Responder, o.Certificates = id.Key, id.Certificate(), id.Chain[:1]
		}))
		require.NoError(t, err)
		return r.Check(leaf, ca.Certificate(), options(func(o *revocation.CheckOptions) { o.TrustedResponders = trusted }))
	}
	_, err := check(responder)
	require.ErrorIs(t, err, revocation.CheckResponder)
	s, err := check(responder, other.Certificate())
	require.NoError(t, err)
	require.Equal(t, other.Certificate(), s.ResponderIssuer)
	require.False(t, s.NoCheck)
	s, err = check(responder, stranger.Certificate(), responder.Certificate())
	require.NoError(t, err)
	require.Nil(t, s.ResponderIssuer)
	require.True(t, s.NoCheck)
	_, err = check(stranger, other.Certificate())
	require.ErrorIs(t, err, revocation.CheckResponder)
	_, err = check(stranger, ca.Certificate())
	require.ErrorIs(t, err, revocation.CheckResponder, "an authority that is trusted does not make each of its certificates a responder")
}

func TestResponderSaysNo(t *testing.T) {
	pki := testpki.New(t)
	for status, name := range map[int]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized", 9: "unknown"} {
		_, err := revocation.ParseResponse(testpki.OCSPResponse(t, pki.Authority.Certificate(), pki.Root, func(o *testpki.OCSP) { o.Status = status }))
		require.ErrorIs(t, err, revocation.CheckStatus)
		require.ErrorContains(t, err, name)
	}
	for name, der := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "status only": []byte("\x30\x03\x0a\x01\x00"), "sequence": []byte("\x30\x00")} {
		_, err := revocation.ParseResponse(der)
		require.ErrorIs(t, err, revocation.CheckEncoding, name)
	}
}

// TestRequest has another implementation read our requests.
func TestRequest(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		b := make([]byte, 20)
		_, _ = rand.Read(b)
		b[0] = 0x7f
		c.SerialNumber.SetBytes(b)
	}).Certificate()
	for _, nonce := range []bool{false, true} {
		q, err := revocation.NewRequest(leaf, pki.Authority.Certificate(), nonce)
		require.NoError(t, err)
		parsed, err := ocsp.ParseRequest(q.Raw)
		require.NoError(t, err)
		require.Equal(t, leaf.SerialNumber, parsed.SerialNumber)
		theirs, err := ocsp.CreateRequest(leaf, pki.Authority.Certificate(), nil)
		require.NoError(t, err)
		want, err := ocsp.ParseRequest(theirs)
		require.NoError(t, err)
		require.Equal(t, want.IssuerKeyHash, parsed.IssuerKeyHash)
		require.Equal(t, want.IssuerNameHash, parsed.IssuerNameHash)
		if nonce {
			require.Len(t, q.Nonce, 32)
			require.Contains(t, string(q.Raw), string(q.Nonce))
		} else {
			require.Equal(t, theirs, q.Raw)
		}
	}
}
