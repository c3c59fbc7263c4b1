package breaker

import (
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// Tell makes a Changed of what is told events. Place is the authority.
func Tell(place string, tell func(sign.Event)) func(State, time.Duration) {
	return func(s State, took time.Duration) {
		if s.Until.IsZero() {
			tell(sign.Event{Kind: sign.EventAuthorityBack, Place: place, Took: took})
			return
		}
		tell(sign.Event{Kind: sign.EventAuthorityRests, Place: place, Err: s.Err, Count: s.Failures})
	}
}
