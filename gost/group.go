package gost

import (
	"context"
	"crypto"

	"github.com/seed-116355fd/signet/sign"
)

var (
	_ sign.BulkKey      = (*Key)(nil)
	_ sign.BulkComputer = (*Key)(nil)
)

// BulkSize is how many digests at once are quickest: 1, or more where [gost3410.PrivateKey.GroupSize] says so.
func (k *Key) BulkSize() int {
	if k.empty() {
		return 1
	}
	return max(1, k.private.GroupSize())
}

// Computes is true: nothing is waited for.
func (*Key) Computes() bool { return true }

// SignBulk signs digests as SignContext does, side by side where the processor can.
func (k *Key) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	outcomes := make([]sign.Outcome, len(digests))
	if k.groups(ctx, digests, opts) {
		if signatures, err := k.private.SignGroup(digests); err == nil {
			for i := range signatures {
				outcomes[i].Signature = signatures[i]
			}
			return outcomes
		}
	}
	for i, d := range digests {
		outcomes[i].Signature, outcomes[i].Err = k.SignContext(ctx, d, opts)
	}
	return outcomes
}

// groups says whether nothing is wrong with any of the digests, which SignContext would have to say of one.
func (k *Key) groups(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) bool {
	if k.empty() || ctx.Err() != nil {
		return false
	}
	if h, ok := opts.(Hash); !ok || h != k.hash() {
		return false
	}
	for _, d := range digests {
		if len(d) != k.hash().Size() {
			return false
		}
	}
	return true
}
