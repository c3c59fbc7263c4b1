package keys_test

import (
	"context"
	"crypto"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// groups is a provider whose keys sign up to four digests in a second, and notes how many came.
type groups struct {
	sign.Provider
	mu    sync.Mutex
	sizes []int
}

func (g *groups) Unwrap() sign.Provider { return g.Provider }

func (g *groups) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	k, err := g.Provider.Key(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &groupsKey{k, g}, nil
}

func (g *groups) note(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sizes = append(g.sizes, n)
}

type groupsKey struct {
	sign.Key
	g *groups
}

func (k *groupsKey) Unwrap() sign.Key { return k.Key }

func (*groupsKey) BulkSize() int { return 4 }

func (k *groupsKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignBulk(ctx, [][]byte{digest}, opts)[0].Signature, nil
}

func (k *groupsKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	k.g.note(len(digests))
	time.Sleep(time.Second)
	outcomes := make([]sign.Outcome, len(digests))
	for i, d := range digests {
		outcomes[i].Signature, outcomes[i].Err = k.Key.SignContext(ctx, d, opts)
	}
	return outcomes
}

// TestGather: calls of requests that come at the same time are groups of the key, if it is said, and a new configuration may say it.
func TestGather(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		g := &groups{}
		h := newHolder("a", id)
		store := &keys.Store{Name: "a", Identity: "file a", Open: func(ctx context.Context) (sign.Provider, error) {
			p, err := h.open(ctx)
			g.Provider = p
			return g, err
		}}
		s := newSet(t, nil, keys.Key{Name: "a", Store: store})
		four := func() []int {
			l := acquire(t, s, keys.Query{Name: "a"})
			defer l.Release()
			g.sizes = nil
			var done sync.WaitGroup
			for range 4 {
				done.Go(func() { signs(t, l) })
			}
			done.Wait()
			return g.sizes
		}
		require.Equal(t, []int{1, 1, 1, 1}, four())
		require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "a", Store: store, Gather: &sign.Gathering{}}}))
		require.Equal(t, []int{1, 3}, four())
		require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "a", Store: store, Gather: &sign.Gathering{Wait: time.Second}}}))
		require.Equal(t, []int{4}, four())
		require.EqualValues(t, 1, h.opened.Load(), "its store stays open")
		require.NoError(t, s.Close())
	})
}
