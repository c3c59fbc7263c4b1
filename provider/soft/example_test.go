package soft_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

func ExampleOpen() {
	ctx := context.Background()
	keys, err := soft.Open(ctx, "testdata/modern.p12", soft.Config{Password: soft.Password(sign.NewSecret([]byte("sesame")))})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = keys.Close() }()

	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "the seal"})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range signer.Chain() {
		fmt.Println(c.Subject)
	}
	fmt.Println(signer.Scheme().Name)
	// Output:
	// CN=Vector p256
	// CN=Vector authority
	// ecdsa-sha256
}

func ExampleProvider_Keys() {
	ctx := context.Background()
	keys, err := soft.Open(ctx, "testdata/bundle-two.pem", soft.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = keys.Close() }()
	for e, err := range keys.Keys(context.Background()) {
		if err != nil {
			log.Print(err)
			continue
		}
		fmt.Println(e.Label, e.Certificate().Subject, e.Schemes[0].Name)
	}
	// Output:
	// bundle-two.pem CN=Vector p256 ecdsa-sha256
	// bundle-two.pem CN=Vector ed25519 ed25519
}
