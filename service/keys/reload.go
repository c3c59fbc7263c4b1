package keys

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// Reload takes up a new configuration, or looks again at what it has when all is nil.
//
// A store whose configuration and files are the same stays open, with its sessions, and its PIN is not asked for again;
// only its keys are looked up anew, since a certificate may have been renewed. A store that is new or not the same is opened.
// What could be opened is taken up, and the error says all that could not: a key keeps what it had before, and one that
// had nothing is tried again when it is asked for. A PIN or password that was refused is not tried again before the files or
// the configuration of the store are others; the error says so each time. With an error of class [sign.ErrInput] the
// configuration is wrong, and nothing was changed.
func (s *Set) Reload(ctx context.Context, all []Key) error { return s.reload(ctx, all, true) }

// reload is Reload. Keys of stores that stay open are looked up anew when again is set.
func (s *Set) reload(ctx context.Context, all []Key, again bool) error {
	select {
	case s.reloading <- struct{}{}:
		defer func() { <-s.reloading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	old, leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if all == nil {
		for _, e := range old.entries {
			all = append(all, e.wanted)
		}
	} else if err := check(all); err != nil {
		return err
	}
	r := &reloading{set: s, old: old, next: &generation{places: make(map[*Store]*place)}, before: make(map[*place]*place), refused: make(map[*place]bool)}
	r.plan(all)
	s.mu.Lock()
	for p := range r.places {
		p.refs++
	}
	s.mu.Unlock()
	defer func() {
		for p := range r.places {
			s.drop(p)
		}
	}()
	r.openAll(ctx, again)
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx) // half of it is no configuration
	}
	s.mu.Lock()
	if s.current == nil {
		s.mu.Unlock()
		return &sign.Error{Op: "keys: reload", Class: sign.ErrUnavailable, Hint: "the service is being stopped"}
	}
	s.current = r.next
	s.hold(r.next)
	s.mu.Unlock()
	s.leave(old) // the hold that it had as the generation of now
	err = errors.Join(r.errs...)
	if err != nil {
		s.options.Log.Warn("keys reloaded, not all of them", "keys", len(r.next.entries), "error", err.Error())
	} else {
		s.options.Log.Info("keys reloaded", "keys", len(r.next.entries))
	}
	return err
}

// reloading is one reload under way.
type reloading struct {
	set       *Set
	old, next *generation
	places    map[*place]bool   // of the next generation, as planned
	before    map[*place]*place // what a new place stands for
	refused   map[*place]bool   // places whose files are those whose PIN was refused
	errs      []error
}

// plan decides for each store whether what there is of it stays. Set.mu is not held: files are read here, and an opening
// that begins holds the lock of its place while it takes that of the set. Places of the old generation stay open meanwhile,
// since the reload has entered it.
func (r *reloading) plan(all []Key) {
	r.places = make(map[*place]bool)
	for _, k := range all {
		p := r.next.places[k.Store]
		if p == nil {
			p = r.placeFor(k.Store)
			r.next.places[k.Store] = p
			r.places[p] = true
		}
		e := newEntry(k, p)
		if was := r.entry(k.Name); was != nil && was.place == p && sameKey(&was.Key, &k) {
			e.signer = was.signer
		}
		r.next.entries = append(r.next.entries, e)
	}
}

// entry returns the old entry of a name.
func (r *reloading) entry(name string) *entry {
	if i := slices.IndexFunc(r.old.entries, func(e *entry) bool { return e.Name == name }); i >= 0 {
		return r.old.entries[i]
	}
	return nil
}

func (r *reloading) placeFor(store *Store) *place {
	var was *place
	for st, p := range r.old.places {
		if st == store || st.Name == store.Name && st.Identity == store.Identity && st.Identity != "" {
			was = p
		}
	}
	if was == nil {
		return r.set.newPlace(store)
	}
	if was.provider.untouched() {
		return was
	}
	now := fingerprintOf(store.Files)
	made, refused := was.fingerprints()
	a := was.provider.peek()
	switch {
	case a == nil: // being opened just now
		return was
	case made == now && (a.err == nil || a.final):
		r.refused[was] = a.err != nil
		return was
	case refused == now:
		r.refused[was] = true
		return was
	}
	p := r.set.newPlace(store)
	if a.err == nil {
		r.before[p] = was
		p.before = was
	}
	return p
}

// openAll opens what is new, side by side, and falls back on what there was.
func (r *reloading) openAll(ctx context.Context, again bool) {
	errs := make([]error, len(r.next.entries))
	var wait sync.WaitGroup
	for i, e := range r.next.entries {
		fresh := r.isFresh(e.place)
		if !fresh && e.place.provider.untouched() {
			continue // nobody needs it yet
		}
		if a := e.signer.peek(); !fresh && a != nil && !a.final && (again || a.err != nil) {
			e.signer = new(lazy[*opened])
		}
		wait.Go(func() { _, errs[i] = e.open(ctx) })
	}
	wait.Wait()
	told := make(map[*place]bool)
	for i, e := range r.next.entries {
		p := e.place
		switch a := p.provider.peek(); {
		case r.refused[p] && !told[p]:
			told[p] = true
			r.errs = append(r.errs, &sign.Error{Op: "keys: reload", Place: p.store.Name, Class: sign.ErrPIN,
				Hint: "it is not tried again before a file or the configuration of the store changes"})
		case a != nil && a.err != nil && !told[p]: // one for all keys of the store
			told[p] = true
			r.errs = append(r.errs, cannotOpen(p.store.Name, a.err))
		case errs[i] != nil && !told[p]:
			r.errs = append(r.errs, errs[i])
		}
	}
	for _, e := range r.next.entries {
		r.settle(e)
	}
	for store, p := range r.next.places {
		if was := r.before[p]; was != nil && !p.isOpen() {
			r.next.places[store] = was
		}
	}
}

func (r *reloading) isFresh(p *place) bool {
	for _, was := range r.old.places {
		if was == p {
			return false
		}
	}
	return true
}

// settle keeps the old key where there is no new one, and where it is the same one.
func (r *reloading) settle(e *entry) {
	now := e.known()
	was := r.entry(e.Name)
	if was != nil && was.known() != nil {
		if now == nil {
			keep := *was
			keep.wanted = e.wanted
			if sameKey(&was.Key, &e.Key) {
				keep.Options = e.Options
			}
			*e = keep
		} else if was.place == e.place && sameGather(was.Gather, e.Gather) && sameSigner(was.known().signer, now.signer) {
			e.signer = was.signer
		}
		return
	}
	if before := r.before[e.place]; now == nil && before != nil && !e.place.isOpen() {
		// A key that had nothing, of a store that stays as it was: it may be there.
		e.place, e.signer = before, new(lazy[*opened])
	}
}

// sameKey reports whether two configurations mean the same key of their stores, whatever is made with it.
func sameKey(a, b *Key) bool {
	return a.Scheme == b.Scheme && string(a.Ref.ID) == string(b.Ref.ID) && a.Ref.Label == b.Ref.Label && a.Ref.Thumbprint == b.Ref.Thumbprint &&
		(a.Ref.Certificate == b.Ref.Certificate || a.Ref.Certificate != nil && a.Ref.Certificate.Equal(b.Ref.Certificate))
}

func sameGather(a, b *sign.Gathering) bool { return a == b || a != nil && b != nil && *a == *b }

func sameSigner(a, b *sign.Signer) bool {
	return a.Scheme().Name == b.Scheme().Name &&
		slices.EqualFunc(a.Chain(), b.Chain(), func(x, y *x509.Certificate) bool { return x.Equal(y) })
}
