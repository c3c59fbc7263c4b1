package cloudsign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/shelf"
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
	// cancelled has the engine say of cancelled operations what the real one does.
	cancelled bool
	slow      bool // operations stay in Preparing, and in Signing
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
		case op.State == confirm.Expired, op.State == confirm.Cancelled && e.cancelled:
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
			content, _ = item.Content.Source().InMemory()
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
