package p256verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/p256lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
)

// TestTogetherInLanes: signatures that meet are verified in lanes, with the answers of crypto/ecdsa.
func TestTogetherInLanes(t *testing.T) {
	if !lanes.Available() {
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./internal/p256verify -test.run InLanes runs this test in an emulated one)")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	verifier := p256verify.New(&key.PublicKey, nil)
	var group *counted
	v := p256verify.NewTogether(verifier, func(public *ecdsa.PublicKey) p256verify.Group {
		own, err := p256lanes.NewVerifier(public)
		require.NoError(t, err)
		group = &counted{Group: own}
		return group
	})
	digest := make([]byte, 48)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
	require.NoError(t, err)
	wrong, err := ecdsa.SignASN1(rand.Reader, key, []byte("another"))
	require.NoError(t, err)
	for range 10 { // so that it has its table
		require.True(t, verifier.Verify(digest, signature))
	}
	for range 8 {
		var done sync.WaitGroup
		free := v.Busy()
		for i := range 16 {
			done.Go(func() {
				if i%4 == 3 && v.Verify(digest, wrong) || i%4 != 3 && !v.Verify(digest, signature) {
					t.Error("not what crypto/ecdsa says")
				}
			})
		}
		for v.Waiting() != 16 {
			runtime.Gosched()
		}
		free()
		done.Wait()
	}
	require.Equal(t, &counted{group.Group, 5, 16, 5 * 12}, group)
}

// counted counts what comes, from one call at a time.
type counted struct {
	p256verify.Group
	calls, most, good int
}

func (c *counted) Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64) {
	good, unknown = c.Group.Verify(digests, signatures)
	c.calls++
	c.most = max(c.most, len(digests))
	for i := range digests {
		c.good += int(good >> i & 1)
	}
	return good, unknown
}
