package batch_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// Each test runs in a bubble of package synctest: time passes when all goroutines wait, and the bubble does not end as
// long as there is one, so that every test is also one of leaks.

// TestOrder signs contents that take differently long, with keys of both kinds.
func TestOrder(t *testing.T) {
	pki := testpki.New(t)
	for _, limit := range []int{0, 1, 3, 50} {
		for _, bulk := range []int{0, 2, 7, 100, -2, -7, -100} {
			for _, workers := range []int{0, 1, 8} {
				t.Run(fmt.Sprintf("limit=%d/bulk=%d/workers=%d", limit, bulk, workers), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						fake := &fakeKey{limit: limit, takes: anyTime}
						s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
							fake.Signer = k
							if bulk != 0 {
								return groupsOf(fake, bulk)
							}
							return fake
						})
						results, err := batch.Sign(t.Context(), s, &fakeFormat{takes: anyTime}, named(300), &batch.Options{Workers: workers})
						require.NoError(t, err)
						require.Len(t, results, 300)
						for i, r := range results {
							requireSigned(t, i, r)
						}
						if limit > 0 {
							require.LessOrEqual(t, fake.highest.Load(), int64(limit))
						}
					})
				})
			}
		}
	}
}

// TestKeyAndProcessors shows that a key which waits does not keep the processors from their work: with one worker and
// eight sessions of a second each, eight are in the key at once.
func TestKeyAndProcessors(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{limit: 8, takes: func() time.Duration { return time.Second }}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		start := time.Now()
		results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(81), &batch.Options{Workers: 1})
		require.NoError(t, err)
		require.Len(t, results, 81)
		require.Equal(t, int64(8), fake.highest.Load())
		require.Equal(t, 11*time.Second, time.Since(start), "the first alone, then ten rounds of eight")
	})
}

// TestKeyThatWorked lets the first content go ahead alone until the key has worked once, and again after it failed.
func TestKeyThatWorked(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			fake := &fakeKey{limit: 8, takes: func() time.Duration { return time.Second }}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
				fake.Signer = k
				if bulk != 0 {
					return groupsOf(fake, bulk)
				}
				return fake
			})
			took := func(n int) time.Duration {
				start := time.Now()
				_, _ = batch.Sign(t.Context(), s, &fakeFormat{}, named(n), &batch.Options{Workers: 8})
				return time.Since(start)
			}
			require.False(t, s.Worked())
			require.Equal(t, 2*time.Second, took(8))
			require.True(t, s.Worked())
			for range 3 {
				require.Equal(t, time.Second, took(8))
			}
			fake.fails = func(int64, []byte) error { return &sign.Error{Op: "fake", Class: sign.ErrPIN} }
			_ = took(8)
			require.False(t, s.Worked())
			calls := fake.calls.Load()
			_ = took(8)
			require.LessOrEqual(t, fake.calls.Load()-calls, int64(max(bulk, 1)), "a PIN that may be wrong is tried once")
		})
	}
}

// TestKeyQueues gives a key with a queue of its own a few calls more than it works on at once, unless a limit is set.
func TestKeyQueues(t *testing.T) {
	pki := testpki.New(t)
	for limit, most := range map[int]int64{0: 5, 4: 4, 1: 1} {
		synctest.Test(t, func(t *testing.T) {
			fake := &queueKey{fakeKey{limit: 3, takes: func() time.Duration { return time.Second }}}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
			_, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(50), &batch.Options{Workers: 2, KeyLimit: limit})
			require.NoError(t, err)
			require.Equal(t, most, fake.highest.Load())
		})
	}
}

// TestItemErrors gives each content its own error, from any step, and signs the others.
func TestItemErrors(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 10, -10} {
		synctest.Test(t, func(t *testing.T) {
			fake := &fakeKey{fails: func(_ int64, digest []byte) error {
				if strings.HasSuffix(string(digest), "5") {
					return fmt.Errorf("%s: %w", digest, errContent)
				}
				return nil
			}}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
				fake.Signer = k
				if bulk != 0 {
					return groupsOf(fake, bulk)
				}
				return fake
			})
			ends := func(suffix string) func(string) error {
				return func(name string) error {
					if strings.HasSuffix(name, suffix) {
						return fmt.Errorf("content %s: %w", name, errContent)
					}
					return nil
				}
			}
			var last batch.Progress
			results, err := batch.Sign(t.Context(), s, &fakeFormat{failPrep: ends("0"), failFin: ends("9")}, named(100), &batch.Options{
				Progress: func(p batch.Progress) {
					require.Equal(t, last.Done+1, p.Done)
					last = p
				},
			})
			require.NoError(t, err)
			require.Equal(t, batch.Progress{Done: 100, Failed: 30, Total: 100}, last)
			for i, r := range results {
				if i%10 == 0 || i%10 == 5 || i%10 == 9 {
					require.ErrorIs(t, r.Err, errContent)
					require.ErrorContains(t, r.Err, fmt.Sprintf("content %d:", i))
					require.Nil(t, r.Signature)
					continue
				}
				requireSigned(t, i, r)
			}
		})
	}
}

// TestStopOnError returns the error of the lowest failing index, even when a higher one failed before it.
func TestStopOnError(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{takes: anyTime}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		f := &fakeFormat{failPrep: func(name string) error {
			if name == "7" {
				time.Sleep(time.Second) // after the others have failed
			}
			if len(name) == 1 && name >= "7" || len(name) > 1 {
				return fmt.Errorf("content %s: %w", name, errContent)
			}
			return nil
		}}
		results, err := batch.Sign(t.Context(), s, f, named(1000), &batch.Options{StopOnError: true, Workers: 8})
		require.Nil(t, results)
		require.EqualError(t, err, "content 7: this content is bad")
		require.Less(t, f.prepared.Load(), int64(200), "most contents were not touched")

		var seen []int
		for r := range batch.Stream(t.Context(), s, f, slices.Values(named(1000)), &batch.Options{StopOnError: true, Workers: 8}) {
			seen = append(seen, r.Index)
			require.Equal(t, r.Index == 7, r.Err != nil)
		}
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, seen)

		f.failPrep = nil
		results, err = batch.Sign(t.Context(), s, f, named(20), &batch.Options{StopOnError: true})
		require.NoError(t, err)
		require.Len(t, results, 20)
	})
}

// TestWrongPassword tries it once, however many workers there are.
func TestWrongPassword(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 4, -4} {
		for _, stop := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeKey{limit: 64, takes: anyTime, fails: func(int64, []byte) error {
					return &sign.Error{Op: "open the token", Class: sign.ErrPIN}
				}}
				var key sign.Key = fake
				s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
					fake.Signer = k
					if bulk != 0 {
						key = groupsOf(fake, bulk)
					}
					return key
				})
				results, err := batch.Sign(t.Context(), s, &fakeFormat{takes: anyTime}, named(500), &batch.Options{Workers: 64, StopOnError: stop})
				require.ErrorIs(t, err, sign.ErrPIN)
				if b := groupsIn(key); b != nil {
					require.Len(t, b.groups, 1)
				} else {
					require.Equal(t, int64(1), fake.calls.Load())
				}
				if stop {
					require.Nil(t, results)
					return
				}
				require.Len(t, results, 500)
				own := 0
				for i, r := range results {
					require.Equal(t, i, r.Index)
					require.Equal(t, fmt.Sprint(i), r.Name)
					require.ErrorIs(t, r.Err, sign.ErrPIN)
					if !errors.Is(r.Err, batch.ErrStopped) {
						own++
					}
				}
				if b := groupsIn(key); b != nil {
					require.Equal(t, b.groups[0], own)
				} else {
					require.Equal(t, 1, own)
				}
			})
		}
	}
}

// TestKeyGone stops in the middle, and keeps what was signed. A temporary failure stops nothing.
func TestKeyGone(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		for _, temporary := range []bool{false, true} {
			fake := &fakeKey{limit: 4, takes: func() time.Duration { return time.Second }, fails: func(call int64, _ []byte) error {
				if call == 50 {
					return &sign.Error{Op: "sign", Class: sign.ErrUnavailable, Temporary: temporary}
				}
				return nil
			}}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
			results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(1000), nil)
			require.Len(t, results, 1000)
			failed := 0
			for i, r := range results {
				if r.Err == nil {
					requireSigned(t, i, r)
					continue
				}
				require.ErrorIs(t, r.Err, sign.ErrUnavailable)
				failed++
			}
			if temporary {
				require.NoError(t, err)
				require.Equal(t, 1, failed)
				continue
			}
			require.ErrorIs(t, err, sign.ErrUnavailable)
			require.GreaterOrEqual(t, 1000-failed, 49)
			require.LessOrEqual(t, fake.calls.Load(), int64(57), "those that were under way, and no others")
		}
	})
}

// TestCancel ends everything at once.
func TestCancel(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 10, -10} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			fake := &fakeKey{limit: 4, takes: func() time.Duration { return time.Second }}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
				fake.Signer = k
				if bulk != 0 {
					return groupsOf(fake, bulk)
				}
				return fake
			})
			why := errors.New("the service stops")
			start := time.Now()
			time.AfterFunc(10500*time.Millisecond, func() { cancel(why) })
			results, err := batch.Sign(ctx, s, &fakeFormat{takes: anyTime}, named(1000), nil)
			require.ErrorIs(t, err, why)
			require.Equal(t, 10500*time.Millisecond, time.Since(start))
			require.Len(t, results, 1000)
			requireSigned(t, 0, results[0])
			require.ErrorIs(t, results[999].Err, why)
			require.Equal(t, "999", results[999].Name)
		})
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	fake := &fakeKey{}
	s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
	_, err := batch.Sign(cancelled, s, &fakeFormat{}, named(3), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, fake.calls.Load())
}

// TestStream takes contents as they come, holds a bounded number, and delivers at once what is ready.
func TestStream(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{takes: anyTime}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
		f := &fakeFormat{}
		var taken atomic.Int64
		contents := func(yield func(batch.Content) bool) {
			for i := range 1000 {
				taken.Add(1)
				if !yield(named(i + 1)[i]) {
					return
				}
			}
		}
		next := 0
		for r := range batch.Stream(t.Context(), s, f, contents, &batch.Options{Window: 10, Workers: 4}) {
			requireSigned(t, next, r)
			next++
			if next%100 == 0 {
				time.Sleep(10 * time.Second) // a slow reader of results
			}
			require.LessOrEqual(t, taken.Load(), int64(next+11))
		}
		require.Equal(t, 1000, next)

		// Contents that come slowly are answered at once, not when the window is full.
		slow := func(yield func(batch.Content) bool) {
			for i := range 5 {
				time.Sleep(time.Hour)
				if !yield(named(i + 1)[i]) {
					return
				}
			}
		}
		start, next := time.Now(), 0
		for range batch.Stream(t.Context(), s, f, slow, nil) {
			next++
			require.Less(t, time.Since(start), time.Duration(next)*time.Hour+time.Second)
		}
		require.Equal(t, 5, next)
	})
}

// TestLeave leaves the loop over the results.
func TestLeave(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 10, -10} {
		synctest.Test(t, func(t *testing.T) {
			fake := &fakeKey{takes: anyTime}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
				fake.Signer = k
				if bulk != 0 {
					return groupsOf(fake, bulk)
				}
				return fake
			})
			ended := false
			contents := func(yield func(batch.Content) bool) {
				defer func() { ended = true }()
				for i := 0; yield(sign.Bytes(fmt.Sprint(i), nil)); i++ {
				}
			}
			for r := range batch.Stream(t.Context(), s, &fakeFormat{takes: anyTime}, contents, nil) {
				if r.Index == 20 {
					break
				}
			}
			require.True(t, ended, "the iterator was told, and has returned")
		})
	}
}
