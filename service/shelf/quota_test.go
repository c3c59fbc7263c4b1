package shelf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
)

func TestLimits(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		s := New(b, &Options{Part: 10, Item: 25})
		_, err := s.Part(t.Context(), "anna", "x", 0, true, strings.NewReader("12345678901"))
		require.ErrorIs(t, err, ErrQuota)
		require.Empty(t, keys(t, b))
		for i := range 2 {
			part(t, s, "x", i, false, "1234567890")
		}
		_, err = s.Part(t.Context(), "anna", "x", 2, true, strings.NewReader("123456"))
		require.ErrorIs(t, err, ErrQuota)
		absent(t, s, "x")
		require.Equal(t, []int{}, part(t, s, "x", 2, true, "12345"))

		large := New(b, &Options{Part: small + 1000})
		_, err = large.Part(t.Context(), "anna", "y", 0, true, bytes.NewReader(pattern(small+1001, 0)))
		require.ErrorIs(t, err, ErrQuota)
		absent(t, s, "y")
		_, err = large.Part(t.Context(), "anna", "y", 0, true, bytes.NewReader(pattern(small+1000, 0)))
		require.NoError(t, err)
	})
}

// TestQuotaSideBySide: of uploads that run at once, exactly those that fit are taken.
func TestQuotaSideBySide(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		const body = 1000
		run := func(o Options, n int, name func(i int) string) int {
			s := New(b, &o)
			var taken atomic.Int32
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					_, err := s.Part(t.Context(), "anna", name(i), 0, true, bytes.NewReader(pattern(body, byte(i))))
					if err == nil {
						taken.Add(1)
					} else if !errors.Is(err, ErrQuota) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			a := s.account("anna")
			defer s.release(a)
			require.Zero(t, a.flight)
			require.Empty(t, a.items)
			return int(taken.Load())
		}
		require.Equal(t, 20, run(Options{Bytes: 20*body + body/2}, 40, func(i int) string { return fmt.Sprint("x", i) }))
		s := New(b, nil)
		for i := range 40 {
			require.NoError(t, s.Delete(t.Context(), "anna", fmt.Sprint("x", i)))
		}
		require.Equal(t, 20, run(Options{Items: 20}, 40, func(i int) string { return fmt.Sprint("y", i) }))
		// Another owner has room.
		_, err := New(b, &Options{Items: 1, Bytes: 1}).Part(t.Context(), "berta", "x", 0, true, strings.NewReader("1"))
		require.NoError(t, err)
	})
}

func TestQuotaIsFreed(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		c := newClock()
		s := New(b, &Options{Bytes: 10, Items: 2, Keep: time.Hour, Clock: c.now})
		full := func(name string) {
			t.Helper()
			_, err := s.Part(t.Context(), "anna", name, 0, true, strings.NewReader("123456"))
			require.ErrorIs(t, err, ErrQuota)
			absent(t, s, name)
		}
		part(t, s, "a", 0, true, "123456")
		full("b")
		require.NoError(t, s.Delete(t.Context(), "anna", "a"))
		part(t, s, "b", 0, true, "123456")
		full("c")
		require.Equal(t, []int{}, part(t, s, "b", 0, true, "123456"), "the same again takes no room")
		c.turn(time.Hour + time.Second)
		require.NoError(t, s.Sweep(t.Context()))
		part(t, s, "c", 0, true, "1")
		part(t, s, "d", 0, true, "2")
		_, err := s.Part(t.Context(), "anna", "e", 0, true, strings.NewReader("3"))
		require.ErrorIs(t, err, ErrQuota)
		part(t, s, "d", 0, true, "3") // an item that is there is no new one
	})
}

// TestQuotaOfProcesses: several that do not see each other carry an owner over by a sixteenth each at most.
func TestQuotaOfProcesses(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		const bytes, processes = 16_000, 4
		var shelves []*Shelf
		for range processes {
			shelves = append(shelves, New(b, &Options{Bytes: bytes}))
		}
		var all sync.WaitGroup
		for n, s := range shelves {
			all.Go(func() {
				for i := range 200 {
					_, err := s.Part(t.Context(), "anna", fmt.Sprint(n, " ", i), 0, true, strings.NewReader(strings.Repeat("x", 100)))
					if err != nil && !errors.Is(err, ErrQuota) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		used, _, err := shelves[0].usage(t.Context(), ownerPlace("anna"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, used, int64(bytes-100))
		require.LessOrEqual(t, used, int64(bytes+(processes-1)*bytes/share))
	})
}

// TestManyParts: one item cannot be made costly by different parts without end, nor the memory of accounts by many owners.
func TestManyParts(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	s := New(b, nil)
	at := place("anna", "x")
	for i := range maxObjects {
		p := &partKey{at: at, index: 1, stamp: int64(i), digest: strings.Repeat("0", 64), id: "0123456789abcdef"}
		require.NoError(t, b.WriteAll(t.Context(), p.String(), nil, nil))
	}
	_, err := s.Part(t.Context(), "anna", "x", 0, true, strings.NewReader(""))
	require.ErrorIs(t, err, ErrQuota)
	require.NoError(t, s.Delete(t.Context(), "anna", "x"))
	part(t, s, "x", 0, true, "")
	for i := range 3 * accounts {
		s.release(s.account(fmt.Sprint(i)))
	}
	require.LessOrEqual(t, len(s.accounts), accounts+1)
}

// TestRefusalIsCheap: who has no room is not looked after each time.
func TestRefusalIsCheap(t *testing.T) {
	inner := memblob.OpenBucket(nil)
	defer inner.Close()
	c := newClock()
	f, b := newFaulty(inner)
	s := New(b, &Options{Items: 2, Bytes: 100, Clock: c.now})
	part(t, s, "a", 0, true, strings.Repeat("x", 90))
	looks := 0
	f.set(func(op, key string) error {
		if op == "list" && key == ownerPlace("anna") {
			looks++
		}
		return nil
	}, nil)
	for range 50 {
		_, err := s.Part(t.Context(), "anna", "a", 0, true, strings.NewReader(strings.Repeat("y", 11)))
		require.ErrorIs(t, err, ErrQuota)
	}
	require.Equal(t, 1, looks)
	part(t, s, "b", 0, true, "fits")
	looks = 0
	for range 50 {
		_, err := s.Part(t.Context(), "anna", "c", 0, true, strings.NewReader(""))
		require.ErrorIs(t, err, ErrQuota)
	}
	require.Equal(t, 1, looks)
	require.NoError(t, New(inner, nil).Delete(t.Context(), "anna", "a")) // by another process: seen after a second
	c.turn(full)
	part(t, s, "c", 0, true, strings.Repeat("x", 90))
}

// TestQuotaInFlight: what is streamed counts before it is there, and no more when its client has gone.
func TestQuotaInFlight(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		const size = 2 << 20
		s := New(b, &Options{Bytes: size + size/2, Clock: newClock().now})
		first := io.MultiReader(bytes.NewReader(pattern(size, 0)), readerFunc(func([]byte) (int, error) {
			_, err := s.Part(t.Context(), "anna", "second", 0, true, bytes.NewReader(pattern(size, 1)))
			require.ErrorIs(t, err, ErrQuota)
			return 0, errDown
		}))
		_, err := s.Part(t.Context(), "anna", "first", 0, true, first)
		require.ErrorIs(t, err, errDown)
		s.account("anna").forget() // in place of a second of waiting
		_, err = s.Part(t.Context(), "anna", "second", 0, true, bytes.NewReader(pattern(size, 1)))
		require.NoError(t, err)
	})
}

// TestCountedOnce: while the store is looked at nothing becomes visible in it, so that nothing is counted as in flight and as
// there, or not at all.
func TestCountedOnce(t *testing.T) {
	inner := memblob.OpenBucket(nil)
	defer inner.Close()
	f, b := newFaulty(inner)
	s := New(b, nil)
	a := s.account("anna")
	var commits, looks int
	f.set(nil, func(op, key string) error {
		_, rest, _ := splitKey(key)
		switch {
		case op == "commit" && (rest[0] == 'p' || rest[0] == 'd'):
			commits++
			require.False(t, a.seen.TryLock(), "a look could begin")
		case op == "list" && key == ownerPlace("anna"):
			looks++
			require.False(t, a.seen.TryRLock(), "a part could become visible")
		}
		return nil
	})
	part(t, s, "x", 0, false, "small")
	part(t, s, "x", 1, true, string(pattern(small+1, 0)))
	require.Equal(t, 3, commits)
	require.Positive(t, looks)
}
