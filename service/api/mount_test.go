package api_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/sign"
)

// veiled is a writer of a middleware that hides http.Flusher, and what is below it.
type veiled struct{ w http.ResponseWriter }

func (v veiled) Header() http.Header         { return v.w.Header() }
func (v veiled) Write(p []byte) (int, error) { return v.w.Write(p) }
func (v veiled) WriteHeader(status int)      { v.w.WriteHeader(status) }

// TestSignBehindMiddleware: without a way to send a part of the answer, all of it comes at the end.
func TestSignBehindMiddleware(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		d := newDesk(t, gate.Limits{}, http2)
		handler := d.server.Config.Handler
		d.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(veiled{w}, r) })
		body := strings.Repeat(`{"content":"aGVsbG8="}`+"\n", 50)
		for _, query := range []string{"", "?duplex=false"} {
			all, last := d.post(query, body)
			require.Len(t, all, 50)
			require.True(t, *last.Done, last.Error)
		}
		status, data := d.raw("?duplex=true", body)
		require.Equal(t, http.StatusBadRequest, status, string(data))
		require.Contains(t, string(data), "duplex=true is not possible over this connection")
	}
}

// TestSignLongErrors: what a driver says is not repeated without bounds.
func TestSignLongErrors(t *testing.T) {
	d := newDesk(t, gate.Limits{}, false)
	d.fails = func(int64) error {
		return &sign.Error{Op: "driver: sign", Err: errors.New(strings.Repeat("no\x00\n", 1<<18)), Temporary: true} // of each content
	}
	body := strings.Repeat(`{"content":"aGVsbG8="}`+"\n", 20)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v1/sign", strings.NewReader(body))
	d.server.Config.Handler.ServeHTTP(w, r)
	data, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.Less(t, len(data), 500_000)
	require.Contains(t, string(data), `"done":true,"contents":20,"failed":20`)
	for _, record := range d.ledger.records {
		for _, item := range record.Items {
			require.Less(t, len(item.Err), 3000)
		}
	}
}
