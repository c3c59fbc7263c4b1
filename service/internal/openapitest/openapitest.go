// Package openapitest checks what a server answers in tests against the description of its API.
package openapitest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/openapi"
)

// Transport is a http.RoundTripper that fails the test when an answer is not as it is described: its status, its headers,
// its body, each line of NDJSON. When the server took a JSON request (2xx), that has to be as described, too, unless Loose
// is set. It is safe for concurrent use.
type Transport struct {
	Loose  bool   // requests are not checked
	Prefix string // what the handler is mounted at

	t     testing.TB
	base  http.RoundTripper
	mu    sync.Mutex // the validator fills its caches as it goes
	v     validator.Validator
	paths map[string]map[string]any // as described, by lower case
	names map[string]string
	lines *jsonschema.Schema
	error *jsonschema.Schema
}

// New makes a transport over another one; nil means http.DefaultTransport.
func New(t testing.TB, base http.RoundTripper) *Transport {
	t.Helper()
	if base == nil {
		base = http.DefaultTransport
	}
	data, err := openapi.Description()
	require.NoError(t, err)
	doc, err := libopenapi.NewDocument(data)
	require.NoError(t, err)
	v, errs := validator.NewValidator(doc, config.WithFormatAssertions(), config.WithoutSecurityValidation())
	require.Empty(t, errs)
	tr := &Transport{t: t, base: base, v: v, names: map[string]string{}}
	var read struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(data, &read))
	tr.paths = read.Paths
	for name := range read.Paths {
		tr.names[strings.ToLower(name)] = name
	}
	tr.lines, tr.error = Schema(t, "SignAnswerLine"), Schema(t, "Error")
	return tr
}

// Client returns a client over the transport.
func (tr *Transport) Client() *http.Client { return &http.Client{Transport: tr} }

// Schema compiles one of the schemas of the description.
func Schema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	data, err := openapi.Description()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("openapi.json", doc))
	s, err := c.Compile("openapi.json#/components/schemas/" + name)
	require.NoError(t, err)
	return s
}

// RoundTrip sends the request and checks the answer.
func (tr *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent bytes.Buffer
	known := tr.names[strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, tr.Prefix), "/"))]
	checked := !tr.Loose && r.Body != nil && r.Header.Get("Content-Encoding") == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
	send := r.Clone(r.Context())
	if checked {
		send.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &sent), r.Body}
	}
	resp, err := tr.base.RoundTrip(send)
	if err != nil {
		return nil, err
	}
	tr.headers(r, resp, known)
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-ndjson") {
		resp.Body = tr.lineReader(resp.Body)
		return resp, nil
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(data))
	if err != nil {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), broken{err}))
		return resp, nil // a cut answer is the test's affair
	}
	if tr.paths[known][strings.ToLower(r.Method)] == nil {
		if r.Method != http.MethodHead && resp.StatusCode >= 400 {
			tr.match(tr.error, data)
		}
		return resp, nil
	}
	plain := r.Clone(r.Context())
	plain.URL.Path, plain.URL.RawPath, plain.Body = known, "", http.NoBody
	copied := *resp
	copied.Body = io.NopCloser(bytes.NewReader(data))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if ok, errs := tr.v.ValidateHttpResponse(plain, &copied); !ok {
		tr.t.Errorf("%s %s: the answer %d is not as described: %v\n%s", r.Method, r.URL, resp.StatusCode, errs, short(data))
	}
	if checked && resp.StatusCode/100 == 2 {
		body := bytes.TrimPrefix(sent.Bytes(), []byte("\xEF\xBB\xBF"))
		plain.Body, plain.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if ok, errs := tr.v.ValidateHttpRequest(plain); !ok {
			tr.t.Errorf("%s %s: a request was taken that is not as described: %v\n%s", r.Method, r.URL, errs, short(sent.Bytes()))
		}
	}
	return resp, nil
}

// headers checks what every answer of the APIs has.
func (tr *Transport) headers(r *http.Request, resp *http.Response, known string) {
	need := func(name string) {
		if resp.Header.Get(name) == "" {
			tr.t.Errorf("%s %s: the answer %d has no %s", r.Method, r.URL, resp.StatusCode, name)
		}
	}
	if strings.HasSuffix(known, "z") { // /healthz and /readyz are no endpoints of an API
		return
	}
	if resp.StatusCode >= 400 || strings.HasPrefix(known, "/v") || strings.HasPrefix(known, "/certificates") {
		if r.Method != http.MethodOptions {
			need("X-Request-Id")
		}
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		need("Retry-After")
	case http.StatusMethodNotAllowed:
		need("Allow")
	case http.StatusUnauthorized:
		need("WWW-Authenticate")
	}
}

func (tr *Transport) match(s *jsonschema.Schema, data []byte) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		tr.t.Errorf("not as described: %v\n%s", err, short(data))
	}
}

// lineReader checks lines as they are read, so that a test can read while it writes.
func (tr *Transport) lineReader(body io.ReadCloser) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		lines := bufio.NewReader(body)
		for {
			line, err := lines.ReadBytes('\n')
			if len(bytes.TrimSpace(line)) > 0 && err == nil {
				tr.match(tr.lines, line)
			}
			if _, e := w.Write(line); e != nil {
				return
			}
			if err != nil {
				_ = w.CloseWithError(err)
				return
			}
		}
	}()
	return struct {
		io.Reader
		io.Closer
	}{r, closers{r, body}}
}

type closers []io.Closer

func (c closers) Close() error {
	for _, one := range c {
		_ = one.Close()
	}
	return nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func short(data []byte) string {
	const most = 300
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}
