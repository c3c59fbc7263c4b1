package tsp_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http/httptest"
	"time"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// demoSigner makes a key and a self-signed certificate for a time-stamping authority.
func demoSigner() (*sign.Signer, *trust.Roots, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Demo TSA"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		// id-kp-timeStamping alone, and critical: x509.Certificate.ExtKeyUsage cannot say so.
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 37}, Critical: true, Value: []byte("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08")}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	k, err := soft.NewKey(key, 0)
	if err != nil {
		return nil, nil, err
	}
	scheme, err := sign.ECDSA(crypto.SHA256)
	if err != nil {
		return nil, nil, err
	}
	signer, err := sign.New(k, []*x509.Certificate{cert}, scheme)
	return signer, trust.New(cert), err
}

// An authority of one's own behind HTTP, and a client that tries a dead one first.
func ExampleClient() {
	signer, roots, err := demoSigner()
	if err != nil {
		log.Fatal(err)
	}
	authority, err := tsp.NewAuthority(signer, &tsp.AuthorityOptions{Policy: "1.3.6.1.4.1.99999.1", Accuracy: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(authority)
	defer server.Close()

	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: "http://127.0.0.1:1/tsr"}, {URL: server.URL}}, Roots: roots})
	if err != nil {
		log.Fatal(err)
	}
	sum := sha256.Sum256([]byte("the value of a signature"))
	imprint, err := sign.NewDigest(crypto.SHA256, sum[:])
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Timestamp(context.Background(), imprint)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.HashName(), token.Policy, token.Accuracy, token.Certificate().Subject)
	// Output: SHA-256 1.3.6.1.4.1.99999.1 1s CN=Demo TSA
}

// A token that exists already, over other data than it should be.
func ExampleToken_Verify() {
	signer, _, err := demoSigner()
	if err != nil {
		log.Fatal(err)
	}
	authority, err := tsp.NewAuthority(signer, nil)
	if err != nil {
		log.Fatal(err)
	}
	sum := sha256.Sum256([]byte("one"))
	imprint, err := sign.NewDigest(crypto.SHA256, sum[:])
	if err != nil {
		log.Fatal(err)
	}
	issued, err := authority.Timestamp(context.Background(), imprint)
	if err != nil {
		log.Fatal(err)
	}
	token, err := tsp.ParseToken(issued.Raw)
	if err != nil {
		log.Fatal(err)
	}
	h := token.NewHash()
	h.Write([]byte("two"))
	err = token.Verify(sign.Digest{Algorithm: token.Imprint.Algorithm, Sum: h.Sum(nil)}, nil)
	fmt.Println(errors.Is(err, tsp.CheckImprint))
	// Output: true
}
