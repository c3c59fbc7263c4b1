package pkcs11

import (
	"errors"
	"time"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	firstDelay = 10 * time.Millisecond // between two attempts to open a lost token; doubled each time
	lastDelay  = 2 * time.Second
	// settle is how long a recovery waits for calls that run: they hold sessions whose numbers may be given out again.
	settle = time.Second
	// pause is between two attempts when the token did not come back and calls ask for it.
	pause = time.Second
	// hungTime is how long calls wait for an attempt that hangs when there is no time to wait for more.
	hungTime = 5 * time.Second
	// freshTime is how long after it was initialised a module is believed what it says of the token: nobody changes cards as fast.
	freshTime = 250 * time.Millisecond
	// forceAfter is how long a recovery waits for a call that does not return before it initialises the module all the same.
	forceAfter = 3 * time.Second
)

// begin makes calls wait and starts to recover. why is what the call met that noticed the loss. Called with mu held, in state up or down.
func (p *Provider) begin(hard bool, window time.Duration, why error) {
	if p.state == up {
		p.outage = outage{since: time.Now()}
		p.tellLoss(sign.EventTokenLost, why)
	}
	p.state = recovering
	if p.recovery {
		return // an attempt that hung still runs, and ends this one too
	}
	p.recovery = true
	go p.recover(hard, max(window, 0))
}

// tryAgain starts one attempt for calls that come when the token has not come back. Called with mu held.
func (p *Provider) tryAgain() bool {
	if p.recovery || time.Since(p.lastTry) < pause {
		return false
	}
	p.begin(true, 0, nil)
	return true
}

// recover opens the token again. There is one of it at a time.
func (p *Provider) recover(hard bool, window time.Duration) {
	// A module that hangs must not keep callers longer than one that says no.
	hung := time.AfterFunc(max(window, hungTime), func() { p.giveUp(errors.New("the module does not answer")) })
	defer hung.Stop()
	p.settled(settle)
	start := time.Now()
	for delay := firstDelay; ; delay = min(2*delay, lastDelay) {
		s, err := p.reopen(hard, time.Since(start) > forceAfter && !p.config.KeepHung)
		if err == nil {
			p.resume(s)
			return
		}
		hard = true
		if isOther(err) {
			p.mu.Lock()
			p.tellLoss(sign.EventOtherToken, err)
			p.mu.Unlock()
		}
		if isFinal(err) || p.ctx.Err() != nil || time.Since(start)+delay > window {
			p.giveUp(err)
			p.mu.Lock()
			p.recovery = false
			p.drained.Broadcast()
			p.mu.Unlock()
			return
		}
		select {
		case <-time.After(delay):
		case <-p.ctx.Done():
		}
	}
}

// reopen makes one attempt: a new session first, and when that fails or is known not to help, the whole module.
func (p *Provider) reopen(hard, force bool) (*p11.Session, error) {
	generation := p.module.Generation()
	if !hard {
		s, err := p.newSession(p.ctx, p.module.Fresh(freshTime))
		if err == nil || isFinal(err) || p.ctx.Err() != nil {
			return s, err
		}
	}
	p.mu.Lock()
	p.tellLoss(sign.EventTokenRecovering, nil)
	p.mu.Unlock()
	if err := p.module.Reset(generation, force); err != nil {
		return nil, err
	}
	return p.newSession(p.ctx, true)
}

// resume lets calls go on with a new session.
func (p *Provider) resume(s *p11.Session) {
	var old []*p11.Session
	defer func() { // when mu is free again: the module may hang
		for _, s := range old {
			drop(s)
		}
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recovery = false
	p.drained.Broadcast()
	old = append(old, p.spare)
	p.spare = s // closed by Close if it is too late
	if p.state == shut {
		return
	}
	p.epoch++
	if generation := p.module.Generation(); generation != p.generation {
		p.generation = generation
		p.writeOff()
	}
	if n := len(p.idle); n > 0 {
		// The worker that comes next gets it, so that there is not one more session than workers.
		w := p.idle[n-1]
		old = append(old, w.s)
		w.s, w.epoch, p.spare = s, p.epoch, nil
	}
	p.state, p.proved, p.signed, p.downErr = up, false, false, nil
	p.tell(sign.Event{Kind: sign.EventTokenBack, Place: p.place, Took: time.Since(p.outage.since)})
	p.kick()
}

// writeOff gives up workers whose calls were made before the module was initialised again and have not come back, which
// they may never do. Their signatures are made by others. Called with mu held.
func (p *Provider) writeOff() {
	for w := range p.team {
		c := w.current
		if c == nil {
			continue
		}
		w.ghost = true
		delete(p.team, w)
		p.busy--
		p.workers--
		close(w.work)
		if w.inline || c.left {
			continue // on the goroutine of its caller, who has no way to leave; or nobody waits
		}
		// The ghost may still write into the call, so its caller gets another one.
		c.moved = &call{op: c.op, key: c.key, impatient: c.impatient, done: make(chan struct{}, 1)}
		if c.do != nil {
			c.moved.err = p.errBusyRecovering(c.op)
			p.finish(c.moved)
		} else {
			c.moved.again(c)
			p.push(c.moved, true)
		}
		c.done <- struct{}{}
	}
}

// giveUp makes calls that wait fail. The attempt that runs may still end well.
func (p *Provider) giveUp(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != recovering {
		return
	}
	p.state, p.lastTry = down, time.Now()
	if errors.Is(err, sign.ErrPIN) && isFinal(err) {
		p.refusedErr = wrap("pkcs11: log in", p.place, err)
		p.downErr = p.refusedErr
		p.tellLoss(sign.EventPINGivenUp, p.downErr)
	} else {
		p.downErr = p.errGone(err)
		p.tellLoss(sign.EventTokenGone, p.downErr)
	}
	for p.head != nil {
		c := p.head
		p.remove(c)
		c.err = p.downErr
		p.finish(c)
	}
}

// settled waits until no worker makes a call, but not for ever: one may hang.
func (p *Provider) settled(patience time.Duration) {
	end := time.Now().Add(patience)
	defer p.wakeAfter(patience).Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.busy > 0 && time.Now().Before(end) {
		p.drained.Wait()
	}
}

func (p *Provider) errBusyRecovering(op string) error {
	return &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnavailable, Temporary: true,
		Hint: "the token was lost and is being opened again"}
}

func (p *Provider) slotNow() uint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slot
}
