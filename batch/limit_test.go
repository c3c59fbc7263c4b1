package batch_test

import (
	"crypto"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestLimitOfKey: what a key says of itself is no reason to take all the memory.
func TestLimitOfKey(t *testing.T) {
	pki := testpki.New(t)
	for _, limit := range []int{math.MinInt, -1, 0, 1, 1 << 40, math.MaxInt} {
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &queueKey{fakeKey{Signer: k, limit: limit}} })
		start := time.Now()
		results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(3), nil)
		require.NoError(t, err)
		require.Len(t, results, 3)
		require.Less(t, time.Since(start), 10*time.Second)
	}
}
