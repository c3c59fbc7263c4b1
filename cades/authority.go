package cades

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// Authorities may be of the caller's own making: a panic there is an error here, and so is an answer that is none.

func askTimestamp(ctx context.Context, t tsp.Timestamper, h sign.Hash, sum []byte) (token *tsp.Token, err error) {
	defer sign.Recover(&err)
	imprint, err := sign.NewDigest(h, sum)
	if err != nil {
		return nil, err
	}
	if token, err = t.Timestamp(ctx, imprint); err == nil && token == nil {
		err = gaveNothing("time-stamp", t)
	}
	return token, ofAuthority(ctx, "time-stamp", err)
}

func askChain(ctx context.Context, r revocation.Source, leaf *x509.Certificate, among []*x509.Certificate) (chain []*x509.Certificate, err error) {
	defer sign.Recover(&err)
	if chain, err = r.Chain(ctx, leaf, among); err == nil && len(chain) == 0 {
		err = gaveNothing("chain", r)
	}
	return chain, ofAuthority(ctx, "chain", err)
}

func askCollection(ctx context.Context, r revocation.Source, chains [][]*x509.Certificate) (c *revocation.Collection, err error) {
	defer sign.Recover(&err)
	if c, err = r.Collect(ctx, chains, &revocation.CollectOptions{}); err == nil && c == nil {
		err = gaveNothing("revocation values", r)
	}
	return c, ofAuthority(ctx, "revocation values", err)
}

// ofAuthority gives a plain error of somebody else's source the class of what an authority failed to give. A *sign.Error has a
// class of its own.
func ofAuthority(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, sign.ErrAuthority) {
		return err
	}
	if _, known := errors.AsType[*sign.Error](err); known {
		return err
	}
	return &sign.Error{Op: "cades: " + what, Class: sign.ErrAuthority, Err: err, Temporary: sign.IsTemporary(err)}
}

func gaveNothing(what string, by any) error {
	return &sign.Error{Op: "cades: " + what, Class: sign.ErrAuthority, Err: fmt.Errorf("the source (%T) gave neither an answer nor an error", by)}
}
