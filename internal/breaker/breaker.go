// Package breaker keeps requests from an authority that does not answer, so that a batch does not wait for it time and again.
package breaker

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// InARow is how many failures that come at once, with no answer between them, make an authority rest. One request that had to wait
// for its whole time-out is enough, unless another one was answered meanwhile.
const InARow = 3

// Breaker is what is known of one authority. The zero value lets everything through. It is safe for concurrent use.
type Breaker struct {
	// Changed is told when the authority begins to rest and when it has answered again, in order, with the lock held: it must not wait
	// for anything. Nil means nobody is told. Took is how long it has rested, 0 when it begins.
	Changed func(s State, took time.Duration)

	mu       sync.Mutex
	answered uint64    // requests that were
	failures int       // in a row
	until    time.Time // it rests; zero when it does not
	since    time.Time // it rests
	probing  bool      // one request is under way after a rest
	err      error     // the last failure; nil when the last request was answered
}

// Pass is one request that was let through. Each is given back by [Breaker.Done].
type Pass struct {
	answered uint64
	probe    bool
}

// State is for those who look at it from outside.
type State struct {
	Until    time.Time // it is not asked before; zero when it does not rest
	Failures int       // in a row
	Err      error     // the last one
}

// Open reports whether a request would be refused now.
func (b *Breaker) Open(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rests(now)
}

func (b *Breaker) rests(now time.Time) bool {
	return !b.until.IsZero() && (b.probing || now.Before(b.until))
}

// Enter begins a request. It is refused while the authority rests; when that is over, one is let through, and the others when that
// one was answered.
func (b *Breaker) Enter(now time.Time) (Pass, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rests(now) {
		return Pass{}, false
	}
	p := Pass{answered: b.answered}
	if !b.until.IsZero() {
		b.probing, p.probe = true, true
	}
	return p, true
}

// Outcome is how a request ended.
type Outcome int

// Outcomes. The zero value says nothing of the authority: the caller gave up.
const (
	Void     Outcome = iota
	Answered         // whatever the answer was
	Failed           // at once
	TimedOut
)

// Of is the outcome of an error of a request: whether it was the request's own time-out.
func Of(err error) Outcome {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return TimedOut
	}
	return Failed
}

// Rest is how long an authority rests. The request that tries whether it is back holds up its caller for the whole time-out if it is
// not, so that after a time-out it is not made soon: a batch whose results come in order waits a fifth of the time at most.
func Rest(configured, timeout time.Duration, o Outcome) time.Duration {
	if configured > 0 && o == TimedOut {
		return max(configured, 4*timeout)
	}
	return configured
}

// Done ends a request. rest is how long the authority rests when it has failed for good; it does not when that is not positive.
func (b *Breaker) Done(p Pass, o Outcome, err error, rest time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.probe {
		b.probing = false
	}
	switch o {
	case Answered:
		b.answered++
		rested := !b.until.IsZero()
		b.failures, b.until, b.err = 0, time.Time{}, nil
		if rested && b.Changed != nil {
			b.Changed(State{}, now.Sub(b.since))
		}
	case Failed, TimedOut:
		if p.answered != b.answered && !p.probe {
			return // another one was answered after this one had begun
		}
		b.failures++
		b.err = err
		if rest > 0 && (p.probe || o == TimedOut || b.failures >= InARow) {
			begins := b.until.IsZero()
			b.until = now.Add(rest)
			if begins {
				b.since = now
			}
			if begins && b.Changed != nil {
				b.Changed(State{b.until, b.failures, b.err}, 0)
			}
		}
	}
}

// State returns what is known.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return State{b.until, b.failures, b.err}
}
