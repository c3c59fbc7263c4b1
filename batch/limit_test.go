package batch_test

import (
	"crypto"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestLimitOfKey: what a key says of itself is no reason to take all the memory.
func TestLimitOfKey(t *testing.T) {
	pki := testpki.New(t)
	for _, limit := range []int{math.MinInt, -1, 0, 1, math.MaxInt32, math.MaxInt} {
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &queueKey{fakeKey{Signer: k, limit: limit}} })
		results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(3), nil)
		require.NoError(t, err)
		require.Len(t, results, 3)
	}
}
