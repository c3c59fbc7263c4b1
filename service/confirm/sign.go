package confirm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/riverqueue/river/rivertype"
	"golang.org/x/sync/errgroup"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// confirmed is an operation that is to be signed.
type confirmed struct {
	r       *record
	h       *header
	drafts  []*cades.Draft
	results []byte // sealed, of an earlier attempt; nil when there are none
}

// confirmedOperation loads an operation that may be signed: what is stored is what was frozen, and the person has
// confirmed just that. There is no record when there is nothing to do any more.
func (e *Engine) confirmedOperation(ctx context.Context, id string) (c confirmed, err error) {
	var stored []byte
	r := &record{}
	operation := loading(r, "id = $1", id)
	blob := &query{query: `SELECT drafts, results FROM signet_blob WHERE id = $1`, args: []any{id}, dst: []any{&stored, &c.results}}
	if err := e.store.read().ask(ctx, operation, blob); err != nil || operation.none || r.state != Signing {
		return c, err
	}
	c.r = r
	if c.h, err = e.header(r); err != nil {
		return c, err
	}
	if !hmac.Equal(r.confirmed, e.seals.confirmation(id, r.header)) || blob.none { // somebody deleted the drafts
		return c, errSeal
	}
	if sum := sha256Sum(stored); !hmac.Equal(sum[:], c.h.Drafts) {
		return c, errSeal
	}
	c.drafts, err = cades.ParseDrafts(stored, e.config.Schemes...)
	if err == nil && len(c.drafts) != len(c.h.Items) {
		err = errSeal
	}
	return c, err
}

// baseDraft hides the level of a draft above BES, for what waits for others is a job of its own.
type baseDraft struct{ d *cades.Draft }

func (b baseDraft) ToBeSigned() []byte { return b.d.ToBeSigned() }

func (b baseDraft) Fits(s *sign.Signer) error { return b.d.Fits(s) }

func (b baseDraft) Finish(ctx context.Context, signature []byte) ([]byte, error) {
	return b.d.FinishBase(ctx, signature)
}

func (b baseDraft) FinishTrusted(ctx context.Context, signature []byte) ([]byte, error) {
	return b.d.FinishBase(ctx, signature)
}

// workSign signs what was confirmed.
func (e *Engine) workSign(ctx context.Context, j *rivertype.JobRow, id string) error {
	c, err := e.confirmedOperation(ctx, id)
	r, h, drafts := c.r, c.h, c.drafts
	if errors.Is(err, errSeal) || err != nil && r != nil && drafts == nil && ctx.Err() == nil && last(j) {
		return e.fail(ctx, j, id, h, 0, []State{Signing}, err)
	}
	if err != nil || r == nil {
		return err
	}
	all := make([]outcome, len(drafts))
	if before, err := e.openOutcomes(id, c.results); err == nil && len(before) == len(all) {
		copy(all, before) // a retry: what is signed stays
	} else if errors.Is(err, errSeal) || errors.Is(err, errOutcomes) {
		return e.fail(ctx, j, id, h, 0, []State{Signing}, err)
	} else if err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	var contents []sign.Content
	var which []int
	for i, d := range drafts {
		if all[i].signature == nil && all[i].base == nil {
			contents = append(contents, sign.Prepared(h.Items[i].Name, baseDraft{d}))
			which = append(which, i)
		}
	}
	if len(contents) != 0 {
		err := e.guarded(func() error { return e.signThem(ctx, h, contents, which, all) })
		switch {
		case err == nil:
		case ctx.Err() != nil || !final(err) && !last(j):
			// What is signed stays: a key that comes back signs the rest.
			return errors.Join(err, e.keep(ctx, id, all))
		case !signed(all):
			return e.fail(ctx, j, id, h, markRetry, []State{Signing}, err)
		}
	}
	if !h.Raises {
		for i := range all {
			if all[i].base != nil {
				all[i].signature, all[i].base = all[i].base, nil
			}
		}
		return e.finish(ctx, j, r, h, all)
	}
	if !signed(all) {
		return e.finish(ctx, j, r, h, all)
	}
	// What is signed is kept before others are asked, so that no authority makes a key sign twice.
	results := e.sealOutcomes(id, all)
	return e.store.write(ctx, func(t tx) error {
		open, err := e.stillSigning(ctx, t, id, all)
		if err != nil {
			return err
		}
		if open {
			if err := t.put(ctx, `UPDATE signet_blob SET results = $1 WHERE id = $2`, results, id); err != nil {
				return err
			}
			t.insert(insertion(raiseArgs{id}))
		}
		return t.complete(ctx, j)
	})
}

// stillSigning reports whether an operation is not over, and keeps it so until the transaction ends: an engine that was cut
// off from the database for a while finds its job done by another one, and must not write over the results. What is stored
// already has to be among what there is now.
func (e *Engine) stillSigning(ctx context.Context, t tx, id string, all []outcome) (bool, error) {
	var state State
	var before []byte
	// Two queries: the second one sees what was written by those for whom the first one has waited.
	operation := &query{query: `SELECT state FROM signet_operation WHERE id = $1` + t.locked(), args: []any{id}, dst: []any{&state}}
	if err := t.ask(ctx, operation, &query{query: `SELECT results FROM signet_blob WHERE id = $1`, args: []any{id}, dst: []any{&before}}); err != nil {
		return false, err
	}
	if operation.none || state != Signing {
		return false, nil
	}
	return true, e.sameAsBefore(id, before, all)
}

// signed reports whether there is any signature.
func signed(all []outcome) bool {
	return slices.ContainsFunc(all, func(o outcome) bool { return o.signature != nil || o.base != nil })
}

// keep stores what there is of an operation that is not done.
func (e *Engine) keep(ctx context.Context, id string, all []outcome) error {
	if !signed(all) {
		return nil
	}
	results := e.sealOutcomes(id, all)
	ctx = context.WithoutCancel(ctx)
	return e.store.write(ctx, func(t tx) error {
		open, err := e.stillSigning(ctx, t, id, all)
		if err == nil && open {
			err = t.put(ctx, `UPDATE signet_blob SET results = $1 WHERE id = $2`, results, id)
		}
		return err
	})
}

// signThem makes containers at BES. The error is one of the key, or of a content that may be signed when it is tried again.
func (e *Engine) signThem(ctx context.Context, h *header, contents []sign.Content, which []int, all []outcome) error {
	signer, format, release, err := e.config.Keys.Open(ctx, h.Key)
	if err != nil {
		return err
	}
	defer release()
	results, err := batch.Sign(ctx, signer, format, contents, e.config.Batch)
	for k, result := range results {
		if errors.Is(result.Err, sign.ErrKeyMismatch) {
			return fmt.Errorf("key %s has another certificate than when the operation was begun; begin it anew: %w", h.Key, result.Err)
		}
		o := &all[which[k]]
		o.base, o.err = result.Signature, ""
		if result.Err != nil {
			o.base, o.err = nil, result.Err.Error()
			if failed, ok := errors.AsType[*sign.Error](result.Err); err == nil && ok && failed.Temporary {
				err = result.Err
			}
		}
	}
	return err
}

// final reports whether an error stays when the same is tried again: one of a key, for which the operator has to do something, or that
// what was signed has expired or was revoked. What authorities say, or do not say, may be otherwise later.
func final(err error) bool {
	if isAny(err, sign.ErrPIN, sign.ErrKeyMismatch, sign.ErrKeyNotFound, sign.ErrKeyAmbiguous, sign.ErrUnsupported, sign.ErrInput) {
		return true
	}
	_, stamp := errors.AsType[tsp.Check](err)
	_, value := errors.AsType[revocation.Check](err)
	return !stamp && !value && !errors.Is(err, sign.ErrAuthority) && isAny(err, sign.ErrTime, sign.ErrRevocation, sign.ErrTrust)
}

func isAny(err error, classes ...error) bool {
	return slices.ContainsFunc(classes, func(class error) bool { return errors.Is(err, class) })
}

// workRaise takes containers to their level.
func (e *Engine) workRaise(ctx context.Context, j *rivertype.JobRow, id string) error {
	c, err := e.confirmedOperation(ctx, id)
	r, h, drafts := c.r, c.h, c.drafts
	if errors.Is(err, errSeal) || err != nil && r != nil && drafts == nil && ctx.Err() == nil && last(j) {
		return e.fail(ctx, j, id, h, 0, []State{Signing}, err)
	}
	if err != nil || r == nil {
		return err
	}
	all, err := e.openOutcomes(id, c.results)
	if err == nil && len(all) != len(drafts) {
		err = errOutcomes
	}
	if errors.Is(err, errSeal) || errors.Is(err, errOutcomes) || errors.Is(err, ErrGone) {
		return e.fail(ctx, j, id, h, 0, []State{Signing}, fmt.Errorf("what was signed cannot be taken to its level: %w", err))
	}
	if err != nil {
		return err
	}
	_, format, release, err := e.config.Keys.Open(ctx, h.Key)
	if err != nil {
		if !last(j) {
			return err
		}
		return e.fail(ctx, j, id, h, markRetry, []State{Signing}, err)
	}
	defer release()
	var again error // at least one item may succeed later
	failed := make([]error, len(all))
	g := &errgroup.Group{}
	g.SetLimit(32)
	for i := range all {
		if all[i].base == nil {
			continue
		}
		g.Go(func() error {
			failed[i] = e.guarded(func() error {
				d, err := drafts[i].WithSources(format)
				if err != nil {
					return err
				}
				container, err := d.Raise(ctx, all[i].base)
				if err == nil {
					all[i].signature, all[i].base, all[i].err = container, nil, ""
				}
				return err
			})
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, err := range failed {
		if err == nil {
			continue
		}
		all[i].err = err.Error()
		if !final(err) {
			again = err
		}
	}
	if again == nil || last(j) {
		return e.finish(ctx, j, r, h, all)
	}
	return errors.Join(again, e.keep(ctx, id, all))
}

func (e *Engine) sealOutcomes(id string, all []outcome) []byte {
	return e.seals.seal("results", id, appendOutcomes(nil, all))
}

// errOvertaken is of a job that went on from what is not there any more; when it is tried again, it sees what is.
var errOvertaken = errors.New("confirm: another engine has signed some of the operation meanwhile")

// sameAsBefore makes sure that a signature which is stored already stays: an engine that was stopped for a while may come late,
// when the operator has had the rest of the operation tried again.
func (e *Engine) sameAsBefore(id string, sealed []byte, all []outcome) error {
	before, err := e.openOutcomes(id, sealed)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, o := range before {
		if i < len(all) && o.signature != nil && !bytes.Equal(o.signature, all[i].signature) {
			return errOvertaken
		}
	}
	return nil
}

// finish stores the results of an operation, in the transaction that ends its job: once, whoever else works on it.
func (e *Engine) finish(ctx context.Context, j *rivertype.JobRow, r *record, h *header, all []outcome) error {
	missing := map[int]string{}
	for i, o := range all {
		if o.signature == nil {
			if all[i].err = plainText(o.err); all[i].err == "" {
				all[i].err = "it was not signed" // an empty one would look like a success
			}
			missing[i] = all[i].err
		}
	}
	state, reason, mark := Completed, "", 0
	var without []byte
	if len(missing) != 0 {
		state, mark = Partial, markRetry
		if len(missing) == len(all) {
			state = Failed
			for _, text := range missing {
				reason = text
				break
			}
		}
		var err error
		if without, err = json.Marshal(missing); err != nil {
			return err
		}
	}
	// Before the results can be had: a signature that is handed out is in the log.
	if err := e.record(ctx, "sign", r.id, h, fmt.Sprintf("confirmed by %s", h.Method.Kind), h.auditItems(missing)); err != nil {
		return err
	}
	results := e.sealOutcomes(r.id, all)
	finished, open := e.now().UnixMicro(), false
	err := e.store.write(ctx, func(t tx) (err error) {
		if open, err = e.stillSigning(ctx, t, r.id, all); err != nil {
			return err
		}
		if open {
			if err := t.put(ctx, `UPDATE signet_operation SET state = $1, finished = $2, reason = $3, mark = $4, outcome = $5 WHERE id = $6`,
				int(state), finished, reason, mark, without, r.id); err != nil {
				return err
			}
			query := `UPDATE signet_blob SET results = $1, drafts = NULL WHERE id = $2`
			if len(missing) != 0 {
				query = `UPDATE signet_blob SET results = $1 WHERE id = $2`
			}
			if err := t.put(ctx, query, results, r.id); err != nil {
				return err
			}
		}
		return t.complete(ctx, j)
	})
	switch {
	case err != nil:
	case open:
		r.state, r.finished, r.reason, r.mark, r.outcome = state, finished, reason, mark, without
		e.changedTo(r, h)
	default: // another one has ended it
		e.changed(r.id)
	}
	return err
}
