package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

// The tests of this file each belong to one guard, and fail when it is taken out.

// TestHostOfOneMessage: a template whose host is another one with one message only is found with this message.
func TestHostOfOneMessage(t *testing.T) {
	h, err := NewHTTP(HTTPConfig{URL: `https://gateway.example{{if gt .Files 5}}.evil.example{{end}}/?code={{.Code}}`})
	require.NoError(t, err)
	m := sample()
	m.Files = 6
	err = h.Notify(t.Context(), m)
	quiet(t, err)
	require.ErrorContains(t, err, "change the host")
}

// TestAddressThatCannotBeRead: an error of the address has nothing of it, for it has the code in it.
func TestAddressThatCannotBeRead(t *testing.T) {
	h, err := NewHTTP(HTTPConfig{URL: `https://gateway.example/{{raw .Title}}?code={{.Code}}&key={{secret "key"}}`, Secrets: map[string]sign.Secret{"key": sign.NewSecret([]byte("hunter2"))}})
	require.NoError(t, err)
	m := sample()
	m.Title = "%zz"
	quiet(t, h.Notify(t.Context(), m))
}

// TestOneConnectionEach: a connection that is kept would have net/http send a request again by itself.
func TestOneConnectionEach(t *testing.T) {
	var closed []bool
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { closed = append(closed, r.Close) }))
	defer server.Close()
	h, err := NewHTTP(HTTPConfig{URL: server.URL})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, h.Notify(t.Context(), sample()))
	}
	require.Equal(t, []bool{true, true}, closed)
}

// TestMatch: an answer without what says that the message was sent is none.
func TestMatch(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK id=none") }))
	defer server.Close()
	h, err := NewHTTP(HTTPConfig{URL: server.URL, Match: regexp.MustCompile(`id=\d+`)})
	require.NoError(t, err)
	require.Error(t, h.Notify(t.Context(), sample()))
}

// TestJSONOfMessages: an address is anybody's, and stays one string of the body.
func TestJSONOfMessages(t *testing.T) {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) }))
	defer server.Close()
	h, err := NewHTTP(HTTPConfig{URL: server.URL, Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"to": "{{.To}}", "title": "{{.Title}}"}`})
	require.NoError(t, err)
	m := sample()
	m.To, m.Title = `1", "to": "2`, `a\`
	require.NoError(t, h.Notify(t.Context(), m))
	var got map[string]string
	require.NoError(t, json.Unmarshal(body, &got), "%s", body)
	require.Equal(t, map[string]string{"to": m.To, "title": m.Title}, got)
}

// TestErrorsThatRepeat: servers repeat what they were sent, in the form that they got it; the address of the page and
// credentials are taken out of errors.
func TestErrorsThatRepeat(t *testing.T) {
	const link, password = "https://sign.example/confirm/11112222", "hunter2/ +"
	m := sample()
	m.To, m.Link = "anna@example.org", link
	for _, said := range []string{link, url.QueryEscape(link), password, url.QueryEscape(password), url.PathEscape(password)} {
		s := serve(t, &server{answers: map[string]string{"END": "554 it looks like spam: " + said}, offer: []string{"AUTH PLAIN"}})
		n, err := NewSMTP(SMTPConfig{Address: s.address, From: "a@example.org", User: "robot", Password: sign.NewSecret([]byte(password))})
		require.NoError(t, err)
		err = n.Notify(t.Context(), m)
		require.ErrorContains(t, err, "[redacted]", said)
		require.NotContains(t, err.Error(), said)
	}
}

// TestLinks: what is no address of a page, or none that a telephone shows, is not in a message.
func TestLinks(t *testing.T) {
	const good = "https://sign.example/"
	for link, want := range map[string]string{
		good: good, "http://sign.example/": "http://sign.example/", "javascript:alert(1)": "", "//sign.example": "", "sign.example": "",
		good + strings.Repeat("x", maxLink-len(good)): good + strings.Repeat("x", maxLink-len(good)), good + strings.Repeat("x", maxLink): "",
	} {
		require.Equal(t, want, (&Message{Link: link}).link())
	}
}

// TestLongTitles: of a title, no more is gone through than could be shown.
func TestLongTitles(t *testing.T) {
	require.Empty(t, clean(strings.Repeat("\u200b", 1<<16)+"x", maxTitle))
}
