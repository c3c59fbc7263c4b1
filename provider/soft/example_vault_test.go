package soft_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// vaultKey is a version of a key of the transit engine of HashiCorp Vault.
type vaultKey struct {
	client        *http.Client
	base, token   string // https://vault.example:8200
	name, version string
	public        crypto.PublicKey // of the certificate
}

func (k *vaultKey) Public() crypto.PublicKey { return k.public }

func (k *vaultKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is called in the place of Sign, so that the request ends with its context.
func (k *vaultKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	question := map[string]any{
		"input": digest, "prehashed": true, "key_version": json.Number(k.version), "hash_algorithm": fmt.Sprintf("sha2-%d", 8*opts.HashFunc().Size()),
		"marshaling_algorithm": "asn1", "signature_algorithm": "pkcs1v15", // the one for curves, the other for RSA
	}
	if _, ok := opts.(*rsa.PSSOptions); ok {
		question["signature_algorithm"], question["salt_length"] = "pss", "hash"
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.base+"/v1/transit/sign/"+k.name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Vault-Token", k.token)
	failed := &sign.Error{Op: "vault: sign", Place: k.name, Class: sign.ErrUnavailable}
	answer, err := k.client.Do(r)
	if err != nil {
		failed.Err, failed.Temporary = err, ctx.Err() == nil
		return nil, failed
	}
	defer answer.Body.Close()
	var signed struct {
		Data   struct{ Signature string }
		Errors []string
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&signed)
	if answer.StatusCode != http.StatusOK { // 403 is not temporary
		failed.Err = fmt.Errorf("%s: %s", answer.Status, strings.Join(signed.Errors, "; "))
		failed.Temporary = answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500
		return nil, failed
	}
	text, ok := strings.CutPrefix(signed.Data.Signature, "vault:v"+k.version+":")
	if err != nil || !ok {
		failed.Err = fmt.Errorf("the answer has no signature of version %s", k.version)
		return nil, failed
	}
	return base64.StdEncoding.DecodeString(text)
}

// A key in the transit engine of HashiCorp Vault.
//
// The mistakes to avoid: RSA keys sign by PSS with the longest salt there is unless both are said; without prehashed, the digest is
// digested; and without key_version, a rotated key signs, which has another certificate.
func ExampleNew_vault() {
	ctx := context.Background()
	server, chain := vaultDemo(testsign.P256)
	defer server.Close()

	key := &vaultKey{client: server.Client(), base: server.URL, token: "s.token", name: "seal", version: "1", public: chain[0].PublicKey}
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
