package testpki

import (
	"github.com/seed-116355fd/signet/internal/algorithm"

	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"
)

// Usages makes an extended key usage of these purposes, critical or not. A template of the standard library cannot make
// one critical.
func Usages(critical bool, purposes ...asn1.ObjectIdentifier) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		der, _ := asn1.Marshal(purposes) // of object identifiers, which can be encoded
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: der})
	}
}

// Purposes of certificates (RFC 5280 section 4.2.1.12).
var (
	TimeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	OCSPSigning  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
	CodeSigning  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
)

// TSA makes a key and a certificate for a time-stamping authority.
func (p *PKI) TSA(kind Kind, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	return p.Leaf(kind, append([]func(*x509.Certificate){Usages(true, TimeStamping)}, bend...)...)
}

// Timestamp is what a response of a time-stamping authority is made of. Each field can be bent before it is encoded; it
// is encoded by encoding/asn1, and shares nothing with package tsp.
type Timestamp struct {
	Status   int
	Text     []string
	Failure  asn1.BitString
	NoToken  bool
	Trailing []byte

	ContentType asn1.ObjectIdentifier
	Version     int
	Policy      asn1.ObjectIdentifier
	Hash        asn1.ObjectIdentifier
	Digest      []byte
	Serial      *big.Int
	GenTime     time.Time
	Nonce       *big.Int
	Extensions  []pkix.Extension

	Signers           int
	SignedContentType asn1.ObjectIdentifier
	MessageDigest     []byte // nil: of the content
	Bound             *x509.Certificate
	BoundV1           bool // ESSCertID with SHA-1 instead of ESSCertIDv2
	Unbound           bool // neither of them
	Signer            *x509.Certificate
	Certificates      []*x509.Certificate
	SpoilSignature    bool
}

type tspImprint struct {
	Hash   pkix.AlgorithmIdentifier
	Digest []byte
}

type tspRequest struct {
	Version int
	Imprint tspImprint
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int              `asn1:"optional"`
	CertReq bool                  `asn1:"optional"`
}

type tspInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint tspImprint
	Serial  *big.Int
	GenTime time.Time        `asn1:"generalized"`
	Nonce   *big.Int         `asn1:"optional"`
	More    []pkix.Extension `asn1:"optional,omitempty,tag:1"`
}

type cmsAttribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

type cmsSigner struct {
	Version int
	SID     struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
}

var (
	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidTSTInfo         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

// TimestampResponse answers a TimeStampReq with the P-256 key of an authority, after bend has changed what it likes.
func TimestampResponse(t testing.TB, id Identity, request []byte, bend ...func(*Timestamp)) []byte {
	t.Helper()
	var q tspRequest
	unmarshal(t, request, &q)
	ts := &Timestamp{
		ContentType: oidTSTInfo, Version: 1, Policy: q.Policy, Hash: q.Imprint.Hash.Algorithm, Digest: q.Imprint.Digest,
		Serial: big.NewInt(4711), GenTime: Now(), Nonce: q.Nonce, Signers: 1, SignedContentType: oidTSTInfo,
		Bound: id.Certificate(), Signer: id.Certificate(), Certificates: id.Chain,
	}
	if ts.Policy == nil {
		ts.Policy = asn1.ObjectIdentifier{1, 2, 3, 4, 1}
	}
	if !q.CertReq {
		ts.Certificates = nil
	}
	for _, b := range bend {
		b(ts)
	}
	var response struct {
		Info struct {
			Status  int
			Text    []asn1.RawValue `asn1:"optional,omitempty"`
			Failure asn1.BitString  `asn1:"optional"`
		}
		Token asn1.RawValue `asn1:"optional"`
	}
	response.Info.Status, response.Info.Failure = ts.Status, ts.Failure
	for _, text := range ts.Text {
		response.Info.Text = append(response.Info.Text, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)})
	}
	if !ts.NoToken {
		response.Token.FullBytes = ts.token(t, id.Key)
	}
	return append(marshal(t, response), ts.Trailing...)
}

func (ts *Timestamp) token(t testing.TB, key crypto.Signer) []byte {
	info := marshal(t, tspInfo{ts.Version, ts.Policy, tspImprint{pkix.AlgorithmIdentifier{Algorithm: ts.Hash}, ts.Digest}, ts.Serial, ts.GenTime, ts.Nonce, ts.Extensions})
	var signers []asn1.RawValue
	for range ts.Signers {
		signers = append(signers, asn1.RawValue{FullBytes: ts.signer(t, key, info)})
	}
	var certs []byte
	for _, c := range ts.Certificates {
		certs = append(certs, c.Raw...)
	}
	var sd struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue
		}
		Certificates asn1.RawValue   `asn1:"optional"`
		Signers      []asn1.RawValue `asn1:"set"`
	}
	sd.Version = 3
	sd.Digests = []pkix.AlgorithmIdentifier{{Algorithm: oidSHA256}}
	sd.Content.Type = ts.ContentType
	sd.Content.Content = explicit(0, marshal(t, info))
	if certs != nil {
		sd.Certificates = explicit(0, certs)
	}
	sd.Signers = signers
	return marshal(t, struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, explicit(0, marshal(t, sd))})
}

func (ts *Timestamp) signer(t testing.TB, key crypto.Signer, info []byte) []byte {
	sum := sha256.Sum256(info)
	if ts.MessageDigest == nil {
		ts.MessageDigest = sum[:]
	}
	attributes := []cmsAttribute{
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}, []asn1.RawValue{{FullBytes: marshal(t, ts.SignedContentType)}}},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}, []asn1.RawValue{{FullBytes: marshal(t, ts.MessageDigest)}}},
	}
	switch v1, v2 := algorithm.SHA1(ts.Bound.Raw), sha256.Sum256(ts.Bound.Raw); {
	case ts.Unbound:
	case ts.BoundV1:
		attributes = append(attributes, cmsAttribute{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}, []asn1.RawValue{{FullBytes: marshal(t, [][][][]byte{{{v1[:]}}})}}})
	default:
		attributes = append(attributes, cmsAttribute{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, []asn1.RawValue{{FullBytes: marshal(t, [][][][]byte{{{v2[:]}}})}}})
	}
	var encoded [][]byte
	for _, a := range attributes {
		encoded = append(encoded, marshal(t, a))
	}
	slices.SortFunc(encoded, slices.Compare)
	signed := explicit(0, slices.Concat(encoded...))
	set := marshal(t, signed)
	set[0] = 0x31
	digest := sha256.Sum256(set)
	if ts.SpoilSignature {
		digest[0] ^= 1
	}
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	var s cmsSigner
	s.Version = 1
	s.SID.Issuer = asn1.RawValue{FullBytes: ts.Signer.RawIssuer}
	s.SID.Serial = ts.Signer.SerialNumber
	s.Digest.Algorithm = oidSHA256
	s.Signed = signed
	s.Algorithm.Algorithm = oidECDSAWithSHA256
	s.Signature = signature
	return marshal(t, s)
}

// explicit puts encoded values into a context-specific tag.
func explicit(number int, contents []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: number, IsCompound: true, Bytes: contents}
}
