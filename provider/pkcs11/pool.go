package pkcs11

import (
	"sync"
	"time"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
)

const (
	// maxRepeats is how often one call is repeated: after new sessions, and after the module was initialised again.
	maxRepeats = 2
	// shrunk is how long the pool stays small after the token had no more sessions to give.
	shrunk = 5 * time.Second
	// askAgain is between two recoveries that one key asks for, when they have not helped.
	askAgain = 30 * time.Second
)

// state of a provider.
type state int

const (
	shut       state = iota // closed, or not open yet
	up                      // calls go to the token
	recovering              // calls wait
	down                    // the token did not come back; calls fail
)

// pool hands calls to workers. There is no goroutine for a session that was never needed.
type pool struct {
	// What each call needs comes first, since it is cold when a module has done its work: two cache lines.
	mu    sync.Mutex
	state state
	busy  int       // workers that are not idle
	idle  []*worker // the last one was used last
	// Calls that wait, in order of arrival.
	head, tail *call
	epoch      uint64 // counts recoveries
	proved     bool   // a call went well since the last recovery
	signed     bool   // a signature did: some modules answer all else when the device is gone
	recovery   bool   // a goroutine is recovering
	late       bool   // the last worker gives the module back

	drained sync.Cond // busy or workers went down
	limit   int       // workers at most
	workers int
	team    map[*worker]struct{} // all workers

	shrunkTo    int // workers at most until shrunkUntil, when the token had no more sessions
	shrunkUntil time.Time

	slot       uint   // may change when the module is initialised again
	generation uint64 // of the module, when it was opened last
	spare      *p11.Session
	downErr    error
	refusedErr error // a PIN was refused: nothing is tried any more
	lastTry    time.Time

	calls   sync.Pool
	trading sync.RWMutex // held by a trade, and to read by workers that open sessions
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
		c.err = p.errClosed(c.op)
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
	defer p.wakeAfter(patience).Stop()
	p.mu.Lock()
	for p.workers > 0 || p.recovery {
		if !time.Now().Before(end) {
			p.late = p.workers > 0
			p.mu.Unlock()
			return false
		}
		p.drained.Wait()
	}
	s := p.spare
	p.spare = nil
	p.mu.Unlock()
	drop(s)
	return true
}

// wakeAfter has those who wait for drained look at the time.
func (p *Provider) wakeAfter(d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drained.Broadcast()
	})
}
