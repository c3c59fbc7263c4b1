package revocation_test

import (
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// TestEvents tells once that a server rests and that it is back, however many certificates are asked about.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	var leaves []testpki.Identity
	for range 8 {
		leaves = append(leaves, w.pki.Leaf(testpki.P256, named))
	}
	synctest.Test(t, func(t *testing.T) {
		refused := func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
		w.answers[ocspURL] = refused
		var got []sign.Event
		c := w.client(t, func(o *revocation.Config) {
			o.Rest, o.Methods = time.Minute, []revocation.Method{revocation.OCSP}
			o.Events = func(e sign.Event) {
				got = append(got, e)
				runtime.Goexit()
			}
		})
		for _, leaf := range leaves[:7] {
			_, err := c.Status(t.Context(), leaf.Certificate(), w.ca.Certificate(), time.Time{})
			require.ErrorIs(t, err, sign.ErrAuthority)
		}
		synctest.Wait()
		require.Len(t, got, 1)
		require.Equal(t, sign.EventAuthorityRests, got[0].Kind)
		require.Equal(t, "http://ocsp.example", got[0].Place)
		require.Equal(t, 3, got[0].Count)
		require.ErrorContains(t, got[0].Err, "connection refused")
		time.Sleep(2 * time.Minute)
		w.serve(ocspURL, always(testpki.OCSPResponse(t, leaves[7].Certificate(), w.ca)))
		_, err := c.Status(t.Context(), leaves[7].Certificate(), w.ca.Certificate(), time.Time{})
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, got, 2)
		require.Equal(t, sign.EventAuthorityBack, got[1].Kind)
		require.Equal(t, "http://ocsp.example", got[1].Place)
		require.Equal(t, 2*time.Minute, got[1].Took)
	})
}

// TestTransportEndsGoroutine makes an error of it, for all who wait, in the goroutine that fetches.
func TestTransportEndsGoroutine(t *testing.T) {
	w := newWorld(t)
	exits := func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }
	w.answers[ocspURL], w.answers[crlURL] = exits, exits
	synctest.Test(t, func(t *testing.T) {
		c := w.client(t)
		_, err := w.status(t, c)
		require.ErrorIs(t, err, sign.ErrGoexit)
		require.False(t, c.Authorities()[0].Resting)
	})
}
