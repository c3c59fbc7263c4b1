package soft_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// azureKey is a version of a key in Azure Key Vault. In a program, azureClient is *azkeys.Client, azureSignParameters and
// azureAlgorithm are azkeys.SignParameters and azkeys.SignatureAlgorithm, and azureError is azcore.ResponseError of the Azure SDK for Go.
type azureKey struct {
	client        azureClient
	name, version string
	public        crypto.PublicKey // of the certificate
}

func (k *azureKey) Public() crypto.PublicKey { return k.public }

func (k *azureKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is called in the place of Sign, so that the call to the vault ends with its context.
func (k *azureKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	algorithm, curve := k.algorithm(opts)
	r, err := k.client.Sign(ctx, k.name, k.version, azureSignParameters{Algorithm: &algorithm, Value: digest}, nil)
	if err != nil {
		failed := &sign.Error{Op: "azure key vault: sign", Place: k.name, Class: sign.ErrUnavailable, Err: err}
		if e, ok := errors.AsType[*azureError](err); ok { // 401 and 403 are not temporary
			failed.Temporary = e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= 500
		}
		return nil, failed
	}
	if !curve {
		return r.Result, nil
	}
	half := len(r.Result) / 2 // r and s, one after the other, as in JSON Web Signature (RFC 7518 section 3.4)
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r.Result[:half]), new(big.Int).SetBytes(r.Result[half:])})
}

// algorithm is ES256, RS256, PS256 and their like.
func (k *azureKey) algorithm(opts crypto.SignerOpts) (name azureAlgorithm, curve bool) {
	kind := "RS"
	if _, ok := opts.(*rsa.PSSOptions); ok {
		kind = "PS"
	} else if _, curve = k.public.(*ecdsa.PublicKey); curve {
		kind = "ES"
	}
	return azureAlgorithm(fmt.Sprintf("%s%d", kind, 8*opts.HashFunc().Size())), curve
}

// A key in Azure Key Vault.
//
// The mistakes to avoid: r and s of ECDSA must become a SEQUENCE in DER; and an empty version means the newest one, which has another
// certificate after the next rotation.
func ExampleNew_azure() {
	ctx := context.Background()
	client, chain := azureDemo(testsign.P256)

	key := &azureKey{client, "seal", "9885aa558e8d448789683188f8c194b0", chain[0].PublicKey}
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
