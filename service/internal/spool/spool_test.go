package spool_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/internal/spool"
)

func octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestSpool writes across the border between memory and file and reads any part.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s := spool.New(dir, 10<<20)
	data := octets(3<<20 + 17)
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(100_000))
		_, err := s.Write(rest[:n])
		require.NoError(t, err)
		rest = rest[n:]
	}
	require.Equal(t, int64(len(data)), s.Size())
	for _, part := range [][2]int{{0, 0}, {0, 10}, {0, len(data)}, {1 << 20, 5}, {1<<20 - 70_000, 140_000}, {len(data) - 1, 1}, {len(data), 0}} {
		got, err := io.ReadAll(s.Section(int64(part[0]), int64(part[1])))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data[part[0]:part[0]+part[1]], got), part)
	}
	n, err := s.ReadAt(make([]byte, 10), int64(len(data)-3))
	require.Equal(t, 3, n)
	require.ErrorIs(t, err, io.EOF)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "the file has no name")
	require.NoError(t, s.Close())
}

func TestSpoolFull(t *testing.T) {
	s := spool.New(t.TempDir(), 1<<20)
	defer s.Close()
	_, err := s.Write(octets(1 << 20))
	require.NoError(t, err)
	_, err = s.Write([]byte{1})
	var full *spool.ErrFull
	require.ErrorAs(t, err, &full)
	require.Equal(t, int64(1<<20), s.Size(), "what was there stays")
	require.ErrorContains(t, err, "more than 1 MiB")
}

// TestSpoolNoDisk needs a file and can have none.
func TestSpoolNoDisk(t *testing.T) {
	s := spool.New(t.TempDir()+"/none", 10<<20)
	defer s.Close()
	_, err := s.Write(octets(1 << 20))
	require.NoError(t, err, "that much is kept in memory")
	_, err = s.Write([]byte{1})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestQueue has a reader that is sometimes slower than the writer and sometimes faster.
func TestQueue(t *testing.T) {
	for _, slow := range []time.Duration{0, 3 * time.Millisecond} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			q := spool.NewQueue(dir, 100<<20)
			data := octets(5 << 20)
			go func() {
				for rest := data; len(rest) > 0; {
					n := min(len(rest), 1+rand.IntN(100_000))
					if _, err := q.Write(rest[:n]); err != nil {
						t.Error(err)
					}
					rest = rest[n:]
					time.Sleep(time.Millisecond)
				}
				q.End()
			}()
			var got []byte
			buf := make([]byte, 64<<10)
			for {
				n, err := q.Next(t.Context(), buf)
				got = append(got, buf[:n]...)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				require.Positive(t, n)
				time.Sleep(slow)
			}
			require.True(t, bytes.Equal(data, got))
			require.True(t, q.Empty())
			require.NoError(t, q.Close())
		})
	}
}

func TestQueueCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := spool.NewQueue(t.TempDir(), 1<<20)
		defer q.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("gone")
		time.AfterFunc(time.Second, func() { cancel(why) })
		_, err := q.Next(ctx, make([]byte, 1))
		require.ErrorIs(t, err, why)
	})
}

func TestQueueFull(t *testing.T) {
	q := spool.NewQueue(t.TempDir(), 2<<20)
	defer q.Close()
	_, err := q.Write(octets(2 << 20))
	require.NoError(t, err)
	for range 2 { // and stays so
		_, err = q.Write([]byte{1})
		var full *spool.ErrFull
		require.ErrorAs(t, err, &full)
	}
	require.NoError(t, q.Last([]byte("end")))
	var got []byte
	buf := make([]byte, 1<<20)
	for {
		n, err := q.Next(t.Context(), buf)
		got = append(got, buf[:n]...)
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
	}
	require.Len(t, got, 2<<20+3)
	require.Equal(t, "end", string(got[2<<20:]))
}
