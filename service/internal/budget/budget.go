// Package budget bounds the octets of answers that are held in memory until their clients have taken them.
package budget

import (
	"context"
	"errors"
	"sync"
)

// Errors of a budget. ErrOwn says that it is the owner's own share which is used up.
var (
	ErrFull = errors.New("as many answers are under way as there is room for")
	ErrOwn  = errors.New("your own answers that are under way have not been taken yet")
)

// Budget is what answers may take. One owner has half of it, so that clients that take their answers slowly hold up nobody
// else. It is safe for concurrent use.
type Budget struct {
	total  int64
	places chan struct{}

	mu     sync.Mutex
	held   int64
	owners map[string]int64
}

// New makes a budget of so many octets, of which as many answers are made at once as there are places.
func New(octets int64, places int) *Budget {
	return &Budget{total: octets, places: make(chan struct{}, places), owners: make(map[string]int64)}
}

// Make waits for a place to make an answer; what is made is not counted yet. Done gives the place back, more than once, too.
func (b *Budget) Make(ctx context.Context) (done func(), err error) {
	select {
	case b.places <- struct{}{}:
		return sync.OnceFunc(func() { <-b.places }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Hold takes the octets of an answer that is made, until release is called. An owner who holds nothing may have one of any
// size.
func (b *Budget) Hold(owner string, octets int64) (release func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.owners[owner]
	switch {
	case own != 0 && own+octets > b.total/2:
		return nil, ErrOwn
	case own != 0 && b.held+octets > b.total, b.held > b.total:
		return nil, ErrFull
	}
	octets = max(octets, 1)
	b.held += octets
	b.owners[owner] += octets
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.held -= octets
		if b.owners[owner] -= octets; b.owners[owner] <= 0 {
			delete(b.owners, owner)
		}
	}), nil
}
