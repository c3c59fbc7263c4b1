package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/audit"
)

// defaultRun is how many contents one page of unattended signing has.
const (
	defaultRun = 5
	maxRun     = 1000
)

// runHeader is what was asked for. It is stored sealed.
type runHeader struct {
	Owner  string `json:"owner"`
	Source string `json:"source"`
	Box    string `json:"box"`
	Key    string `json:"key"`
	Batch  string `json:"batch"`
	Limit  int    `json:"limit"`
}

// runResults are what was signed. They are stored, sealed, before the source gets them.
type runResults struct {
	Next  string    `json:"next"`
	Items []runItem `json:"items"`
}

type runItem struct {
	ID        string `json:"id"`
	Digest    []byte `json:"digest,omitempty"`
	Signature []byte `json:"signature,omitempty"`
	Err       string `json:"err,omitempty"`
}

// repeatRun is how long the same request means the same run: it was repeated by an HTTP client, or by a person who was not
// sure. Later it means what has come since.
const repeatRun = 10 * time.Minute

// Run signs one page of contents of a source without a person. The same owner, source, box, key and batch give the same run
// while it is under way, and for ten minutes.
func (e *Engine) Run(ctx context.Context, r RunRequest) (*Run, error) {
	switch {
	case r.Owner == "" || r.Key == "" || len(r.Box) > maxName || len(r.Batch) > maxName || len(r.Owner) > maxName:
		return nil, fmt.Errorf("%w: owner and key are needed, and names have %d octets at most", ErrInput, maxName)
	case e.config.Sources[r.Source] == nil:
		return nil, fmt.Errorf("%w: there is no source %q here", ErrInput, r.Source)
	case !e.mayUnattended(r.Key):
		return nil, fmt.Errorf("%w: key %s may not sign without a person; the operator can allow it", ErrInput, r.Key)
	case r.Limit < 0 || r.Limit > maxRun:
		return nil, fmt.Errorf("%w: a run has %d contents at most", ErrInput, maxRun)
	}
	if r.Limit == 0 {
		r.Limit = defaultRun
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(runHeader(r))
	if err != nil {
		return nil, err
	}
	place := fmt.Sprintf("%x", e.seals.of("place", "", data)[:32])
	now := e.now()
	err = e.store.write(ctx, func(t tx) error {
		// The place of one that is over is free.
		if err := t.put(ctx, `UPDATE signet_run SET place = id WHERE owner = $1 AND place = $2 AND finished > 0 AND created < $3`, r.Owner, place, now.Add(-repeatRun).UnixMicro()); err != nil {
			return err
		}
		if err := t.put(ctx, `INSERT INTO signet_run (id, owner, place, state, created, header) VALUES ($1, $2, $3, $4, $5, $6)`,
			id.String(), r.Owner, place, int(Signing), now.UnixMicro(), e.seals.seal("run", id.String(), data)); err != nil {
			return err
		}
		t.insert(insertion(runArgs{id.String()}))
		return nil
	})
	if errors.Is(err, errTwice) {
		var there string
		if err := e.store.read().row(ctx, `SELECT id FROM signet_run WHERE owner = $1 AND place = $2`, []any{r.Owner, place}, &there); err != nil {
			return nil, err
		}
		run, _, err := e.run(ctx, there)
		return run, err
	}
	if err != nil {
		return nil, err
	}
	return &Run{ID: id.String(), State: Signing}, nil
}

// run loads a run.
func (e *Engine) run(ctx context.Context, id string) (*Run, *runHeader, error) {
	run := &Run{ID: id}
	var sealed, stored []byte
	err := e.store.read().row(ctx, `SELECT state, reason, header, results FROM signet_run WHERE id = $1`, []any{id}, &run.State, &run.Reason, &sealed, &stored)
	if errors.Is(err, errNoRow) {
		return nil, nil, ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	data, err := e.seals.open("run", id, sealed)
	if err != nil {
		return nil, nil, err
	}
	h := &runHeader{}
	if err := json.Unmarshal(data, h); err != nil {
		return nil, nil, err
	}
	if stored == nil {
		return run, h, nil
	}
	results, err := e.openRun(id, stored)
	if err != nil {
		return nil, nil, err
	}
	run.Next = results.Next
	for _, it := range results.Items {
		if it.Err == "" {
			run.Signed++
		} else {
			run.Failed++
		}
	}
	return run, h, nil
}

func (e *Engine) openRun(id string, sealed []byte) (*runResults, error) {
	data, err := e.seals.open("run results", id, sealed)
	if err != nil {
		return nil, err
	}
	results := &runResults{}
	return results, json.Unmarshal(data, results)
}

// GetRun returns a run; it waits while it is under way, and gives it as it is when ctx ends.
func (e *Engine) GetRun(ctx context.Context, owner, id string) (*Run, error) {
	if !isID(id) || owner == "" {
		return nil, ErrNotFound
	}
	for {
		w, done := e.watch(id)
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgain)
		run, h, err := e.run(asking, id)
		cancel()
		if err == nil && h.Owner != owner {
			err = ErrNotFound
		}
		if err != nil {
			done()
			return nil, err
		}
		if run.State.Final() || ctx.Err() != nil {
			done()
			return run, nil
		}
		e.saw(id, run.State)
		timer := time.NewTimer(lookAgain)
		select {
		case <-w.changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		done()
	}
}

// workRun signs a page and stores the signatures.
func (e *Engine) workRun(ctx context.Context, j *rivertype.JobRow, id string) error {
	run, h, err := e.run(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if errors.Is(err, errSeal) {
		return e.failRun(ctx, j, id, nil, err)
	}
	if err != nil { // the database is away for a moment
		return err
	}
	if run.State != Signing {
		return nil
	}
	source := e.config.Sources[h.Source]
	if source == nil || !e.mayUnattended(h.Key) {
		return e.failRun(ctx, j, id, h, fmt.Errorf("source %q or key %q is not there any more", h.Source, h.Key))
	}
	results := &runResults{}
	var thumb, level string
	err = e.guarded(func() (err error) {
		thumb, level, err = e.signPage(ctx, source, h, results)
		return err
	})
	if err != nil {
		if ctx.Err() != nil || !last(j) && !final(err) {
			return err
		}
		return e.failRun(ctx, j, id, h, err)
	}
	if e.config.Audit != nil {
		items := make([]audit.Item, len(results.Items))
		for i, it := range results.Items {
			items[i] = audit.Item{Index: i, Name: it.ID, Digest: it.Digest, Err: it.Err}
		}
		if err := e.config.Audit.Record(ctx, &audit.Record{Event: "sign", RequestID: id, Principal: h.Owner, Endpoint: "unattended", Key: h.Key,
			Thumbprint: thumb, Level: level, Detail: fmt.Sprintf("source %s, box %s, without a person", h.Source, h.Box), Items: items}); err != nil {
			return err
		}
	}
	data, err := json.Marshal(results)
	if err != nil {
		return err
	}
	return e.store.write(ctx, func(t tx) error {
		n, err := t.exec(ctx, `UPDATE signet_run SET results = $1 WHERE id = $2 AND state = 3 AND results IS NULL`, e.seals.seal("run results", id, data), id)
		if err != nil {
			return err
		}
		if n == 1 {
			t.insert(insertion(handArgs{id}))
		}
		return t.complete(ctx, j)
	})
}

// signPage gets a page of contents and signs it. What fails of a content is its own; the error is one of the source or the key.
func (e *Engine) signPage(ctx context.Context, source Source, h *runHeader, results *runResults) (thumb, level string, err error) {
	pending, next, err := source.Pending(ctx, h.Box, h.Batch, h.Limit)
	if err != nil {
		return "", "", fmt.Errorf("source %s: %w", h.Source, err)
	}
	if len(pending) > h.Limit {
		return "", "", fmt.Errorf("source %s gave %d contents where %d were asked for", h.Source, len(pending), h.Limit)
	}
	results.Next = next
	if len(pending) == 0 {
		return "", "", nil
	}
	signer, format, release, err := e.config.Keys.Open(ctx, h.Key)
	if err != nil {
		return "", "", err
	}
	defer release()
	contents := make([]batch.Content, len(pending))
	for i, p := range pending {
		contents[i] = p.Content
		contents[i].Name = p.ID
	}
	digests := make([][]byte, len(pending))
	for result := range batch.Stream(ctx, signer, format, func(yield func(batch.Content) bool) {
		for _, c := range contents {
			if !yield(c) {
				return
			}
		}
	}, e.config.Batch) {
		if d, ok := result.Draft.(*cades.Draft); ok {
			digests[result.Index] = d.ContentDigest()
		}
		it := runItem{ID: pending[result.Index].ID, Digest: digests[result.Index], Signature: result.Signature}
		if result.Err != nil {
			if errors.Is(result.Err, batch.ErrStopped) || ctx.Err() != nil {
				return "", "", result.Err
			}
			it.Err, it.Signature = result.Err.Error(), nil
		}
		results.Items = append(results.Items, it)
	}
	if len(results.Items) != len(pending) {
		return "", "", errors.Join(errors.New("confirm: not all contents of the run were signed"), context.Cause(ctx))
	}
	return thumbprint(signer), format.EffectiveLevel().String(), nil
}

// workHand gives the signatures to the source: those that are stored, however often.
func (e *Engine) workHand(ctx context.Context, j *rivertype.JobRow, id string) error {
	run, h, err := e.run(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && run.State != Signing {
		return nil
	}
	if errors.Is(err, errSeal) {
		return e.failRun(ctx, j, id, nil, err)
	}
	if err != nil {
		return err
	}
	source := e.config.Sources[h.Source]
	if source == nil {
		return e.failRun(ctx, j, id, h, fmt.Errorf("source %q is not there any more", h.Source))
	}
	var stored []byte
	if err := e.store.read().row(ctx, `SELECT results FROM signet_run WHERE id = $1`, []any{id}, &stored); err != nil {
		return err
	}
	results, err := e.openRun(id, stored)
	if err != nil {
		return e.failRun(ctx, j, id, h, err)
	}
	for _, it := range results.Items {
		if it.Err != "" {
			continue
		}
		if err := e.guarded(func() error { return source.Signed(ctx, h.Box, it.ID, it.Signature) }); err != nil {
			if ctx.Err() != nil || !last(j) {
				return fmt.Errorf("source %s does not take the signature of %s: %w", h.Source, it.ID, err)
			}
			return e.failRun(ctx, j, id, h, err)
		}
	}
	state := Completed
	switch {
	case run.Failed > 0 && run.Signed > 0:
		state = Partial
	case run.Failed > 0:
		state = Failed
	}
	return e.endRun(ctx, j, id, state, "")
}

func (e *Engine) endRun(ctx context.Context, j *rivertype.JobRow, id string, state State, reason string) error {
	err := e.store.write(ctx, func(t tx) error {
		if err := t.put(ctx, `UPDATE signet_run SET state = $1, finished = $2, reason = $3 WHERE id = $4 AND state = 3`, int(state), e.now().UnixMicro(), reason, id); err != nil {
			return err
		}
		return t.complete(ctx, j)
	})
	if err == nil {
		e.changed(id)
	}
	return err
}

func (e *Engine) failRun(ctx context.Context, j *rivertype.JobRow, id string, h *runHeader, cause error) error {
	e.log.Error("an unattended run failed", "run", id, "err", cause)
	if h != nil && e.config.Audit != nil {
		if err := e.config.Audit.Record(ctx, &audit.Record{Event: "fail", RequestID: id, Principal: h.Owner, Endpoint: "unattended", Key: h.Key, Detail: cause.Error()}); err != nil {
			return err
		}
	}
	return e.endRun(ctx, j, id, Failed, plainText(cause.Error()))
}
