package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	// startTime is how long Open tries again when the answers are those of a token that another process is writing to, as
	// SoftHSM2 does at each login: whoever reads its files just then sees no such token, or half of one.
	startTime = 2 * time.Second
	// lookTime is how long it looks again for a token that is not there, and most probably is not there at all.
	lookTime = 250 * time.Millisecond
)

// start finds the token that the config means, and logs in. From then on no other one is taken.
func (p *Provider) start(ctx context.Context) (*p11.Session, error) {
	begun := time.Now()
	var last error
	for tries, delay := 1, firstDelay; ; tries, delay = tries+1, min(2*delay, lastDelay) {
		generation := p.module.Generation()
		s, err := p.startOnce(ctx)
		if err == nil {
			return s, nil
		}
		if errors.Is(err, errUnanswered) && last != nil {
			return nil, last // which says what the answer was
		}
		last = err
		if other, ok := errors.AsType[*otherError](err); ok && halfRead(p.token, other.token) {
			p.known = false // one of the two was read while it was written
			err = fmt.Errorf("%w: %w", errHalfRead, err)
		}
		patience := patienceWith(err)
		if p.config.Recover >= 0 && p.config.Recover < patience {
			patience = p.config.Recover
		}
		if p.config.Recover < 0 || ctx.Err() != nil || p.ctx.Err() != nil || time.Since(begun)+delay > patience {
			return nil, last
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if (errors.Is(err, sign.ErrKeyNotFound) || tries > 1) && p.module.Idle() {
			// SoftHSM2 looks for its tokens when it is initialised only, and may keep what it has read of half a file. Nobody has a
			// session that could be lost.
			if err := p.module.Reset(generation, false); err != nil {
				return nil, wrap("pkcs11: open", p.place, err)
			}
		}
	}
}

// patienceWith is how long it is tried again after an error.
func patienceWith(err error) time.Duration {
	switch {
	case errors.Is(err, errHalfRead):
		return startTime
	case isOther(err), errors.Is(err, errNoPIN):
		return 0
	}
	code, _ := errors.AsType[p11.RV](err)
	switch code {
	case p11.GeneralError, p11.FunctionFailed, p11.HostMemory, p11.PINNotInitialized,
		p11.SessionHandleInvalid, p11.NotInitialized: // another provider has initialised the module again
		return startTime
	}
	if errors.Is(err, sign.ErrKeyNotFound) {
		return lookTime
	}
	return 0
}

var errHalfRead = errors.New("read while it was written")

// halfRead reports whether two tokens may be one, of which one time not all was read.
func halfRead(a, b p11.TokenInfo) bool {
	x, y := identity(a), identity(b)
	for i := range x {
		if x[i] != y[i] && x[i] != "" && y[i] != "" {
			return false
		}
	}
	return true
}

func (p *Provider) startOnce(ctx context.Context) (*p11.Session, error) {
	slot, token, err := p.findSlot()
	if err != nil {
		return nil, err
	}
	if !p.known {
		p.token, p.known, p.slot = token, true, slot
		p.place = "token " + quote(token.Label) + " in " + p.config.Module
		p.limit = p.config.Sessions
		if max := token.MaxSessions; max > 0 && max != p11.Unavailable && max < uint(p.limit) {
			p.limit = int(max)
		}
		if p.module.Serial() {
			p.limit = 1
		}
	}
	s, err := p.newSession(ctx, true)
	if err != nil {
		return nil, wrap("pkcs11: open", p.place, err)
	}
	if _, err := p.checkToken("pkcs11: open", p.slotNow()); err != nil {
		drop(s) // what it is known by from now on must not be half of what it says
		return nil, wrap("pkcs11: open", p.place, err)
	}
	return s, nil
}

// isFinal reports whether an error of a login ends all tries. A token whose user PIN is said not to be there may be one that
// another process is writing to.
func isFinal(err error) bool {
	code, _ := errors.AsType[p11.RV](err)
	return errors.Is(err, errNoPIN) || errors.Is(err, sign.ErrPIN) && code != p11.PINNotInitialized
}
