package tsp_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// hang answers when the request is given up.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestSlowAuthorityRests(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		a := answers{"a": func(r *http.Request) (*http.Response, error) { asked++; return hang(r) }, "b": body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })}
		c := client(t, a, []string{"a", "b"}, func(o *tsp.Config) { o.Endpoints[0].Timeout = 2 * time.Second })
		begin := time.Now()
		for range 3 {
			_, err := c.Timestamp(t.Context(), imprint())
			require.NoError(t, err)
		}
		require.Equal(t, 2*time.Second, time.Since(begin), "only the first waits")
		require.Equal(t, 1, asked)
		time.Sleep(tsp.DefaultRest)
		_, err := c.Timestamp(t.Context(), imprint())
		require.NoError(t, err)
		require.Equal(t, 2, asked)

		_, err = client(t, a, []string{"a"}).Timestamp(t.Context(), imprint())
		require.ErrorIs(t, err, tsp.CheckTransport)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no answer within 30s")
	})
}

// TestRestingAuthority leaves the only authority alone that is out of order, sees whether it is back, and tells its state.
func TestRestingAuthority(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		back, refuses := false, false
		good := body(func(request []byte) []byte {
			return testpki.TimestampResponse(t, id, request, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now() })
		})
		c := client(t, answers{"a": func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			switch {
			case back:
				return good(r)
			case refuses:
				return reply(http.StatusServiceUnavailable, strings.NewReader("")), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}, []string{"a"}, func(o *tsp.Config) {
			o.Endpoints[0].URL = "http://user:secret@a/tsr?key=secret"
			o.Timeout, o.Rest, o.Clock = 5*time.Second, time.Minute, testpki.Now
		})
		require.Equal(t, []sign.AuthorityState{{Place: "http://a/tsr"}}, c.Authorities())
		_, err := c.Timestamp(t.Context(), imprint())
		require.ErrorIs(t, err, sign.ErrAuthority)
		require.ErrorIs(t, err, tsp.CheckTransport)
		state := c.Authorities()[0]
		require.Equal(t, 1, state.Failures)
		require.True(t, state.Resting)
		require.Equal(t, time.Now().Add(time.Minute), state.Until)
		require.ErrorContains(t, state.Err, "no answer within 5s")

		began := time.Now()
		for range 100 {
			_, err = c.Timestamp(t.Context(), imprint())
			require.ErrorContains(t, err, "http://a/tsr: transport: not asked before")
			require.NotContains(t, err.Error(), "secret")
			require.ErrorIs(t, err, sign.ErrAuthority)
			require.True(t, sign.IsTemporary(err))
		}
		require.Zero(t, time.Since(began))
		require.EqualValues(t, 1, asked.Load())

		time.Sleep(time.Minute) // it is tried once, and rests again
		_, err = c.Timestamp(t.Context(), imprint())
		require.ErrorContains(t, err, "no answer within")
		_, err = c.Timestamp(t.Context(), imprint())
		require.ErrorContains(t, err, "not asked before")
		require.EqualValues(t, 2, asked.Load())

		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a caller who gives up says nothing of it
		defer cancel()
		_, err = c.Timestamp(ctx, imprint())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		back = true
		for range 3 {
			_, err = c.Timestamp(t.Context(), imprint())
			require.NoError(t, err)
		}
		require.Equal(t, []sign.AuthorityState{{Place: "http://a/tsr"}}, c.Authorities())

		back, refuses = false, true // one that fails at once is asked three times in a row
		before := asked.Load()
		for range 10 {
			_, err = c.Timestamp(t.Context(), imprint())
			require.Error(t, err)
		}
		require.EqualValues(t, 3, asked.Load()-before)
	})
}
