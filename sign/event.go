package sign

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Event is something that changed while a program runs, and of which calls tell nothing when they end well all the same: a token was
// lost and came back, another authority was asked. It comes once for each change, not for each call that meets it, and holds no secret.
// Configurations have a hook for it: pkcs11.Config.Events, tsp.Config.Events, revocation.Config.Events, [Quota.Events].
type Event struct {
	Kind  EventKind
	Place string    // where: a token and its module, the URL of an authority without credentials and query, the name of a key
	To    string    // who does the work instead, of EventFailover and EventFailback when it is one
	When  time.Time // it was noticed
	Err   error     // why; nil for what is over
	// Took is how long it lasted, of what is over: since the token was lost, since the authority rests. 0 when that is not known.
	Took time.Duration
	// Count is how many: failures in a row of an authority that rests, calls of a quota that were put back, members of a group that are
	// left, events that were dropped. 0 when that is not known.
	Count int
}

// EventKind says what an [Event] is. More kinds may come.
type EventKind string

// Kinds of events.
const (
	// EventTokenLost: a token does not answer any more. Calls wait while it is opened again.
	EventTokenLost EventKind = "token lost"
	// EventTokenGone: it did not come back in time, and calls fail until it does, each of which tries once more.
	EventTokenGone EventKind = "token gone"
	// EventTokenRecovering: a new session did not help, so the module is initialised again, until the token is there.
	EventTokenRecovering EventKind = "token recovering"
	// EventTokenBack: calls are made again. Took is how long they were not.
	EventTokenBack EventKind = "token back"
	// EventOtherToken: another token is in the place of the one that was lost. It is not given a PIN.
	EventOtherToken EventKind = "other token"
	// EventPINGivenUp: no PIN is tried any more, since one was refused, or had no clear answer twice, or the next one could lock the token.
	// Calls fail until the program opens the token anew, with another PIN or in a new process.
	EventPINGivenUp EventKind = "PIN given up"
	// EventFailover: Place has failed, and others do the work.
	EventFailover EventKind = "failover"
	// EventFailback: Place does the work again which it had been left out of, and To is who did it meanwhile.
	EventFailback EventKind = "failback"
	// EventAuthorityRests: an authority does not answer, and is not asked for a while. Count is its failures in a row.
	EventAuthorityRests EventKind = "authority rests"
	// EventAuthorityBack: it has answered again.
	EventAuthorityBack EventKind = "authority back"
	// EventThrottled: a call of a quota has failed for a moment, and will be made again. It comes for the first call that waits so.
	EventThrottled EventKind = "throttled"
	// EventThrottlingOver: no call waits to be made again. Count is how often calls were put back.
	EventThrottlingOver EventKind = "throttling over"
	// EventsDropped: the hook was too slow for as many events as Count says.
	EventsDropped EventKind = "events dropped"
)

// Level is how loud an event is in a log: a warning for what fails, information for what works again.
func (k EventKind) Level() slog.Level {
	switch k {
	case EventTokenRecovering:
		return slog.LevelDebug
	case EventTokenBack, EventFailback, EventAuthorityBack, EventThrottlingOver:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// String is a line for people: kind, place, and why or how long.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(string(e.Kind))
	if e.Place != "" {
		b.WriteString(": " + e.Place)
	}
	switch {
	case e.To != "" && e.Kind == EventFailback:
		b.WriteString(" in the place of " + e.To)
	case e.To != "":
		b.WriteString(", now " + e.To)
	}
	if e.Count != 0 {
		fmt.Fprintf(&b, " (%d)", e.Count)
	}
	if e.Took != 0 {
		fmt.Fprintf(&b, " after %s", e.Took.Round(time.Millisecond))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// maxEvents is how many events wait for a hook.
const maxEvents = 1024

// InOrder makes of a hook what those who have events call. Events come to the hook one after another, in a goroutine that is there
// while there are some; so it may be told with a lock held, and nobody waits for the hook. A hook that panics, or ends its goroutine, is
// called for the next event all the same. When too many wait, further ones are dropped, and an event tells how many. Nil is a hook
// that does nothing.
func InOrder(hook func(Event)) func(Event) {
	if hook == nil {
		return func(Event) {}
	}
	return (&eventQueue{hook: hook}).add
}

type eventQueue struct {
	hook    func(Event)
	mu      sync.Mutex
	waiting []Event
	dropped int
	runs    bool
}

func (q *eventQueue) add(e Event) {
	if e.When.IsZero() {
		e.When = time.Now()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxEvents {
		q.dropped++
		return
	}
	q.waiting = append(q.waiting, e)
	if !q.runs {
		q.runs = true
		q.next()
	}
}

// next has the first event told. Called with the lock held.
func (q *eventQueue) next() {
	Go(func() error {
		for {
			e, ok := q.take()
			if !ok {
				return nil
			}
			_ = guarded(func() error { q.hook(e); return nil }) // whom could it be told?
		}
	}, func(err error) {
		if err != nil { // the hook ended the goroutine
			q.mu.Lock()
			defer q.mu.Unlock()
			q.next()
		}
	})
}

// take returns the next event, or ends.
func (q *eventQueue) take() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		if q.dropped == 0 {
			q.waiting, q.runs = nil, false
			return Event{}, false
		}
		e := Event{Kind: EventsDropped, When: time.Now(), Count: q.dropped}
		q.dropped = 0
		return e, true
	}
	e := q.waiting[0]
	q.waiting = q.waiting[1:]
	return e, true
}
