package keys

import (
	"context"
	"crypto/x509"
	"sync"
	"time"
)

// Status opens what is not open and asks every store whether it is there (sign.Pinger), side by side and no longer than
// ctx. There is one for each key, in the order of the configuration; none when the set is closed.
func (s *Set) Status(ctx context.Context) []Status {
	return s.status(ctx, func(string) bool { return true }, true)
}

// List is Status of the keys that a caller may use, without asking stores that are open. Stores of other keys are left
// alone. Nil allows none.
func (s *Set) List(ctx context.Context, allowed func(name string) bool) []Status {
	if allowed == nil {
		return nil
	}
	return s.status(ctx, allowed, false)
}

func (s *Set) status(ctx context.Context, allowed func(string) bool, ping bool) []Status {
	g, leave, err := s.enter()
	if err != nil {
		return nil
	}
	defer leave()
	var entries []*entry
	for _, e := range g.entries {
		if allowed(e.Name) {
			entries = append(entries, e)
		}
	}
	all := make([]Status, len(entries))
	now := s.options.Clock()
	var wait sync.WaitGroup
	for i, e := range entries {
		wait.Go(func() {
			st := Status{Name: e.Name, Store: e.place.store.Name, Level: e.Options.EffectiveLevel(), Attached: e.Options.Attached}
			o, err := e.open(ctx)
			if err == nil {
				st.Certificate, st.Chain, st.Scheme = o.signer.Certificate(), o.signer.Chain(), o.signer.Scheme().Name
				st.Validity = validity(st.Certificate, now, s.options.Soon)
				if ping {
					if err = e.place.ping(ctx); err != nil {
						err = cannotOpen(e.Name, err)
					}
				}
			}
			st.Err = err
			all[i] = st
		})
	}
	wait.Wait()
	return all
}

func validity(c *x509.Certificate, now time.Time, soon time.Duration) Validity {
	switch {
	case now.Before(c.NotBefore):
		return NotYetValid
	case now.After(c.NotAfter):
		return Expired
	case now.Add(soon).After(c.NotAfter):
		return ExpiresSoon
	}
	return Valid
}
