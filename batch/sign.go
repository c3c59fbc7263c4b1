package batch

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/seed-116355fd/signet/sign"
)

// ErrStopped is the class of the error of a content that was not signed because the batch had stopped before its turn.
var ErrStopped = errors.New("not signed, the batch had stopped")

// Sign signs all contents and returns a result for each, in their order.
//
// The error is nil when only contents failed: look at the Err of each result. It is not nil when the key failed or ctx
// ended; the results then tell what was signed before. With Options.StopOnError there are no results beside an error, and
// it is that of the lowest failing index.
func Sign(ctx context.Context, s *sign.Signer, f sign.Format, contents []Content, o *Options) ([]Result, error) {
	r := newRun(ctx, s, f, o, len(contents))
	results := make([]Result, 0, len(contents))
	var first error
	ended := false
	r.deliver(slices.Values(contents), func(result Result) bool {
		result.Draft = nil
		results = append(results, result)
		ended = ended || errors.Is(result.Err, context.Canceled) || errors.Is(result.Err, context.DeadlineExceeded)
		if first == nil && result.Err != nil && !errors.Is(result.Err, ErrStopped) {
			first = result.Err
		}
		return !r.o.StopOnError || result.Err == nil
	})
	if r.o.StopOnError && first != nil {
		return nil, first
	}
	err := r.keyErr()
	if s == nil {
		err = first
	}
	if err == nil && (ended || len(results) < len(contents)) {
		err = context.Cause(ctx)
	}
	if err != nil && r.o.StopOnError {
		return nil, err
	}
	for i := len(results); i < len(contents); i++ {
		results = append(results, Result{Index: i, Name: contents[i].Name, Err: stopped(err)})
	}
	return results, err
}

// Stream signs contents as they come and gives their results as they are ready, in the order of the contents.
//
// The iterator of contents runs in a goroutine of its own, at most Options.Window contents ahead of the results. When
// ctx ends, when the loop over the results is left, or when the batch stops on an error, it is told so by the return
// value of its yield; the loop over the results ends when it has returned, so an iterator that waits for something must
// also wait for ctx. After an error of the key the last results say [ErrStopped].
func Stream(ctx context.Context, s *sign.Signer, f sign.Format, contents iter.Seq[Content], o *Options) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		r := newRun(ctx, s, f, o, -1)
		r.deliver(contents, func(result Result) bool {
			return yield(result) && (!r.o.StopOnError || result.Err == nil)
		})
	}
}

func stopped(cause error) error {
	return &sign.Error{Op: "batch", Class: ErrStopped, Err: cause, Temporary: sign.IsTemporary(cause)}
}
