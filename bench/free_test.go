package bench

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// freeKey answers at once with a signature that is none, so that what is left is what everything but the key costs. It takes groups
// as a key does that computes several side by side.
type freeKey struct {
	crypto.Signer
	signature []byte
	size      int
}

func (k *freeKey) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return k.signature, nil
}
func (k *freeKey) Trusted() bool  { return true }
func (k *freeKey) BulkSize() int  { return k.size }
func (k *freeKey) Computes() bool { return true }
func (k *freeKey) SignBulk(_ context.Context, digests [][]byte, _ crypto.SignerOpts) []sign.Outcome {
	outcomes := make([]sign.Outcome, len(digests))
	for i := range outcomes {
		outcomes[i].Signature = k.signature
	}
	return outcomes
}

// freeSigner has a key that costs nothing, in groups of size.
func freeSigner(t testing.TB, size int) *sign.Signer {
	t.Helper()
	a, err := AlgorithmByName("ecdsa-p256")
	require.NoError(t, err)
	id, err := a.Identity()
	require.NoError(t, err)
	signer, err := sign.New(&freeKey{id.Key, make([]byte, 71), size}, []*x509.Certificate{id.Certificate}, a.Scheme)
	require.NoError(t, err)
	return signer
}

// BenchmarkFree is a batch of BES over 1 KiB by a key that costs nothing, an item. The digests of the content and of the attributes,
// which nothing can save, are the floor.
func BenchmarkFree(b *testing.B) {
	contents := make([]batch.Content, 10_000)
	for i := range contents {
		contents[i] = sign.Bytes("content", fmt.Appendf(make([]byte, 0, 1024), "%01024d", i))
	}
	b.Run("impl=floor", func(b *testing.B) {
		a, _ := AlgorithmByName("ecdsa-p256")
		data, _ := contents[0].Source().InMemory()
		attributes := make([]byte, 250)
		for b.Loop() {
			for _, part := range [][]byte{data, attributes} {
				h := a.Hash.New()
				h.Write(part)
				h.Sum(nil)
			}
		}
	})
	b.Run("impl=prepare", func(b *testing.B) {
		signer := freeSigner(b, 64)
		for b.Loop() {
			if _, err := cades.Prepare(context.Background(), signer, contents[0], nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, size := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("impl=batch/group=%d", size), func(b *testing.B) {
			signer := freeSigner(b, size)
			b.ReportAllocs()
			done := 0
			for b.Loop() {
				for r := range batch.Stream(context.Background(), signer, &cades.Options{}, func(yield func(batch.Content) bool) {
					for i := range contents {
						if !yield(contents[i]) {
							return
						}
					}
				}, nil) {
					if r.Err != nil {
						b.Fatal(r.Err)
					}
					done++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/item")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done)*float64(runtime.GOMAXPROCS(0)), "core-ns/item")
		})
	}
}
