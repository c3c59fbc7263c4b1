package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// throttledError is how the library of a service says that its quota is used up.
type throttledError struct{ Code string }

func (e *throttledError) Error() string { return e.Code }

// cloudKey stands for the crypto.Signer of a key management service. It says "throttled" now and then.
type cloudKey struct {
	*ecdsa.PrivateKey
	calls atomic.Int64
}

func (k *cloudKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.calls.Add(1)%10 == 3 {
		return nil, &throttledError{"ThrottlingException"}
	}
	return k.PrivateKey.Sign(random, digest, opts)
}

// A key of a service that gives out 1,000 signatures a second, and says in its own way when somebody asks for more.
func ExampleLimitedProvider() {
	ctx := context.Background()
	key, cert := selfSigned()
	service, err := soft.New(&cloudKey{PrivateKey: key}, soft.Config{Certificates: []*x509.Certificate{cert}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer service.Close()
	keys := sign.LimitedProvider(service, sign.Quota{
		Rate:        1000,
		Concurrency: 50,
		Wait:        time.Millisecond,
		Temporary: func(err error) bool { // and never "access denied"
			e, ok := errors.AsType[*throttledError](err)
			return ok && e.Code == "ThrottlingException"
		},
	})
	signer, err := sign.Open(ctx, keys, sign.Ref{Certificate: cert})
	if err != nil {
		fmt.Println(err)
		return
	}
	var contents []batch.Content
	for i := range 30 {
		contents = append(contents, sign.Bytes(fmt.Sprintf("invoice %d", i), bytes.Repeat([]byte{byte(i)}, 100)))
	}
	results, err := batch.Sign(ctx, signer, &cades.Options{}, contents, nil)
	signed := 0
	for _, r := range results {
		if r.Err == nil {
			signed++
		}
	}
	fmt.Println(signed, "of", len(contents), err)
	// Output: 30 of 30 <nil>
}

// A server that signs for many callers, one content each: what comes while the key is busy is signed as one group, by a key that can.
// Here keys in a file do where the processor computes side by side, and sign one by one where it does not.
func ExampleGathered() {
	private, cert := selfSigned()
	ctx := context.Background()
	file, err := soft.New(private, soft.Config{Certificates: []*x509.Certificate{cert}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	signer, err := sign.Open(ctx, sign.GatheredProvider(file, sign.Gathering{}), sign.Ref{Certificate: cert})
	if err != nil {
		fmt.Println(err)
		return
	}
	var requests sync.WaitGroup
	var signed atomic.Int32
	for i := range 20 {
		requests.Go(func() {
			if _, err := cades.Sign(ctx, signer, sign.Bytes("", fmt.Appendf(nil, "invoice %d", i)), nil); err == nil {
				signed.Add(1)
			}
		})
	}
	requests.Wait()
	fmt.Println(signed.Load(), "signed")
	// Output: 20 signed
}

func selfSigned() (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Seal"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return key, cert
}
