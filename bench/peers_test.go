package bench_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"

	cms "github.com/github/smimesign/ietf-cms"
	smallstep "github.com/smallstep/pkcs7"
	mozilla "go.mozilla.org/pkcs7"

	"github.com/seed-116355fd/signet/bench"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// errCannot says that an implementation does not know an algorithm.
var errCannot = errors.New("not supported")

// implementation makes one detached container per call. new does what a program does once.
type implementation struct {
	name string
	new  func(a bench.Algorithm, id *bench.Identity) (func(content []byte) error, error)
}

func implementations() []implementation {
	return []implementation{
		{"floor", func(a bench.Algorithm, id *bench.Identity) (func([]byte) error, error) {
			return func(content []byte) error { return a.Floor(id, content) }, nil
		}},
		{"signet", func(_ bench.Algorithm, id *bench.Identity) (func([]byte) error, error) {
			ctx := context.Background()
			return func(content []byte) error {
				_, err := cades.Sign(ctx, id.Signer, sign.Bytes("", content), nil)
				return err
			}, nil
		}},
		{"mozilla", newMozilla},
		{"smallstep", newSmallstep},
		{"ietf-cms", newIETF},
	}
}

var idSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

// signingCertificateV2 is the attribute that makes a CAdES-BES of a PKCS #7 signature. The peers have no support for it,
// so it is made once and not counted against them.
func signingCertificateV2(c *x509.Certificate) any {
	type id struct{ Hash []byte }
	type attribute struct{ Certs []id }
	sum := sha256.Sum256(c.Raw)
	return attribute{[]id{{sum[:]}}}
}

func newMozilla(a bench.Algorithm, id *bench.Identity) (func([]byte) error, error) {
	digest, ok := map[crypto.Hash]asn1.ObjectIdentifier{crypto.SHA256: mozilla.OIDDigestAlgorithmSHA256, crypto.SHA384: mozilla.OIDDigestAlgorithmSHA384}[a.Hash]
	if !ok {
		return nil, errCannot
	}
	config := mozilla.SignerInfoConfig{ExtraSignedAttributes: []mozilla.Attribute{{Type: idSigningCertificateV2, Value: signingCertificateV2(id.Certificate)}}}
	return func(content []byte) error {
		data, err := mozilla.NewSignedData(content)
		if err != nil {
			return err
		}
		data.SetDigestAlgorithm(digest)
		if err := data.AddSigner(id.Certificate, id.Key, config); err != nil {
			return err
		}
		data.Detach()
		_, err = data.Finish()
		return err
	}, nil
}

func newSmallstep(a bench.Algorithm, id *bench.Identity) (func([]byte) error, error) {
	digest, ok := map[crypto.Hash]asn1.ObjectIdentifier{crypto.SHA256: smallstep.OIDDigestAlgorithmSHA256, crypto.SHA384: smallstep.OIDDigestAlgorithmSHA384}[a.Hash]
	if !ok {
		return nil, errCannot
	}
	config := smallstep.SignerInfoConfig{ExtraSignedAttributes: []smallstep.Attribute{{Type: idSigningCertificateV2, Value: signingCertificateV2(id.Certificate)}}}
	return func(content []byte) error {
		data, err := smallstep.NewSignedData(content)
		if err != nil {
			return err
		}
		data.SetDigestAlgorithm(digest)
		if err := data.AddSigner(id.Certificate, id.Key, config); err != nil {
			return err
		}
		data.Detach()
		_, err = data.Finish()
		return err
	}, nil
}

// newIETF signs without the signing-certificate attribute, which the library has no way to add, and with SHA-256 whatever
// the key.
func newIETF(a bench.Algorithm, id *bench.Identity) (func([]byte) error, error) {
	if a.Scheme.Whole {
		return nil, errCannot
	}
	chain := []*x509.Certificate{id.Certificate}
	return func(content []byte) error {
		_, err := cms.SignDetached(content, chain, id.Key)
		return err
	}, nil
}
