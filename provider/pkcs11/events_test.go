//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// listener keeps events, and does all that a hook must not.
type listener struct {
	mu  sync.Mutex
	all []sign.Event
}

func (l *listener) hook(e sign.Event) {
	l.mu.Lock()
	l.all = append(l.all, e)
	n := len(l.all)
	l.mu.Unlock()
	switch n % 3 {
	case 0:
		panic("the hook is broken")
	case 1:
		runtime.Goexit()
	}
}

// kinds waits for the last kind and returns all, oldest first.
func (l *listener) kinds(t *testing.T, last sign.EventKind) (kinds []sign.EventKind) {
	t.Helper()
	require.Eventually(t, func() bool {
		kinds = nil
		for _, e := range l.events() {
			kinds = append(kinds, e.Kind)
		}
		return len(kinds) > 0 && kinds[len(kinds)-1] == last
	}, waitLong, tick, "%v", kinds)
	return kinds
}

func (l *listener) events() []sign.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// check looks at what all events have in common.
func (l *listener) check(t *testing.T, label string) {
	t.Helper()
	last := time.Time{}
	for _, e := range l.events() {
		require.Contains(t, e.Place, `token "`+label)
		require.False(t, e.When.Before(last), "in order")
		last = e.When
		for _, text := range []string{e.String(), fmt.Sprintf("%+v", e), e.LogValue().String()} {
			require.NotContains(t, text, goodPIN)
			require.NotContains(t, text, strangerPIN)
		}
	}
}

// TestEventsOfALoss tells once of each change, however many calls meet it, through a hook that is broken.
func TestEventsOfALoss(t *testing.T) {
	t.Run("back at once", func(t *testing.T) {
		var l listener
		s := softStage(t)
		p, key := s.open(t, func(c *pkcs11.Config) { c.Events = l.hook })
		require.Empty(t, s.many(t.Context(), key, 8, 5))
		require.Empty(t, l.events(), "nothing has changed")
		s.do(fnSignInit, 3, doFinalize)
		require.Empty(t, s.many(t.Context(), key, 8, 5))
		require.Equal(t, []sign.EventKind{sign.EventTokenLost, sign.EventTokenRecovering, sign.EventTokenBack}, l.kinds(t, sign.EventTokenBack))
		l.check(t, s.label)
		require.ErrorIs(t, l.events()[0].Err, sign.ErrUnavailable)
		require.NoError(t, l.events()[2].Err)
		require.Positive(t, l.events()[2].Took)
		require.NoError(t, p.Close())
	})
	t.Run("gone for a while", func(t *testing.T) {
		var l listener
		s := softStage(t)
		p, key := s.open(t, func(c *pkcs11.Config) { c.Events, c.Recover = l.hook, 300*time.Millisecond })
		s.fail(fnSignInit, 0, 1<<40, 0x32)
		s.fail(fnOpenSession, 0, 1<<40, 0xe0)
		require.Len(t, s.many(t.Context(), key, 16, 2), 32)
		gone := []sign.EventKind{sign.EventTokenLost, sign.EventTokenRecovering, sign.EventTokenGone}
		require.Equal(t, gone, l.kinds(t, sign.EventTokenGone))
		for range 3 { // each call tries once more, which is no news
			time.Sleep(400 * time.Millisecond)
			require.Error(t, s.one(t.Context(), key, "message"))
		}
		require.Equal(t, gone, l.kinds(t, sign.EventTokenGone))
		s.fail(fnSignInit, 0, 0, 0)
		s.fail(fnOpenSession, 0, 0, 0)
		require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, waitLong, tick)
		require.Equal(t, append(gone, sign.EventTokenBack), l.kinds(t, sign.EventTokenBack))
		l.check(t, s.label)
		require.Greater(t, l.events()[3].Took, time.Second)
		require.NoError(t, p.Close())
		require.Len(t, l.events(), 4, "that it was closed is no event")
	})
	t.Run("another token", func(t *testing.T) {
		var l listener
		s, own, other := readerStage(t)
		_, key := s.open(t, func(c *pkcs11.Config) { c.Events, c.TokenLabel, c.Recover = l.hook, "", 300*time.Millisecond })
		s.put(&other)
		require.Len(t, s.many(t.Context(), key, 8, 2), 16)
		s.put(&own)
		require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, waitLong, tick)
		kinds := l.kinds(t, sign.EventTokenBack)
		require.Equal(t, []sign.EventKind{sign.EventTokenLost, sign.EventTokenRecovering, sign.EventOtherToken, sign.EventTokenGone, sign.EventTokenBack}, kinds)
		require.ErrorContains(t, l.events()[2].Err, "other of "+s.label)
		l.check(t, s.label)
	})
	t.Run("a PIN that was refused", func(t *testing.T) {
		var l listener
		s := softStage(t)
		var now atomic.Value
		now.Store(goodPIN)
		_, key := s.open(t, func(c *pkcs11.Config) {
			c.Events = l.hook
			c.PIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
				return sign.NewSecret([]byte(now.Load().(string))), nil
			}
		})
		now.Store(s.wrongPIN(t))
		s.do(fnSignInit, 0, doFinalize)
		require.Len(t, s.many(t.Context(), key, 8, 3), 24)
		kinds := l.kinds(t, sign.EventPINGivenUp)
		require.Equal(t, sign.EventTokenLost, kinds[0])
		require.NotContains(t, kinds[:len(kinds)-1], sign.EventPINGivenUp)
		require.ErrorIs(t, l.events()[len(kinds)-1].Err, sign.ErrPIN)
		l.check(t, s.label)
		require.NotContains(t, fmt.Sprintf("%+v", l.events()), s.wrongPIN(t))
	})
}

// TestEventsOfAGroup tells which member is left out and taken back.
func TestEventsOfAGroup(t *testing.T) {
	var l listener
	id := testpki.New(t).Leaf(testpki.P256)
	module, _ := newToken(t)
	stages, members := make([]*stage, 2), make([]*pkcs11.Provider, 2)
	for i := range stages {
		_, label := newToken(t)
		importKey(t, module, label, id, "01", "seal")
		stages[i] = &stage{shim: newShim(t, module), label: label, name: "seal", public: id.Key.Public(), id: id}
		config := stages[i].config()
		config.Recover = -1
		if i == 1 {
			config.Events = l.hook
		}
		var err error
		members[i], err = pkcs11.Open(t.Context(), config)
		require.NoError(t, err)
	}
	g, err := pkcs11.NewGroup(members...)
	require.NoError(t, err)
	defer func() { require.NoError(t, g.Close()) }()
	key, err := g.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	broken := stages[1]
	broken.fail(fnSignInit, 2, 1<<40, 0x32)
	broken.fail(fnOpenSession, 0, 1<<40, 0xe0)
	require.Eventually(t, func() bool {
		require.Empty(t, stages[0].many(t.Context(), key, 12, 5))
		return !g.Healthy()[1]
	}, waitLong, tick)
	broken.fail(fnSignInit, 0, 0, 0)
	broken.fail(fnOpenSession, 0, 0, 0)
	require.Eventually(t, func() bool {
		_ = stages[0].one(t.Context(), key, "message")
		return g.Healthy()[1]
	}, waitLong, tick)
	l.kinds(t, sign.EventFailback)
	var group []sign.Event
	for _, e := range l.events() {
		if e.Kind == sign.EventFailover || e.Kind == sign.EventFailback {
			group = append(group, e)
		}
	}
	require.Len(t, group, 2)
	require.Equal(t, sign.EventFailover, group[0].Kind)
	require.Equal(t, 1, group[0].Count, "members are left")
	require.ErrorIs(t, group[0].Err, sign.ErrUnavailable)
	require.Equal(t, 2, group[1].Count)
	require.Positive(t, group[1].Took)
	l.check(t, broken.label)
}
