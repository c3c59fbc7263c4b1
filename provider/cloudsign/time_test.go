package cloudsign

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/sign"
)

// direct is a way to the fake without a network, so that time can be that of a test.
type direct struct{ f *fake }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	rec := httptest.NewRecorder()
	d.f.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// slow is a content that takes its time to be read.
func slow(name, data string, d time.Duration) sign.Content {
	return sign.Opener(name, func() (io.ReadCloser, error) {
		time.Sleep(d)
		return io.NopCloser(strings.NewReader(data)), nil
	})
}

func TestSlowContentsAreStillOneOperation(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		c := f.config()
		c.HTTP = &http.Client{Transport: direct{f}}
		keys, err := New(c)
		require.NoError(t, err)
		signer, err := sign.Open(t.Context(), keys, sign.Ref{})
		require.NoError(t, err)
		contents := []sign.Content{slow("a", "A", time.Second), slow("b", "B", 3*time.Second), slow("c", "C", 5*time.Second), slow("d", "D", 0)}
		results, err := batch.Sign(t.Context(), signer, keys.Format(), contents, nil)
		require.NoError(t, err)
		for i, r := range results {
			require.NoError(t, r.Err)
			f.verified(r.Signature, []byte{byte('A' + i)})
		}
		require.Equal(t, 1, f.count("/CloudSign"))
		require.NoError(t, keys.Close())
	})
}

func TestRealPauses(t *testing.T) {
	f := newFake(t)
	f.running = 2 // of each of two polls, with Retry-After: 3
	synctest.Test(t, func(t *testing.T) {
		c := f.config()
		c.HTTP = &http.Client{Transport: direct{f}}
		client, err := NewClient(c)
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, client.Sign(t.Context(), one())[0].Err)
		require.Equal(t, 4*3*time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f.mu.Lock()
		f.running = 100
		f.mu.Unlock()
		start = time.Now()
		require.ErrorIs(t, client.Sign(ctx, one())[0].Err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}
