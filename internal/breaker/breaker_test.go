package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/breaker"
)

var (
	start   = time.Unix(1_800_000_000, 0)
	errGone = errors.New("connection refused")
)

const rest = 30 * time.Second

func enter(t *testing.T, b *breaker.Breaker, now time.Time) breaker.Pass {
	t.Helper()
	p, ok := b.Enter(now)
	require.True(t, ok)
	return p
}

func refused(t *testing.T, b *breaker.Breaker, now time.Time) {
	t.Helper()
	_, ok := b.Enter(now)
	require.False(t, ok)
	require.True(t, b.Open(now))
	require.Equal(t, errGone, b.State().Err)
}

// TestFailures rests after failures in a row, lets one request through after that, and all when it was answered.
func TestFailures(t *testing.T) {
	b := &breaker.Breaker{}
	for range breaker.InARow - 1 {
		b.Done(enter(t, b, start), breaker.Failed, errGone, rest, start)
	}
	b.Done(enter(t, b, start), breaker.Answered, nil, rest, start)
	require.Zero(t, b.State())
	for range breaker.InARow {
		b.Done(enter(t, b, start), breaker.Failed, errGone, rest, start)
	}
	refused(t, b, start)
	refused(t, b, start.Add(rest-1))
	require.Equal(t, breaker.State{Until: start.Add(rest), Failures: breaker.InARow, Err: errGone}, b.State())

	later := start.Add(rest)
	probe := enter(t, b, later)
	refused(t, b, later)
	b.Done(probe, breaker.Failed, errGone, rest, later)
	refused(t, b, later.Add(rest-1))

	later = later.Add(rest)
	b.Done(enter(t, b, later), breaker.Void, nil, rest, later) // its caller gave up
	probe = enter(t, b, later)
	refused(t, b, later)
	b.Done(probe, breaker.Answered, nil, rest, later)
	enter(t, b, later)
	enter(t, b, later)
}

// TestTimeOut rests after one request that waited in vain, unless others were answered meanwhile.
func TestTimeOut(t *testing.T) {
	b := &breaker.Breaker{}
	slow, quick := enter(t, b, start), enter(t, b, start)
	b.Done(quick, breaker.Answered, nil, rest, start.Add(1))
	b.Done(slow, breaker.TimedOut, errGone, rest, start.Add(rest))
	enter(t, b, start.Add(rest))

	slow = enter(t, b, start.Add(rest))
	b.Done(slow, breaker.TimedOut, errGone, rest, start.Add(2*rest))
	refused(t, b, start.Add(2*rest))

	b = &breaker.Breaker{}
	for range 10 { // it never rests
		b.Done(enter(t, b, start), breaker.TimedOut, errGone, -1, start)
	}
	require.Equal(t, 10, b.State().Failures)
}

func TestOf(t *testing.T) {
	require.Equal(t, breaker.TimedOut, breaker.Of(fmt.Errorf("no answer: %w", context.DeadlineExceeded)))
	require.Equal(t, breaker.Failed, breaker.Of(errGone))
}
