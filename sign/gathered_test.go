package sign_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

var (
	errSeventh = errors.New("the key refuses this one")
	errOneCall = errors.New("alone")
)

// vector is a key that takes up to eight digests in 100 ms, and signs with the digest. A digest with 7 in front is refused.
type vector struct {
	sign.Key
	limit    int
	computes bool
	answer   func(ctx context.Context, digests [][]byte) []sign.Outcome // instead

	mu      sync.Mutex
	groups  [][]uint64 // numbers of digests, of a single call with 1<<32 added
	ended   []error    // of the context of a group
	changed bool       // digests were, while they were signed
	inside  int
	highest int
}

func (*vector) BulkSize() int { return 8 }

func (k *vector) Limit() int { return k.limit }

func (k *vector) Computes() bool { return k.computes }

func (k *vector) note(digests [][]byte, single bool) (left func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var group []uint64
	for _, d := range digests {
		n := binary.BigEndian.Uint64(d)
		if single {
			n += 1 << 32
		}
		group = append(group, n)
	}
	k.groups = append(k.groups, group)
	k.inside++
	k.highest = max(k.highest, k.inside)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.inside--
	}
}

func (k *vector) SignContext(ctx context.Context, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	if len(digest) != 32 {
		return nil, errOneCall
	}
	defer k.note([][]byte{digest}, true)()
	select {
	case <-time.After(100 * time.Millisecond):
		return slices.Clone(digest), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (k *vector) SignBulk(ctx context.Context, digests [][]byte, _ crypto.SignerOpts) []sign.Outcome {
	defer k.note(digests, false)()
	if k.answer != nil {
		return k.answer(ctx, digests)
	}
	before := slices.Concat(digests...)
	select {
	case <-time.After(100 * time.Millisecond):
		if !slices.Equal(before, slices.Concat(digests...)) {
			k.changed = true
		}
	case <-ctx.Done():
		k.mu.Lock()
		defer k.mu.Unlock()
		k.ended = append(k.ended, ctx.Err())
		return make([]sign.Outcome, len(digests))
	}
	outcomes := make([]sign.Outcome, len(digests))
	for i, d := range digests {
		if outcomes[i].Signature = slices.Clone(d); binary.BigEndian.Uint64(d) == 7 {
			outcomes[i] = sign.Outcome{Err: errSeventh}
		}
	}
	return outcomes
}

func numbered(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n))[:8:8] }

func digestOf(n int) []byte { return append(numbered(n), make([]byte, 24)...) }

// said are the groups so far.
func (k *vector) said() [][]uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.groups)
}

func (k *vector) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.groups = nil
}

type answered struct {
	n         int
	signature []byte
	err       error
	after     time.Duration
}

// callers call a key one after the other, without waiting for answers.
type callers struct {
	t       *testing.T
	key     sign.Key
	start   time.Time
	answers chan answered
	called  int
}

func newCallers(t *testing.T, key sign.Key) *callers {
	return &callers{t: t, key: key, start: time.Now(), answers: make(chan answered, 1000)}
}

func (c *callers) call(ctx context.Context, n int, opts crypto.SignerOpts) {
	c.called++
	go func() {
		signature, err := c.key.SignContext(ctx, digestOf(n), opts)
		c.answers <- answered{n, signature, err, time.Since(c.start)}
	}()
	synctest.Wait()
}

// all are the answers by number.
func (c *callers) all() map[int]answered {
	found := map[int]answered{}
	for range c.called {
		a := <-c.answers
		found[a.n] = a
	}
	return found
}

const single = 1 << 32

// TestGathered: the first call is made at once and alone, what comes meanwhile is the next groups, and each has the answer of its own.
func TestGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &vector{}
		c := newCallers(t, sign.Gathered(key, sign.Gathering{}))
		for i := range 12 {
			c.call(t.Context(), i, crypto.SHA256)
		}
		answers := c.all()
		for i := range 12 {
			after := 100 * time.Millisecond
			if i > 8 {
				after = 300 * time.Millisecond
			} else if i > 0 {
				after = 200 * time.Millisecond
			}
			if i == 7 {
				require.Equal(t, answered{7, nil, errSeventh, after}, answers[i])
				continue
			}
			require.Equal(t, answered{i, digestOf(i), nil, after}, answers[i])
		}
		require.Equal(t, [][]uint64{{single}, {1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11}}, key.said())
		require.Equal(t, 1, key.highest)
		signature, err := c.key.Sign(nil, digestOf(1), crypto.SHA256)
		require.NoError(t, err)
		require.Equal(t, digestOf(1), signature)
		require.Equal(t, []uint64{single + 1}, key.said()[3], "nobody else calls")
	})
}

// TestGatheredWaits: the first call waits for others, and not longer than it is said, nor when the group is full.
func TestGatheredWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &vector{}
		c := newCallers(t, sign.Gathered(key, sign.Gathering{Wait: 10 * time.Millisecond, Concurrency: 4}))
		c.call(t.Context(), 1, crypto.SHA256)
		time.Sleep(9 * time.Millisecond)
		c.call(t.Context(), 2, crypto.SHA256)
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, [][]uint64{{1, 2}}, key.said())
		for i := 10; i < 19; i++ {
			c.call(t.Context(), i, crypto.SHA256)
		}
		require.Equal(t, []uint64{10, 11, 12, 13, 14, 15, 16, 17}, key.said()[1], "it is full")
		require.Len(t, key.said(), 2)
		answers := c.all()
		require.Equal(t, 110*time.Millisecond, answers[1].after)
		require.Equal(t, 110*time.Millisecond, answers[2].after)
		require.Equal(t, 111*time.Millisecond, answers[17].after)
		require.Equal(t, 121*time.Millisecond, answers[18].after)
		require.Equal(t, []uint64{single + 18}, key.said()[2])
	})
}

// TestGatheredLeave: a caller whose context ends leaves at once, before its group and in it, and its digest is its own again. The
// context of a group ends when all have left.
func TestGatheredLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &vector{}
		c := newCallers(t, sign.Gathered(key, sign.Gathering{}))
		c.call(t.Context(), 0, crypto.SHA256)
		waits, giveUp := context.WithCancel(t.Context())
		c.call(waits, 1, crypto.SHA256)
		inside, leave := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer leave()
		digest := digestOf(2)
		left := make(chan error, 1)
		go func() {
			_, err := c.key.SignContext(inside, digest, crypto.SHA256)
			clear(digest)
			left <- err
		}()
		synctest.Wait()
		c.call(t.Context(), 3, crypto.SHA256)
		giveUp()
		synctest.Wait()
		first := <-c.answers
		require.Equal(t, answered{1, nil, context.Canceled, 0}, first)
		require.ErrorIs(t, <-left, context.DeadlineExceeded)
		require.Equal(t, 150*time.Millisecond, time.Since(c.start))
		c.called--
		answers := c.all()
		require.Equal(t, answered{3, digestOf(3), nil, 200 * time.Millisecond}, answers[3])
		require.Equal(t, [][]uint64{{single}, {2, 3}}, key.said())
		require.Empty(t, key.ended)
		require.False(t, key.changed)

		key.forget()
		c = newCallers(t, c.key)
		c.call(t.Context(), 0, crypto.SHA256)
		short, done := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer done()
		for i := 1; i < 4; i++ {
			c.call(short, i, crypto.SHA256)
		}
		c.call(t.Context(), 9, &rsa.PSSOptions{Hash: crypto.SHA256})
		answers = c.all()
		require.Equal(t, 150*time.Millisecond, answers[2].after)
		require.Equal(t, []error{context.Canceled}, key.ended)
		require.Equal(t, 250*time.Millisecond, answers[9].after, "the next group begins when the key gives up the one before")
		require.Equal(t, [][]uint64{{single}, {1, 2, 3}, {single + 9}}, key.said())

		_, err := c.key.SignContext(short, digestOf(1), crypto.SHA256)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, key.said(), 3)
	})
}

// TestGatheredOptions: a group is of calls with the same options, and in order.
func TestGatheredOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &vector{}
		c := newCallers(t, sign.Gathered(key, sign.Gathering{}))
		pss := func(salt int) crypto.SignerOpts { return &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: salt} }
		for i, opts := range []crypto.SignerOpts{
			crypto.SHA256, crypto.SHA256, pss(32), crypto.SHA512_256, crypto.SHA256, pss(32), pss(20), odd{}, odd{}, pss(20), (*own)(nil), (*own)(nil), nan(math.NaN()), nan(math.NaN()),
		} {
			c.call(t.Context(), i, opts)
		}
		c.all()
		require.Equal(t, [][]uint64{{single}, {1, 4}, {2, 5}, {single + 3}, {6, 9}, {single + 7}, {single + 8}, {10, 11}, {single + 12}, {single + 13}}, key.said())
		for _, digest := range [][]byte{nil, digestOf(0)[1:], append(digestOf(0), 0)} {
			_, err := c.key.SignContext(t.Context(), digest, crypto.SHA256)
			require.ErrorIs(t, err, errOneCall)
		}
		_, err := c.key.SignContext(t.Context(), nil, nil)
		require.ErrorIs(t, err, errOneCall)
	})
}

// odd are options that cannot be compared, nan are not equal to themselves, and own are as usual.
// TestGatheredLength: a digest that the key will refuse spoils no group.
func TestGatheredLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vector{}
		key := sign.Gathered(v, sign.Gathering{})
		c := newCallers(t, key)
		c.call(t.Context(), 1, crypto.SHA256)
		c.call(t.Context(), 2, crypto.SHA256)
		synctest.Wait()
		_, err := key.SignContext(t.Context(), digestOf(3)[:31], crypto.SHA256)
		require.ErrorIs(t, err, errOneCall)
		for n, a := range c.all() {
			require.NoError(t, a.err, n)
		}
	})
}

type (
	odd struct{ _ []byte }
	nan float64
	own struct{}
)

func (odd) HashFunc() crypto.Hash  { return crypto.SHA256 }
func (nan) HashFunc() crypto.Hash  { return crypto.SHA256 }
func (*own) HashFunc() crypto.Hash { return crypto.SHA256 }

// TestGatheredGroups: calls of a few digests are gathered with others, and whole groups are not.
func TestGatheredGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &vector{}
		k := sign.Gathered(key, sign.Gathering{}).(sign.BulkKey)
		answers := make([][]sign.Outcome, 6)
		var done sync.WaitGroup
		group := func(i int, ctx context.Context, numbers ...int) {
			var digests [][]byte
			for _, n := range numbers {
				digests = append(digests, digestOf(n))
			}
			done.Go(func() { answers[i] = k.SignBulk(ctx, digests, crypto.SHA256) })
			synctest.Wait()
		}
		short, leave := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer leave()
		group(0, t.Context(), 0, 1)
		group(1, t.Context(), 2, 3, 4)
		group(2, short, 5, 6)
		group(3, t.Context(), 7, 8, 9, 10, 11)
		group(4, t.Context(), 20, 21, 22, 23, 24, 25, 26, 27)
		group(5, t.Context())
		done.Wait()
		require.Equal(t, [][]uint64{{0, 1}, {20, 21, 22, 23, 24, 25, 26, 27}, nil, {2, 3, 4, 5, 6, 7, 8, 9}, {10, 11}}, key.said())
		require.Equal(t, []sign.Outcome{{Signature: digestOf(2)}, {Signature: digestOf(3)}, {Signature: digestOf(4)}}, answers[1])
		require.Equal(t, []sign.Outcome{{Err: context.DeadlineExceeded}, {Err: context.DeadlineExceeded}}, answers[2])
		require.Equal(t, sign.Outcome{Err: errSeventh}, answers[3][0])
		require.Equal(t, sign.Outcome{Signature: digestOf(11)}, answers[3][4])
		require.Len(t, answers[4], 8)

		_ = k.SignBulk(short, [][]byte{digestOf(1)}, crypto.SHA256)
		require.Len(t, key.said(), 6, "the key refuses it")
	})
}

// TestGatheredFaults: what goes wrong in a group is known to its callers and to nobody else.
func TestGatheredFaults(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(context.Context, [][]byte) []sign.Outcome
		check  func(t *testing.T, err error)
	}{
		"panics": {func(context.Context, [][]byte) []sign.Outcome { panic("a fault") }, func(t *testing.T, err error) {
			p, ok := errors.AsType[*sign.PanicError](err)
			require.True(t, ok)
			require.Equal(t, "a fault", p.Value)
		}},
		"exits": {func(context.Context, [][]byte) []sign.Outcome { runtime.Goexit(); return nil }, func(t *testing.T, err error) {
			require.ErrorIs(t, err, sign.ErrGoexit)
		}},
		"short": {func(_ context.Context, digests [][]byte) []sign.Outcome { return make([]sign.Outcome, len(digests)-1) }, func(t *testing.T, err error) {
			require.ErrorIs(t, err, sign.ErrUnavailable)
			require.ErrorContains(t, err, "the key answered 2 of 3 digests")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := &vector{answer: c.answer}
				all := newCallers(t, sign.Gathered(key, sign.Gathering{}))
				for i := range 4 {
					all.call(t.Context(), i, crypto.SHA256)
				}
				all.call(t.Context(), 4, crypto.SHA512_256)
				answers := all.all()
				for i := range 5 {
					if i == 0 || i == 4 {
						require.NoError(t, answers[i].err)
						continue
					}
					require.Empty(t, answers[i].signature)
					c.check(t, answers[i].err)
				}
				key.answer = nil
				_, err := all.key.SignContext(t.Context(), digestOf(1), crypto.SHA256)
				require.NoError(t, err)
			})
		})
	}
}

// TestGatheredConcurrency: as many groups as the key takes calls, or as it computes well.
func TestGatheredConcurrency(t *testing.T) {
	for name, c := range map[string]struct {
		key  *vector
		g    sign.Gathering
		want int
	}{
		"one":       {&vector{}, sign.Gathering{}, 1},
		"its limit": {&vector{limit: 3, computes: true}, sign.Gathering{}, 3},
		"computes":  {&vector{computes: true}, sign.Gathering{}, 2},
		"given":     {&vector{limit: 3}, sign.Gathering{Concurrency: 4}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
			synctest.Test(t, func(t *testing.T) {
				all := newCallers(t, sign.Gathered(c.key, c.g))
				for i := range 40 {
					all.call(t.Context(), i, crypto.SHA256)
				}
				all.all()
				require.Equal(t, c.want, c.key.highest)
				require.Equal(t, c.key.limit*8, all.key.(sign.Limiter).Limit())
			})
		})
	}
}

// messageVector takes messages one by one, and digests in groups only.
type messageVector struct{ *vector }

func (messageVector) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, &sign.Error{Class: sign.ErrUnsupported}
}

func (messageVector) SignMessage(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errOneCall
}

func (messageVector) SignMessageContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errOneCall
}

// TestGatheredWraps: what the key behind says is said, and what is no key for groups stays as it is.
func TestGatheredWraps(t *testing.T) {
	plain := &kms{}
	require.Same(t, plain, sign.Gathered(plain, sign.Gathering{}))
	require.Nil(t, sign.Gathered(nil, sign.Gathering{}))
	require.Nil(t, sign.GatheredProvider(nil, sign.Gathering{}))

	key := &vector{computes: true}
	k := sign.Gathered(key, sign.Gathering{})
	require.Same(t, key, k.(sign.WrappedKey).Unwrap())
	require.True(t, k.(sign.BulkComputer).Computes())
	require.False(t, k.(sign.TrustedKey).Trusted())
	require.True(t, k.(sign.Queuer).Queues())
	require.Equal(t, 8, k.(sign.BulkKey).BulkSize())
	require.Len(t, k.(sign.BulkKey).SignBulk(t.Context(), [][]byte{digestOf(1), digestOf(2)}, crypto.SHA256), 2)
	require.Equal(t, [][]uint64{{1, 2}}, key.said())

	k = sign.Gathered(messageVector{key}, sign.Gathering{})
	signature, err := k.SignContext(t.Context(), digestOf(3), crypto.SHA256)
	require.NoError(t, err)
	require.Equal(t, digestOf(3), signature)
}

// TestGatheredProvider is the contract of providers.
func TestGatheredProvider(t *testing.T) {
	like := newBox()
	for name, g := range map[string]sign.Gathering{"without waiting": {}, "waiting": {Wait: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Config{
				Open: func(testing.TB) sign.Provider {
					return sign.GatheredProvider(&bulkBox{&box{label: like.label, chain: like.chain, ask: like.ask}}, g)
				},
				Keys: []providertest.Key{{Label: "seal", Certificate: like.chain[0], Chain: like.chain}},
			})
		})
	}
}

// bulkBox has keys that take groups.
type bulkBox struct{ *box }

func (b *bulkBox) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	key, err := b.box.Key(ctx, ref)
	if err != nil {
		return nil, err
	}
	return bulkBoxKey{key}, nil
}

// Unwrap returns the provider that knows the certificates.
func (b *bulkBox) Unwrap() sign.Provider { return b.box }

type bulkBoxKey struct{ sign.Key }

func (k bulkBoxKey) Unwrap() sign.Key { return k.Key }

func (bulkBoxKey) BulkSize() int { return 4 }

func (k bulkBoxKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	outcomes := make([]sign.Outcome, len(digests))
	for i, d := range digests {
		outcomes[i].Signature, outcomes[i].Err = k.SignContext(ctx, d, opts)
	}
	return outcomes
}

// TestGatheredFullBehind: a group that is full does not wait for one of other options that came before, which still waits for others.
func TestGatheredFullBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &vector{}
		c := newCallers(t, sign.Gathered(key, sign.Gathering{Wait: time.Second}))
		c.call(t.Context(), 100, crypto.SHA256)
		for i := range 5 {
			c.call(t.Context(), i, &rsa.PSSOptions{Hash: crypto.SHA256})
			c.call(t.Context(), 10+i, crypto.SHA512_256)
		}
		for i := 5; i < 8; i++ {
			require.Empty(t, key.said())
			c.call(t.Context(), i, &rsa.PSSOptions{Hash: crypto.SHA256})
		}
		require.Len(t, key.said(), 1)
		c.call(t.Context(), 8, &rsa.PSSOptions{Hash: crypto.SHA256})
		c.call(t.Context(), 101, crypto.SHA256)
		answers := c.all()
		require.Equal(t, [][]uint64{{0, 1, 2, 3, 4, 5, 6, 7}, {100, 101}, {10, 11, 12, 13, 14}, {single + 8}}, key.said())
		require.Equal(t, 100*time.Millisecond, answers[0].after)
		require.Equal(t, 1100*time.Millisecond, answers[100].after)
		require.Equal(t, 1300*time.Millisecond, answers[8].after)
	})
}

// late is a key that looks at the options when it has waited.
type late struct {
	*vector
	salts []int
}

func (k *late) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	outcomes := k.vector.SignBulk(ctx, digests, opts)
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		k.salts = append(k.salts, pss.SaltLength)
	}
	return outcomes
}

// TestGatheredOptionsReused: whoever leaves may write over the options, by which others are still signed.
func TestGatheredOptionsReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &late{vector: &vector{}}
		c := newCallers(t, sign.Gathered(key, sign.Gathering{Wait: time.Millisecond}))
		opts := &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 32}
		ctx, leave := context.WithCancel(t.Context())
		c.call(ctx, 1, opts)
		c.call(t.Context(), 2, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 32})
		time.Sleep(2 * time.Millisecond)
		leave()
		require.ErrorIs(t, (<-c.answers).err, context.Canceled)
		opts.SaltLength = 20
		c.called--
		require.NoError(t, c.all()[2].err)
		require.Equal(t, []int{32}, key.salts)
	})
}
