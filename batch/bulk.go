package batch

import (
	"errors"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// inGroups takes contents through a key that signs many at once: workers prepare them, a collector fills groups across
// contents, a goroutine for each group goes to the key, and the workers finish them.
func (r *run) inGroups() {
	if r.o.KeyLimit > 0 {
		r.key = make(semaphore, r.o.KeyLimit)
	} else {
		r.key = make(semaphore, r.workers)
	}
	prepared := make(chan *task, r.bulk)
	signed := make(chan *task)

	var preparing, finishing sync.WaitGroup
	for range r.workers {
		preparing.Add(1)
		done := sync.OnceFunc(preparing.Done)
		r.lasting(&finishing, func(at **task) { r.worker(at, prepared, signed, done) })
	}
	go func() {
		preparing.Wait()
		close(prepared)
	}()
	r.collect(prepared, signed)
	close(signed)
	finishing.Wait()
}

// worker is one worker: it finishes what is signed and prepares what is not, until there is neither.
func (r *run) worker(at **task, prepared chan<- *task, signed <-chan *task, done func()) {
	work := r.window.queue
	for {
		select {
		case t, ok := <-signed:
			if !ok {
				return
			}
			*at = t
			r.finish(t)
			*at = nil
		case t, ok := <-work:
			if !ok {
				work = nil // closed: nothing more to prepare
				done()
				continue
			}
			*at = t
			t.err = r.prepare(t)
			*at = nil
			if t.err != nil {
				r.window.end(t)
				continue
			}
			r.hand(at, t, prepared, signed)
		}
	}
}

// hand gives a prepared content to the collector, and finishes others while the collector is busy: otherwise all workers
// could wait for it while it waits for a group that waits for them. When finishing another ends the goroutine, t is handed on all the same.
func (r *run) hand(at **task, t *task, prepared chan<- *task, signed <-chan *task) {
	handed := false
	defer func() {
		if !handed {
			other := *at
			*at = nil
			defer r.hand(at, t, prepared, signed)
			r.exited(other)
		}
	}()
	for {
		select {
		case prepared <- t:
			handed = true
			return
		case other := <-signed: // not closed as long as there is something to hand
			*at = other
			r.finish(other)
			*at = nil
		}
	}
}

// collect fills groups and sends each to the key: when it is full, when it has waited for long enough, or when nothing
// more will come; but not before the key has room, and a group that is not full grows until then.
func (r *run) collect(prepared <-chan *task, signed chan<- *task) {
	var groups sync.WaitGroup
	defer groups.Wait()
	timer := time.NewTimer(r.o.BulkWait)
	defer timer.Stop()
	timer.Stop()

	var group []*task
	ready := false // to be sent as it is
	for prepared != nil || len(group) != 0 {
		in, room := prepared, r.key
		if len(group) == r.bulk {
			in = nil
		} else if !ready && prepared != nil {
			room = nil
		}
		if len(group) == 0 {
			room = nil
		}
		select {
		case t, ok := <-in:
			if !ok {
				prepared = nil
				continue
			}
			if len(group) == 0 {
				timer.Reset(r.o.BulkWait)
			}
			group = append(group, t)
		case <-timer.C:
			ready = true
		case room <- struct{}{}:
			full := group
			group, ready = nil, false
			timer.Stop()
			groups.Go(func() { r.signGroup(full, signed) })
		}
	}
}

// signGroup is the key step of a group, for which the key has room, and hands on what becomes of it.
func (r *run) signGroup(group []*task, signed chan<- *task) {
	var err, observed error
	start, returned := r.now(), false
	over := &err // what it is the error of when the goroutine is ended
	defer func() {
		for i, t := range group {
			if i == 0 && t.err == nil && err == nil {
				t.err = observed
			}
			if t.signature == nil && t.err == nil {
				t.err = err // the key was not asked
			}
			if t.err != nil {
				r.window.end(t)
				continue
			}
			signed <- t
		}
	}()
	defer func() {
		if returned {
			return
		}
		if *over = goexit(); over == &err {
			r.observe(StepKey, group[0], len(group), start, err)
		}
	}()
	err = r.askGroup(group)
	over = &observed
	observed = r.observe(StepKey, group[0], len(group), start, err)
	returned = true
}

// askGroup lets the key sign a group. Its error is that of the key, or one of a content.
func (r *run) askGroup(group []*task) error {
	defer r.key.leave()
	return r.inKey(func() (failed error) {
		defer sign.Recover(&failed)
		messages := make([][]byte, len(group))
		for i, t := range group {
			messages[i] = t.draft.ToBeSigned()
		}
		for i, outcome := range r.signer.SignBulk(r.ctx, messages) {
			if outcome.Err == nil && len(outcome.Signature) == 0 {
				outcome.Err = &sign.Error{Op: "batch: key", Err: errors.New("the key gave neither a signature nor an error"), Hint: "its code has a fault"}
			}
			group[i].signature, group[i].err = outcome.Signature, outcome.Err
			switch {
			case outcome.Err == nil:
				r.opened.Store(true)
			case failed == nil || sign.IsKeyError(outcome.Err):
				failed = outcome.Err
			}
		}
		return failed
	})
}
