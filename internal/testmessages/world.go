// Package testmessages makes messages of every level in a world whose certificates, clock and random numbers are always the
// same, so that what is made of them is the same octets in each run. Their authorities name places to ask for revocation, as real
// ones do, and those for signers and those for time-stamps have roots of their own.
package testmessages

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// Signing is when everything is signed; the rest follows within the hour.
func Signing() time.Time { return time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC) }

// World has the authorities.
type World struct {
	t      *testing.T
	pki    *testpki.PKI
	serial int64

	SignerRoot, StampRoot, StrangerRoot testpki.Identity
	Signers, Others, Stamps, Strangers  testpki.Identity // authorities below them; Others is a second one below SignerRoot
	responders                          map[string]testpki.Identity
}

// New makes a world. The test may not run beside others: what is random is foretold.
func New(t *testing.T) *World {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	w := &World{t: t, pki: testpki.New(t), serial: 5000, responders: map[string]testpki.Identity{}}
	w.SignerRoot = w.pki.Root
	w.StampRoot = w.root("Root of time-stamps")
	w.StrangerRoot = w.root("Root of strangers")
	w.Signers = w.authority("Authority of signers", w.SignerRoot)
	w.Others = w.authority("Other authority of signers", w.SignerRoot)
	w.Stamps = w.authority("Authority of time-stamps", w.StampRoot)
	w.Strangers = w.authority("Authority of strangers", w.StrangerRoot)
	return w
}

// Roots are those of signers.
func (w *World) Roots() *trust.Roots { return trust.New(w.SignerRoot.Certificate()) }

// TimestampRoots are those of time-stamps.
func (w *World) TimestampRoots() *trust.Roots { return trust.New(w.StampRoot.Certificate()) }

// Trusted are both roots, as programs take them that do not tell them apart.
func (w *World) Trusted() []*x509.Certificate {
	return []*x509.Certificate{w.SignerRoot.Certificate(), w.StampRoot.Certificate()}
}

func (w *World) template(name string) *x509.Certificate {
	w.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(w.serial), Subject: pkix.Name{CommonName: name, Organization: []string{"Signet tests"}, Country: []string{"NO"}},
		NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter(),
	}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func (w *World) root(name string) testpki.Identity {
	return w.pki.SelfSigned(testpki.NewKey(w.t, testpki.P256), name, authority)
}

func (w *World) authority(name string, root testpki.Identity) testpki.Identity {
	c := w.template(name)
	authority(c)
	return w.issue(root, testpki.NewKey(w.t, testpki.P256), c)
}

// issue makes a certificate that names the list of its issuer.
func (w *World) issue(issuer testpki.Identity, key crypto.Signer, c *x509.Certificate, bend ...func(*x509.Certificate)) testpki.Identity {
	c.CRLDistributionPoints = []string{"http://lists.example/" + issuer.Certificate().SerialNumber.String() + ".crl"}
	return w.pki.Issue(issuer, key, c, bend...)
}

// Signer makes a key of a kind and its certificate. RSA keys are always the same.
func (w *World) Signer(by testpki.Identity, kind testpki.Kind, name string, bend ...func(*x509.Certificate)) testpki.Identity {
	c := w.template(name)
	c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	var key crypto.Signer
	if kind == testpki.RSA2048 || kind == testpki.RSA3072 {
		key = testpki.FixedRSA(w.t, kind)
	} else {
		key = testpki.NewKey(w.t, kind)
	}
	return w.issue(by, key, c, bend...)
}

// Until bends the end of a certificate.
func Until(at time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = at }
}

func (w *World) bind(id testpki.Identity, s sign.Scheme) *sign.Signer {
	w.t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	testpki.NoError(w.t, err)
	signer, err := sign.New(key, id.Chain, s)
	testpki.NoError(w.t, err)
	return signer
}

// TSA makes an authority of time-stamps.
func (w *World) TSA(by testpki.Identity, name string, bend ...func(*x509.Certificate)) testpki.Identity {
	c := w.template(name)
	c.KeyUsage = x509.KeyUsageDigitalSignature
	return w.issue(by, testpki.NewKey(w.t, testpki.P256), c, append([]func(*x509.Certificate){testpki.Usages(true, testpki.TimeStamping)}, bend...)...)
}

func (w *World) stamper(id testpki.Identity, at time.Time) *tsp.Authority {
	w.t.Helper()
	a, err := tsp.NewAuthority(w.bind(id, testpki.Must(sign.ECDSA(crypto.SHA256))), &tsp.AuthorityOptions{Clock: func() time.Time { return at }})
	testpki.NoError(w.t, err)
	return a
}

// List is a CRL of an authority.
func (w *World) List(by testpki.Identity, at time.Time, revoked ...x509.RevocationListEntry) []byte {
	return testpki.RevocationList(w.t, by, nil, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate, l.RevokedCertificateEntries = at, at.AddDate(0, 1, 0), revoked
	})
}

// Entry says that a certificate was revoked.
func Entry(c *x509.Certificate, at time.Time) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: at, ReasonCode: 1}
}

// Answer is an OCSP response by a responder of the authority.
func (w *World) Answer(about *x509.Certificate, by testpki.Identity, at time.Time, bend ...func(*testpki.OCSP)) []byte {
	name := by.Certificate().Subject.CommonName
	responder, ok := w.responders[name]
	if !ok {
		c := w.template("Responder of " + name)
		c.KeyUsage = x509.KeyUsageDigitalSignature
		responder = w.pki.Issue(by, testpki.NewKey(w.t, testpki.P256), c, testpki.Usages(false, testpki.OCSPSigning), testpki.NoCheck)
		w.responders[name] = responder
	}
	return testpki.OCSPResponse(w.t, about, by, append([]func(*testpki.OCSP){func(o *testpki.OCSP) {
		o.ThisUpdate, o.ProducedAt, o.NextUpdate = at, at, at.AddDate(0, 1, 0)
		o.Key, o.Responder, o.Certificates = responder.Key, responder.Certificate(), []*x509.Certificate{responder.Certificate()}
	}}, bend...)...)
}

// OCSPValue is a response as it stands in a message (RFC 5940).
func (w *World) OCSPValue(response []byte) []byte {
	id, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2})
	testpki.NoError(w.t, err)
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: append(id, response...)})
	testpki.NoError(w.t, err)
	return der
}

// source gives chains and values of a time, of the leaves by OCSP or by lists.
func (w *World) source(at time.Time, ocsp bool, leaves ...testpki.Identity) revocation.Source {
	w.t.Helper()
	v := &revocation.Values{}
	for _, a := range []testpki.Identity{w.Signers, w.Others, w.Stamps, w.Strangers, w.SignerRoot, w.StampRoot, w.StrangerRoot} {
		v.Certificates = append(v.Certificates, a.Certificate())
	}
	for _, root := range []testpki.Identity{w.SignerRoot, w.StampRoot, w.StrangerRoot} {
		v.CRLs = append(v.CRLs, w.List(root, at))
	}
	for _, a := range []testpki.Identity{w.Signers, w.Others, w.Stamps, w.Strangers} {
		if !ocsp {
			v.CRLs = append(v.CRLs, w.List(a, at))
			continue
		}
		for _, leaf := range leaves {
			if leaf.Chain[1].Equal(a.Certificate()) {
				v.OCSP = append(v.OCSP, w.Answer(leaf.Certificate(), a, at))
			}
		}
	}
	c, err := revocation.NewClient(revocation.Config{Known: v, Clock: func() time.Time { return at.Add(time.Minute) }, Methods: []revocation.Method{revocation.OCSP, revocation.CRLs}, Timeout: time.Second})
	testpki.NoError(w.t, err)
	return c
}

// StrangerRoots are whom nobody should trust.
func (w *World) StrangerRoots() *trust.Roots { return trust.New(w.StrangerRoot.Certificate()) }
