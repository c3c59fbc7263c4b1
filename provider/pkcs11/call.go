package pkcs11

import (
	"bytes"
	"context"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
)

// call is one piece of work for a session: a signature, or do.
type call struct {
	op  string // for errors
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

// take returns a call that is ready to be filled.
func (p *pool) take() *call {
	if c, ok := p.calls.Get().(*call); ok {
		return c
	}
	return &call{done: make(chan struct{}, 1)}
}

// give takes back a call that is over.
func (p *pool) give(c *call) {
	c.reset()
	p.calls.Put(c)
}

// maxKept is how many octets of a buffer a call keeps for the next one: whole messages may be long.
const maxKept = 64 << 10

// reset forgets what the call was, but for its buffers.
func (c *call) reset() {
	if cap(c.buffer) > maxKept {
		c.buffer = nil
	}
	c.op, c.do, c.key, c.result, c.signature, c.err, c.repeats, c.impatient = "", nil, nil, nil, nil, nil, 0, false
	c.SignCall = p11.SignCall{}
}

// do runs f with a session, again when the token was lost meanwhile.
func (p *Provider) do(ctx context.Context, op string, f func(s *p11.Session, epoch uint64) error) error {
	return p.doAtMost(ctx, op, 1+maxRepeats, f)
}

// doAtMost runs f with a session; once for what must not happen twice.
func (p *Provider) doAtMost(ctx context.Context, op string, times int, f func(s *p11.Session, epoch uint64) error) error {
	c := p.take()
	c.op, c.do, c.repeats = op, f, 1+maxRepeats-times
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
		err = p.errBusyRecovering(op)
	}
	if err != nil {
		p.mu.Unlock()
		return nil, err
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
