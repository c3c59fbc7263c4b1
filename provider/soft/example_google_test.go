package soft_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// googleKey is a version of a key in Google Cloud KMS. In a program, googleClient is *kms.KeyManagementClient of
// cloud.google.com/go/kms/apiv1; googleSignRequest, googleDigest and googleSHA256 are kmspb.AsymmetricSignRequest, kmspb.Digest and
// kmspb.Digest_Sha256; googleInt64 is wrapperspb.Int64; googleCode is status.Code and its values are those of package codes.
type googleKey struct {
	client googleClient
	name   string           // projects/…/cryptoKeyVersions/1
	public crypto.PublicKey // of the certificate
}

func (k *googleKey) Public() crypto.PublicKey { return k.public }

func (k *googleKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is called in the place of Sign, so that the call to KMS ends with its context.
func (k *googleKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	failed := &sign.Error{Op: "google kms: sign", Place: k.name, Class: sign.ErrUnavailable}
	if opts.HashFunc() != crypto.SHA256 { // the others are Digest_Sha384 and Digest_Sha512
		failed.Class, failed.Hint = sign.ErrUnsupported, "this key is of an algorithm with SHA-256"
		return nil, failed
	}
	r, err := k.client.AsymmetricSign(ctx, &googleSignRequest{
		Name: k.name, Digest: &googleDigest{Digest: &googleSHA256{Sha256: digest}}, DigestCrc32C: googleInt64(crc32c(digest)),
	})
	switch {
	case err != nil:
		code := googleCode(err)
		failed.Err, failed.Temporary = err, code == googleResourceExhausted || code == googleUnavailable // and not PermissionDenied
		return nil, failed
	case !r.VerifiedDigestCrc32C || r.Name != k.name || r.SignatureCrc32C.GetValue() != crc32c(r.Signature):
		failed.Err, failed.Temporary = errors.New("request or answer were damaged on the way"), true
		return nil, failed
	}
	return r.Signature, nil // that of ECDSA is in DER, as it is to be
}

func crc32c(data []byte) int64 {
	return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// A key in Google Cloud KMS.
//
// The mistakes to avoid: the version of a key is named, since a rotated key has another certificate; and its algorithm fixes hash and
// padding, so that one of RSA_SIGN_PSS_2048_SHA256 is opened with sign.WithScheme.
func ExampleNew_google() {
	ctx := context.Background()
	client, chain := googleDemo(testsign.P256)

	key := &googleKey{client, "projects/p/locations/l/keyRings/r/cryptoKeys/seal/cryptoKeyVersions/1", chain[0].PublicKey}
	keys, err := soft.New(key, soft.Config{Certificates: chain})
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		log.Fatal(err)
	}
	p7s, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("an invoice")), nil)
	fmt.Println(len(p7s) > 0, err, signer.Scheme().Name)
	// Output: true <nil> ecdsa-sha256
}
