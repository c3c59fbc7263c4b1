package keys

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// Set is a set of keys. It is safe for concurrent use.
type Set struct {
	options Options
	life    context.Context // ends with Close, and with it all openings
	end     context.CancelFunc

	reloading chan struct{} // one reload at a time

	mu      sync.Mutex
	current *generation // nil when closed
	closing int         // places that are being closed
	quiet   sync.Cond   // signals that closing is 0
}

// generation is what one configuration has made.
type generation struct {
	entries []*entry // in the order of the configuration
	places  map[*Store]*place
	held    []*place // those and the places of the entries, each once; made when it is first held
}

// all returns what a generation holds. A key that could not be opened anew has an older place than its store.
func (g *generation) all() []*place {
	seen := make(map[*place]bool, len(g.places))
	for _, e := range g.entries {
		seen[e.place] = true
	}
	for _, p := range g.places {
		seen[p] = true
	}
	return slices.Collect(maps.Keys(seen))
}

// hold keeps the places of a generation open. Set.mu is held.
func (s *Set) hold(g *generation) {
	if g.held == nil {
		g.held = g.all()
	}
	for _, p := range g.held {
		p.refs++
	}
}

// drop gives a place back, and closes it in the background when it was the last holder: a request does not wait for that.
func (s *Set) drop(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.refs--; p.refs > 0 {
		return
	}
	s.closing++
	go func() {
		_ = p.close() // it is in the log
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closing--; s.closing == 0 {
			s.quiet.Broadcast()
		}
	}()
}

// enter returns the generation of now, whose places stay open until leave.
func (s *Set) enter() (g *generation, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil, nil, &sign.Error{Op: "keys", Class: sign.ErrUnavailable, Hint: "the service is being stopped"}
	}
	g = s.current
	s.hold(g)
	return g, func() { s.leave(g) }, nil
}

func (s *Set) leave(g *generation) {
	for _, p := range g.held {
		s.drop(p)
	}
}

// lease hands out an entry that is open and whose place is held by the caller.
func (s *Set) lease(e *entry, o *opened) *Lease {
	s.mu.Lock()
	e.place.refs++
	s.mu.Unlock()
	return &Lease{Name: e.Name, Signer: o.signer, Options: &e.Options, release: sync.OnceFunc(func() { s.drop(e.place) })}
}

// Close closes the set; leases stay usable until they are released. What nobody uses is closed when it returns.
func (s *Set) Close() error {
	s.end()
	s.mu.Lock()
	g := s.current
	s.current = nil
	var free []*place
	if g != nil {
		for _, p := range g.held {
			if p.refs--; p.refs == 0 {
				free = append(free, p)
			}
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, p := range free {
		if err := p.close(); err != nil {
			errs = append(errs, &sign.Error{Op: "keys: close", Place: p.store.Name, Err: err})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.closing > 0 {
		s.quiet.Wait()
	}
	return errors.Join(errs...)
}
