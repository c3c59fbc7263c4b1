package route

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func table() http.Handler {
	say := func(word string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(word)) })
	}
	return Mux{Refuser: refuser{}, Table: Table{
		"/v2/sign":    {http.MethodPost: say("sign")},
		"/v2/kilo":    {http.MethodGet: say("kilo")},
		"/both/there": {http.MethodGet: say("get"), http.MethodPost: say("post")},
	}}
}

type refuser struct{}

func (refuser) Refuse(w http.ResponseWriter, _ *http.Request, status int, message string) {
	http.Error(w, message, status)
}

func call(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "http://x/", nil)
	r.URL.Path = path
	h.ServeHTTP(w, r)
	return w
}

func TestPaths(t *testing.T) {
	for _, path := range []string{"/v2/sign", "/V2/Sign", "/v2/SIGN/", "v2/sign", "V2/sign/"} {
		w := call(table(), http.MethodPost, path)
		assert.Equal(t, "sign", w.Body.String(), path)
	}
	for _, path := range []string{"", "/", "//v2/sign", "/v2/sign//", "/v2", "/v2/sign/x", "/v2/\u212Ailo", strings.Repeat("/", 1<<20), "/x/../v2/sign"} {
		w := call(table(), http.MethodGet, path)
		assert.Equal(t, http.StatusNotFound, w.Code, "%.40s", path)
	}
	assert.Equal(t, "get", call(table(), http.MethodGet, "/both/there").Body.String())
	assert.Equal(t, "post", call(table(), http.MethodPost, "/both/there").Body.String())
}

func TestMounted(t *testing.T) {
	for _, prefix := range []string{"/crypto", "/crypto/"} {
		w := call(http.StripPrefix(prefix, table()), http.MethodPost, "/crypto/v2/sign")
		assert.Equal(t, "sign", w.Body.String(), prefix)
	}
}

func TestMethods(t *testing.T) {
	for _, c := range []struct {
		method, path, allow string
		status              int
	}{
		{http.MethodGet, "/v2/sign", "OPTIONS, POST", http.StatusMethodNotAllowed},
		{http.MethodHead, "/v2/sign", "OPTIONS, POST", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v2/kilo", "GET, HEAD, OPTIONS", http.StatusMethodNotAllowed},
		{"post", "/v2/sign", "OPTIONS, POST", http.StatusMethodNotAllowed}, // methods have a case (RFC 9110 section 9.1)
		{http.MethodOptions, "/v2/sign", "OPTIONS, POST", http.StatusNoContent},
		{http.MethodOptions, "/both/there", "GET, HEAD, OPTIONS, POST", http.StatusNoContent},
		{http.MethodHead, "/v2/kilo", "", http.StatusOK},
	} {
		w := call(table(), c.method, c.path)
		assert.Equal(t, c.status, w.Code, "%s %s", c.method, c.path)
		assert.Equal(t, c.allow, w.Header().Get("Allow"), "%s %s", c.method, c.path)
		if c.status == http.StatusNoContent {
			assert.Empty(t, w.Body.Bytes())
		}
	}
}
