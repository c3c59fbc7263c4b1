package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-116355fd/signet/revocation"
)

// What a service does with a certificate that somebody sent.
func ExampleClient_Status() {
	client, err := revocation.NewClient(revocation.Config{CacheDir: "/var/cache/signet"})
	if err != nil {
		log.Fatal(err)
	}
	var leaf *x509.Certificate // from a signature
	chain, err := client.Chain(context.Background(), leaf, nil)
	if err != nil {
		log.Fatal(err)
	}
	status, err := client.Status(context.Background(), leaf, chain[1], time.Now())
	switch {
	case errors.Is(err, revocation.CheckSource):
		log.Print("the certificate does not say where to ask")
	case err != nil:
		log.Print(err)
	case status.State == revocation.Revoked:
		log.Printf("revoked at %s: %s", status.RevokedAt, status.Reason)
	}
}

// The error of an address that strangers' certificates may not send requests to.
func ExampleConfig() {
	client, err := revocation.NewClient(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	leaf, issuer, err := demoCertificates("http://169.254.169.254/latest/meta-data/")
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Status(context.Background(), leaf, issuer, time.Time{})
	fmt.Println(errors.Is(err, revocation.CheckAddress))
	// Output: true
}
