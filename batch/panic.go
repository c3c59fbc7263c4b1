package batch

import (
	"runtime/debug"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// PanicError is what becomes of a panic in a key, a format, a content, an Output, an Observer or Progress: the error of the content
// that met it. A batch runs in goroutines of its own, where a panic would end the process, and with it the work of everybody else.
// runtime.Goexit, which would end one of these goroutines, becomes one too (sign.ErrGoexit); but not in Progress and in the loop over
// the results of Stream, which run in the goroutine of the caller: that ends, and the batch with it.
type PanicError = sign.PanicError

// guard calls f, which is somebody else's code.
func guard(f func() error) (err error) {
	defer sign.Recover(&err)
	return f()
}

// lasting runs f in a goroutine. f keeps in *at what it works on. When code of others ends the goroutine (runtime.Goexit), that is the
// error of what it was at, and f goes on in another one.
func (r *run) lasting(wg *sync.WaitGroup, f func(at **task)) {
	wg.Go(func() {
		var at *task
		returned := false
		defer func() {
			if returned {
				return
			}
			r.lasting(wg, f)
			if at != nil {
				r.exited(at)
			}
		}()
		f(&at)
		returned = true
	})
}

// exited ends a task whose goroutine was ended. It is called while that happens.
func (r *run) exited(t *task) {
	defer r.window.end(t) // even when the observer ends the goroutine once more
	if t.err = goexit(); r.o.Output != nil {
		t.result = nil // it was not written; else Options.KeepLower may want it
	}
	if t.step.under {
		t.step.under = false
		_ = r.observe(t.step.Step, t, 1, t.step.start, t.err)
	}
}

// goexit is the error of code that ended its goroutine. It is made while that happens, when the stack still tells where.
func goexit() error { return &PanicError{Value: sign.ErrGoexit, Stack: debug.Stack()} }
