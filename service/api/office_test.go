package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/api"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/openapitest"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// office is a server with keys: "seal" with authorities, "plain" without any, "dead" with one that does not answer,
// "lonely" with an authority and no revocation values, "broken" that cannot be opened, and "foreign" that the caller may
// not use.
type office struct {
	*testing.T
	pki         *testpki.PKI
	seal, plain testpki.Identity
	url         string
	transport   *openapitest.Transport
	ledger      ledger
	log         lockedBuffer
}

// ledger is an audit log in memory.
type ledger struct {
	mu      sync.Mutex
	records []audit.Record
	err     error
}

func (l *ledger) Record(_ context.Context, r *audit.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, *r)
	return l.err
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// deadAuthority is one that cannot be reached.
type deadAuthority struct{}

func (deadAuthority) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) {
	return nil, &sign.Error{Op: "tsp", Place: "http://tsa.internal/secret", Class: tsp.CheckTransport, Err: errors.New("no route"), Temporary: true}
}

func newOffice(t *testing.T, rootless bool, limits gate.Limits) *office {
	t.Helper()
	pki := testpki.New(t)
	o := &office{T: t, pki: pki, seal: pki.Leaf(testpki.P256), plain: pki.Leaf(testpki.RSA2048)}
	store := func(name string, id testpki.Identity) *keys.Store {
		return &keys.Store{Name: name, Open: func(context.Context) (sign.Provider, error) {
			return soft.New(id.Key, soft.Config{Certificates: id.Chain})
		}}
	}
	authority := testlevels.Authority(t, pki, nil)
	source := testlevels.NewSource(t, pki)
	source.ThisUpdate = time.Now().Add(-time.Hour)
	set, err := keys.New([]keys.Key{
		{Name: "seal", Store: store("a", o.seal), Options: cades.Options{Level: cades.LevelT, Timestamper: authority, Revocation: source}},
		{Name: "plain", Store: store("b", o.plain), Options: cades.Options{Attached: true}},
		{Name: "dead", Store: store("c", pki.Leaf(testpki.P256)), Options: cades.Options{Timestamper: deadAuthority{}}},
		{Name: "lonely", Store: store("d", pki.Leaf(testpki.P256)), Options: cades.Options{Timestamper: authority}},
		{Name: "foreign", Store: store("e", pki.Leaf(testpki.P256)), Options: cades.Options{Timestamper: authority}},
		{Name: "broken", Store: &keys.Store{Name: "f", Open: func(context.Context) (sign.Provider, error) {
			return nil, &sign.Error{Op: "open", Place: "/secret/place", Class: sign.ErrPIN, Err: errors.New("secret cause")}
		}}},
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	caller := &auth.Principal{Name: "clerk", Keys: []string{"seal", "plain", "dead", "lonely", "broken"}, Endpoints: []string{"verify", "extend", "keys"}}
	g, err := gate.New(gate.Config{Limits: limits, Audit: &o.ledger, Log: slog.New(slog.NewJSONHandler(&o.log, nil)), Auth: auth.Func(func(r *http.Request) (*auth.Principal, error) {
		if r.Header.Get("Authorization") == "" {
			return nil, auth.ErrNone
		}
		return caller, nil
	})})
	require.NoError(t, err)
	config := api.Config{Keys: set, Gate: g, Roots: pki.Roots()}
	if rootless {
		config.Roots = nil
	}
	handler, err := api.New(config)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o.url, o.transport = server.URL, openapitest.New(t, server.Client().Transport)
	return o
}

// call sends a request; header is pairs of name and value.
func (o *office) call(method, path string, body io.Reader, header ...string) (*http.Response, []byte) {
	o.Helper()
	r, err := http.NewRequestWithContext(o.Context(), method, o.url+path, body)
	require.NoError(o, err)
	r.Header.Set("Authorization", "Bearer x")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := o.transport.Client().Do(r)
	require.NoError(o, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(o, err)
	return resp, data
}

// post sends a value as JSON and reads the answer.
func (o *office) post(path string, v any) (int, map[string]any) {
	o.Helper()
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		require.NoError(o, err)
		text = string(data)
	}
	resp, data := o.call(http.MethodPost, path, strings.NewReader(text), "Content-Type", "application/json")
	var answer map[string]any
	require.NoError(o, json.Unmarshal(data, &answer), string(data))
	return resp.StatusCode, answer
}

// part is one of multipart/form-data, as curl -F sends it.
type part struct{ name, content string }

func form(parts ...part) (body *bytes.Buffer, contentType string) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		f, _ := w.CreateFormFile(p.name, "file.bin") // never fails
		_, _ = f.Write([]byte(p.content))
	}
	_ = w.Close()
	return body, w.FormDataContentType()
}

func (o *office) parts(path string, parts ...part) (int, map[string]any) {
	o.Helper()
	body, contentType := form(parts...)
	resp, data := o.call(http.MethodPost, path, body, "Content-Type", contentType)
	var answer map[string]any
	require.NoError(o, json.Unmarshal(data, &answer), string(data))
	return resp.StatusCode, answer
}

func (o *office) sign(id testpki.Identity, content string, options *cades.Options) []byte {
	o.Helper()
	p7s, err := cades.Sign(o.Context(), testlevels.Signer(o.T, id), sign.Bytes("", []byte(content)), options)
	require.NoError(o, err)
	return p7s
}
