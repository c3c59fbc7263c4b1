package p11

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLaneIsGivenUp: a call that does not come back keeps a sequence from the token, which gives up; others go on in between.
func TestLaneIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		var dead atomic.Bool
		l.enter() // and does not leave
		stop, calls := make(chan struct{}), 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					l.enter()
					calls++
					l.leave()
					time.Sleep(100 * time.Millisecond)
				}
			}
		}()
		begun := time.Now()
		require.False(t, l.alone(&dead))
		require.Less(t, time.Since(begun), laneTime)
		close(stop)
		<-done
		require.Greater(t, calls, clearTries)
		require.False(t, l.closed.Load())

		l.leave()
		require.True(t, l.alone(&dead), "now nobody is inside")
		require.EqualValues(t, 0, l.active.Load())
		l.done()
		l.enter()
		l.leave()
	})
}

// TestLaneOfADeadSession: a sequence whose session was given up does not wait.
func TestLaneOfADeadSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		var dead atomic.Bool
		dead.Store(true)
		begun := time.Now()
		require.False(t, l.alone(&dead))
		require.Zero(t, time.Since(begun))
		l.enter()
		dead.Store(false)
		go func() {
			time.Sleep(clearTime / 2)
			dead.Store(true)
		}()
		require.False(t, l.alone(&dead))
		require.LessOrEqual(t, time.Since(begun), 2*clearTime, "one try")
		l.leave()
	})
}

// TestLaneThatHangs: calls wait for a sequence, but not for ever when the module hangs in it.
func TestLaneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lane
		var dead atomic.Bool
		require.True(t, l.alone(&dead))
		begun, waits := time.Now(), atomic.Int64{}
		for range 3 {
			go func() {
				l.enter()
				defer l.leave()
				require.Equal(t, laneTime, time.Since(begun))
				waits.Add(1)
			}()
		}
		synctest.Wait()
		require.Zero(t, l.active.Load())
		time.Sleep(laneTime + time.Second)
		synctest.Wait()
		require.EqualValues(t, 3, waits.Load())

		opened := time.Now()
		entered := make(chan time.Duration)
		go func() {
			l.enter()
			entered <- time.Since(opened)
			l.leave()
		}()
		time.Sleep(time.Second)
		l.done()
		require.Equal(t, time.Second, <-entered)
	})
}

// TestCallToAllTokens: a call that may reach all tokens waits for one that a sequence has, and does not keep a sequence from another
// one meanwhile.
func TestCallToAllTokens(t *testing.T) {
	for first := range 2 {
		synctest.Test(t, func(t *testing.T) {
			var lanes [2]lane
			all := []*lane{&lanes[first], &lanes[1-first]}
			var dead atomic.Bool
			require.True(t, lanes[0].alone(&dead)) // somebody is at a PIN pad
			entered := make(chan struct{})
			go func() {
				defer close(entered)
				enterAll(all)
			}()
			synctest.Wait()
			begun := time.Now()
			require.True(t, lanes[1].alone(&dead))
			require.Less(t, time.Since(begun), time.Second)
			lanes[1].done()
			synctest.Wait()
			select {
			case <-entered:
				t.Fatal("it reached a token that a sequence has")
			default:
			}
			lanes[0].done()
			<-entered
			for _, l := range all {
				require.EqualValues(t, 1, l.active.Load())
				l.leave()
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // but not for ever
		var lanes [2]lane
		var dead atomic.Bool
		require.True(t, lanes[0].alone(&dead))
		begun := time.Now()
		enterAll([]*lane{&lanes[1], &lanes[0]})
		require.Equal(t, laneTime, time.Since(begun))
	})
}
