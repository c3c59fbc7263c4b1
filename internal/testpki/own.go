package testpki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// OwnKey is a key of a kind that crypto/x509 does not know in every version of Go, such as ML-DSA: it says by itself how it signs. What
// it signs, and what is about it, is made by crypto/x509 with a key of elliptic curves in its place, and encoded anew with the key, the
// algorithm and the signature put in.
type OwnKey interface {
	crypto.Signer
	sign.SPKIKey
	sign.Schemer
}

func own(key any) OwnKey {
	k, _ := key.(OwnKey)
	return k
}

// standIn is the key in the place of others.
var standIn = sync.OnceValue(func() *ecdsa.PrivateKey { return Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })

// CreateCertificate is that of crypto/x509 for keys of every kind: key is that of the certificate, or its public key, and signer that of
// the issuer.
func CreateCertificate(template, parent *x509.Certificate, key any, signer crypto.Signer) ([]byte, error) {
	subject, issuer := own(key), own(signer)
	public := key
	if s, ok := key.(crypto.Signer); ok && subject == nil {
		public = s.Public()
	}
	if subject == nil && issuer == nil {
		return x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	}
	if subject != nil {
		public = standIn().Public()
	}
	by := signer
	if issuer != nil {
		by = standIn()
	}
	above := *parent
	above.PublicKey = nil // or it would be compared with the key that stands in
	der, err := x509.CreateCertificate(rand.Reader, template, &above, public, by)
	if err != nil {
		return nil, err
	}
	return resign(der, 2, subject, signer)
}

// CreateRevocationList is that of crypto/x509 for keys of every kind.
func CreateRevocationList(template *x509.RevocationList, issuer *x509.Certificate, signer crypto.Signer) ([]byte, error) {
	if own(signer) == nil {
		return x509.CreateRevocationList(rand.Reader, template, issuer, signer)
	}
	by := *issuer
	by.PublicKey = nil
	der, err := x509.CreateRevocationList(rand.Reader, template, &by, standIn())
	if err != nil {
		return nil, err
	}
	return resign(der, 1, nil, signer)
}

// resign puts a public key into a certificate, the algorithm into the field that has it, and signs anew.
func resign(der []byte, algorithm int, subject OwnKey, signer crypto.Signer) ([]byte, error) {
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(outer.TBS.FullBytes, &fields); err != nil {
		return nil, err
	}
	old := Must(x509.MarshalPKIXPublicKey(standIn().Public()))
	for i := range fields {
		if subject != nil && bytes.Equal(fields[i].FullBytes, old) {
			fields[i] = asn1.RawValue{FullBytes: subject.SubjectPublicKeyInfo()}
		}
	}
	_, alg, err := signTBS(nil, signer)
	if err != nil {
		return nil, err
	}
	fields[algorithm] = asn1.RawValue{FullBytes: alg}
	tbs, err := asn1.Marshal(fields)
	if err != nil {
		return nil, err
	}
	signature, _, err := signTBS(tbs, signer)
	if err != nil {
		return nil, err
	}
	outer.TBS, outer.Algorithm = asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: alg}
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(outer)
}

// signTBS signs octets by the first scheme of a key, and returns the AlgorithmIdentifier in DER beside the signature.
func signTBS(tbs []byte, signer crypto.Signer) (signature, algorithm []byte, err error) {
	var schemes []sign.Scheme
	if k := own(signer); k != nil {
		schemes = k.Schemes()
	} else {
		schemes = sign.Schemes(signer.Public())
	}
	if len(schemes) == 0 {
		return nil, nil, errors.New("no scheme is known for the key")
	}
	message := tbs
	if !schemes[0].Whole {
		h := schemes[0].NewHash()
		h.Write(tbs)
		message = h.Sum(nil)
	}
	signature, err = signer.Sign(rand.Reader, message, schemes[0].Opts)
	algorithm = schemes[0].SignatureAlg
	if schemes[0].CertificateAlg != nil {
		algorithm = schemes[0].CertificateAlg
	}
	return signature, algorithm, err
}

// rawAlgorithm is an AlgorithmIdentifier in DER as encoding/asn1 has it.
func rawAlgorithm(der []byte) (a pkix.AlgorithmIdentifier) {
	if _, err := asn1.Unmarshal(der, &a); err != nil {
		panic(err)
	}
	return a
}
