package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	// maxRepeats is how often one call is repeated: after new sessions, and after the module was initialised again.
	maxRepeats = 2
	// shrunk is how long the pool stays small after the token had no more sessions to give.
	shrunk = 5 * time.Second
)

// state of a provider.
type state int

const (
	shut       state = iota // closed, or not open yet
	up                      // calls go to the token
	recovering              // calls wait
	down                    // the token did not come back; calls fail
)

// call is one piece of work for a session: a signature, or do.
type call struct {
	do  func(s *p11.Session, epoch uint64) error
	key *key
	p11.SignCall
	buffer    []byte // behind SignCall.Data
	raw       []byte // behind SignCall.Out, when that is not the signature itself
	result    []byte // what the module wrote
	signature []byte

	impatient bool // to be answered at once when the token is lost, since another token can do it
	repeats   int
	err       error
	done      chan struct{} // takes one value when the call is over

	// Guarded by pool.mu.
	queued, left bool // is in the queue; the caller has gone
	prev, next   *call
	moved        *call // what the caller waits for instead, after the worker was written off
}

// again makes a call the same as another one, which may still be written to.
func (c *call) again(other *call) {
	c.Mechanism, c.Hash, c.MGF, c.Salt, c.Authenticate = other.Mechanism, other.Hash, other.MGF, other.Salt, other.Authenticate
	c.buffer = bytes.Clone(other.buffer)
	c.Data = c.buffer
	c.Out = make([]byte, len(other.Out))
}

// worker owns one session. It makes its calls on a goroutine of its own, so that a call that hangs holds a worker and
// not its caller; but for a caller whose context cannot end, on the caller's: that saves two switches between goroutines,
// which cost as much as a tenth of an ECDSA signature in software, and more on idle processors, which they wake up.
type worker struct {
	p     *Provider
	s     *p11.Session // nil until it is needed
	epoch uint64       // in which the session was known to be good
	now   uint64       // epoch in which the current call was taken up
	work  chan *call

	// Guarded by pool.mu.
	started bool  // there is a goroutine
	current *call // that it makes
	inline  bool  // on the goroutine of the caller
	ghost   bool  // it was written off, and ends when its call comes back
}

// pool hands calls to workers. There is no goroutine for a session that was never needed.
type pool struct {
	mu      sync.Mutex
	drained sync.Cond // busy or workers went down
	state   state
	limit   int // workers at most
	workers int
	team    map[*worker]struct{} // all workers
	busy    int                  // workers that are not idle
	idle    []*worker            // the last one was used last
	// Calls that wait, in order of arrival.
	head, tail *call

	shrunkTo    int // workers at most until shrunkUntil, when the token had no more sessions
	shrunkUntil time.Time

	slot       uint   // may change when the module is initialised again
	epoch      uint64 // counts recoveries
	generation uint64 // of the module, when it was opened last
	spare      *p11.Session
	recovery   bool // a goroutine is recovering
	proved     bool // a call went well since the last recovery
	downErr    error
	refusedErr error // a PIN was refused: nothing is tried any more
	lastTry    time.Time
	late       bool // the last worker gives the module back

	calls sync.Pool
}

// take returns a call that is ready to be filled.
func (p *pool) take() *call {
	if c, ok := p.calls.Get().(*call); ok {
		return c
	}
	return &call{done: make(chan struct{}, 1)}
}

// give takes back a call that is over.
func (p *pool) give(c *call) {
	c.do, c.key, c.result, c.signature, c.err, c.repeats, c.impatient = nil, nil, nil, nil, nil, 0, false
	c.SignCall = p11.SignCall{}
	p.calls.Put(c)
}

// do runs f with a session, again when the token was lost meanwhile.
func (p *Provider) do(ctx context.Context, op string, f func(s *p11.Session, epoch uint64) error) error {
	return p.doAtMost(ctx, op, 1+maxRepeats, f)
}

// doAtMost runs f with a session; once for what must not happen twice.
func (p *Provider) doAtMost(ctx context.Context, op string, times int, f func(s *p11.Session, epoch uint64) error) error {
	c := p.take()
	c.do, c.repeats = f, 1+maxRepeats-times
	c, err := p.submit(ctx, op, c)
	if c == nil {
		return err
	}
	if err = c.err; err != nil {
		err = wrap(op, p.place, err)
	}
	p.give(c)
	return err
}

// submit hands a call to a worker and waits until it is over or ctx ends. It returns the call that is over, which may be
// another one with the same content, or nil and why nobody waits for it.
func (p *Provider) submit(ctx context.Context, op string, c *call) (_ *call, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	switch {
	case p.state == shut:
		err = p.errClosed(op)
	case p.refusedErr != nil:
		err = p.refusedErr
	case p.state == down && (c.impatient || !p.tryAgain()):
		err = p.downErr
	case p.state == recovering && c.impatient:
		err = p.errBusyRecovering()
	}
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	end := ctx.Done()
	if end == nil && p.state == up && p.head == nil {
		if w := p.claim(); w != nil {
			w.current, w.inline = c, true
			p.mu.Unlock()
			w.call(c)
			if next := w.take(c); next != nil {
				p.mu.Lock()
				w.hand(next)
				p.mu.Unlock()
			}
			return p.wait(ctx, c) // at once, unless the call has to be repeated
		}
	}
	p.push(c, false)
	p.kick()
	p.mu.Unlock()
	return p.wait(ctx, c)
}

// wait waits until a call is over or ctx ends.
func (p *Provider) wait(ctx context.Context, c *call) (*call, error) {
	end := ctx.Done()
	for {
		if end == nil {
			<-c.done
		} else {
			select {
			case <-c.done:
			case <-end:
				return p.abandon(ctx, c)
			}
		}
		if c.moved == nil {
			return c, nil
		}
		c = c.moved
	}
}

// abandon leaves a call, unless it was over at the same moment.
func (p *Provider) abandon(ctx context.Context, c *call) (*call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c.moved != nil {
		c = c.moved
	}
	select {
	case <-c.done:
		return c, nil
	default:
	}
	if c.queued {
		p.remove(c)
	}
	c.left = true
	return nil, ctx.Err()
}

func (p *pool) push(c *call, front bool) {
	c.queued = true
	switch {
	case p.head == nil:
		p.head, p.tail = c, c
	case front:
		c.next, p.head.prev, p.head = p.head, c, c
	default:
		c.prev, p.tail.next, p.tail = p.tail, c, c
	}
}

func (p *pool) remove(c *call) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		p.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		p.tail = c.prev
	}
	c.prev, c.next, c.queued = nil, nil, false
}

// finish tells the caller that its call is over. Called with mu held.
func (p *pool) finish(c *call) {
	if !c.left {
		c.done <- struct{}{}
	}
}

// room is how many workers there may be now.
func (p *pool) room() int {
	if p.shrunkTo > 0 {
		if time.Now().Before(p.shrunkUntil) {
			return p.shrunkTo
		}
		p.shrunkTo = 0
	}
	return p.limit
}

// kick gives calls that wait to workers that are idle, then to new ones. Called with mu held.
func (p *Provider) kick() {
	for p.state == up && p.head != nil {
		w := p.claim()
		if w == nil {
			return
		}
		c := p.head
		p.remove(c)
		w.current = c
		w.hand(c)
	}
}

// claim takes the worker that was used last, or makes one if there is room. Called with mu held.
func (p *Provider) claim() *worker {
	n := len(p.idle)
	if n == 0 && p.workers >= p.room() {
		return nil
	}
	p.busy++
	if n == 0 {
		p.workers++
		w := &worker{p: p, now: p.epoch, work: make(chan *call, 1)}
		if p.team == nil {
			p.team = map[*worker]struct{}{}
		}
		p.team[w] = struct{}{}
		return w
	}
	w := p.idle[n-1]
	p.idle = p.idle[:n-1]
	w.now = p.epoch
	return w
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
	if c.err = w.ready(); c.err != nil {
		return
	}
	if c.do != nil {
		c.err = c.do(w.s, w.epoch)
		return
	}
	c.err = w.sign(c)
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
	p.proved = p.proved || w.epoch == p.epoch
	p.finish(c)
	next := w.next()
	p.mu.Unlock()
	return next
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
	p.drained.Broadcast()
	return nil
}

// vanish ends a worker that was written off. Called with mu held, which it gives up.
func (w *worker) vanish(c *call) *call {
	if c.moved == nil {
		w.p.finish(c) // its caller has waited for it on its own goroutine, or has gone
	}
	w.p.mu.Unlock()
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
	code, _ := errors.AsType[Code](err)
	switch code {
	case p11.SessionHandleInvalid, p11.SessionClosed, p11.NotInitialized:
		w.s.Forget()
	default:
		if w.s.Close() != nil {
			w.s.Forget()
		}
	}
	w.s = nil
}

// ready makes sure that the worker has a session. After a recovery an old one is asked whether it still is one.
func (w *worker) ready() error {
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
			s, err := p.openSession(slot)
			if err != nil {
				return err
			}
			w.s = s
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
	if code, ok := errors.AsType[Code](err); ok {
		full = code == p11.SessionCount && w.s == nil
	}
	what := lossOf(err)
	var notFound bool
	if c.key != nil && errors.Is(err, sign.ErrKeyNotFound) {
		// Some modules show no objects of a token that was changed under them until they are initialised again.
		notFound, what = true, lost
	}
	if what == maybe && c.key != nil && c.key.suspicion.Add(1) > maxRepeats {
		what = dirty // it is the key, and no recovery has helped
		c.repeats = maxRepeats
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
			c.err = p.errClosed("pkcs11")
		}
		p.finish(c)
		return w.next()
	}
	c.repeats++
	if what != dirty && p.state == up && w.now == p.epoch {
		p.begin(notFound || !p.proved, p.config.Recover)
	}
	if c.impatient && what != dirty {
		c.err = p.errBusyRecovering()
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
	p := w.p
	c.err = nil
	if !c.left {
		p.push(c, true)
	}
	if p.workers > 1 {
		p.shrunkTo, p.shrunkUntil = p.workers-1, time.Now().Add(shrunk)
	} else if p.state == up {
		p.begin(false, p.config.Recover)
	}
	p.busy--
	p.workers--
	delete(p.team, w)
	p.drained.Broadcast()
	close(w.work)
	p.kick()
	return nil
}

// renew takes a new session before it closes the old one, since closing the last one would log out.
func (w *worker) renew() {
	if w.s == nil {
		return
	}
	s, err := w.p.openSession(w.p.slotNow())
	w.discard(nil)
	if err == nil {
		w.s = s
	}
}

// shut closes the pool. It returns false when it was closed before.
func (p *Provider) shut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == shut {
		return false
	}
	p.state = shut
	for p.head != nil {
		c := p.head
		p.remove(c)
		c.err = p.errClosed("pkcs11")
		p.finish(c)
	}
	for _, w := range p.idle {
		go w.leave()
	}
	p.idle = nil
	return true
}

// emptied waits until all workers have left and no recovery runs. If they do not in time, the last one gives the module
// back.
func (p *Provider) emptied(patience time.Duration) bool {
	end := time.Now().Add(patience)
	wake := time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drained.Broadcast()
	})
	defer wake.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.workers > 0 || p.recovery {
		if !time.Now().Before(end) {
			p.late = p.workers > 0
			return false
		}
		p.drained.Wait()
	}
	if p.spare != nil {
		_ = p.spare.Close()
		p.spare = nil
	}
	return true
}
