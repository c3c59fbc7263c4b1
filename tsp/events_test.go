package tsp_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestEvents tells once that an authority rests, that another one is asked, and when both are over, through a hook that is broken.
func TestEvents(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		good := body(func(request []byte) []byte {
			return testpki.TimestampResponse(t, id, request, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now() })
		})
		broken := false
		first := func(r *http.Request) (*http.Response, error) {
			if broken {
				return nil, errors.New("connection refused")
			}
			return good(r)
		}
		var got []sign.Event
		c := client(t, answers{"a": first, "b": good}, []string{"a", "b"}, func(o *tsp.Config) {
			o.Endpoints[0].URL = "http://user:secret@a/tsr?key=secret"
			o.Rest, o.Clock = time.Minute, testpki.Now
			o.Events = func(e sign.Event) {
				got = append(got, e)
				panic("the hook is broken")
			}
		})
		stamps := func(n int) {
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					_, err := c.Timestamp(t.Context(), imprint())
					require.NoError(t, err)
				})
			}
			all.Wait()
			synctest.Wait()
		}
		kinds := func() (all []sign.EventKind) {
			for _, e := range got {
				all = append(all, e.Kind)
			}
			return all
		}
		stamps(5)
		require.Empty(t, got, "nothing has changed")

		broken = true
		stamps(1)
		require.Equal(t, []sign.EventKind{sign.EventFailover}, kinds(), "three in a row make it rest")
		require.Equal(t, "http://a/tsr", got[0].Place)
		require.Equal(t, "http://b/tsr", got[0].To)
		require.ErrorContains(t, got[0].Err, "connection refused")
		for range 4 { // it is asked last by now, and once a minute
			stamps(5)
			time.Sleep(time.Minute)
		}
		require.Equal(t, []sign.EventKind{sign.EventFailover, sign.EventAuthorityRests}, kinds())
		require.Equal(t, "http://a/tsr", got[1].Place)
		require.GreaterOrEqual(t, got[1].Count, 3)
		require.ErrorContains(t, got[1].Err, "connection refused")
		broken = false
		time.Sleep(time.Minute)
		stamps(5)
		require.Equal(t, []sign.EventKind{sign.EventFailover, sign.EventAuthorityRests, sign.EventAuthorityBack, sign.EventFailback}, kinds())
		require.GreaterOrEqual(t, got[2].Took, time.Minute)
		require.Equal(t, "http://a/tsr", got[3].Place)
		require.Equal(t, "http://b/tsr", got[3].To)
		require.Greater(t, got[3].Took, got[2].Took)
		for _, e := range got {
			require.NotContains(t, fmt.Sprintf("%+v %s %s", e, e, e.LogValue()), "secret")
		}
		stamps(5)
		require.Len(t, got, 4)
	})
}

// TestTransportEndsGoroutine leaves nothing behind when a client for HTTP does that, in a request that sees whether an authority is
// back.
func TestTransportEndsGoroutine(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		answer := func(*http.Request) (*http.Response, error) {
			return reply(http.StatusServiceUnavailable, strings.NewReader("")), nil
		}
		c := client(t, answers{"a": func(r *http.Request) (*http.Response, error) { return answer(r) }}, []string{"a"}, func(o *tsp.Config) {
			o.InFlight, o.Rest, o.Clock = 1, time.Minute, testpki.Now
		})
		for range 3 {
			_, err := c.Timestamp(t.Context(), imprint())
			require.ErrorIs(t, err, tsp.CheckHTTPStatus)
		}
		require.True(t, c.Authorities()[0].Resting)
		time.Sleep(time.Minute)
		answer = func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }
		var all sync.WaitGroup
		all.Go(func() {
			_, _ = c.Timestamp(t.Context(), imprint())
			t.Error("it was to end")
		})
		all.Wait()
		answer = body(func(request []byte) []byte {
			return testpki.TimestampResponse(t, id, request, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now() })
		})
		_, err := c.Timestamp(t.Context(), imprint())
		require.NoError(t, err)
	})
}

// TestOldNews: a call that began while an authority was resting, and ends after it is back, is not told of as another change.
func TestOldNews(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		good := body(func(request []byte) []byte {
			return testpki.TimestampResponse(t, id, request, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now() })
		})
		broken := true
		var got []sign.EventKind
		c := client(t, answers{"a": func(r *http.Request) (*http.Response, error) {
			if broken {
				return nil, errors.New("connection refused")
			}
			time.Sleep(time.Second)
			return good(r)
		}, "b": func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return good(r)
		}}, []string{"a", "b"}, func(o *tsp.Config) {
			o.Rest, o.Clock = time.Minute, testpki.Now
			o.Events = func(e sign.Event) { got = append(got, e.Kind) }
		})
		for range 3 {
			_, err := c.Timestamp(t.Context(), imprint())
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		broken = false
		var all sync.WaitGroup
		for range 2 { // one sees whether a is back, and the other one goes to b meanwhile
			all.Go(func() {
				_, err := c.Timestamp(t.Context(), imprint())
				require.NoError(t, err)
			})
		}
		all.Wait()
		synctest.Wait()
		require.Equal(t, []sign.EventKind{sign.EventFailover, sign.EventAuthorityRests, sign.EventAuthorityBack, sign.EventFailback}, got)
		_, err := c.Timestamp(t.Context(), imprint())
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, got, 4)
	})
}

// TestEventWhileAsked: what an event holds is not written to any more.
func TestEventWhileAsked(t *testing.T) {
	for range 50 {
		told := make(chan string, 10)
		c := client(t, answers{"a": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }}, []string{"a"}, func(o *tsp.Config) {
			o.Rest = time.Minute
			o.Events = func(e sign.Event) { told <- e.Err.Error() }
		})
		for range 3 {
			_, err := c.Timestamp(t.Context(), imprint())
			require.ErrorIs(t, err, tsp.CheckTransport)
		}
		require.Contains(t, <-told, "connection refused")
	}
}
