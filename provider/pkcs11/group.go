package pkcs11

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// probePause is the least time between two tries of a member that has failed.
const probePause = time.Second

// Group makes one provider of several tokens that hold the same keys, as the members of a cluster of HSMs do. A signature
// goes to the member with the most free sessions. A member that fails is left out, and is tried again while the group is
// used, until it is back. A key may be missing on some members; on those that have it, its public key must be the same.
//
// Config.Events of a member is told when the group leaves it out, and takes it back.
//
// The group owns its members: closing it closes them.
type Group struct {
	members []*member
	place   string
	closed  atomic.Bool
	closing sync.Mutex // between Close and new probes
	probes  sync.WaitGroup
	cancel  context.CancelFunc
	ctx     context.Context
}

var (
	_ sign.Provider    = (*Group)(nil)
	_ sign.Lister      = (*Group)(nil)
	_ sign.ChainSource = (*Group)(nil)
	_ sign.Pinger      = (*Group)(nil)
	_ sign.Limiter     = (*Group)(nil)
)

// member is one provider of a group.
type member struct {
	p      *Provider
	busy   atomic.Int64
	failed atomic.Bool // written with mu held

	mu      sync.Mutex
	since   time.Time // it has failed
	probed  time.Time
	probing bool
}

// NewGroup makes a group of at least one provider.
func NewGroup(members ...*Provider) (*Group, error) {
	g := &Group{place: fmt.Sprintf("group of %d tokens", len(members))}
	for _, p := range members {
		if p == nil {
			return nil, &sign.Error{Op: "pkcs11: group", Class: sign.ErrInput, Hint: "a member is nil"}
		}
		g.members = append(g.members, &member{p: p})
	}
	if len(members) == 0 {
		return nil, &sign.Error{Op: "pkcs11: group", Class: sign.ErrInput, Hint: "give at least one provider"}
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

func (g *Group) usable(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.closed.Load() {
		return &sign.Error{Op: op, Place: g.place, Class: sign.ErrUnavailable, Hint: "the group was closed; open it again"}
	}
	return nil
}

// Key finds the key on the members. It fails when no member has it, when one has several, and with [sign.ErrKeyMismatch]
// when the public keys differ. A member that is not there now is asked again when it is back.
func (g *Group) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	if err := g.usable(ctx, "pkcs11: key"); err != nil {
		return nil, err
	}
	k := &groupKey{g: g, ref: ref, on: make([]atomic.Pointer[key], len(g.members))}
	var firstErr, notFound error
	found := 0
	for _, failed := range []bool{false, true} { // one that has failed is asked when no other has it
		if failed && found > 0 {
			break
		}
		for i, a := range g.ask(ctx, ref, failed) {
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case !a.asked, a.left:
			case a.err == nil:
				if err := k.set(i, a.key.(*key)); err != nil {
					return nil, err
				}
				found++
			case errors.Is(a.err, sign.ErrKeyNotFound):
				notFound = a.err
			case errors.Is(a.err, sign.ErrUnavailable):
				g.mark(g.members[i], a.err)
				firstErr = a.err
			default:
				return nil, a.err
			}
		}
	}
	if found == 0 {
		if notFound != nil {
			return nil, notFound
		}
		return nil, firstErr
	}
	return k, nil
}

// mark notes that a member has failed, or that it works, and tells of it when it did not before.
func (g *Group) mark(m *member, failed error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed.Swap(failed != nil) == (failed != nil) {
		return
	}
	left := 0
	for _, other := range g.members {
		if !other.failed.Load() {
			left++
		}
	}
	e := sign.Event{Kind: sign.EventFailover, Place: m.p.place, Err: failed, Count: left}
	if failed == nil {
		e.Kind, e.Took = sign.EventFailback, time.Since(m.since)
	}
	m.since = time.Now()
	m.p.tell(e)
}

// asked is what a member says of a key.
type asked struct {
	asked, left bool
	key         sign.Key
	err         error
}

// ask asks the members that have failed, or the others, at once. When one has the key, the others get a moment more: a token
// that is lost and not known to be would keep the caller waiting for its recovery. It is asked again in the background.
func (g *Group) ask(ctx context.Context, ref sign.Ref, failed bool) []asked {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, done, waiting := make([]asked, len(g.members)), make(chan int, len(g.members)), 0
	for i, m := range g.members {
		if m.failed.Load() != failed {
			continue
		}
		waiting++
		go func() {
			k, err := m.p.Key(asking, ref)
			answers[i] = asked{true, err != nil && asking.Err() != nil, k, err}
			done <- i
		}()
	}
	var late <-chan time.Time
	for waiting > 0 {
		select {
		case i := <-done:
			waiting--
			if answers[i].err == nil && late == nil {
				late = time.After(probePause)
			}
		case <-late:
			cancel()
		}
	}
	return answers
}

// Keys lists the keys of all members, each public key with its certificate once.
func (g *Group) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		if err := g.usable(ctx, "pkcs11: keys"); err != nil {
			yield(sign.Entry{}, err)
			return
		}
		seen := map[string]bool{}
		for _, m := range g.members {
			for e, err := range m.p.Keys(ctx) {
				name := string(e.ID) + "\x00" + e.Label + "\x00" + string(spkiOf(e.Public)) + e.Thumbprint()
				if err == nil && seen[name] {
					continue
				}
				seen[name] = true
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// Chain returns the certificates of a key as one of the members knows them.
func (g *Group) Chain(ctx context.Context, k sign.Key) ([]*x509.Certificate, error) {
	if err := g.usable(ctx, "pkcs11: chain"); err != nil {
		return nil, err
	}
	own, ok := k.(*groupKey)
	if !ok || own.g != g {
		return nil, &sign.Error{Op: "pkcs11: chain", Place: g.place, Class: sign.ErrInput, Hint: "the key is not one of this group"}
	}
	var chain []*x509.Certificate
	for i := range own.on {
		if at := own.on[i].Load(); at != nil && len(at.chain) > len(chain) {
			chain = at.chain
		}
	}
	return append([]*x509.Certificate(nil), chain...), nil
}

// Ping asks all members at once, and is content with the first that answers: one that is lost keeps nobody waiting.
func (g *Group) Ping(ctx context.Context) error {
	if err := g.usable(ctx, "pkcs11: ping"); err != nil {
		return err
	}
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, len(g.members))
	for _, m := range g.members {
		go func() {
			err := m.p.Ping(asking)
			if err == nil {
				g.mark(m, nil)
			}
			answers <- err
		}()
	}
	var failures []error
	for range g.members {
		err := <-answers
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &sign.Error{Op: "pkcs11: ping", Place: g.place, Class: sign.ErrUnavailable, Err: errors.Join(failures...)}
}

// Limit is the sum of the members' limits.
func (g *Group) Limit() int {
	sum := 0
	for _, m := range g.members {
		sum += m.p.Limit()
	}
	return sum
}

// Load is the sum of the members' loads.
func (g *Group) Load() (busy, open, waiting int) {
	for _, m := range g.members {
		b, o, w := m.p.Load()
		busy, open, waiting = busy+b, open+o, waiting+w
	}
	return busy, open, waiting
}

// Healthy reports for each member whether signatures go to it, in the order of NewGroup.
func (g *Group) Healthy() []bool {
	healthy := make([]bool, len(g.members))
	for i, m := range g.members {
		healthy[i] = !m.failed.Load()
	}
	return healthy
}

// Close closes all members.
func (g *Group) Close() error {
	g.closing.Lock()
	again := g.closed.Swap(true)
	g.closing.Unlock()
	if again {
		return nil
	}
	g.cancel()
	var failures []error
	for _, m := range g.members {
		if err := m.p.Close(); err != nil {
			failures = append(failures, err)
		}
	}
	g.probes.Wait()
	if len(failures) != 0 {
		return &sign.Error{Op: "pkcs11: close", Place: g.place, Class: sign.ErrUnavailable, Err: errors.Join(failures...)}
	}
	return nil
}
