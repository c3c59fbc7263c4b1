package p11

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// clearTime is how long a sequence that wants the token to itself keeps others out while it waits for those inside.
	clearTime = 2 * time.Second
	// clearTries is how often it does so, with pauses in which others may go on.
	clearTries = 5
	// laneTime is how long calls wait for such a sequence. It may wait for a person at a PIN pad; but when the module hangs
	// in it, others must find out.
	laneTime = time.Minute
)

// lane counts the calls to one token, so that one sequence of calls can have the token to itself: the PIN of
// C_Login(CKU_CONTEXT_SPECIFIC) counts for the very next command to a card, whoever sends it (SP 800-73-4 part 1 table 4b).
// For all other calls it is one counter more.
type lane struct {
	active atomic.Int64
	closed atomic.Bool // by a sequence that is under way or waits

	turn sync.Mutex // held by the sequence

	mu     sync.Mutex
	opened chan struct{} // closed when the lane is opened again; nil when it is open
}

// enter begins a call. It waits while a sequence has the token.
func (l *lane) enter() {
	for !l.tryEnter() {
		if !l.wait(laneTime) {
			l.active.Add(1)
			return
		}
	}
}

// tryEnter begins a call unless a sequence has the token.
func (l *lane) tryEnter() bool {
	l.active.Add(1)
	if !l.closed.Load() {
		return true
	}
	l.active.Add(-1)
	return false
}

// enterAll begins a call that may reach several tokens. While it waits for one, it keeps no sequence from the others.
func enterAll(lanes []*lane) {
	for end := time.Now().Add(laneTime); ; {
		i := slices.IndexFunc(lanes, func(l *lane) bool { return !l.tryEnter() })
		if i < 0 {
			return
		}
		for _, l := range lanes[:i] {
			l.leave()
		}
		if !lanes[i].wait(time.Until(end)) {
			break
		}
	}
	for _, l := range lanes {
		l.active.Add(1)
	}
}

func (l *lane) leave() { l.active.Add(-1) }

// wait waits until the lane is open, and reports whether it is.
func (l *lane) wait(patience time.Duration) bool {
	l.mu.Lock()
	opened := l.opened
	l.mu.Unlock()
	if opened == nil {
		return true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-opened:
		return true
	case <-timer.C:
		return false
	}
}

// shut keeps others out, and reports whether those inside have left in time. If not, it is open again.
func (l *lane) shut(patience time.Duration) bool {
	l.mu.Lock()
	l.opened = make(chan struct{})
	l.closed.Store(true)
	l.mu.Unlock()
	for end := time.Now().Add(patience); l.active.Load() > 0; {
		if time.Now().After(end) {
			l.open()
			return false
		}
		time.Sleep(50 * time.Microsecond) // there is nothing to wait on: the calls are in C
	}
	return true
}

func (l *lane) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed.Store(false)
	if l.opened != nil {
		close(l.opened)
		l.opened = nil
	}
}

// alone gives a sequence the token to itself, unless others do not leave it, or the session of the sequence dies meanwhile.
func (l *lane) alone(dead *atomic.Bool) bool {
	l.turn.Lock()
	for range clearTries {
		if dead.Load() {
			break
		}
		if l.shut(clearTime) {
			return true
		}
		time.Sleep(clearTime / 2) // for those that are kept out
	}
	l.turn.Unlock()
	return false
}

// done ends the sequence.
func (l *lane) done() {
	l.open()
	l.turn.Unlock()
}

// lanes are those of the slots of a module.
type lanes struct {
	mu     sync.Mutex
	bySlot map[uint]*lane
}

func (l *lanes) of(slot uint) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.bySlot[slot]
	if one == nil {
		if l.bySlot == nil {
			l.bySlot = map[uint]*lane{}
		}
		one = &lane{}
		l.bySlot[slot] = one
	}
	return one
}

func (l *lanes) all() []*lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*lane, 0, len(l.bySlot))
	for _, one := range l.bySlot {
		all = append(all, one)
	}
	return all
}
