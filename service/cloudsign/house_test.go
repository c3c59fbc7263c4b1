package cloudsign_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// house is a service over a fake engine.
type house struct {
	testing.TB
	engine *engine
	store  *store
	ids    []testpki.Identity
	keys   *keys.Set
	base   string
	server *httptest.Server
	quit   chan struct{}
}

func keySet(t testing.TB, ids ...testpki.Identity) *keys.Set {
	t.Helper()
	var all []keys.Key
	for i, id := range ids {
		der, err := x509.MarshalPKCS8PrivateKey(id.Key)
		require.NoError(t, err)
		text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), testpki.CertPEM(id.Chain...)...)
		name := []string{"seal", "second", "foreign"}[i]
		all = append(all, keys.Key{Name: name, Store: &keys.Store{Name: name, Open: func(ctx context.Context) (sign.Provider, error) {
			return soft.Parse(ctx, name, text, soft.Config{})
		}}})
	}
	set, err := keys.New(all, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	return set
}

func callers(r *http.Request) (*auth.Principal, error) {
	token, err := auth.Bearer(r)
	if err != nil {
		return nil, err
	}
	switch token {
	case "anna=token":
		return &auth.Principal{Name: "anna", Keys: []string{"seal"}, Endpoints: []string{"*"}}, nil
	case "boris":
		return &auth.Principal{Name: "boris", Keys: []string{"seal", "second"}, Endpoints: []string{"*"}}, nil
	case "keyless":
		return &auth.Principal{Name: "keyless", Endpoints: []string{"*"}}, nil
	case "stranger":
		return &auth.Principal{Name: "stranger", Keys: []string{"*"}, Endpoints: []string{"*"}}, nil
	case "codeless":
		return &auth.Principal{Name: "codeless", Keys: []string{"seal"}, Endpoints: []string{"*"}}, nil
	case "shelfless":
		return &auth.Principal{Name: "shelfless", Keys: []string{"seal"}, Endpoints: []string{"cloudsign"}}, nil
	}
	return nil, auth.ErrRefused
}

func profiles(_ context.Context, owner string) (cloudsign.Profile, error) {
	switch owner {
	case "stranger":
		return cloudsign.Profile{}, fmt.Errorf("%s: %w", owner, cloudsign.ErrUnknown)
	case "codeless":
		return cloudsign.Profile{}, nil
	}
	return cloudsign.Profile{Method: confirm.Method{Kind: confirm.Code, Notifier: "sms", Address: "+79001234567", Hint: "+7900***4567"}}, nil
}

func boxes(_ context.Context, owner, box string) (string, error) {
	if owner != "anna" || box == "other" {
		return "", cloudsign.ErrUnknown
	}
	return "folder", nil
}

func newHouse(t testing.TB, change ...func(*cloudsign.Config)) *house {
	t.Helper()
	pki := testpki.New(t)
	h := &house{TB: t, engine: newEngine(), store: newStore(), quit: make(chan struct{})}
	h.ids = []testpki.Identity{pki.Leaf(testpki.P256), pki.Leaf(testpki.P384), pki.Leaf(testpki.P256)}
	h.keys = keySet(t, h.ids...)
	config := cloudsign.Config{Engine: h.engine, Shelf: h.store, Keys: h.keys, Auth: auth.Func(callers), Caller: profiles, Box: boxes, Hold: -1, Quit: h.quit}
	for _, f := range change {
		f(&config)
	}
	handler, err := cloudsign.New(config)
	require.NoError(t, err)
	h.server = httptest.NewServer(handler)
	t.Cleanup(h.server.Close)
	h.base = h.server.URL
	return h
}

// reply is an answer that was read whole.
type reply struct {
	*http.Response
	body []byte
}

const annaAuth = "DiadocAuth ddauth_api_client_id=K,ddauth_token=anna=token"

// do sends a request; headers are name and value by turns, and replace the usual ones.
func (h *house) do(method, path string, body []byte, headers ...string) reply {
	h.Helper()
	r, err := http.NewRequest(method, h.base+path, bytes.NewReader(body))
	require.NoError(h, err)
	r.Header.Set("Authorization", annaAuth)
	r.Header.Set("Accept-Encoding", "gzip, deflate")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: h.server.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute}
	w, err := client.Do(r)
	require.NoError(h, err)
	defer func() { _ = w.Body.Close() }()
	data, err := io.ReadAll(w.Body)
	require.NoError(h, err)
	got := reply{w, data}
	h.check(path, got)
	return got
}

// check holds of every answer.
func (h *house) check(path string, w reply) {
	h.Helper()
	require.Empty(h, w.Header.Get("Content-Encoding"), path)
	for _, name := range []string{"NEL", "Report-To", "Reporting-Endpoints", "Location", "Set-Cookie"} {
		require.Empty(h, w.Header.Get(name), path)
	}
	require.NotEmpty(h, w.Header.Get("X-Kontur-Trace-Id"), path)
	require.Equal(h, http.StatusText(w.StatusCode), strings.TrimLeft(w.Status, "0123456789 "), path)
	switch {
	case w.StatusCode == http.StatusNoContent:
		require.Equal(h, "1", w.Header.Get("Retry-After"))
		require.Empty(h, w.body)
	case w.StatusCode == http.StatusOK:
		require.Empty(h, w.Header.Get("Retry-After"), path)
		require.Equal(h, int64(len(w.body)), w.ContentLength, path)
	default:
		code := w.Header.Get("X-Diadoc-ErrorCode")
		require.Equal(h, "text/plain; charset=utf-8", w.Header.Get("Content-Type"), path)
		require.NotEmpty(h, code, path)
		require.Contains(h, string(w.body), "("+code+")", path)
		require.Equal(h, int64(len(w.body)), w.ContentLength, path)
	}
}

// refused is an error of this status and code.
func (h *house) refused(w reply, status int, code, part string) {
	h.Helper()
	require.Equal(h, status, w.StatusCode, string(w.body))
	require.Equal(h, code, w.Header.Get("X-Diadoc-ErrorCode"), string(w.body))
	require.Contains(h, string(w.body), part)
}
