package testpki

import (
	"github.com/seed-116355fd/signet/internal/algorithm"

	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

// Responder makes a key and a certificate for an OCSP responder of an authority.
func (p *PKI) Responder(issuer Identity, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	template := p.template("Signet test responder")
	template.KeyUsage = x509.KeyUsageDigitalSignature
	return p.Issue(issuer, p.newKey(), template, append([]func(*x509.Certificate){Usages(false, OCSPSigning)}, bend...)...)
}

// NoCheck puts id-pkix-ocsp-nocheck into a certificate.
func NoCheck(c *x509.Certificate) {
	c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}})
}

// OCSP is what an OCSP response is made of. Each field can be bent before it is encoded; it is encoded by encoding/asn1,
// and shares nothing with package revocation.
type OCSP struct {
	Status       int // OCSPResponseStatus
	Serial       *big.Int
	Issuer       *x509.Certificate // whose name and key are hashed
	SHA256       bool              // in the CertID, instead of SHA-1
	State        int               // 0 good, 1 revoked, 2 unknown
	RevokedAt    time.Time
	Reason       int // -1: absent
	ThisUpdate   time.Time
	NextUpdate   time.Time // zero: absent
	ProducedAt   time.Time
	Key          crypto.Signer
	Responder    *x509.Certificate
	ByKey        bool
	Certificates []*x509.Certificate
	Nonce        []byte
	Extensions   []pkix.Extension // of the response
	OfSingle     []pkix.Extension // of the one certificate
	Before       []OCSP           // other SingleResponses that stand before this one

	SpoilSignature bool
}

type ocspCertID struct {
	Hash              pkix.AlgorithmIdentifier
	NameHash, KeyHash []byte
	Serial            *big.Int
}

type ocspSingle struct {
	ID         ocspCertID
	Status     asn1.RawValue
	ThisUpdate time.Time        `asn1:"generalized"`
	NextUpdate time.Time        `asn1:"generalized,optional,explicit,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,omitempty,explicit,tag:1"`
}

// OCSPResponse makes a response about a certificate, signed by its issuer, after bend has changed what
// it likes.
func OCSPResponse(t testing.TB, cert *x509.Certificate, issuer Identity, bend ...func(*OCSP)) []byte {
	t.Helper()
	o := &OCSP{
		Serial: cert.SerialNumber, Issuer: issuer.Certificate(), ThisUpdate: Now().Add(-time.Hour), NextUpdate: Now().Add(time.Hour),
		ProducedAt: Now().Add(-time.Hour), Key: issuer.Key, Responder: issuer.Certificate(), Reason: -1,
	}
	for _, b := range bend {
		b(o)
	}
	type status struct{ Status asn1.Enumerated }
	if o.Status != 0 {
		return marshal(t, status{asn1.Enumerated(o.Status)})
	}
	type bytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	return marshal(t, struct {
		Status asn1.Enumerated
		Bytes  bytes `asn1:"explicit,tag:0"`
	}{0, bytes{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, o.basic(t)}})
}

func (o *OCSP) basic(t testing.TB) []byte {
	var data struct {
		Responder  asn1.RawValue
		ProducedAt time.Time `asn1:"generalized"`
		Singles    []ocspSingle
		Extensions []pkix.Extension `asn1:"optional,omitempty,explicit,tag:1"`
	}
	data.Responder = explicit(1, o.Responder.RawSubject)
	if o.ByKey {
		sum := algorithm.SHA1(publicBits(t, o.Responder))
		data.Responder = explicit(2, marshal(t, sum[:]))
	}
	data.ProducedAt = o.ProducedAt
	for i := range o.Before {
		data.Singles = append(data.Singles, o.Before[i].single(t))
	}
	data.Singles = append(data.Singles, o.single(t))
	data.Extensions = o.Extensions
	if o.Nonce != nil {
		data.Extensions = append(data.Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: marshal(t, o.Nonce)})
	}
	tbs := marshal(t, data)
	signed := tbs
	if o.SpoilSignature {
		signed = append([]byte{0}, tbs...)
	}
	signature, algorithm, err := signTBS(signed, o.Key)
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	var certs []asn1.RawValue
	for _, c := range o.Certificates {
		certs = append(certs, asn1.RawValue{FullBytes: c.Raw})
	}
	return marshal(t, struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"optional,omitempty,explicit,tag:0"`
	}{asn1.RawValue{FullBytes: tbs}, rawAlgorithm(algorithm), asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}, certs})
}

func (o *OCSP) single(t testing.TB) ocspSingle {
	name, key := algorithm.SHA1(o.Issuer.RawSubject), algorithm.SHA1(publicBits(t, o.Issuer))
	s := ocspSingle{
		ID:         ocspCertID{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}}, name[:], key[:], o.Serial},
		Status:     asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: o.State},
		ThisUpdate: o.ThisUpdate, NextUpdate: o.NextUpdate, Extensions: o.OfSingle,
	}
	if o.SHA256 {
		name, key := sha256.Sum256(o.Issuer.RawSubject), sha256.Sum256(publicBits(t, o.Issuer))
		s.ID.Hash.Algorithm, s.ID.NameHash, s.ID.KeyHash = oidSHA256, name[:], key[:]
	}
	if o.State == 1 {
		type info struct {
			At     time.Time       `asn1:"generalized"`
			Reason asn1.Enumerated `asn1:"optional,default:-1,explicit,tag:0"`
		}
		v := marshal(t, info{o.RevokedAt, asn1.Enumerated(o.Reason)})
		v[0] = 0xa1
		s.Status = asn1.RawValue{FullBytes: v}
	}
	return s
}

// publicBits returns the contents of a subjectPublicKey.
func publicBits(t testing.TB, c *x509.Certificate) []byte {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	unmarshal(t, c.RawSubjectPublicKeyInfo, &info)
	return info.PublicKey.RightAlign()
}

// RevocationList makes a CRL of an issuer with the certificates that are revoked, all a day before [Now] by the loss of
// their keys, after bend has changed what it likes.
func RevocationList(t testing.TB, issuer Identity, revoked []*x509.Certificate, bend ...func(*x509.RevocationList)) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: Now().Add(-time.Hour), NextUpdate: Now().Add(time.Hour)}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: Now().AddDate(0, 0, -1), ReasonCode: 1})
	}
	for _, b := range bend {
		b(list)
	}
	der, err := CreateRevocationList(list, issuer.Certificate(), issuer.Key)
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	return der
}

// DistributionPoint is an issuing distribution point of a CRL (RFC 5280 section 5.2.5).
type DistributionPoint struct {
	Name struct {
		FullName []asn1.RawValue `asn1:"optional,omitempty,tag:0"`
	} `asn1:"optional,omitempty,tag:0"`
	OnlyUsers       bool           `asn1:"optional,tag:1"`
	OnlyAuthorities bool           `asn1:"optional,tag:2"`
	SomeReasons     asn1.BitString `asn1:"optional,tag:3"`
	Indirect        bool           `asn1:"optional,tag:4"`
	OnlyAttributes  bool           `asn1:"optional,tag:5"`
}

// URI is a GeneralName.
func URI(s string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(s)}
}

// Critical puts a critical extension into a CRL.
func Critical(t testing.TB, id asn1.ObjectIdentifier, value any) func(*x509.RevocationList) {
	t.Helper()
	der := marshal(t, value)
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: true, Value: der})
	}
}
