package cloudsign_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// engine is an engine in memory, which signs nothing: a signature is "signed:" and the content.
type engine struct {
	mu      sync.Mutex
	ops     map[string]*operation
	runs    map[string]*confirm.Run
	began   []confirm.Request
	ran     []confirm.RunRequest
	changed chan struct{} // closed and replaced with each change
	waiting chan string   // told of each question that begins to wait
	failure error         // of whatever is called
	slow    bool          // operations stay in Preparing, and in Signing
}

type operation struct {
	confirm.Operation
	request confirm.Request
	code    string
	results []confirm.Result
}

const rightCode = "003450"

func newEngine() *engine {
	return &engine{ops: map[string]*operation{}, runs: map[string]*confirm.Run{}, changed: make(chan struct{}), waiting: make(chan string, 100)}
}

// set changes an operation from outside.
func (e *engine) set(id string, change func(*operation)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e.ops[id])
	e.signal()
}

func (e *engine) signal() { close(e.changed); e.changed = make(chan struct{}) }

func (e *engine) Begin(_ context.Context, r confirm.Request) (*confirm.Operation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return nil, e.failure
	}
	e.began = append(e.began, r)
	n := len(e.began)
	op := &operation{request: r}
	op.ID, op.Token = fmt.Sprintf("%08x-0000-4000-8000-000000000000", n), fmt.Sprintf("%08x-1111-4111-8111-111111111111", n)
	op.Owner, op.Key, op.Kind, op.AttemptsLeft, op.Hint = r.Owner, r.Key, r.Method.Kind, 5, r.Method.Hint
	op.State, op.Sent = confirm.Awaiting, true
	if e.slow {
		op.State, op.Sent = confirm.Preparing, false
	}
	for _, item := range r.Items {
		op.Items = append(op.Items, confirm.ItemState{Name: item.Name, Shelf: item.Shelf})
		if strings.Contains(item.Shelf, "missing") {
			op.State, op.Sent, op.Missing, op.Reason = confirm.Failed, false, true, item.Shelf+" is not on the shelf"
		}
	}
	e.ops[op.ID] = op
	got := op.Operation
	return &got, nil
}

func (e *engine) find(owner, id string) (*operation, error) {
	if e.failure != nil {
		return nil, e.failure
	}
	op := e.ops[id]
	if op == nil || op.Owner != owner {
		return nil, fmt.Errorf("operation: %w", confirm.ErrNotFound)
	}
	return op, nil
}

func (e *engine) Get(_ context.Context, owner, id string) (*confirm.Operation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	op, err := e.find(owner, id)
	if err != nil {
		return nil, err
	}
	got := op.Operation
	return &got, nil
}

func (e *engine) Wait(ctx context.Context, owner, id string, while ...confirm.State) (*confirm.Operation, error) {
	told := false
	for {
		e.mu.Lock()
		op, err := e.find(owner, id)
		changed := e.changed
		e.mu.Unlock()
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		got := op.Operation
		e.mu.Unlock()
		preparing := got.State == confirm.Awaiting && !got.Sent && slices.Contains(while, confirm.Preparing)
		if !slices.Contains(while, got.State) && !preparing || ctx.Err() != nil {
			return &got, nil
		}
		if !told {
			told = true
			e.waiting <- id
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (e *engine) Confirm(_ context.Context, owner, token, code string) (*confirm.Operation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return nil, e.failure
	}
	for _, op := range e.ops {
		if op.Token != token || op.Owner != owner {
			continue
		}
		got := op.Operation
		switch {
		case op.Locked:
			return &got, confirm.ErrLocked
		case op.State == confirm.Expired:
			return &got, confirm.ErrExpired
		case code != rightCode:
			if op.code != code { // the same wrong code again counts once
				op.AttemptsLeft--
				op.code = code
			}
			if got.AttemptsLeft = op.AttemptsLeft; op.AttemptsLeft == 0 {
				op.Locked, op.State = true, confirm.Failed
				return &got, confirm.ErrLocked
			}
			return &got, fmt.Errorf("operation %s: %w", op.ID, confirm.ErrCode)
		case op.State == confirm.Awaiting && e.slow:
			op.State = confirm.Signing
			e.signal()
		case op.State == confirm.Awaiting:
			op.complete()
			e.signal()
		case op.State != confirm.Signing && op.State != confirm.Completed:
			return &got, confirm.ErrState
		}
		got = op.Operation
		return &got, nil
	}
	return nil, confirm.ErrNotFound
}

func (op *operation) complete() {
	op.State = confirm.Completed
	op.results = nil
	for _, item := range op.request.Items {
		content := []byte("shelf/" + item.Shelf)
		if item.Shelf == "" {
			content, _ = item.Content.InMemory()
		}
		op.results = append(op.results, confirm.Result{Name: item.Name, Signature: append([]byte("signed:"), content...)})
	}
}

func (e *engine) Results(_ context.Context, owner, id string) ([]confirm.Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	op, err := e.find(owner, id)
	if err != nil {
		return nil, err
	}
	if op.results == nil {
		return nil, confirm.ErrGone
	}
	return op.results, nil
}

func (e *engine) Run(_ context.Context, r confirm.RunRequest) (*confirm.Run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return nil, e.failure
	}
	id := fmt.Sprintf("%x-run", r.Owner+r.Box+r.Key+r.Batch)
	if run := e.runs[id]; run != nil {
		return run, nil
	}
	e.ran = append(e.ran, r)
	run := &confirm.Run{ID: id, State: confirm.Completed, Signed: 5, Next: "next"}
	if r.Batch == "next" {
		run.Signed, run.Next = 2, ""
	}
	if r.Box == "slow" {
		run.State = confirm.Signing
	}
	if r.Box == "failing" {
		run.State, run.Reason = confirm.Failed, "the box is locked"
	}
	e.runs[id] = run
	return run, nil
}

func (e *engine) GetRun(ctx context.Context, _, id string) (*confirm.Run, error) {
	e.mu.Lock()
	run := e.runs[id]
	e.mu.Unlock()
	switch {
	case run == nil:
		return nil, confirm.ErrNotFound
	case !run.State.Final():
		<-ctx.Done()
	}
	return run, nil
}

// store is a shelf in memory.
type store struct {
	mu    sync.Mutex
	parts map[string]map[int][]byte
	last  map[string]int
	err   error
}

func newStore() *store { return &store{parts: map[string]map[int][]byte{}, last: map[string]int{}} }

func (s *store) Part(_ context.Context, owner, name string, index int, last bool, r io.Reader) ([]int, error) {
	data, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	if err != nil {
		return nil, errors.New("the reader failed") // a shelf may lose the cause
	}
	if strings.ContainsAny(name, "/\\") {
		return nil, shelf.ErrName
	}
	key := owner + "/" + name
	if s.parts[key] == nil {
		s.parts[key] = map[int][]byte{}
	}
	s.parts[key][index] = data
	if last {
		s.last[key] = index
	}
	var missing []int
	if n, ok := s.last[key]; ok {
		for i := range n {
			if s.parts[key][i] == nil {
				missing = append(missing, i)
			}
		}
	}
	return missing, nil
}

func (s *store) Open(_ context.Context, owner, name string) (io.ReadCloser, shelf.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, shelf.Info{}, s.err
	}
	key := owner + "/" + name
	n, ok := s.last[key]
	if !ok {
		return nil, shelf.Info{}, shelf.ErrNotFound
	}
	var all []byte
	for i := range n + 1 {
		if s.parts[key][i] == nil {
			return nil, shelf.Info{}, shelf.ErrNotFound
		}
		all = append(all, s.parts[key][i]...)
	}
	return io.NopCloser(bytes.NewReader(all)), shelf.Info{Name: name, Size: int64(len(all))}, nil
}

func (s *store) Stat(ctx context.Context, owner, name string) (shelf.Info, error) {
	_, info, err := s.Open(ctx, owner, name)
	return info, err
}

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
