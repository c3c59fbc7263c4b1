package batch_test

import (
	"context"
	"crypto"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestComputingKey fills groups from what is there, and waits for nothing: each content is signed at once when they come one by one.
func TestComputingKey(t *testing.T) {
	pki := testpki.New(t)
	for _, workers := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			fake := &fakeKey{}
			key := groupsOf(fake, -64)
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return key })
			results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(1000), &batch.Options{Workers: workers})
			require.NoError(t, err)
			for i, r := range results {
				requireSigned(t, i, r)
			}
			largest, all := 0, 0
			for _, n := range groupsIn(key).groups {
				largest, all = max(largest, n), all+n
			}
			require.Equal(t, 1000, all)
			require.Equal(t, 64, largest)

			groupsIn(key).groups = nil
			start, contents := time.Now(), named(5)
			i := 0
			for r := range batch.Stream(t.Context(), s, &fakeFormat{}, func(yield func(batch.Content) bool) {
				for _, c := range contents {
					time.Sleep(time.Second)
					if !yield(c) {
						return
					}
				}
			}, &batch.Options{Workers: workers, BulkWait: time.Hour}) {
				requireSigned(t, i, r)
				i++
				require.Equal(t, time.Duration(i)*time.Second, time.Since(start))
			}
			require.Equal(t, []int{1, 1, 1, 1, 1}, groupsIn(key).groups)
		})
	}
}

// TestContentsThatPanic are the last result, and nothing else: no worker takes that one up, which is over already.
func TestContentsThatPanic(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 4, -4} {
		synctest.Test(t, func(t *testing.T) {
			fake, format := &fakeKey{}, &fakeFormat{}
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return groupsOf(fake, bulk) })
			i := 0
			for r := range batch.Stream(t.Context(), s, format, func(yield func(batch.Content) bool) {
				for _, c := range named(10) {
					yield(c)
				}
				time.Sleep(time.Second) // all of them are signed and delivered
				panic("no more")
			}, nil) {
				if i < 10 {
					requireSigned(t, i, r)
				} else {
					require.Equal(t, 10, r.Index)
					require.ErrorContains(t, r.Err, "no more")
				}
				i++
			}
			require.Equal(t, 11, i)
			require.Equal(t, int64(10), format.prepared.Load())
		})
	}
}

// TestWindow lets the iterator of contents go so far ahead of the results and no further.
func TestWindow(t *testing.T) {
	pki := testpki.New(t)
	for _, bulk := range []int{0, 4, -4} {
		for _, window := range []int{1, 2, 7, 64} {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeKey{takes: anyTime}
				s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return groupsOf(fake, bulk) })
				var taken atomic.Int64
				i := 0
				for r := range batch.Stream(t.Context(), s, &fakeFormat{takes: anyTime}, func(yield func(batch.Content) bool) {
					for _, c := range named(300) {
						taken.Add(1)
						if !yield(c) {
							return
						}
					}
				}, &batch.Options{Window: window, Workers: 3}) {
					requireSigned(t, i, r)
					// One more is in the hands of the iterator, and the one of this turn was delivered.
					require.LessOrEqual(t, taken.Load(), int64(i+1+window+1))
					i++
				}
				require.Equal(t, 300, i)
			})
		}
	}
}

// TestWindowOfOneGroup gives room back before a group waits for it: none goes to the key half full after an hour.
func TestWindowOfOneGroup(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{}
		key := groupsOf(fake, 8)
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return key })
		start := time.Now()
		results, err := batch.Sign(t.Context(), s, &fakeFormat{}, named(80), &batch.Options{Window: 8, BulkWait: time.Hour})
		require.NoError(t, err)
		require.Len(t, results, 80)
		require.Zero(t, time.Since(start))
		require.Equal(t, []int{8, 8, 8, 8, 8, 8, 8, 8, 8, 8}, groupsIn(key).groups)
	})
}

// TestCancelTellsContents though nobody takes results any more.
func TestCancelTellsContents(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &fakeKey{Signer: k} })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := make(chan struct{})
		for range batch.Stream(ctx, s, &fakeFormat{}, func(yield func(batch.Content) bool) {
			defer close(told)
			for _, c := range named(1000) {
				if !yield(c) {
					return
				}
			}
		}, &batch.Options{Window: 4}) {
			synctest.Wait() // until there is no room
			cancel()
			<-told
		}
	})
}
