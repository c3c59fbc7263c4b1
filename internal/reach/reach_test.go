package reach_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/reach"
	"github.com/seed-116355fd/signet/sign"
)

// TestReason repeats the first line of a refusal, and nothing that is not text or is secret.
func TestReason(t *testing.T) {
	o := &connect.Options{User: "seal", Password: sign.NewSecret([]byte("hunter2")), Header: http.Header{"X-Key": {"k-123"}}}
	for body, want := range map[string]string{
		"":                                   "",
		"no time-stamps left\nsecond line":   "no time-stamps left",
		"\r\n  \n\tquota\x00 of\x1b[31m red": "quota of[31m red",
		"a\u202eb\u200fc":                    "abc",
		"\xff\xfeno":                         "no",
		"<html><head><title>403\n Forbidden</title></head><body>x": "403",
		"<html>nothing":                         "",
		strings.Repeat("ж", 500):                strings.Repeat("ж", 160) + "…",
		"the password hunter2 is wrong":         "",
		"key k-123 is not known":                "",
		"Authorization: Basic c2VhbDpodW50ZXIy": "",
		"user seal is not known":                "user seal is not known",
	} {
		require.Equal(t, want, reach.Reason(o, &http.Response{Body: io.NopCloser(strings.NewReader(body))}), "%q", body)
	}
	endless := &http.Response{Body: io.NopCloser(io.MultiReader(strings.NewReader("first\n"), zeros{}))}
	require.Equal(t, "first", reach.Reason(o, endless))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestOver replaces what one authority sets.
func TestOver(t *testing.T) {
	proxy, roots := &url.URL{Scheme: "http", Host: "proxy"}, x509.NewCertPool()
	all := connect.Options{Proxy: proxy, User: "all", Password: sign.NewSecret([]byte("x"))}
	o := reach.Over(all, connect.Options{})
	require.Equal(t, proxy, o.Proxy)
	require.Equal(t, "all", o.User)
	o = reach.Over(all, connect.Options{Roots: roots, User: "one"})
	require.Nil(t, o.Proxy)
	require.Equal(t, roots, o.Roots)
	require.Equal(t, "one", o.User)
	require.Zero(t, o.Password.Len(), "the password of another user")
}
