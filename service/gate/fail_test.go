package gate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/gate"
)

// An API may have errors of another form; the gate goes on to choose status and headers.
func TestFail(t *testing.T) {
	for _, c := range []struct {
		caller        string
		err           error
		status, shown int
	}{
		{"", nil, http.StatusUnauthorized, http.StatusUnauthorized},
		{"anna", gate.Bad("wrong"), http.StatusBadRequest, http.StatusBadRequest},
		{"anna", context.Canceled, 499, http.StatusBadRequest},
		{"anna", errors.New("disk"), http.StatusInternalServerError, http.StatusInternalServerError},
	} {
		var log bytes.Buffer
		g, err := gate.New(gate.Config{Auth: auth.Func(callers), Log: slog.New(slog.NewJSONHandler(&log, nil)), Fail: func(c *gate.Call, e *gate.Error) {
			c.Header().Set("WWW-Authenticate", "Ours")
			c.WriteHeader(e.Status)
			_, _ = io.WriteString(c, "ours: "+e.Message)
		}})
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		r.Header.Set("Caller", c.caller)
		w := httptest.NewRecorder()
		g.Handle("sign", func(*gate.Call) error { return c.err }).ServeHTTP(w, r)
		require.Equal(t, c.shown, w.Code)
		require.True(t, strings.HasPrefix(w.Body.String(), "ours: "), w.Body)
		require.NotContains(t, w.Body.String(), "disk")
		require.Equal(t, "Ours", w.Header().Get("WWW-Authenticate"))
		require.Contains(t, log.String(), fmt.Sprintf(`"status":%d`, c.status))
	}
}
