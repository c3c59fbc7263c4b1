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
	"github.com/seed-116355fd/signet/sign"
)

// confirmedOperation loads an operation that may be signed: what is stored is what was frozen, and the person has
// confirmed just that.
func (e *Engine) confirmedOperation(ctx context.Context, id string) (*record, *header, []*cades.Draft, error) {
	r, h, err := e.loadOpen(ctx, id, Signing)
	if err != nil || r == nil {
		return r, h, nil, err
	}
	if !hmac.Equal(r.confirmed, e.seals.confirmation(id, r.header)) {
		return r, h, nil, errSeal
	}
	var stored []byte
	if err := e.store.read().row(ctx, `SELECT drafts FROM signet_blob WHERE id = $1`, []any{id}, &stored); errors.Is(err, errNoRow) {
		return r, h, nil, errSeal // somebody deleted them
	} else if err != nil {
		return r, h, nil, err
	}
	if sum := sha256Sum(stored); !hmac.Equal(sum[:], h.Drafts) {
		return r, h, nil, errSeal
	}
	drafts, err := cades.ParseDrafts(stored, e.config.Schemes...)
	if err == nil && len(drafts) != len(h.Items) {
		err = errSeal
	}
	return r, h, drafts, err
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
	r, h, drafts, err := e.confirmedOperation(ctx, id)
	if errors.Is(err, errSeal) || err != nil && r != nil && drafts == nil && ctx.Err() == nil && last(j) {
		return e.fail(ctx, j, id, h, 0, []State{Signing}, err)
	}
	if err != nil || r == nil {
		return err
	}
	all := make([]outcome, len(drafts))
	if before, err := e.outcomes(ctx, e.store.read(), id); err == nil && len(before) == len(all) {
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
		open, err := stillSigning(ctx, t, id)
		if err != nil {
			return err
		}
		if open {
			if err := e.sameAsBefore(ctx, t, id, all); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `UPDATE signet_blob SET results = $1 WHERE id = $2`, results, id); err != nil {
				return err
			}
			t.insert(insertion(raiseArgs{id}))
		}
		return t.complete(ctx, j)
	})
}

// stillSigning reports whether an operation is not over, and keeps it so until the transaction ends: an engine that was cut
// off from the database for a while finds its job done by another one, and must not write over the results.
func stillSigning(ctx context.Context, t tx, id string) (bool, error) {
	var state State
	err := t.row(ctx, `SELECT state FROM signet_operation WHERE id = $1`+t.locked(), []any{id}, &state)
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	return state == Signing, err
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
		open, err := stillSigning(ctx, t, id)
		if err == nil && open {
			err = e.sameAsBefore(ctx, t, id, all)
		}
		if err == nil && open {
			_, err = t.exec(ctx, `UPDATE signet_blob SET results = $1 WHERE id = $2`, results, id)
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

// final reports whether an error of a key stays when the same is tried again: the operator has to do something.
func final(err error) bool {
	for _, class := range []error{sign.ErrPIN, sign.ErrKeyMismatch, sign.ErrKeyNotFound, sign.ErrKeyAmbiguous, sign.ErrUnsupported, sign.ErrInput} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// workRaise takes containers to their level.
func (e *Engine) workRaise(ctx context.Context, j *rivertype.JobRow, id string) error {
	r, h, drafts, err := e.confirmedOperation(ctx, id)
	if errors.Is(err, errSeal) || err != nil && r != nil && drafts == nil && ctx.Err() == nil && last(j) {
		return e.fail(ctx, j, id, h, 0, []State{Signing}, err)
	}
	if err != nil || r == nil {
		return err
	}
	all, err := e.outcomes(ctx, e.store.read(), id)
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
func (e *Engine) sameAsBefore(ctx context.Context, t tx, id string, all []outcome) error {
	before, err := e.outcomes(ctx, t, id)
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
	err := e.store.write(ctx, func(t tx) error {
		n, err := t.exec(ctx, `UPDATE signet_operation SET state = $1, finished = $2, reason = $3, mark = $4, outcome = $5 WHERE id = $6 AND state = 3`,
			int(state), e.now().UnixMicro(), reason, mark, without, r.id)
		if err != nil {
			return err
		}
		if n == 1 {
			if err := e.sameAsBefore(ctx, t, r.id, all); err != nil {
				return err
			}
			query := `UPDATE signet_blob SET results = $1, drafts = NULL WHERE id = $2`
			if len(missing) != 0 {
				query = `UPDATE signet_blob SET results = $1 WHERE id = $2`
			}
			if _, err := t.exec(ctx, query, results, r.id); err != nil {
				return err
			}
		}
		return t.complete(ctx, j)
	})
	if err == nil {
		e.changed(r.id)
	}
	return err
}
