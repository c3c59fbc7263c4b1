// Package certify makes requests for certificates (PKCS #10, RFC 2986) and certificates (RFC 5280) with any key and any scheme, also such
// as crypto/x509 does not know. What that package encodes otherwise, names and extensions, it encodes here too.
package certify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/sign"
)

// Request makes a request for a certificate. The template is as for x509.CreateCertificateRequest, without an algorithm. The signature is
// verified.
func Request(ctx context.Context, template *x509.CertificateRequest, key sign.Key, s sign.Scheme) ([]byte, error) {
	own := *template
	own.SignatureAlgorithm = 0
	stand, err := standIn()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &own, stand)
	if err != nil {
		return nil, err
	}
	spki, err := PublicKey(key)
	if err != nil {
		return nil, err
	}
	body, err := fieldsOf(der)
	if err != nil {
		return nil, err
	}
	const publicKey = 2 // version, subject, subjectPKInfo, attributes
	body[publicKey] = spki
	signed, err := signed(ctx, body, key, s)
	if err != nil || s.Verify != nil {
		return signed, err
	}
	made, err := x509.ParseCertificateRequest(signed)
	if err == nil {
		err = made.CheckSignature()
	}
	if err != nil {
		return nil, wrongSignature(err)
	}
	return signed, nil
}

// Certificate makes a certificate for a public key, signed by the key of the issuer, or by its own when issuer is nil. The template is as
// for x509.CreateCertificate, without an algorithm. The signature is verified.
func Certificate(ctx context.Context, template *x509.Certificate, spki []byte, issuer *x509.Certificate, key sign.Key, s sign.Scheme) ([]byte, error) {
	own := *template
	own.SignatureAlgorithm = 0
	if len(own.SubjectKeyId) == 0 { // or it would be that of another key
		sum := sha256.Sum256(spki)
		own.SubjectKeyId = sum[:20]
	}
	if issuer == nil {
		issuer = &own
	}
	// The public key of a certificate may be one that crypto/x509 does not know, and it compares it with that of the key.
	parent := *issuer
	parent.PublicKey = nil
	stand, err := standIn()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &own, &parent, stand.Public(), stand)
	if err != nil {
		return nil, err
	}
	body, err := fieldsOf(der)
	if err != nil {
		return nil, err
	}
	const algorithm, publicKey = 2, 6 // version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
	if len(body) <= publicKey {
		return nil, errEncoding
	}
	body[algorithm], body[publicKey] = algorithmOf(&s), spki
	signed, err := signed(ctx, body, key, s)
	if err != nil || s.Verify != nil {
		return signed, err
	}
	made, err := x509.ParseCertificate(signed)
	if err != nil {
		return nil, err
	}
	public := &x509.Certificate{PublicKey: key.Public()}
	if err := public.CheckSignature(made.SignatureAlgorithm, made.RawTBSCertificate, made.Signature); err != nil {
		return nil, wrongSignature(err)
	}
	return signed, nil
}

// PublicKey is the SubjectPublicKeyInfo of a key.
func PublicKey(key sign.Key) ([]byte, error) {
	if k, ok := sign.As[sign.SPKIKey](key); ok {
		return k.SubjectPublicKeyInfo(), nil
	}
	return sign.MarshalPublicKey(key.Public())
}

// standIn is a key that crypto/x509 knows: what it signs is signed again.
func standIn() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

var errEncoding = errors.New("crypto/x509 has encoded something else")

func wrongSignature(err error) error {
	return fmt.Errorf("the signature was made by another key or over other bytes, and is not used: %w", err)
}

// fieldsOf are those of the first part of what is signed, each a whole TLV.
func fieldsOf(der []byte) ([][]byte, error) {
	s, inner := cryptobyte.String(der), cryptobyte.String(nil)
	if !s.ReadASN1(&s, casn1.SEQUENCE) || !s.ReadASN1(&inner, casn1.SEQUENCE) {
		return nil, errEncoding
	}
	var fields [][]byte
	for !inner.Empty() {
		var field cryptobyte.String
		if !inner.ReadAnyASN1Element(&field, nil) {
			return nil, errEncoding
		}
		fields = append(fields, field)
	}
	if len(fields) < 3 {
		return nil, errEncoding
	}
	return fields, nil
}

// signed is the SEQUENCE of the fields, of an algorithm and of the signature.
func signed(ctx context.Context, fields [][]byte, key sign.Key, s sign.Scheme) ([]byte, error) {
	var body []byte
	for _, f := range fields {
		body = append(body, f...)
	}
	body, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body})
	if err != nil {
		return nil, err
	}
	signature, err := sign1(ctx, key, s, body)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Body, Algorithm asn1.RawValue
		Signature       asn1.BitString
	}{asn1.RawValue{FullBytes: body}, asn1.RawValue{FullBytes: algorithmOf(&s)}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
}

// algorithmOf is the one that stands on certificates and requests.
func algorithmOf(s *sign.Scheme) []byte {
	if len(s.CertificateAlg) != 0 {
		return s.CertificateAlg
	}
	return s.SignatureAlg
}

// sign1 signs a message as the scheme has it, and verifies where the scheme can.
func sign1(ctx context.Context, key sign.Key, s sign.Scheme, message []byte) (signature []byte, err error) {
	defer sign.Recover(&err) // a scheme may bring its own code
	digest := message
	if !s.Whole {
		h := s.NewHash()
		_, _ = h.Write(message)
		digest = h.Sum(nil)
	}
	if s.Verify == nil { // a key may be given the message, and the hash is that of the options
		return sign.SignMessage(ctx, key, message, s.Opts)
	}
	if signature, err = key.SignContext(ctx, digest, s.Opts); err != nil {
		return nil, err
	}
	spki, err := PublicKey(key)
	if err == nil {
		err = s.Verify(spki, digest, signature)
	}
	if err != nil {
		return nil, wrongSignature(err)
	}
	return signature, nil
}
