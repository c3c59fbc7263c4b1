package batch_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestGroups fills groups across contents, and sends one that is not full when nothing more comes.
func TestGroups(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{limit: 2, takes: func() time.Duration { return time.Second }}
		key := &bulkKey{fakeKey: fake, size: 50}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return key })
		results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(520), &batch.Options{Workers: 3})
		require.NoError(t, err)
		for i, r := range results {
			requireSigned(t, i, r)
		}
		full := 0
		for _, n := range key.groups {
			if n == 50 {
				full++
			}
		}
		require.GreaterOrEqual(t, full, 9, "%v", key.groups)

		// A group waits for others as long as it was told, and no longer.
		key.groups = nil
		var contents iter.Seq[batch.Content] = func(yield func(batch.Content) bool) {
			for i := range 9 {
				if !yield(named(i + 1)[i]) {
					return
				}
				if i%3 == 2 {
					time.Sleep(time.Minute)
				}
			}
		}
		for range batch.Stream(t.Context(), s, &fakeFormat{}, contents, &batch.Options{BulkWait: time.Second}) {
		}
		require.Equal(t, []int{3, 3, 3}, key.groups)
	})
}

// observer collects.
type observer struct {
	mu   sync.Mutex
	all  []batch.Observation
	ctxs []context.Context
}

func (o *observer) Observe(ctx context.Context, x batch.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all, o.ctxs = append(o.all, x), append(o.ctxs, ctx)
}

type traceParent struct{}

// TestObserver is told of every step, of what, when it began and how long it took, in the context of the caller.
func TestObserver(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{takes: func() time.Duration { return time.Minute }}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		f := &fakeFormat{takes: func() time.Duration { return time.Second }, failPrep: func(name string) error {
			if name == "3" {
				return errContent
			}
			return nil
		}}
		var o observer
		began := time.Now()
		_, err := batch.Sign(context.WithValue(t.Context(), traceParent{}, "here"), s, f, named(10), &batch.Options{Observer: &o, Workers: 1})
		require.NoError(t, err)
		for _, ctx := range o.ctxs {
			require.Equal(t, "here", ctx.Value(traceParent{}))
			require.NoError(t, ctx.Err(), "the one of the caller, which the end of the batch does not end")
		}
		require.Equal(t, began, o.all[0].Start)
		count := map[batch.Step]int{}
		for _, x := range o.all {
			count[x.Step]++
			require.Equal(t, 1, x.Count)
			require.Equal(t, fmt.Sprint(x.Index), x.Name)
			require.False(t, x.Start.Before(began) || x.Start.Add(x.Took).After(time.Now()))
			require.Equal(t, x.Index == 3, x.Err != nil)
			require.Equal(t, map[batch.Step]time.Duration{batch.StepPrepare: time.Second, batch.StepKey: time.Minute, batch.StepFinish: 0}[x.Step], x.Took)
			require.NotContains(t, x.Step.String(), "unknown")
		}
		require.Equal(t, map[batch.Step]int{batch.StepPrepare: 10, batch.StepKey: 9, batch.StepFinish: 9}, count)
	})
}

// TestOutput writes containers where they are wanted, whole or not at all.
func TestOutput(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		outputs := make([]*memory, 5)
		full := errors.New("the disk is full")
		results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(5), &batch.Options{
			Output: func(_ context.Context, index int, c *batch.Content) (batch.Output, error) {
				require.Equal(t, fmt.Sprint(index), c.Name)
				if index == 4 {
					return nil, errContent
				}
				outputs[index] = &memory{}
				if index == 2 {
					outputs[index].fail = full
				}
				return outputs[index], nil
			},
		})
		require.NoError(t, err)
		for i, r := range results {
			require.Nil(t, r.Signature)
			switch i {
			case 2:
				require.ErrorIs(t, r.Err, full)
				require.True(t, outputs[i].aborted && !outputs[i].committed)
			case 4:
				require.ErrorIs(t, r.Err, errContent)
			default:
				require.NoError(t, r.Err)
				require.Equal(t, fmt.Sprintf("%d: signed content %d", i, i), outputs[i].String())
				require.True(t, outputs[i].committed && !outputs[i].aborted)
			}
		}
	})
}

// TestNothing has nothing to do.
func TestNothing(t *testing.T) {
	fake := &fakeKey{}
	s := signerOf(t, testpki.New(t), func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
	results, err := batch.Sign(t.Context(), s, &fakeFormat{}, nil, nil)
	require.NoError(t, err)
	require.Empty(t, results)
	for range batch.Stream(t.Context(), s, &fakeFormat{}, slices.Values(named(0)), nil) {
		t.Fatal("a result of nothing")
	}
}

// raisingFormat makes containers that wait for others.
type raisingFormat struct {
	fakeFormat
	inside, highest atomic.Int64
	fails           func(name string) error
}

type raisingDraft struct {
	*fakeDraft
	f *raisingFormat
}

func (f *raisingFormat) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	d, err := f.fakeFormat.Prepare(ctx, s, c)
	if err != nil {
		return nil, err
	}
	return &raisingDraft{d.(*fakeDraft), f}, nil
}

func (d *raisingDraft) Raises() bool { return true }

func (d *raisingDraft) FinishBase(ctx context.Context, signature []byte) ([]byte, error) {
	return d.Finish(ctx, signature)
}

func (d *raisingDraft) Raise(ctx context.Context, base []byte) ([]byte, error) {
	now := d.f.inside.Add(1)
	defer d.f.inside.Add(-1)
	for old := d.f.highest.Load(); now > old && !d.f.highest.CompareAndSwap(old, now); old = d.f.highest.Load() {
	}
	if err := wait(ctx, time.Second); err != nil {
		return base, err
	}
	if d.f.fails != nil {
		if err := d.f.fails(d.name); err != nil {
			return base, err
		}
	}
	return append(base, " raised"...), nil
}

// TestRaise waits for others with many containers at once, and keeps the lower level when it is told to.
func TestRaise(t *testing.T) {
	pki := testpki.New(t)
	for _, keep := range []bool{false, true} {
		for _, output := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeKey{}
				s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
				f := &raisingFormat{fails: func(name string) error {
					if name == "50" {
						return errContent
					}
					return nil
				}}
				o := &batch.Options{Workers: 2, RaiseLimit: 20, KeepLower: keep}
				outputs := make([]*memory, 100)
				if output {
					o.Output = func(_ context.Context, index int, _ *batch.Content) (batch.Output, error) {
						outputs[index] = &memory{}
						return outputs[index], nil
					}
				}
				start := time.Now()
				results, err := batch.Sign(t.Context(), s, f, named(100), o)
				require.NoError(t, err)
				require.Equal(t, int64(20), f.highest.Load())
				require.Equal(t, 5*time.Second, time.Since(start))
				for i, r := range results {
					got := r.Signature
					if output {
						require.Nil(t, got)
						if outputs[i] != nil {
							require.True(t, outputs[i].committed)
							got = outputs[i].Bytes()
						}
					}
					want := fmt.Sprintf("%d: signed content %d raised", i, i)
					if i == 50 {
						require.ErrorIs(t, r.Err, errContent)
						if want = ""; keep {
							want = "50: signed content 50"
						}
					} else {
						require.NoError(t, r.Err)
					}
					require.Equal(t, want, string(got))
				}
			})
		}
	}
}

// TestDraft is about what Stream hands out beside a result, and Sign does not keep.
func TestDraft(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		f := &fakeFormat{failPrep: func(name string) error {
			if name == "3" {
				return errContent
			}
			return nil
		}}
		for r := range batch.Stream(t.Context(), s, f, slices.Values(named(8)), nil) {
			if r.Index == 3 {
				require.Nil(t, r.Draft, "not even a typed nil")
				continue
			}
			require.Contains(t, string(r.Draft.ToBeSigned()), r.Name)
		}
		results, err := batch.Sign(t.Context(), s, f, named(8), nil)
		require.NoError(t, err)
		require.Nil(t, results[0].Draft)
	})
}

// TestFormatOfContent makes one content of a batch into something else.
func TestFormatOfContent(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		common, own := &fakeFormat{}, &fakeFormat{}
		contents := named(5)
		contents[2].Format = own
		_, err := batch.Sign(t.Context(), s, common, contents, nil)
		require.NoError(t, err)
		require.Equal(t, int64(4), common.prepared.Load())
		require.Equal(t, int64(1), own.prepared.Load())
	})
}
