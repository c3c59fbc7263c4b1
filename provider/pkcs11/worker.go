package pkcs11

import (
	"context"
	"errors"
	"time"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// worker owns one session. It makes its calls on a goroutine of its own, so that a call that hangs holds a worker and
// not its caller; but for a caller whose context cannot end, on the caller's: that saves two switches between goroutines,
// which wake up idle processors and cost as much as a quarter of an ECDSA signature in software (docs/benchmarks.md).
type worker struct {
	p     *Provider
	s     *p11.Session // nil until it is needed
	epoch uint64       // in which the session was known to be good
	now   uint64       // epoch in which the current call was taken up
	work  chan *call
	own   *call // for calls on the goroutine of the caller

	// Guarded by pool.mu.
	started bool  // there is a goroutine
	current *call // that it makes
	inline  bool  // on the goroutine of the caller
	ghost   bool  // it was written off, and ends when its call comes back
}

// hand gives a call to the worker's goroutine. Called with mu held, by who has claimed the worker.
func (w *worker) hand(c *call) {
	switch {
	case w.ghost: // the call has been moved
	case !w.started:
		w.started = true
		go w.run(c)
	default:
		w.work <- c // has room for one
	}
}

// claimFor claims a worker for a call on the goroutine of the caller, if its context cannot end and a worker is free. If
// not, the call is for the queue.
func (p *Provider) claimFor(ctx context.Context) *worker {
	if ctx.Done() != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != up || p.head != nil {
		return nil
	}
	w := p.claim()
	if w == nil {
		return nil
	}
	if w.own == nil {
		w.own = &call{done: make(chan struct{}, 1)}
	}
	w.current, w.inline = w.own, true
	return w
}

// inlined makes the call of a worker that was claimed for it, w.own. It returns the signature, or the call if that has to
// be waited for: it has failed, or is in the queue again.
func (w *worker) inlined() (signature []byte, again *call) {
	p, c := w.p, w.own
	w.call(c)
	if c.err != nil {
		w.own = nil
		if next := w.failed(c); next != nil {
			p.mu.Lock()
			w.hand(next)
			p.mu.Unlock()
		}
		return nil, c
	}
	signature = c.signature                      // before somebody else claims the worker
	c.signature, c.result, c.Out = nil, nil, nil // the rest is written anew
	if cap(c.buffer) > maxKept {
		c.buffer, c.Data = nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.ghost {
		go w.discard(nil)
		return signature, nil
	}
	p.wentWell(w.epoch, true)
	if next := w.next(); next != nil {
		w.hand(next)
	}
	return signature, nil
}

// run makes calls until the provider is closed or the worker is not needed.
func (w *worker) run(c *call) {
	for c != nil {
		w.call(c)
		if c = w.take(c); c == nil {
			c = <-w.work // closed: nil
		}
	}
}

// call makes one call with the worker's session, and leaves in c.err what went wrong.
func (w *worker) call(c *call) {
	if c.err = w.ready(c.op); c.err != nil {
		return
	}
	if c.do != nil {
		c.err = c.do(w.s, w.epoch)
	} else {
		c.err = w.sign(c)
	}
	if c.err != nil {
		c.err = w.p.findOut(w.s, c.err)
	}
}

// take ends a call, and takes the next one if there is one. Nil means to wait for w.work.
func (w *worker) take(c *call) *call {
	p := w.p
	if c.err != nil {
		return w.failed(c)
	}
	p.mu.Lock()
	if w.ghost {
		return w.vanish(c)
	}
	p.wentWell(w.epoch, c.do == nil)
	p.finish(c)
	next := w.next()
	p.mu.Unlock()
	return next
}

// wentWell notes that a call did, with a session of an epoch. Called with mu held.
func (p *pool) wentWell(epoch uint64, signature bool) {
	if epoch == p.epoch {
		p.proved, p.signed = true, p.signed || signature
	}
}

// next takes a call from the queue, or goes idle, or leaves. Called with mu held.
func (w *worker) next() *call {
	p := w.p
	w.current, w.inline = nil, false
	switch {
	case p.state == shut:
		p.busy--
		go w.leave()
		return nil
	case p.state == up && p.head != nil:
		c := p.head
		p.remove(c)
		w.now, w.current = p.epoch, c
		return c
	}
	p.busy--
	p.idle = append(p.idle, w)
	if p.state != up { // a recovery waits for it
		p.drained.Broadcast()
	}
	return nil
}

// vanish ends a worker that was written off. Called with mu held, which it gives up.
func (w *worker) vanish(c *call) *call {
	p := w.p
	switch {
	case c.moved != nil: // somebody else makes it
	case w.inline && c.err != nil && c.repeats < maxRepeats && (p.state == up || p.state == recovering):
		c.repeats++
		c.err = nil
		p.push(c, true)
		p.kick()
	default:
		p.finish(c) // its caller has waited for it on its own goroutine, or has gone
	}
	p.mu.Unlock()
	w.discard(nil)
	return nil
}

// leave closes the session and ends the worker.
func (w *worker) leave() {
	w.discard(nil)
	p := w.p
	p.mu.Lock()
	p.workers--
	delete(p.team, w)
	last := p.late && p.workers == 0
	p.late = p.late && !last
	p.drained.Broadcast()
	p.mu.Unlock()
	close(w.work)
	if last {
		_ = p.module.Close()
	}
}

// discard drops the session after an error. A number that the module does not know any more may be another session's, so
// it is not closed.
func (w *worker) discard(err error) {
	if w.s == nil {
		return
	}
	code, _ := errors.AsType[p11.RV](err)
	switch code {
	case p11.SessionHandleInvalid, p11.SessionClosed, p11.NotInitialized:
		w.s.Forget()
	default:
		drop(w.s)
	}
	w.s = nil
}

// closePatience is how long those who are done with a session wait until the module has closed it.
const closePatience = time.Second

// drop closes a session if there is one. If the module does not, it is not tried again. One that does not come back from that is left
// behind, since callers and a recovery may wait.
func drop(s *p11.Session) {
	if s == nil {
		return
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if s.Close() != nil {
			s.Forget()
		}
	}()
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-closed:
	case <-patience.C:
	}
}

// ready makes sure that the worker has a session. After a recovery an old one is asked whether it still is one.
func (w *worker) ready(op string) error {
	p := w.p
	if w.s != nil && w.epoch != w.now {
		if _, err := w.s.Info(); err != nil {
			w.discard(err)
		}
	}
	if w.s == nil {
		p.mu.Lock()
		w.s, p.spare = p.spare, nil
		slot := p.slot
		p.mu.Unlock()
		if w.s == nil {
			p.trading.RLock()
			s, err := p.openSession(slot)
			p.trading.RUnlock()
			if err != nil {
				return err
			}
			w.s = s
			if _, err := p.checkToken(op, slot); err != nil {
				return err
			}
			if err := p.stillIn(s); err != nil {
				return err
			}
		}
	}
	w.epoch = w.now
	return nil
}

// failed decides what becomes of a call that went wrong: it is over, or goes back to the head of the queue. It returns
// the next call like take.
func (w *worker) failed(c *call) *call {
	p := w.p
	err := c.err
	full := false
	if code, ok := errors.AsType[p11.RV](err); ok {
		full = code == p11.SessionCount && w.s == nil
	}
	what := lossOf(err)
	if what == unclear { // nothing is gone, or findOut would have said so
		what = notLost
	}
	var notFound bool
	if c.key != nil && errors.Is(err, sign.ErrKeyNotFound) {
		// Some modules show no objects of a token that was changed under them until they are initialised again.
		notFound, what = true, lost
	}
	switch {
	case what != notLost && !full:
		w.discard(err)
	case c.Stage > p11.SignInit && c.do == nil:
		w.renew() // an operation may have stayed active
	}
	p.mu.Lock()
	if w.ghost {
		return w.vanish(c)
	}
	defer p.mu.Unlock()
	if full {
		return w.crowded(c)
	}
	if what == notLost || c.repeats >= maxRepeats || p.state == shut {
		if p.state == shut {
			c.err = p.errClosed(c.op)
		}
		p.finish(c)
		return w.next()
	}
	c.repeats++
	if what != dirty && p.state == up && w.now == p.epoch {
		if what == maybe && c.key != nil && !c.key.mayAsk() {
			p.finish(c) // it is the key, and no recovery has helped
			return w.next()
		}
		p.begin(notFound || !p.proved || c.key != nil && !p.signed, p.config.Recover, err)
	}
	if c.impatient && what != dirty {
		c.err = p.errBusyRecovering(c.op)
		p.finish(c)
		return w.next()
	}
	c.err = nil
	if !c.left {
		switch {
		case p.refusedErr != nil:
			c.err = p.refusedErr
			p.finish(c)
		case p.state == down:
			c.err = p.downErr
			p.finish(c)
		default:
			p.push(c, true)
		}
	}
	return w.next()
}

// crowded handles a token that has no more sessions: the worker leaves, and the call waits for those there are. When
// there is none, somebody else has them all, which is waited for as for a lost token. Called with mu held.
func (w *worker) crowded(c *call) *call {
	p, err := w.p, c.err
	c.err = nil
	if !c.left {
		p.push(c, true)
	}
	if p.workers > 1 {
		p.shrunkTo, p.shrunkUntil = p.workers-1, time.Now().Add(shrunk)
	} else if p.state == up {
		p.begin(false, p.config.Recover, err)
	}
	p.busy--
	p.workers--
	delete(p.team, w)
	p.drained.Broadcast()
	close(w.work)
	p.kick()
	return nil
}

// renew ends what is active in the session. Where the module cannot, it takes a new session before it closes the old one, since
// closing the last one would log out. Should a module only say that it can, the next C_SignInit finds out, and the session goes.
func (w *worker) renew() {
	if w.s == nil || w.s.Cancel() == nil {
		return
	}
	s, err := w.p.openSession(w.p.slotNow())
	w.discard(nil)
	if err == nil {
		w.s = s
	}
}
