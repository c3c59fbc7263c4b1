// A program that signs two documents with a key from a file and verifies one of them.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

func main() {
	dir, err := os.MkdirTemp("", "signet-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "seal.pem")
	if err := makeKey(path); err != nil {
		log.Fatal(err)
	}
	if err := run(context.Background(), path); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string) error {
	keys, err := soft.Open(ctx, path, soft.Config{}) // an encrypted file takes Password: soft.PasswordFile("seal.pass")
	if err != nil {
		return err
	}
	defer keys.Close()
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		return err
	}

	contents := []batch.Content{
		sign.Bytes("contract", []byte("We agree.")),
		sign.Bytes("invoice", []byte("You pay.")),
	}
	results, err := batch.Sign(ctx, signer, &cades.Options{}, contents, nil)
	if err != nil {
		return err
	}
	for _, r := range results {
		fmt.Println(r.Name, len(r.Signature), "bytes", r.Err)
	}

	message, err := cades.Parse(results[0].Signature)
	if err != nil {
		return err
	}
	report, err := message.Verify(ctx, sign.Bytes("", []byte("We agree.")), nil)
	if err != nil {
		return err
	}
	fmt.Println("valid:", report.Valid())
	return nil
}

// makeKey stands for the authority that issues the key of a real program.
func makeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example, not for real use"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	bundle := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	return os.WriteFile(path, bundle, 0o600)
}
