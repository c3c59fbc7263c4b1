package gost_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/sign"
)

// TestSignBulk: a group has the signatures of its digests in order, and what is wrong with one is said of that one.
func TestSignBulk(t *testing.T) {
	for _, curve := range []string{"1.2.643.2.2.35.1", "1.2.643.7.1.2.1.2.1"} {
		key, err := gost.GenerateNamed(curve)
		require.NoError(t, err)
		hash := key.Schemes()[0].Opts.(gost.Hash)
		digests := make([][]byte, 65)
		for i := range digests {
			digests[i] = make([]byte, hash.Size())
			_, _ = rand.Read(digests[i])
		}
		outcomes := key.SignBulk(t.Context(), digests, hash)
		require.Len(t, outcomes, len(digests))
		for i, o := range outcomes {
			require.NoError(t, o.Err)
			require.NoError(t, gost.Scheme(hash).Verify(key.SubjectPublicKeyInfo(), digests[i], o.Signature))
		}
		digests[3] = digests[3][1:]
		for i, o := range key.SignBulk(t.Context(), digests[:5], hash) {
			if i == 3 {
				require.ErrorIs(t, o.Err, sign.ErrInput)
				require.Empty(t, o.Signature)
				continue
			}
			require.NoError(t, o.Err)
			require.NoError(t, gost.Scheme(hash).Verify(key.SubjectPublicKeyInfo(), digests[i], o.Signature))
		}
		for _, o := range key.SignBulk(t.Context(), digests[:2], crypto.SHA256) {
			require.ErrorIs(t, o.Err, sign.ErrUnsupported)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for _, o := range key.SignBulk(over, digests[:2], hash) {
			require.ErrorIs(t, o.Err, context.Canceled)
		}
		require.Positive(t, key.BulkSize())
	}
	var none gost.Key
	require.Equal(t, 1, none.BulkSize())
	require.Error(t, none.SignBulk(t.Context(), [][]byte{nil}, gost.Streebog256)[0].Err)
}
