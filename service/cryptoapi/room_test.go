package cryptoapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/cryptoapi"
)

// TestSignNoRoom: contents that come before their key and cannot be kept meanwhile are no fault of the program.
func TestSignNoRoom(t *testing.T) {
	w := newSignWorld(t, signOptions{})
	h, err := cryptoapi.New(cryptoapi.Config{Keys: w.set(), Gate: w.gate})
	require.NoError(t, err)
	gone := filepath.Join(t.TempDir(), "gone")
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, gone)
	}
	body := fmt.Sprintf(`{"Contents":[%q],"Thumbprint":%q}`, b64(strings.Repeat("a", 2<<20)), w.thumbprint())
	recorded := httptest.NewRecorder()
	h.ServeHTTP(recorded, httptest.NewRequest(http.MethodPost, "/v2/sign", strings.NewReader(body)))
	require.Equal(t, http.StatusServiceUnavailable, recorded.Code, recorded.Body.String())
	require.Contains(t, recorded.Body.String(), "put Thumbprint before Contents")
}
