package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	mostSessions = 8
	rateTime     = 500 * time.Millisecond // for each number of sessions
	nearlyBest   = 0.9                    // of the best rate: not worth more sessions
	muchWorse    = 0.8                    // of the best rate: too many sessions
	grows        = 1.3                    // times the rate with half as many sessions: more than chance
)

// rate is what a number of sessions, or of goroutines for a key in memory, makes.
type rate struct {
	Sessions  int     `json:"sessions"`
	PerSecond float64 `json:"per_second"`
}

// rates measures with 1, 2, 4 and 8 at once, as far as the token allows.
func (d *diagnosis) rates(ctx context.Context, keys *keyring, key sign.Key, scheme sign.Scheme) {
	limit := mostSessions
	for _, of := range []any{keys.Provider, key} {
		if l, ok := sign.As[sign.Limiter](of); ok && l.Limit() > 0 {
			limit = min(limit, l.Limit())
		}
	}
	for n := 1; n <= limit; n *= 2 {
		r, err := measure(ctx, d.app.Patience, key, &scheme, n)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.add(checkFailed, "rate", "", "with %d at once: %s", n, sentence(err))
			return
		}
		d.Rates = append(d.Rates, r)
	}
	d.judge(keys.token != nil, limit)
}

// testMessage is what is signed to see whether and how fast it goes.
var testMessage = []byte("signet doctor")

// measure signs with n at once for a bounded time.
func measure(ctx context.Context, patience time.Duration, key sign.Key, scheme *sign.Scheme, n int) (rate, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all sync.WaitGroup
	var made atomic.Int64
	errs := make([]error, n)
	start := time.Now()
	for i := range n {
		all.Go(func() {
			for time.Since(start) < rateTime && errs[i] == nil {
				if _, errs[i] = sign.SignMessage(limited, key, testMessage, scheme.Opts); errs[i] == nil {
					made.Add(1)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			return rate{}, fmt.Errorf("there was no answer within %s; check the device, its daemon and the connection to it", plain.Duration(patience))
		}
		for _, err := range errs {
			if err != nil {
				return rate{}, err
			}
		}
	}
	return rate{n, math.Round(float64(made.Load())/took.Seconds()*10) / 10}, nil
}

// judge says in words what the rates mean.
func (d *diagnosis) judge(token bool, limit int) {
	unit, at := "session", "sessions"
	if !token {
		unit, at = "at once", "at once"
	}
	var parts []string
	best, last := d.Rates[0], d.Rates[len(d.Rates)-1]
	for _, r := range d.Rates {
		name := at
		if r.Sessions == 1 {
			name = unit
		}
		parts = append(parts, fmt.Sprintf("%d %s %s", r.Sessions, name, plain.Rate(r.PerSecond)))
		if r.PerSecond > best.PerSecond {
			best = r
		}
	}
	d.add(checkOK, "rate", "", "%s", strings.Join(parts, ", "))
	enough := best
	for _, r := range d.Rates {
		if r.PerSecond >= nearlyBest*best.PerSecond {
			enough = r
			break
		}
	}
	switch {
	case !token:
	case limit == 1:
		d.add(checkNote, "rate", "", "one signature is made at a time, by the nature of this token or key")
	case last.PerSecond < muchWorse*best.PerSecond:
		d.add(checkNote, "rate", fmt.Sprintf("sign with --sessions %d", enough.Sessions), "more sessions make this token slower")
	case enough.Sessions == last.Sessions && last.Sessions == mostSessions && last.PerSecond > grows*d.Rates[len(d.Rates)-2].PerSecond:
		d.add(checkNote, "rate", fmt.Sprintf("try signet sign --sessions %d", 2*mostSessions), "it still grows with %d sessions, so more may be faster", mostSessions)
	case enough.Sessions == 1:
		d.add(checkNote, "rate", "", "one session is enough; the default of %d costs nothing", pkcs11.DefaultSessions)
	case enough.Sessions < pkcs11.DefaultSessions:
		d.add(checkNote, "rate", "", "%d sessions are enough; the default of %d costs nothing", enough.Sessions, pkcs11.DefaultSessions)
	}
}
