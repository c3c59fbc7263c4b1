package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

const hostile = `x", "to": "+7666&to=+7666#%0d%0aX: y` + "\r\nTo: evil\x00"

func quiet(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, secret := range []string{"003450", "hunter2", "hunter2%2F", "127.0.0.1/send", "phone="} {
		require.NotContains(t, err.Error(), secret)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		var u *url.Error
		require.False(t, errors.As(e, &u))
	}
}

func TestHTTPTemplates(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		_, _ = io.WriteString(w, "OK id=1")
	}))
	defer server.Close()
	secrets := map[string]sign.Secret{"token": sign.NewSecret([]byte("hunter2/"))}
	m := sample()
	m.Title = hostile
	title := m.title()
	require.NotContains(t, title, "\n")
	send := func(c HTTPConfig) {
		t.Helper()
		c.Secrets = secrets
		h, err := NewHTTP(c)
		require.NoError(t, err)
		require.NoError(t, h.Notify(t.Context(), m))
	}

	// Fields that nothing is applied to are one parameter each.
	send(HTTPConfig{URL: server.URL + `/send?phone={{.To}}&title={{.Title}}&text={{query .Text}}&n={{.Files}}&key={{query (secret "token")}}`, Contains: "OK", Match: regexp.MustCompile(`id=\d+`)})
	require.Equal(t, http.MethodGet, got.Method)
	require.Equal(t, url.Values{"phone": {m.To}, "title": {title}, "text": {m.Text()}, "n": {"3"}, "key": {"hunter2/"}}, got.URL.Query())
	require.Equal(t, "/send", got.URL.Path)

	send(HTTPConfig{
		URL: server.URL + `/{{path .Title}}`, Headers: map[string]string{"content-type": "application/json; charset=utf-8", "Authorization": `Bearer {{secret "token"}}`, "X-Title": "{{.Title}}"},
		Body: `{"phone": "{{.To}}", "title": "{{.Title}}", "text": {{json .Text}}{{if .Link}}, "link": 1{{end}}}`,
	})
	require.Equal(t, http.MethodPost, got.Method)
	var sent map[string]string
	require.NoError(t, json.Unmarshal([]byte(body), &sent))
	require.Equal(t, map[string]string{"phone": m.To, "title": title, "text": m.Text()}, sent)
	require.Equal(t, "Bearer hunter2/", got.Header.Get("Authorization"))
	require.Equal(t, title, got.Header.Get("X-Title"))
	require.Equal(t, "/"+title, got.URL.Path)

	send(HTTPConfig{Method: "PUT", URL: server.URL, Headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, Body: `to={{.To}}&title={{.Title}}&code={{form .Code}}`})
	require.Equal(t, http.MethodPut, got.Method)
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	require.Equal(t, url.Values{"to": {m.To}, "title": {title}, "code": {"003450"}}, form)

	send(HTTPConfig{URL: server.URL, Body: `{{raw .Code}} {{base64 .Code}} {{.Language}} {{.Expires.Unix}} {{.Digest}}`})
	require.Equal(t, "003450 MDAzNDUw en 1795788300 9f86d081884c7d65", body)
}

func TestHTTPRefusesSettings(t *testing.T) {
	for name, c := range map[string]HTTPConfig{
		"nothing":          {},
		"plain":            {URL: "http://gateway.example/"},
		"scheme":           {URL: "ftp://gateway.example/"},
		"no host":          {URL: "https:///x"},
		"template":         {URL: "https://gateway.example/{{.To"},
		"field":            {URL: "https://gateway.example/{{.Password}}"},
		"function":         {URL: "https://gateway.example/", Body: "{{exec .To}}"},
		"secret":           {URL: "https://gateway.example/", Body: `{{secret "x"}}`},
		"host of message":  {URL: "https://{{raw .To}}/"},
		"host of title":    {URL: "https://gateway.example{{raw .Title}}/"},
		"method":           {URL: "https://gateway.example/", Method: "GE T"},
		"header":           {URL: "https://gateway.example/", Headers: map[string]string{"X": "a\nb"}},
		"too long":         {URL: "https://gateway.example/", Body: strings.Repeat("x", maxRequest+1)},
		"header template":  {URL: "https://gateway.example/", Headers: map[string]string{"X": "{{"}},
		"host by userinfo": {URL: "https://gateway.example:{{.To}}@other/", Body: "{{.Nothing}}"},
	} {
		_, err := NewHTTP(c)
		require.Error(t, err, name)
	}
	_, err := NewHTTP(HTTPConfig{URL: "http://gateway.example/", Plain: true})
	require.NoError(t, err)
}

func TestHTTPAnswers(t *testing.T) {
	var calls atomic.Int32
	var handler atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handler.Load().(http.HandlerFunc)(w, r)
	}))
	defer server.Close()
	config := HTTPConfig{URL: server.URL + `/send?phone={{.To}}&text={{.Text}}&key={{secret "key"}}`, Secrets: map[string]sign.Secret{"key": sign.NewSecret([]byte("hunter2"))}, Contains: "OK"}
	status := func(n int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n); _, _ = io.WriteString(w, text) }
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		_ = c.Close()
	}
	for name, c := range map[string]struct {
		h             http.HandlerFunc
		fine, unknown bool
	}{
		"ok":      {h: status(200, "OK"), fine: true},
		"created": {h: status(201, "OK"), fine: true},
		"refused": {h: status(200, "ERROR 003450 hunter2")},
		"401":     {h: status(401, "OK 003450 hunter2")},
		"500":     {h: status(500, "OK")},
		"502":     {h: status(502, "OK"), unknown: true},
		"504":     {h: status(504, "OK"), unknown: true},
		"redirect": {h: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/stolen?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		}},
		"cut": {h: cut, unknown: true},
		"cut within": {h: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			cut(w, r)
		}, unknown: true},
		"endless": {h: func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			handler.Store(c.h)
			calls.Store(0)
			h, err := NewHTTP(config)
			require.NoError(t, err)
			err = h.Notify(t.Context(), sample())
			require.EqualValues(t, 1, calls.Load(), "nothing is sent twice")
			if c.fine {
				require.NoError(t, err)
				return
			}
			quiet(t, err)
			require.Equal(t, c.unknown, errors.Is(err, ErrUnknown), "%v", err)
		})
	}

	t.Run("time-out", func(t *testing.T) {
		came, release := make(chan struct{}), make(chan struct{})
		handler.Store(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(came); <-release }))
		h, err := NewHTTP(config)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-came; cancel() }()
		err = h.Notify(ctx, sample())
		close(release)
		quiet(t, err)
		require.ErrorIs(t, err, ErrUnknown)
		require.ErrorIs(t, err, context.Canceled)
		short := config
		short.Timeout = time.Nanosecond // over before it begins: nothing was sent
		h, err = NewHTTP(short)
		require.NoError(t, err)
		err = h.Notify(t.Context(), sample())
		quiet(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, ErrUnknown)
	})
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := l.Addr().String()
		require.NoError(t, l.Close())
		down := config
		down.URL = strings.Replace(config.URL, server.Listener.Addr().String(), address, 1)
		h, err := NewHTTP(down)
		require.NoError(t, err)
		err = h.Notify(t.Context(), sample())
		quiet(t, err)
		require.NotErrorIs(t, err, ErrUnknown)
	})
	t.Run("unknown authority", func(t *testing.T) {
		secure := httptest.NewUnstartedServer(status(200, "OK"))
		secure.Config.ErrorLog = log.New(io.Discard, "", 0)
		secure.StartTLS()
		defer secure.Close()
		c := config
		c.URL = strings.Replace(config.URL, server.URL, secure.URL, 1)
		h, err := NewHTTP(c)
		require.NoError(t, err)
		err = h.Notify(t.Context(), sample())
		quiet(t, err)
		require.NotErrorIs(t, err, ErrUnknown)
		c.TLS = secure.Client().Transport.(*http.Transport).TLSClientConfig
		h, err = NewHTTP(c)
		require.NoError(t, err)
		require.NoError(t, h.Notify(t.Context(), sample()))
	})
}

func TestHTTPBodyIsJSON(t *testing.T) {
	c := HTTPConfig{URL: "https://gateway.example/", Headers: map[string]string{"content-type": "application/json; charset=utf-8"}}
	for body, right := range map[string]bool{`{"to": {{json .To}}}`: true, `{"to": "{{.To}}"}`: true, "": true, `{"to": {{json .To}}`: false, `{"to": {{.To}}}`: false} {
		c.Body = body
		_, err := NewHTTP(c)
		require.Equal(t, right, err == nil, body)
		if err != nil {
			require.ErrorContains(t, err, "is no JSON")
		}
	}
	c.Headers = nil
	_, err := NewHTTP(c)
	require.NoError(t, err)
}
