package p256verify

import (
	"crypto/ecdsa"
	"sync"
)

// Group verifies up to 64 signatures by one key at once, r and s of 32 octets each. It returns a bit for each that is good. Which of the
// others are wrong it need not know.
type Group interface {
	Verify(digests [][]byte, signatures [][64]byte) (good, unknown uint64)
}

const (
	maxGroup = 64
	// groupFrom is the number of signatures that have met in groups before a Group is made of the key, which takes as long as it takes to
	// verify about as many one by one.
	groupFrom = 64
)

// Together verifies signatures by one key of which several come at the same time, as from the sessions of a token. One that comes alone is
// verified at once. Those that come while others are being verified wait for that, and are then verified as one [Group]. This takes one
// processor at a time for a key: for what is bounded by something slower, and not for judges on many processors. It is safe for
// concurrent use.
type Together struct {
	*Verifier
	start func(*ecdsa.PublicKey) Group // nil: everyone verifies alone

	mu      sync.Mutex
	running bool
	waiting []*arrival
	met     int // signatures in groups, before there is a Group
}

// arrival is a signature that waits.
type arrival struct {
	digest    []byte
	signature [64]byte
	wake      chan answer // has room for one
}

type answer int

const (
	yours answer = iota // whoever verified has ended: it is this one's turn to verify all that wait
	good
	alone // not known to be good
)

// NewTogether makes one of a verifier. start makes a Group of its public key when it pays, or nil; nil means that there are no groups.
func NewTogether(v *Verifier, start func(*ecdsa.PublicKey) Group) *Together {
	t := &Together{Verifier: v}
	if v.fast {
		t.start = start
	}
	return t
}

// Verify is that of [Verifier], with the same answers.
func (t *Together) Verify(digest, signature []byte) bool {
	if t.start == nil {
		return t.Verifier.Verify(digest, signature)
	}
	t.mu.Lock()
	if !t.running {
		t.running = true
		t.mu.Unlock()
		defer t.next()
		return t.Verifier.Verify(digest, signature)
	}
	own := t.arrive(digest, signature)
	t.mu.Unlock()
	if own == nil {
		return t.Verifier.Verify(digest, signature)
	}
	switch <-own.wake {
	case good:
		return true
	case yours:
		defer t.next()
		if t.together(own) {
			return true
		}
	}
	return t.Verifier.Verify(digest, signature)
}

// arrive puts a signature among those that wait; nil when there is no room or it is no usual encoding, which is for crypto/ecdsa. Called
// with mu held.
func (t *Together) arrive(digest, signature []byte) *arrival {
	r, s, ok := parse(signature)
	if !ok || len(t.waiting) == maxGroup {
		return nil
	}
	a := &arrival{digest: digest, wake: make(chan answer, 1)}
	first, second := octets(&r), octets(&s)
	copy(a.signature[:32], first[:])
	copy(a.signature[32:], second[:])
	t.waiting = append(t.waiting, a)
	return a
}

// next ends a turn. The first of those that wait has the next one, so that nobody verifies for others after its own signature.
func (t *Together) next() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.running = false
		return
	}
	t.waiting[0].wake <- yours
}

// together verifies all that wait, of which own is the first, tells the others, and reports whether own is known to be good.
func (t *Together) together(own *arrival) bool {
	t.mu.Lock()
	all := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	var accepted uint64
	defer func() {
		for i, a := range all[1:] { // whatever happens
			if accepted>>(i+1)&1 == 1 {
				a.wake <- good
			} else {
				a.wake <- alone
			}
		}
	}()
	g := t.groupFor(len(all))
	if g == nil {
		return false
	}
	digests, signatures := make([][]byte, len(all)), make([][64]byte, len(all))
	for i, a := range all {
		digests[i], signatures[i] = a.digest, a.signature
	}
	accepted, _ = g.Verify(digests, signatures)
	return accepted&1 == 1
}

// groupFor is what verifies so many, or nil when each does it alone. Only whoever has the turn calls it.
func (t *Together) groupFor(n int) Group {
	if n < 2 {
		return nil
	}
	if t.table.Load() == nil { // a key that is hardly used, or has lost its table to others
		t.met = 0
		return nil
	}
	if g := t.group.Load(); g != nil {
		return *g
	}
	if t.met += n; t.met < groupFrom {
		return nil
	}
	g := t.start(t.public)
	if g == nil {
		t.met = 0
		return nil
	}
	t.group.Store(&g)
	if t.table.Load() == nil { // dropped meanwhile, and nobody would drop the group any more
		t.group.Store(nil)
	}
	return g
}
