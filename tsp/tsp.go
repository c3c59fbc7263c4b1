// Package tsp gets time-stamps from authorities (RFC 3161), checks them, and issues them.
//
// A [Client] asks authorities over HTTP, one after the other until one of them gives a token that passes every check:
//
//	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: "https://tsa.example/tsr"}}})
//	sum := sha256.Sum256(signature)
//	imprint, err := sign.NewDigest(crypto.SHA256, sum[:])
//	token, err := client.Timestamp(ctx, imprint)
//
// An [Authority] issues tokens with any [sign.Signer], in this process or as an http.Handler. Both are a [Timestamper],
// which is what package cades wants.
//
// [ParseToken] and [Token.Verify] are for tokens that exist already.
//
// # Checks
//
// Every check has a name of type [Check], by which an error can be asked what was wrong, also when it gathers the
// failures of several authorities:
//
//	if errors.Is(err, tsp.CheckNonce) { … }
//
// Without [VerifyOptions.Roots] nothing says who the authority is: the checks show that a token is well made and answers
// the request, and its authority could be anybody. Set the roots, or leave the chain to whoever validates the signature.
package tsp

import (
	"context"

	"github.com/seed-116355fd/signet/sign"
)

// Timestamper gives a time-stamp token over a digest. Implementations are safe for concurrent use and return a token only
// after they have checked it. Most programs use [Client] or [Authority].
type Timestamper interface {
	// Timestamp returns a token whose imprint is the digest. Algorithm and Sum of the imprint are both set; see
	// [sign.NewDigest].
	Timestamp(ctx context.Context, imprint sign.Digest) (*Token, error)
}

var (
	_ Timestamper = (*Client)(nil)
	_ Timestamper = (*Authority)(nil)
)
