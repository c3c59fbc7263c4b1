package soft_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// awsKey is a key in AWS KMS. In a program, awsClient is *kms.Client, awsSignInput is kms.SignInput, awsSpec is
// types.SigningAlgorithmSpec and awsError is smithy.APIError of the AWS SDK for Go v2.
type awsKey struct {
	client awsClient
	id     string           // its ARN
	public crypto.PublicKey // of the certificate
}

func (k *awsKey) Public() crypto.PublicKey { return k.public }

func (k *awsKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is called in the place of Sign, so that the call to KMS ends with its context.
func (k *awsKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	out, err := k.client.Sign(ctx, &awsSignInput{KeyId: &k.id, Message: digest, MessageType: "DIGEST", SigningAlgorithm: k.algorithm(opts)})
	if err == nil {
		return out.Signature, nil // that of ECDSA is in DER, as it is to be
	}
	failed := &sign.Error{Op: "aws kms: sign", Place: k.id, Class: sign.ErrUnavailable, Err: err}
	if e, ok := errors.AsType[awsError](err); ok {
		switch e.ErrorCode() {
		case "ThrottlingException", "DependencyTimeoutException", "KeyUnavailableException", "KMSInternalException":
			failed.Temporary = true // AccessDeniedException and NotFoundException are not
		}
	}
	return nil, failed
}

func (k *awsKey) algorithm(opts crypto.SignerOpts) awsSpec {
	name := "RSASSA_PKCS1_V1_5"
	if _, ok := opts.(*rsa.PSSOptions); ok {
		name = "RSASSA_PSS"
	} else if _, ok := k.public.(*ecdsa.PublicKey); ok {
		name = "ECDSA"
	}
	return awsSpec(fmt.Sprintf("%s_SHA_%d", name, 8*opts.HashFunc().Size()))
}

// A key in AWS KMS.
//
// The mistakes to avoid: MessageType is RAW unless it is set, and KMS then digests the digest; and what is throttled is only tried
// again by [sign.LimitedProvider], or by the SDK, whose own tries (three, by default) multiply with those.
func ExampleNew_aws() {
	ctx := context.Background()
	client, chain := awsDemo(testsign.P256)

	key := &awsKey{client, "arn:aws:kms:eu-central-1:111122223333:key/1234abcd", chain[0].PublicKey}
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
