package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/sign/formats"
)

// task is one content on its way.
type task struct {
	index     int
	content   Content
	draft     sign.Draft
	signature []byte
	result    []byte
	err       error
	over      atomic.Bool // delivered when it is set

	step struct { // that is under way
		Step
		start time.Time // zero when nobody wants to know
		under bool
	}
}

// maxKeyLimit bounds what a key says of itself: no key is better off with more calls at once.
const maxKeyLimit = 4096

// run is one batch.
type run struct {
	caller context.Context // as it was given, for the observer
	ctx    context.Context
	cancel context.CancelFunc
	signer *sign.Signer
	format sign.Format
	o      Options
	total  int

	workers int
	cpu     semaphore // bounds prepare and finish; nil when there are no more goroutines than workers
	key     semaphore // bounds the key step; nil likewise
	raise   semaphore // bounds the raise step
	raisers sync.WaitGroup
	bulk    int // contents in a group for a BulkKey; 0 when the key signs one by one

	window *window
	first  chan struct{} // holds one value while nobody tries the key for the first time
	opened atomic.Bool   // the key has signed once, here or before

	mu     sync.Mutex
	failed error // of the key or an authority; stops the batch
}

// defaultRaiseLimit is more than tsp.DefaultInFlight, which bounds the requests themselves: while some containers wait for
// an answer, others take in theirs.
const defaultRaiseLimit = 32

// semaphore bounds how many are inside; nil does not.
type semaphore chan struct{}

func (s semaphore) enter(ctx context.Context) error {
	if s == nil {
		return ctx.Err()
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s semaphore) leave() {
	if s != nil {
		<-s
	}
}

func newRun(ctx context.Context, s *sign.Signer, f sign.Format, o *Options, total int) *run {
	r := &run{caller: ctx, signer: s, format: f, total: total, first: make(chan struct{}, 1)}
	if o != nil {
		r.o = *o
	}
	if s != nil {
		r.opened.Store(s.Worked())
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	if r.workers = r.o.Workers; r.workers <= 0 {
		r.workers = runtime.GOMAXPROCS(0)
	}
	if s == nil {
		s = &sign.Signer{} // each content is refused when its turn comes
	}
	if r.o.KeyLimit <= 0 {
		r.o.KeyLimit = min(s.Limit(), maxKeyLimit) // there are goroutines and places in the window for each
		if r.o.KeyLimit > 0 && s.Queues() {
			r.o.KeyLimit += r.workers
		}
	}
	if n := s.BulkSize(); n > 1 {
		r.bulk = n
	}
	if r.o.BulkWait <= 0 {
		r.o.BulkWait = s.BulkWait()
	}
	if r.o.BulkWait <= 0 {
		r.o.BulkWait = 2 * time.Millisecond
	}
	if r.o.RaiseLimit <= 0 {
		r.o.RaiseLimit = defaultRaiseLimit
	}
	r.raise = make(semaphore, r.o.RaiseLimit)
	if r.o.Window <= 0 {
		r.o.Window = 8*r.workers + 2*max(r.o.KeyLimit, 0) + 2*r.bulk*max(r.o.KeyLimit, 1) + 2*r.o.RaiseLimit
	}
	return r
}

// deliver runs the batch and calls yield with each result in order until it returns false. When it returns, no goroutine
// of the batch is left.
func (r *run) deliver(contents iter.Seq[Content], yield func(Result) bool) {
	r.window = newWindow(r.o.Window, r.bulk == 0 || r.computes())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(r.ctx, r.window.stop)()
	defer r.cancel() // what is on its way ends by itself
	wg.Go(func() { r.feed(contents) })
	wg.Go(r.steps)

	p := Progress{Total: r.total}
	for {
		t, ok := r.window.first()
		if !ok {
			return
		}
		result := Result{t.index, t.content.Name, t.result, given(t.draft), t.err}
		r.window.delivered(t)
		p.Done++
		if result.Err != nil {
			p.Failed++
		}
		if err := r.progress(p); err != nil && result.Err == nil {
			result.Err = err
			p.Failed++
		}
		if result.Err != nil && !r.o.KeepLower {
			result.Signature = nil
		}
		if !yield(result) {
			return
		}
	}
}

// progress tells how far the batch has come.
func (r *run) progress(p Progress) error {
	if r.o.Progress == nil {
		return nil
	}
	return guard(func() error { r.o.Progress(p); return nil })
}

// feed takes up contents until they end or the batch stops. When the iterator panics or ends its goroutine, that is the last result.
func (r *run) feed(contents iter.Seq[Content]) {
	defer r.window.close()
	var err error
	index, returned := 0, false
	defer func() {
		if !returned {
			err = goexit()
		}
		if err != nil {
			r.window.add(index, Content{}, err)
		}
	}()
	err = guard(func() error { r.take(contents, &index); return nil })
	returned = true
}

func (r *run) take(contents iter.Seq[Content], next *int) {
	for c := range contents {
		if r.ctx.Err() != nil || r.keyErr() != nil || !r.window.add(*next, c, nil) {
			return
		}
		*next++
	}
}

// computes reports whether the key signs groups in this process, so that workers sign what they have prepared themselves.
func (r *run) computes() bool { return r.bulk > 0 && r.signer.BulkComputes() }

// steps works until there is no work.
func (r *run) steps() {
	defer r.raisers.Wait()
	switch {
	case r.computes():
		r.inChunks()
		return
	case r.bulk > 0:
		r.inGroups()
		return
	}
	goroutines := r.workers
	if limit := r.o.KeyLimit; limit > 0 {
		// Those that wait for the key are others than those that compute.
		goroutines += limit
		r.cpu, r.key = make(semaphore, r.workers), make(semaphore, limit)
	}
	var wg sync.WaitGroup
	for range goroutines {
		r.lasting(&wg, func(at **task) {
			var one [1]*task
			for len(r.window.claim(one[:0], 1)) != 0 {
				t := one[0]
				*at = t
				if t.err = r.prepare(t); t.err == nil {
					t.err = r.sign(t)
				}
				if t.err != nil {
					r.window.end(t)
					continue
				}
				r.finish(t)
			}
		})
	}
	wg.Wait()
}

func (r *run) prepare(t *task) error {
	if err := r.keyErr(); err != nil {
		return stopped(err)
	}
	if err := r.cpu.enter(r.ctx); err != nil {
		return err
	}
	defer r.cpu.leave()
	r.begin(StepPrepare, t)
	err := guard(func() error { return r.draft(t) })
	if err != nil {
		t.draft = nil // not a typed nil
		r.authority(err)
	}
	return r.observed(t, err)
}

// draft makes the draft of a content.
func (r *run) draft(t *task) (err error) {
	if r.signer == nil {
		return &sign.Error{Op: "batch: prepare", Place: t.content.Name, Class: sign.ErrInput, Hint: "the signer is nil; make one with sign.Open or sign.New"}
	}
	if draft, ok := t.content.Source().Draft(); ok {
		return r.fits(t, draft)
	}
	format := r.format
	if t.content.Format != nil {
		format = t.content.Format
	}
	if format == nil {
		return &sign.Error{Op: "batch: prepare", Place: t.content.Name, Class: sign.ErrInput, Hint: "the format is nil; give one, such as &cades.Options{}"}
	}
	if t.draft, err = format.Prepare(r.ctx, r.signer, t.content); err == nil && t.draft == nil {
		err = &sign.Error{Op: "batch: prepare", Place: t.content.Name, Class: sign.ErrInput, Hint: fmt.Sprintf("the format (%T) gave neither a draft nor an error", format)}
	}
	return err
}

// fits uses a draft that was made before. One that was made for another signer would become a container whose signature
// does not verify.
func (r *run) fits(t *task, draft sign.Draft) error {
	fitting, ok := draft.(formats.FittingDraft)
	if !ok {
		t.draft = checkedDraft{draft}
		return nil
	}
	if err := fitting.Fits(r.signer); err != nil {
		return err
	}
	t.draft = draft
	return nil
}

// checkedDraft hides that a draft trusts signatures, so that Finish checks them.
type checkedDraft struct{ sign.Draft }

// given is the draft as others know it.
func given(d sign.Draft) sign.Draft {
	if c, ok := d.(checkedDraft); ok {
		return c.Draft
	}
	return d
}

// sign is the key step of one content.
func (r *run) sign(t *task) error {
	r.begin(StepKey, t)
	err := r.withKey(func() error {
		return guard(func() (err error) {
			t.signature, err = r.signer.Sign(r.ctx, t.draft.ToBeSigned())
			return err
		})
	})
	return r.observed(t, err)
}

// withKey calls f when the key has room.
func (r *run) withKey(f func() error) error {
	if err := r.key.enter(r.ctx); err != nil {
		return err
	}
	defer r.key.leave()
	return r.inKey(f)
}

// inKey calls f. Until the signer has signed once, one content at a time gets to it, so that a password that is wrong is
// tried once.
func (r *run) inKey(f func() error) error {
	if !r.opened.Load() {
		select {
		case r.first <- struct{}{}:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		if r.opened.Load() {
			<-r.first // another has been through while this one waited
		} else {
			defer func() { <-r.first }()
		}
	}
	if err := r.keyErr(); err != nil {
		return stopped(err)
	}
	err := f()
	switch {
	case err == nil:
		r.opened.Store(true)
	case sign.IsKeyError(err):
		r.stop(err)
	}
	return err
}

// stop keeps the error that ends the batch.
func (r *run) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
}

// authority ends the batch when an authority failed and the options say so.
func (r *run) authority(err error) {
	if r.o.StopOnAuthority && err != nil && errors.Is(err, sign.ErrAuthority) {
		r.stop(err)
	}
}

// keyErr returns the error of the key, or of an authority, that stopped the batch.
func (r *run) keyErr() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// now is the time when somebody wants to know how long things take.
func (r *run) now() time.Time {
	if r.o.Observer == nil {
		return time.Time{}
	}
	return time.Now()
}

// observe tells the observer of a step that ended, t being its first content. The error is that it panicked.
func (r *run) observe(step Step, t *task, count int, start time.Time, err error) error {
	if r.o.Observer == nil {
		return nil
	}
	return guard(func() error {
		r.o.Observer.Observe(r.caller, Observation{step, t.index, t.content.Name, count, start, time.Since(start), err})
		return nil
	})
}

// begin begins a step of one content.
func (r *run) begin(step Step, t *task) {
	t.step.Step, t.step.start, t.step.under = step, r.now(), true
}

// observed is observe for the step that was begun, whose error it returns.
func (r *run) observed(t *task, err error) error {
	t.step.under = false
	if failed := r.observe(t.step.Step, t, 1, t.step.start, err); failed != nil && err == nil {
		return failed
	}
	return err
}
