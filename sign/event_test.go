package sign_test

import (
	"context"
	"crypto"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestInOrder hands events on in their order, one at a time, whatever the hook does, and keeps nobody waiting.
func TestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int // without a lock: the race detector sees two at once
		tell := sign.InOrder(func(e sign.Event) {
			got = append(got, e.Count)
			switch e.Count % 3 {
			case 1:
				panic("the hook is broken")
			case 2:
				runtime.Goexit()
			}
			time.Sleep(time.Minute)
		})
		began := time.Now()
		var lock sync.Mutex
		lock.Lock()
		for i := range 30 {
			tell(sign.Event{Count: i})
		}
		lock.Unlock()
		require.Zero(t, time.Since(began), "it does not wait for the hook")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, got, 30)
		for i, n := range got {
			require.Equal(t, i, n)
		}
		tell(sign.Event{Count: 30})
		synctest.Wait()
		require.Len(t, got, 31, "it goes on after a pause")
		time.Sleep(time.Hour)
	})
	sign.InOrder(nil)(sign.Event{}) // nobody is told
}

// TestSlowHook drops events rather than fill the memory, and says how many.
func TestSlowHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []sign.Event
		goOn := make(chan struct{})
		tell := sign.InOrder(func(e sign.Event) {
			<-goOn
			got = append(got, e)
		})
		tell(sign.Event{Kind: sign.EventTokenLost})
		synctest.Wait()
		for range 1024 + 7 {
			tell(sign.Event{Kind: sign.EventTokenLost})
		}
		close(goOn)
		synctest.Wait()
		require.Len(t, got, 1+1024+1)
		last := got[1025]
		require.Equal(t, sign.EventsDropped, last.Kind)
		require.Equal(t, 7, last.Count)
		require.False(t, last.When.IsZero())
		require.Equal(t, time.Now(), got[0].When)
	})
}

func TestEventString(t *testing.T) {
	for want, e := range map[string]sign.Event{
		`token lost: token "seal": gone`:                         {Kind: sign.EventTokenLost, Place: `token "seal"`, Err: errors.New("gone")},
		"failover: http://a/, now http://b/: no":                 {Kind: sign.EventFailover, Place: "http://a/", To: "http://b/", Err: errors.New("no")},
		"failback: http://a/ in the place of http://b/ after 2s": {Kind: sign.EventFailback, Place: "http://a/", To: "http://b/", Took: 2 * time.Second},
		"authority rests: http://a/ (3)":                         {Kind: sign.EventAuthorityRests, Place: "http://a/", Count: 3},
	} {
		require.Equal(t, want, e.String())
	}
	levels := map[sign.EventKind]string{
		sign.EventTokenLost: "WARN", sign.EventTokenGone: "WARN", sign.EventTokenRecovering: "DEBUG", sign.EventTokenBack: "INFO", sign.EventPINGivenUp: "WARN",
		sign.EventFailover: "WARN", sign.EventFailback: "INFO", sign.EventAuthorityBack: "INFO", sign.EventThrottlingOver: "INFO", "of a version to come": "WARN",
	}
	for kind, level := range levels {
		require.Equal(t, level, kind.Level().String(), kind)
	}
}

// TestQuotaEvents tells once that calls are put back, and once that they are over, however many there are.
func TestQuotaEvents(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		var got []sign.Event
		fails := func(call int64) error {
			if call <= 8 { // the first two tries of each
				return errThrottled
			}
			return nil
		}
		service := &kms{Signer: id.Key, fails: fails}
		key := sign.Limited(service, sign.Quota{Name: "kms", Temporary: isThrottled, Events: func(e sign.Event) {
			got = append(got, e)
			panic("the hook is broken")
		}})
		began := time.Now()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				_, err := key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
				require.NoError(t, err)
			})
		}
		all.Wait()
		took := time.Since(began)
		synctest.Wait()
		require.Len(t, got, 2)
		require.Equal(t, sign.EventThrottled, got[0].Kind)
		require.Equal(t, "kms", got[0].Place)
		require.ErrorIs(t, got[0].Err, errThrottled)
		require.Equal(t, began.Add(80*time.Millisecond), got[0].When)
		require.Equal(t, sign.EventThrottlingOver, got[1].Kind)
		require.Equal(t, 8, got[1].Count, "how often")
		require.Equal(t, took-80*time.Millisecond, got[1].Took)

		// Anew, one that ends while it waits, and one that is not put back.
		got = nil
		service.calls.Store(0)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(90*time.Millisecond, cancel)
		_, err := key.SignContext(ctx, make([]byte, 32), crypto.SHA256)
		require.ErrorIs(t, err, context.Canceled)
		service.fails = func(int64) error { return errDenied }
		_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
		require.ErrorIs(t, err, errDenied)
		synctest.Wait()
		require.Len(t, got, 2)
		require.Equal(t, 1, got[1].Count)
	})
}

// TestQuotaEventsOfGroups does the same with a key that signs groups.
func TestQuotaEventsOfGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		calls := 0
		key := sign.Limited(&groupsKey{sign: func(digests [][]byte) []sign.Outcome {
			calls++
			all := make([]sign.Outcome, len(digests))
			for i := range all {
				if all[i].Signature = []byte{1}; calls < 3 && i > 0 {
					all[i] = sign.Outcome{Err: errThrottled}
				}
			}
			return all
		}}, sign.Quota{Temporary: isThrottled, Events: func(e sign.Event) { got = append(got, e.String()) }})
		for _, o := range key.(sign.BulkKey).SignBulk(t.Context(), make([][]byte, 4), crypto.SHA256) {
			require.NoError(t, o.Err)
		}
		synctest.Wait()
		require.Len(t, got, 2)
		require.Equal(t, "throttled: kms: throttled", got[0])
		require.True(t, strings.HasPrefix(got[1], "throttling over (2) after "), got[1])
	})
}

type groupsKey struct {
	sign.Key
	sign func([][]byte) []sign.Outcome
}

func (*groupsKey) BulkSize() int { return 4 }
func (k *groupsKey) SignBulk(_ context.Context, digests [][]byte, _ crypto.SignerOpts) []sign.Outcome {
	return k.sign(digests)
}
