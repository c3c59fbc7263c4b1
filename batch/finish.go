package batch

import (
	"context"
	"io"

	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/sign/formats"
)

// finish makes the container and ends the task: here, or in a goroutine of its own when the container gets something from
// others, which takes long and no processor.
func (r *run) finish(t *task) {
	draft, raises := t.draft.(formats.RaisingDraft)
	if raises {
		t.err = guard(func() error { raises = draft.Raises(); return nil })
	}
	if t.err == nil && !raises {
		t.err = r.finishHere(t)
	}
	if t.err != nil || !raises {
		r.window.end(t)
		return
	}
	if t.err = r.finishBase(t, draft); t.err == nil {
		t.err = r.raise.enter(r.ctx)
	}
	if t.err != nil {
		r.window.end(t)
		return
	}
	r.raisers.Go(func() {
		returned := false
		defer func() {
			r.raise.leave()
			if !returned {
				r.exited(t)
				return
			}
			r.window.end(t)
		}()
		t.err = r.raised(t, draft)
		returned = true
	})
}

func (r *run) finishHere(t *task) error {
	if err := r.cpu.enter(r.ctx); err != nil {
		return err
	}
	defer r.cpu.leave()
	r.begin(StepFinish, t)
	err := guard(func() (err error) {
		if r.o.Output != nil {
			return r.output(t, func(out io.Writer) error { return writeDraft(r.ctx, out, t) })
		}
		if t.result, err = finishDraft(r.ctx, t); err != nil {
			t.result = nil
		}
		return err
	})
	return r.observed(t, err)
}

// finishBase leaves in t.result what can be made without others.
func (r *run) finishBase(t *task, draft formats.RaisingDraft) error {
	if err := r.cpu.enter(r.ctx); err != nil {
		return err
	}
	defer r.cpu.leave()
	r.begin(StepFinish, t)
	err := guard(func() (err error) {
		t.result, err = draft.FinishBase(r.ctx, t.signature)
		return err
	})
	return r.observed(t, err)
}

// raised gets what the container lacks.
func (r *run) raised(t *task, draft formats.RaisingDraft) error {
	container := t.result
	raise := func(ctx context.Context) error {
		return guard(func() (err error) {
			container, err = draft.Raise(ctx, t.result)
			return err
		})
	}
	var err error
	if failed := r.keyErr(); failed != nil { // nobody is asked, and the draft says what there is
		ctx, cancel := context.WithCancelCause(r.ctx)
		cancel(stopped(failed))
		err = raise(ctx)
	} else {
		r.begin(StepRaise, t)
		err = raise(r.ctx)
		r.authority(err)
		err = r.observed(t, err)
	}
	t.result = nil
	if err != nil && (!r.o.KeepLower || len(container) == 0) {
		return err
	}
	if r.o.Output == nil {
		t.result = container
		return err
	}
	if failed := guard(func() error {
		return r.output(t, func(out io.Writer) error { _, err := out.Write(container); return err })
	}); failed != nil {
		return failed
	}
	return err
}

func finishDraft(ctx context.Context, t *task) ([]byte, error) {
	if d, ok := t.draft.(formats.TrustingDraft); ok {
		return d.FinishTrusted(ctx, t.signature)
	}
	return t.draft.Finish(ctx, t.signature)
}

// output writes the container to where Options.Output says, whole or not at all.
func (r *run) output(t *task, write func(io.Writer) error) error {
	out, err := r.o.Output(r.ctx, t.index, &t.content)
	if err != nil {
		return err
	}
	if out == nil {
		return &sign.Error{Op: "batch: output", Place: t.content.Name, Class: sign.ErrInput, Hint: "Options.Output gave neither an Output nor an error"}
	}
	returned := false
	defer func() {
		if !returned { // the goroutine was ended
			out.Abort()
		}
	}()
	err = guard(func() error { return write(out) })
	returned = true
	if err != nil {
		out.Abort()
		return err
	}
	return out.Commit()
}

func writeDraft(ctx context.Context, dst io.Writer, t *task) error {
	if d, ok := t.draft.(formats.StreamingDraft); ok {
		return d.FinishTo(ctx, dst, t.signature)
	}
	container, err := finishDraft(ctx, t)
	if err != nil {
		return err
	}
	_, err = dst.Write(container)
	return err
}
