package sign

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Gathering says how single calls of a key become groups: see [Gathered]. The zero value waits for nothing on purpose.
type Gathering struct {
	// Wait is how long the first call of a group waits for others at most; a group that is full does not wait. 0 means that a call which
	// finds the key free is made at once, and only what came while the key was busy is taken together.
	Wait time.Duration
	// Concurrency is how many calls and groups are under way before others wait; 0 means what the key says of itself ([Limiter]), else half
	// the processors for a [BulkComputer], else 1.
	Concurrency int
}

// Gathered is a key in front of a [BulkKey] for servers: single calls of many goroutines that wait at the same time are signed as one
// group, never more than its BulkSize, and in the order in which they came. Calls with other options are other groups. A key that is no
// BulkKey is returned as it is.
//
// A caller whose context ends leaves at once; the context of a group ends when all its callers have left. It has no values of theirs.
// Each call has the outcome of its own digest. When SignBulk panics, the calls of that group have a [*PanicError], and no others. A call that
// is alone is one of SignContext with its own context, and so is one whose digest has not the length of its hash, which the key refuses.
//
// The key is a BulkKey as the other one: a whole group goes to that as it is, and what is less, as the few contents of a request, is gathered
// with others. It takes digests only, also in front of a [MessageKey]. Signatures are not changed, so that it is a [TrustedKey] as the
// other one is. It owns nothing and has no goroutine when nobody calls, so there is nothing to close. It is found behind it by Unwrap,
// see [As].
func Gathered(key Key, g Gathering) Key {
	bulk, ok := key.(BulkKey)
	if !ok {
		return key
	}
	computer, computes := key.(BulkComputer)
	computes = computes && computer.Computes()
	_, messages := key.(MessageKey)
	limit, _ := limitOf(key)
	if g.Concurrency <= 0 {
		g.Concurrency = limit
	}
	if g.Concurrency <= 0 && computes {
		// As many as there are processors would be busy with single calls, so that nothing ever waited.
		g.Concurrency = runtime.GOMAXPROCS(0) / 2
	}
	g.Concurrency = max(g.Concurrency, 1)
	return &gatheredKey{BulkKey: bulk, g: g, size: max(1, bulk.BulkSize()), limit: limit, computes: computes, single: !messages}
}

// GatheredProvider gives out [Gathered] keys. Each call of Key makes one of its own.
func GatheredProvider(p Provider, g Gathering) Provider {
	if p == nil {
		return nil
	}
	return &gatheredProvider{p, g}
}

type gatheredProvider struct {
	Provider
	g Gathering
}

// Unwrap returns the provider that keeps the keys.
func (p *gatheredProvider) Unwrap() Provider { return p.Provider }

func (p *gatheredProvider) Key(ctx context.Context, ref Ref) (Key, error) {
	key, err := p.Provider.Key(ctx, ref)
	if err != nil || key == nil {
		return nil, err
	}
	return Gathered(key, p.g), nil
}

type gatheredKey struct {
	BulkKey
	g        Gathering
	size     int
	limit    int
	computes bool
	single   bool // SignContext takes digests

	mu      sync.Mutex
	busy    int // calls and groups under way
	waiting []*waiter
	due     bool // a timer will look again
}

// waiter is a call that waits. What is not done is guarded by mu of the key.
type waiter struct {
	ctx     context.Context
	digest  []byte
	opts    crypto.SignerOpts
	since   time.Time
	group   *gathered // nil: it is among those that wait
	outcome Outcome
	done    chan struct{} // closed when there is an outcome
}

// gathered is a group that is signed.
type gathered struct {
	of     []*waiter
	left   int // callers that have gone
	cancel context.CancelFunc
}

var (
	_ BulkKey      = (*gatheredKey)(nil)
	_ BulkComputer = (*gatheredKey)(nil)
	_ TrustedKey   = (*gatheredKey)(nil)
	_ Queuer       = (*gatheredKey)(nil)
	_ Limiter      = (*gatheredKey)(nil)
)

// Unwrap returns the key that signs.
func (k *gatheredKey) Unwrap() Key { return k.BulkKey }

// Computes is that of the key that signs.
func (k *gatheredKey) Computes() bool { return k.computes }

// Trusted is that of the key that signs, since nothing is changed here.
func (k *gatheredKey) Trusted() bool {
	t, ok := k.BulkKey.(TrustedKey)
	return ok && t.Trusted()
}

// Limit is what fills as many groups as the other key takes calls.
func (k *gatheredKey) Limit() int { return k.limit * k.size }

// Queues is true: more calls wait here for their turn.
func (k *gatheredKey) Queues() bool { return true }

func (k *gatheredKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *gatheredKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !fitsOpts(digest, opts) {
		return k.BulkKey.SignContext(ctx, digest, opts)
	}
	var space [1]*waiter
	waiters := k.enter(ctx, space[:], [][]byte{digest}, opts, k.single)
	if waiters == nil {
		defer k.ended()
		return k.BulkKey.SignContext(ctx, digest, opts)
	}
	o := k.wait(ctx, waiters[0])
	return o.Signature, o.Err
}

// SignBulk is that of the other key for a whole group; fewer digests are gathered with those of others.
func (k *gatheredKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []Outcome {
	fit := len(digests) != 0 && len(digests) < k.size && ctx.Err() == nil
	for _, d := range digests {
		fit = fit && fitsOpts(d, opts)
	}
	if !fit {
		return k.BulkKey.SignBulk(ctx, digests, opts)
	}
	waiters := k.enter(ctx, make([]*waiter, len(digests)), digests, opts, true)
	if waiters == nil {
		defer k.ended()
		return k.BulkKey.SignBulk(ctx, digests, opts)
	}
	outcomes := make([]Outcome, len(digests))
	for i, w := range waiters {
		outcomes[i] = k.wait(ctx, w)
	}
	return outcomes
}

// enter has digests wait. When the key is free it has them do nothing, and returns nil: the caller makes the call, and says when it ended.
func (k *gatheredKey) enter(ctx context.Context, waiters []*waiter, digests [][]byte, opts crypto.SignerOpts, direct bool) []*waiter {
	k.mu.Lock()
	defer k.mu.Unlock()
	if direct && k.g.Wait <= 0 && k.busy < k.g.Concurrency && len(k.waiting) == 0 {
		k.busy++
		return nil
	}
	for i, d := range digests {
		// A copy: whoever leaves may write over the digest while it is still signed.
		waiters[i] = &waiter{ctx: ctx, digest: slices.Clone(d), opts: opts, since: time.Now(), done: make(chan struct{})}
	}
	k.waiting = append(k.waiting, waiters...)
	k.begin()
	return waiters
}

func (k *gatheredKey) wait(ctx context.Context, w *waiter) Outcome {
	select {
	case <-w.done:
		return w.outcome
	case <-ctx.Done():
		k.leave(w)
		return Outcome{Err: ctx.Err()}
	}
}

// fitsOpts says whether a call can be one of a group: what the key will refuse must not make it refuse others.
func fitsOpts(digest []byte, opts crypto.SignerOpts) bool {
	if opts == nil {
		return false
	}
	h := opts.HashFunc()
	return h == 0 || h.Available() && len(digest) == h.Size()
}

// sameOpts says whether two calls may be in one group.
func sameOpts(a, b crypto.SignerOpts) bool {
	if p, ok := a.(*rsa.PSSOptions); ok {
		q, ok := b.(*rsa.PSSOptions)
		return ok && p != nil && q != nil && *p == *q
	}
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// begin starts what there is room for. Called with mu held.
func (k *gatheredKey) begin() {
	for k.busy < k.g.Concurrency && len(k.waiting) != 0 {
		first := k.waiting[0]
		group := []*waiter{first}
		for _, w := range k.waiting[1:] {
			if len(group) == k.size {
				break
			}
			if sameOpts(first.opts, w.opts) {
				group = append(group, w)
			}
		}
		if wait := k.g.Wait - time.Since(first.since); wait > 0 && len(group) < k.size {
			if !k.due {
				k.due = true
				time.AfterFunc(wait, k.look)
			}
			return
		}
		k.start(group)
	}
}

// look begins what has waited long enough.
func (k *gatheredKey) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.due = false
	k.begin()
}

// start has a group signed. Called with mu held.
func (k *gatheredKey) start(of []*waiter) {
	ctx, cancel := context.WithCancel(context.Background())
	g := &gathered{of: of, cancel: cancel}
	for _, w := range of {
		w.group = g
	}
	k.waiting = slices.DeleteFunc(k.waiting, func(w *waiter) bool { return w.group != nil })
	k.busy++
	var outcomes []Outcome
	Go(func() error {
		outcomes = k.signGroup(ctx, of)
		return nil
	}, func(err error) {
		cancel()
		for i, w := range of {
			switch {
			case err != nil:
				w.outcome.Err = &Error{Op: "sign: gathered key", Err: err, Hint: "the code of the key failed; its stack is in the PanicError"}
			case len(outcomes) != len(of): // which answer belongs to which digest is unknown
				w.outcome.Err = &Error{Op: "sign: gathered key", Class: ErrUnavailable, Hint: fmt.Sprintf("the key answered %d of %d digests", len(outcomes), len(of))}
			default:
				w.outcome = outcomes[i]
			}
			close(w.done)
		}
		k.ended()
	})
}

func (k *gatheredKey) signGroup(ctx context.Context, of []*waiter) []Outcome {
	if len(of) == 1 && k.single {
		signature, err := k.BulkKey.SignContext(of[0].ctx, of[0].digest, of[0].opts)
		return []Outcome{{signature, err}}
	}
	digests := make([][]byte, len(of))
	for i, w := range of {
		digests[i] = w.digest
	}
	return k.BulkKey.SignBulk(ctx, digests, of[0].opts)
}

// ended gives room to others.
func (k *gatheredKey) ended() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy--
	k.begin()
}

// leave takes out a call whose caller has gone.
func (k *gatheredKey) leave(w *waiter) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.group == nil {
		k.waiting = slices.DeleteFunc(k.waiting, func(other *waiter) bool { return other == w })
		return
	}
	if w.group.left++; w.group.left == len(w.group.of) {
		w.group.cancel()
	}
}
