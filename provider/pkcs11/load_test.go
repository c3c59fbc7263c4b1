//go:build unix && !signet_static

package pkcs11_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
)

// TestLoad has ten callers and four sessions, in which every call hangs.
func TestLoad(t *testing.T) {
	s := newStage(t)
	p, key := s.open(t)
	g, err := pkcs11.NewGroup(p)
	require.NoError(t, err)
	defer func() { require.NoError(t, g.Close()) }()
	require.Empty(t, s.many(t.Context(), key, 1, 1))
	busy, open, waiting := p.Load()
	require.Equal(t, [3]int{0, 1, 0}, [3]int{busy, open, waiting}, "one session was needed")

	atomic.StoreInt64(s.fn(fnSign).hang, 1)
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() { _ = s.one(t.Context(), key, "message") })
	}
	is := func(want [3]int, of interface{ Load() (int, int, int) }) func() bool {
		return func() bool {
			busy, open, waiting := of.Load()
			return want == [3]int{busy, open, waiting}
		}
	}
	require.Eventually(t, is([3]int{4, 4, 6}, p), waitLong, tick)
	require.True(t, is([3]int{4, 4, 6}, g)())
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	callers.Wait()
	require.Eventually(t, is([3]int{0, 4, 0}, g), waitLong, tick)
}
