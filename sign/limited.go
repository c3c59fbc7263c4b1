package sign

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Quota says how a key may be called that a service gives out so many times a second: see [Limited]. What is not set is not bounded,
// but for Concurrency and Tries, whose defaults are below.
type Quota struct {
	// Rate bounds how many calls are begun in a second; they are spread evenly. 0 means no bound.
	Rate float64
	// Burst is how many calls may be begun at once after a pause, so that a second may see as many more; 0 means 1.
	Burst int
	// Concurrency bounds how many calls are under way; 0 means what the key says of itself ([Limiter]), else [DefaultConcurrency].
	Concurrency int
	// Tries is how often a call is made in all as long as its error is temporary; 0 means [DefaultTries], 1 once.
	Tries int
	// Wait is about how long a call waits before it is made the second time; the wait doubles with each further try, up to MaxWait,
	// and is drawn between its half and its whole. 0 means [DefaultWait] and [DefaultMaxWait].
	Wait, MaxWait time.Duration
	// Temporary says which errors are worth another try; nil means [IsTemporary]. A service whose errors are plain has one that
	// knows its codes: throttled, or out of order for a moment, and never one that says no, such as "access denied".
	Temporary func(error) bool
	// Events is told when a call is put back to be made again, while none is, and when that is over. See [InOrder] for how it is called;
	// nil means nobody is told. Name is the place of these events, such as the name of the service or the key.
	Events func(Event)
	Name   string
}

// Defaults of a [Quota].
const (
	DefaultConcurrency = 32
	DefaultTries       = 5
	DefaultWait        = 200 * time.Millisecond
	DefaultMaxWait     = 10 * time.Second
)

// Limited is a key whose calls keep to a quota. A call that has no place or whose turn has not come waits, under its context; one whose
// error is temporary is made again after a while. When it has been made as often as it may be, its error is an [*Error] that is
// Temporary, so that a batch goes on with other contents; every other error is given back as it came.
//
// The key takes messages when the other one does ([MessageKey]) and groups likewise ([BulkKey]); a group counts as one call, and what
// failed of it for a moment is asked again without the rest. Signatures are not changed, so that it is a [TrustedKey] as the other
// one is. It is found behind it by Unwrap, see [As].
func Limited(key Key, q Quota) Key {
	if key == nil {
		return nil
	}
	return newGate(q, key).limit(key)
}

// LimitedProvider gives out [Limited] keys that share one quota, as those of one account with a service do.
func LimitedProvider(p Provider, q Quota) Provider {
	if p == nil {
		return nil
	}
	return &limitedProvider{p, newGate(q, p)}
}

type limitedProvider struct {
	Provider
	gate *gate
}

// Unwrap returns the provider that keeps the keys.
func (p *limitedProvider) Unwrap() Provider { return p.Provider }

// Limit is how many calls may be under way.
func (p *limitedProvider) Limit() int { return cap(p.gate.slots) }

func (p *limitedProvider) Key(ctx context.Context, ref Ref) (Key, error) {
	key, err := p.Provider.Key(ctx, ref)
	if err != nil || key == nil {
		return nil, err
	}
	return p.gate.limit(key), nil
}

// gate is where calls wait.
type gate struct {
	q        Quota
	slots    chan struct{}
	interval time.Duration // between the beginnings of two calls

	mu   sync.Mutex
	next time.Time // when the next call may begin

	tell  func(Event)
	back  int       // calls that were put back and have not ended
	puts  int       // how often calls were, since
	since time.Time // back was 0
}

// newGate fills in what is not set. of is the key or provider, which may have a limit of its own.
func newGate(q Quota, of any) *gate {
	if q.Concurrency <= 0 {
		if l, ok := As[Limiter](of); ok {
			q.Concurrency = l.Limit()
		}
	}
	if q.Concurrency <= 0 {
		q.Concurrency = DefaultConcurrency
	}
	q.Burst = max(q.Burst, 1)
	if q.Tries <= 0 {
		q.Tries = DefaultTries
	}
	if q.Wait <= 0 {
		q.Wait = DefaultWait
	}
	if q.MaxWait <= 0 {
		q.MaxWait = max(DefaultMaxWait, q.Wait)
	}
	if q.Temporary == nil {
		q.Temporary = IsTemporary
	}
	g := &gate{q: q, slots: make(chan struct{}, q.Concurrency), tell: InOrder(q.Events)}
	if q.Rate > 0 {
		g.interval = time.Duration(float64(time.Second) / q.Rate)
	}
	return g
}

// limit makes the key with the methods that the other one has.
func (g *gate) limit(key Key) Key {
	k := limitedKey{key, g}
	messages, takesMessages := key.(MessageKey)
	groups, takesGroups := key.(BulkKey)
	switch {
	case takesMessages && takesGroups:
		return &limitedBothKey{&limitedMessageKey{k, messages}, &limitedBulkKey{k, groups}}
	case takesMessages:
		return &limitedMessageKey{k, messages}
	case takesGroups:
		return &limitedBulkKey{k, groups}
	}
	return &k
}

// do makes a call until its error is none or not temporary.
func (g *gate) do(ctx context.Context, call func() error) error {
	try := 1
	defer func() { g.ended(try) }()
	for ; ; try++ {
		err := g.once(ctx, call)
		if err == nil || ctx.Err() != nil || !g.q.Temporary(err) {
			return err
		}
		if again, ended := g.again(ctx, try, err); !again {
			return ended
		}
	}
}

// again waits before the next try. When there is none, it returns the error of the call.
func (g *gate) again(ctx context.Context, try int, err error) (bool, error) {
	wait := g.q.MaxWait
	if shift := try - 1; shift < 32 && g.q.Wait<<shift > 0 {
		wait = min(wait, g.q.Wait<<shift)
	}
	wait = wait/2 + rand.N(wait/2+1)
	deadline, bounded := ctx.Deadline()
	if try >= g.q.Tries || bounded && time.Until(deadline) <= wait {
		return false, tried(try, err)
	}
	g.putBack(try, err)
	if ended := sleep(ctx, wait); ended != nil {
		if try == 1 {
			g.ended(2)
		}
		return false, fmt.Errorf("%w while waiting to try again after: %w", ended, err)
	}
	return true, nil
}

// putBack notes that a call will be made again, and ended that one has ended which was.
func (g *gate) putBack(try int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if try == 1 {
		g.back++
		if g.back == 1 {
			g.puts, g.since = 0, time.Now()
			g.tell(Event{Kind: EventThrottled, Place: g.q.Name, Err: err})
		}
	}
	g.puts++
}

func (g *gate) ended(tries int) {
	if tries == 1 {
		return // it was never put back
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.back--; g.back == 0 {
		g.tell(Event{Kind: EventThrottlingOver, Place: g.q.Name, Took: time.Since(g.since), Count: g.puts})
	}
}

// tried is the error of a call that was made often enough.
func tried(times int, err error) error {
	hint := "try again later"
	if times > 1 {
		hint = fmt.Sprintf("tried %d times; try again later", times)
	}
	return &Error{Op: "sign: limited key", Err: err, Temporary: true, Hint: hint}
}

// once makes one call when there is a place and its turn has come.
func (g *gate) once(ctx context.Context, call func() error) error {
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.slots }()
	if err := g.turn(ctx); err != nil {
		return err
	}
	return call()
}

// turn waits for the rate. Whoever waits here has a place, so that few turns are lost when all of them give up.
func (g *gate) turn(ctx context.Context) error {
	if g.interval <= 0 {
		return ctx.Err()
	}
	g.mu.Lock()
	now := time.Now()
	if first := now.Add(-time.Duration(g.q.Burst-1) * g.interval); g.next.Before(first) {
		g.next = first
	}
	wait := g.next.Sub(now)
	g.next = g.next.Add(g.interval)
	g.mu.Unlock()
	return sleep(ctx, wait)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limitedKey is a key behind a gate.
type limitedKey struct {
	Key
	gate *gate
}

// Unwrap returns the key that signs.
func (k *limitedKey) Unwrap() Key { return k.Key }

// Limit is how many calls may be under way.
func (k *limitedKey) Limit() int { return cap(k.gate.slots) }

// Queues is true: more calls wait here for their turn.
func (k *limitedKey) Queues() bool { return true }

// Trusted is that of the key that signs, since nothing is changed here.
func (k *limitedKey) Trusted() bool {
	t, ok := k.Key.(TrustedKey)
	return ok && t.Trusted()
}

func (k *limitedKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *limitedKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	err = k.gate.do(ctx, func() (err error) {
		signature, err = k.Key.SignContext(ctx, digest, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return signature, nil
}

type limitedMessageKey struct {
	limitedKey
	messages MessageKey
}

func (k *limitedMessageKey) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignMessageContext(context.Background(), message, opts)
}

func (k *limitedMessageKey) SignMessageContext(ctx context.Context, message []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	err = k.gate.do(ctx, func() (err error) {
		signature, err = k.messages.SignMessageContext(ctx, message, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return signature, nil
}

type limitedBulkKey struct {
	limitedKey
	groups BulkKey
}

func (k *limitedBulkKey) BulkSize() int { return k.groups.BulkSize() }

// SignBulk makes one call for the group, and further ones for those of its digests whose errors are temporary.
func (k *limitedBulkKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []Outcome {
	all := make([]Outcome, len(digests))
	left := make([]int, len(digests)) // indices of what has no answer yet
	for i := range left {
		left[i] = i
	}
	try := 1
	defer func() { k.gate.ended(try) }()
	for ; ; try++ {
		part := make([][]byte, len(left))
		for i, at := range left {
			part[i] = digests[at]
		}
		var outcomes []Outcome
		err := k.gate.once(ctx, func() error { outcomes = k.groups.SignBulk(ctx, part, opts); return nil })
		if err == nil && len(outcomes) != len(part) {
			return outcomes[:min(len(outcomes), len(digests)-1)] // whose they are is unknown; the Signer refuses them all
		}
		var again []int
		for i, at := range left {
			if err != nil {
				all[at] = Outcome{Err: err}
				continue
			}
			all[at] = outcomes[i]
			if outcomes[i].Err != nil && ctx.Err() == nil && k.gate.q.Temporary(outcomes[i].Err) {
				again = append(again, at)
			}
		}
		if len(again) == 0 {
			return all
		}
		if ok, ended := k.gate.again(ctx, try, all[again[0]].Err); !ok {
			for _, at := range again {
				if all[at].Err = tried(try, all[at].Err); ctx.Err() != nil {
					all[at].Err = ended
				}
			}
			return all
		}
		left = again
	}
}

// limitedBothKey takes messages and groups.
type limitedBothKey struct {
	*limitedMessageKey
	bulk *limitedBulkKey
}

func (k *limitedBothKey) BulkSize() int { return k.bulk.BulkSize() }

func (k *limitedBothKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []Outcome {
	return k.bulk.SignBulk(ctx, digests, opts)
}

var (
	_ TrustedKey = (*limitedKey)(nil)
	_ Queuer     = (*limitedKey)(nil)
	_ MessageKey = (*limitedBothKey)(nil)
	_ BulkKey    = (*limitedBothKey)(nil)
)
