package shelf

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gocloud.dev/blob"
)

// Looking into the store for each part would cost as much as the parts. A process that has looked may take share of what was
// free without looking again, for as long as fresh.
const (
	share = 16
	fresh = time.Minute
	// full is how long an owner that had no room is refused without looking: else a refusal would cost us more than the
	// client.
	full     = time.Second
	accounts = 1024 // that are remembered when they are not used
)

// account is what a process knows of an owner's quota.
type account struct {
	s      *Shelf
	prefix string
	refs   int // guarded by Shelf.mu

	// seen is held for reading while an object becomes visible and is settled, and for writing while the store is looked at:
	// so each object is counted once, as in flight or as listed.
	seen sync.RWMutex

	mu       sync.Mutex
	flight   int64          // octets taken and not settled
	items    map[string]int // new items in flight
	credit   int64          // octets that may be taken without looking
	itemsToo int            // the same of new items
	until    int64          // of the credits
	used     int64          // when there was no room
	full     int64          // until when that is believed; the same of items
	fullToo  int64
}

func (s *Shelf) account(owner string) *account {
	prefix := ownerPlace(owner)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[prefix]
	if a == nil {
		a = &account{s: s, prefix: prefix, items: make(map[string]int)}
		s.accounts[prefix] = a
	}
	a.refs++
	return a
}

func (s *Shelf) release(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.refs--
	if len(s.accounts) <= accounts {
		return
	}
	for prefix, a := range s.accounts {
		if a.refs == 0 {
			delete(s.accounts, prefix)
		}
	}
}

// forget makes the next one look into the store.
func (a *account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until, a.full, a.fullToo = 0, 0, 0
}

// take reserves octets.
func (a *account) take(ctx context.Context, n int64) error {
	if n == 0 {
		return nil
	}
	fits := func() bool { return a.credit >= n && a.s.now() < a.until }
	refusal := func() error {
		return fmt.Errorf("shelf: an owner can have %d octets, and %d of them are taken; delete items, or wait until they expire: %w", a.s.o.Bytes, a.used, ErrQuota)
	}
	a.mu.Lock()
	switch {
	case fits():
		a.credit -= n
		a.flight += n
		a.mu.Unlock()
		return nil
	case a.s.now() < a.full && a.used+n > a.s.o.Bytes:
		defer a.mu.Unlock()
		return refusal()
	}
	a.mu.Unlock()
	return a.look(ctx, func(used int64, _ map[string]bool) error {
		if used+n > a.s.o.Bytes {
			a.used, a.full = used, a.s.now()+full.Microseconds()
			return refusal()
		}
		a.credit = max(0, a.credit-n)
		a.flight += n
		return nil
	})
}

// settle runs what makes an object visible in the store, and ends the flight of its octets.
func (a *account) settle(n int64, commit func() error) error {
	a.seen.RLock()
	defer a.seen.RUnlock()
	err := commit()
	a.give(n)
	return err
}

// give ends the flight of octets that did not get into the store.
func (a *account) give(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flight -= n
}

// takeItem reserves a new item.
func (a *account) takeItem(ctx context.Context, at string) error {
	refusal := func() error {
		return fmt.Errorf("shelf: an owner can have %d items, and has them; delete some, or wait until they expire: %w", a.s.o.Items, ErrQuota)
	}
	a.mu.Lock()
	switch {
	case a.items[at] > 0 || a.itemsToo > 0 && a.s.now() < a.until:
		if a.items[at] == 0 {
			a.itemsToo--
		}
		a.items[at]++
		a.mu.Unlock()
		return nil
	case a.s.now() < a.fullToo:
		a.mu.Unlock()
		return refusal()
	}
	a.mu.Unlock()
	return a.look(ctx, func(_ int64, items map[string]bool) error {
		if !items[at] && len(items) >= a.s.o.Items {
			a.fullToo = a.s.now() + full.Microseconds()
			return refusal()
		}
		a.items[at]++
		a.itemsToo = max(0, a.itemsToo-1)
		return nil
	})
}

// dropItem ends the flight of a new item: it is in the store, or has failed.
func (a *account) dropItem(at string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.items[at]--; a.items[at] == 0 {
		delete(a.items, at)
	}
}

// look counts what the owner has, with what is in flight, and lets f take some of it.
func (a *account) look(ctx context.Context, f func(used int64, items map[string]bool) error) error {
	a.seen.Lock()
	defer a.seen.Unlock()
	used, items, err := a.s.usage(ctx, a.prefix)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	used += a.flight
	for at := range a.items {
		items[at] = true
	}
	a.credit = max(0, a.s.o.Bytes-used) / share
	a.itemsToo = max(0, a.s.o.Items-len(items)) / share
	a.until = a.s.now() + fresh.Microseconds()
	return f(used, items)
}

// usage is what lies in the store of an owner. Only one item at a time is held in memory.
func (s *Shelf) usage(ctx context.Context, prefix string) (used int64, items map[string]bool, err error) {
	var it *item
	end := func() {
		if it != nil && it.counts() {
			items[it.at] = true
		}
	}
	err = s.walk(ctx, prefix, func() { used, items, it = 0, make(map[string]bool), nil }, func(o *blob.ListObject) {
		at, _, ok := splitKey(o.Key)
		if !ok {
			return
		}
		if it == nil || it.at != at {
			end()
			it = &item{at: at}
		}
		switch k := it.add(o).(type) {
		case *partKey:
			if k.data == "" {
				used += o.Size
			}
		case *dataKey:
			used += o.Size
		}
	})
	end()
	return used, items, err
}
