package confirm

import (
	"context"
	"crypto/sha1"
	"fmt"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// KeySet makes a set of keys the keys of an engine.
func KeySet(s *keys.Set) Keys { return keySet{s} }

type keySet struct{ set *keys.Set }

func (k keySet) Open(ctx context.Context, name string) (*sign.Signer, *cades.Options, func(), error) {
	lease, err := k.set.Acquire(ctx, keys.Query{Name: name, Allowed: func(string) bool { return true }})
	if err != nil {
		return nil, nil, nil, err
	}
	return lease.Signer, lease.Options, lease.Release, nil
}

// thumbprint names the certificate of a signer as callers do: SHA-1, hexadecimal in capitals.
func thumbprint(s *sign.Signer) string {
	return fmt.Sprintf("%X", sha1.Sum(s.Certificate().Raw))
}
