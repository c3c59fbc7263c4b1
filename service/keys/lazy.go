package keys

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lazy is a value that is made when it is first asked for, once for all who wait for it.
type lazy[T any] struct {
	mu   sync.Mutex
	last *attempt[T]
}

// attempt is one call that makes the value. Its fields are set before done is closed by Set.background.
type attempt[T any] struct {
	done  chan struct{}
	value T
	err   error
	final bool      // never tried again
	until time.Time // not tried again before
}

// over reports whether the attempt has ended.
func (a *attempt[T]) over() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// peek returns the last attempt if it has ended, else nil.
func (l *lazy[T]) peek() *attempt[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil || !l.last.over() {
		return nil
	}
	return l.last
}

// end returns the last attempt when it has ended, nil when there was none.
func (l *lazy[T]) end() *attempt[T] {
	l.mu.Lock()
	a := l.last
	l.mu.Unlock()
	if a != nil {
		<-a.done
	}
	return a
}

// untouched reports whether nobody asked yet.
func (l *lazy[T]) untouched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last == nil
}

// get returns the value, or what the last attempt failed with while that is remembered, or waits for a new attempt, which
// begin starts. Begin returns at once; what it has begun fills the attempt and ends it, even when ctx has ended long before.
func (l *lazy[T]) get(ctx context.Context, now func() time.Time, begin func(a *attempt[T])) (T, error) {
	l.mu.Lock()
	a := l.last
	if a == nil || a.over() && a.err != nil && !a.final && !now().Before(a.until) {
		a = &attempt[T]{done: make(chan struct{})}
		l.last = a
		begin(a)
	}
	l.mu.Unlock()
	if !a.over() {
		select {
		case <-a.done:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
	}
	return a.value, a.err
}

// run fills an attempt. A panic is an error of this attempt: it would end the whole service, since nobody
// above in this goroutine could catch it.
func (a *attempt[T]) run(make func() (T, error), failed func(error) (until time.Time, final bool)) {
	defer func() {
		if p := recover(); p != nil {
			a.err = fmt.Errorf("panic: %v", p)
		}
		if a.err != nil {
			a.until, a.final = failed(a.err)
		}
	}()
	a.value, a.err = make()
}
