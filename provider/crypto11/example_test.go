package crypto11_test

import (
	"context"
	"crypto/x509"
	"log"

	peer "github.com/ThalesGroup/crypto11"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/crypto11"
	"github.com/seed-116355fd/signet/sign"
)

// A program that has a context signs containers with its keys.
func Example() {
	ctx := context.Background()
	c, err := peer.Configure(&peer.Config{Path: "/usr/lib/softhsm/libsofthsm2.so", TokenLabel: "seal", Pin: "1234"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var issuers []*x509.Certificate // those that are not on the token
	keys, err := crypto11.New(c, crypto11.Config{Name: "token seal", Certificates: issuers})
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "seal"})
	if err != nil {
		log.Fatal(err) // says which keys there are
	}
	results, err := batch.Sign(ctx, signer, &cades.Options{}, []sign.Content{sign.Bytes("a", []byte("content"))}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		log.Println(r.Name, len(r.Signature), r.Err)
	}
}
