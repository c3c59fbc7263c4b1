package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// record is a row of the table of operations.
type record struct {
	id, token, owner          string // the token as its key
	state                     State
	created, expires          int64
	finished, wiped           int64
	reason                    string
	mark                      int
	attempts, resends, serial int
	sent, codeExpires         int64
	code, wrong               []byte
	wrongAt                   int64
	confirmed                 []byte
	header                    []byte
	outcome                   []byte
}

// Marks say what kind of failure it was.
const (
	markLocked  = 1
	markMissing = 2
	markRetry   = 3 // confirmed; the operator may retry
)

const columns = `id, token, owner, state, created, expires, finished, wiped, reason, mark, attempts, resends, serial, sent,
	code, code_expires, wrong, wrong_at, confirmed, header, outcome`

func (r *record) fields() []any {
	return []any{
		&r.id, &r.token, &r.owner, &r.state, &r.created, &r.expires, &r.finished, &r.wiped, &r.reason, &r.mark, &r.attempts,
		&r.resends, &r.serial, &r.sent, &r.code, &r.codeExpires, &r.wrong, &r.wrongAt, &r.confirmed, &r.header, &r.outcome,
	}
}

// load reads one row; where is a condition with $1.
func load(ctx context.Context, t tx, where, value string, lock bool) (*record, error) {
	r := &record{}
	q := loading(r, where, value)
	if lock {
		q.query += t.locked()
	}
	err := t.row(ctx, q.query, q.args, q.dst...)
	if errors.Is(err, errNoRow) {
		return nil, ErrNotFound
	}
	return r, err
}

// loading is the query of load.
func loading(r *record, where, value string) *query {
	return &query{query: `SELECT ` + columns + ` FROM signet_operation WHERE ` + where, args: []any{value}, dst: r.fields()}
}

// isID reports whether a string can be one of ours: everything else is not asked of the database.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef-") == ""
}

// owned loads an operation of an owner. A foreign one is not there: the answer must not tell that somebody else has it.
func (e *Engine) owned(ctx context.Context, t tx, owner, id string, lock bool) (*record, *header, error) {
	if !isID(id) || owner == "" {
		return nil, nil, ErrNotFound
	}
	r, err := load(ctx, t, "id = $1", id, lock)
	if err != nil {
		return nil, nil, err
	}
	h, err := e.header(r)
	if err == nil && h.Owner != owner {
		return nil, nil, ErrNotFound
	}
	return r, h, err
}

// byToken loads an operation by its token.
func (e *Engine) byToken(ctx context.Context, t tx, owner, token string, lock bool) (*record, *header, error) {
	if !isID(token) {
		return nil, nil, ErrNotFound
	}
	r, err := load(ctx, t, "token = $1", e.seals.tokenKey(token), lock)
	if err != nil {
		return nil, nil, err
	}
	h, err := e.header(r)
	if err == nil && owner != "" && h.Owner != owner {
		return nil, nil, ErrNotFound
	}
	return r, h, err
}

// header opens what was sealed. The columns that are there for searching have to agree with it.
func (e *Engine) header(r *record) (*header, error) {
	h, err := e.seals.openHeader(r.id, r.header)
	if err != nil {
		return nil, err
	}
	if h.Owner != r.owner || r.token != e.seals.tokenKey(e.seals.tokenOf(r.id)) {
		return nil, errSeal
	}
	return h, nil
}

// operation is a row as callers see it.
func (e *Engine) operation(r *record, h *header) *Operation {
	op := &Operation{
		ID: r.id, Token: e.seals.tokenOf(r.id), Owner: h.Owner, Key: h.Key, Title: h.Title, State: r.state, Reason: r.reason,
		Locked: r.mark == markLocked, Missing: r.mark == markMissing, Kind: h.Method.Kind, Hint: h.Method.hint(),
		CodeExpires: fromMicros(r.codeExpires), Sent: r.sent != 0, Expires: fromMicros(r.expires), Created: fromMicros(r.created),
		Finished: fromMicros(r.finished), Digest: h.Digest,
	}
	if op.State <= Awaiting && e.now().UnixMicro() > r.expires {
		op.State = Expired // the sweep makes it so in a moment
	}
	if op.State == Awaiting && (h.Method.Kind == Code || h.Method.Kind == TOTP) {
		op.AttemptsLeft = max(e.limits.Attempts-r.attempts, 0)
	}
	var failed map[int]string
	if len(r.outcome) != 0 {
		_ = json.Unmarshal(r.outcome, &failed)
	}
	signed := op.State == Completed || op.State == Partial
	op.Items = make([]ItemState, len(h.Items))
	for i, it := range h.Items {
		_, bad := failed[i]
		op.Items[i] = ItemState{Name: it.Name, Size: it.Size, Digest: it.Digest, Shelf: it.Shelf, Signed: signed && !bad, Err: failed[i]}
	}
	return op
}

// hint is where a code went, in a form that others may see.
func (m *Method) hint() string {
	if m.Hint != "" {
		return m.Hint
	}
	if r := []rune(m.Address); len(r) > 4 {
		return string(r[len(r)-4:])
	}
	return ""
}

// Get returns an operation of an owner by its ID. Error: ErrNotFound.
func (e *Engine) Get(ctx context.Context, owner, id string) (*Operation, error) {
	r, h, err := e.owned(ctx, e.store.read(), owner, id, false)
	if err != nil {
		return nil, err
	}
	return e.operation(r, h), nil
}

// ByToken returns an operation by its token, whoever asks: for the page of the one who confirms.
func (e *Engine) ByToken(ctx context.Context, token string) (*Operation, error) {
	r, h, err := e.byToken(ctx, e.store.read(), "", token, false)
	if err != nil {
		return nil, err
	}
	return e.operation(r, h), nil
}

// lookAgain is how long a waiting caller trusts that it would have been woken.
const lookAgain = 5 * time.Second

// Wait returns an operation as soon as its state is none of those given, or as it is when ctx ends. An operation is in
// state Preparing until its code was sent.
func (e *Engine) Wait(ctx context.Context, owner, id string, while ...State) (*Operation, error) {
	for {
		w, done := e.watch(id)
		// The question outlives ctx by a moment: who has waited gets an answer.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgain)
		op, err := e.Get(asking, owner, id)
		cancel()
		if err != nil || ctx.Err() != nil || !contains(while, op.State) {
			done()
			return op, err
		}
		e.saw(id, op.State)
		pause := lookAgain
		if op.State <= Awaiting {
			pause = max(min(pause, op.Expires.Sub(e.now())), time.Millisecond)
		}
		timer := time.NewTimer(pause)
		select {
		case <-w.changed:
			// Who waits owns it: that was found when it was read above.
			if now := w.latest; now != nil && !contains(while, now.State) {
				timer.Stop()
				done()
				op := *now
				op.Items = slices.Clone(now.Items)
				return &op, nil
			}
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		done()
	}
}

func contains(states []State, s State) bool {
	for _, one := range states {
		if one == s {
			return true
		}
	}
	return false
}

// Results returns the results of an operation in the order of its items. Errors: ErrNotFound, ErrState before it has ended,
// ErrGone when they were wiped.
func (e *Engine) Results(ctx context.Context, owner, id string) ([]Result, error) {
	r, h, err := e.owned(ctx, e.store.read(), owner, id, false)
	if err != nil {
		return nil, err
	}
	return e.results(ctx, r, h)
}

// ResultsByToken is Results for the page.
func (e *Engine) ResultsByToken(ctx context.Context, token string) ([]Result, error) {
	r, h, err := e.byToken(ctx, e.store.read(), "", token, false)
	if err != nil {
		return nil, err
	}
	return e.results(ctx, r, h)
}

func (e *Engine) results(ctx context.Context, r *record, h *header) ([]Result, error) {
	if r.state != Completed && r.state != Partial {
		return nil, fmt.Errorf("%w: it is %s, and has no results", ErrState, e.operation(r, h).State)
	}
	if r.wiped != 0 {
		return nil, ErrGone
	}
	all, err := e.outcomes(ctx, e.store.read(), r.id)
	if err != nil {
		return nil, err
	}
	if len(all) != len(h.Items) {
		return nil, errOutcomes
	}
	results := make([]Result, len(all))
	for i, o := range all {
		results[i] = Result{Name: h.Items[i].Name, Signature: o.signature, Err: o.err}
	}
	return results, nil
}

// outcomes reads the stored results of an operation.
func (e *Engine) outcomes(ctx context.Context, t tx, id string) ([]outcome, error) {
	var sealed []byte
	err := t.row(ctx, `SELECT results FROM signet_blob WHERE id = $1`, []any{id}, &sealed)
	if err != nil && !errors.Is(err, errNoRow) {
		return nil, err
	}
	return e.openOutcomes(id, sealed)
}

// openOutcomes opens stored results. Error: ErrGone when there are none.
func (e *Engine) openOutcomes(id string, sealed []byte) ([]outcome, error) {
	if sealed == nil {
		return nil, ErrGone
	}
	data, err := e.seals.open("results", id, sealed)
	if err != nil {
		return nil, err
	}
	return parseOutcomes(data)
}

// Filter chooses operations for the operator.
type Filter struct {
	States []State   // none means all
	Before time.Time // created before; zero means now
	Limit  int       // 0 means 100
}

// List returns operations of all owners, the latest first: for the operator.
func (e *Engine) List(ctx context.Context, f Filter) ([]*Operation, error) {
	before, limit := micros(f.Before), f.Limit
	if before == 0 {
		before = e.now().UnixMicro() + 1
	}
	if limit <= 0 {
		limit = 100
	}
	query := `SELECT ` + columns + ` FROM signet_operation WHERE created < $1`
	// What the operator looks at has an index of its own, which is found by these very words: among a million that are done,
	// few wait or have failed.
	switch states := slices.Sorted(slices.Values(f.States)); {
	case len(states) == 0:
	case slices.Equal(states, []State{Preparing, Awaiting, Signing}):
		query += ` AND state <= 3`
	case slices.Equal(states, []State{Partial, Failed}):
		query += ` AND state IN (5, 6)`
	default:
		var in []string
		for _, s := range states {
			in = append(in, fmt.Sprint(int(s)))
		}
		query += ` AND state IN (` + strings.Join(in, ", ") + `)`
	}
	var all []*Operation
	err := e.store.read().rows(ctx, query+` ORDER BY created DESC LIMIT $2`, []any{before, limit}, func(scan func(dst ...any) error) error {
		r := &record{}
		if err := scan(r.fields()...); err != nil {
			return err
		}
		h, err := e.header(r)
		if err != nil { // the operator has to see that it is there
			all = append(all, &Operation{ID: r.id, Owner: r.owner, State: r.state, Reason: err.Error(), Created: fromMicros(r.created)})
			return nil
		}
		all = append(all, e.operation(r, h))
		return nil
	})
	return all, err
}
