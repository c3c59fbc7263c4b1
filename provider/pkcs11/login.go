package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// errNoPIN stops a recovery, so that a person who said no is not asked again and again.
var errNoPIN = errors.New("the PIN could not be had")

// errUnanswered is in the errors of PINs that were tried as often as may be without knowing more.
var errUnanswered = fmt.Errorf("%d logins with this PIN had no clear answer", p11.MaxUnsure)

// errNotFresh stops a login with a module that may not have noticed that the token was changed for another one.
var errNotFresh = errors.New("the module has to be initialised again before it is given a PIN")

// newSession finds the token again, since slots may change their numbers, opens a session and logs in.
//
// Fresh says that the module was initialised since the token was lost. If not, what it says of the token may be what it has read of
// another one before: ykcs11 2.7 does not look again when cards are changed. So no PIN is given then, but errNotFresh.
func (p *Provider) newSession(ctx context.Context, fresh bool) (*p11.Session, error) {
	slot, token, err := p.findSlot()
	if err != nil {
		return nil, err
	}
	s, err := p.openSession(slot)
	if code, ok := errors.AsType[p11.RV](err); ok && code == p11.SessionCount && p.closeIdle() {
		s, err = p.openSession(slot)
	}
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.slot = slot
	p.mu.Unlock()
	if err := p.login(ctx, s, token, fresh); err != nil {
		drop(s)
		return nil, err
	}
	return s, nil
}

// openSession opens a session to sign with: read-only, unless the module has shown that it has no such sessions, as that
// of AWS CloudHSM.
func (p *Provider) openSession(slot uint) (*p11.Session, error) {
	if p.noReadOnly.Load() {
		return p.module.OpenSession(slot, true)
	}
	s, err := p.module.OpenSession(slot, false)
	code, _ := errors.AsType[p11.RV](err)
	switch code {
	case p11.FunctionFailed, p11.FunctionNotSupported, p11.ArgumentsBad, p11.SessionReadOnly, p11.SessionSOExists:
		if s, writeErr := p.module.OpenSession(slot, true); writeErr == nil {
			p.noReadOnly.Store(true)
			return s, nil
		}
	}
	return s, err
}

// closeIdle gives back the sessions of workers that are idle, and reports whether there were any.
func (p *Provider) closeIdle() bool {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, w := range idle {
		w.leave()
	}
	return len(idle) > 0
}

// needsLogin reports whether a login is due on this token.
func (p *Provider) needsLogin(token p11.TokenInfo) bool {
	if p.config.PIN != nil {
		return token.Flags&(p11.TokenLoginRequired|p11.TokenPINInitialized) != 0
	}
	return token.Flags&p11.TokenProtectedPath != 0 && token.Flags&p11.TokenLoginRequired != 0
}

// stillIn checks that the user is logged in when a session is opened beside others.
func (p *Provider) stillIn(s *p11.Session) error {
	if !p.needsLogin(p.token) || p.noState.Load() {
		return nil
	}
	info, err := s.Info()
	if err == nil && !info.LoggedIn() {
		return p11.NotLoggedIn
	}
	return err
}

// login logs the user in unless that has been done, by whichever part of the process: a login holds for all sessions of
// the process with the token (section 5.6 of the specification). One goes at a time, for each module.
func (p *Provider) login(ctx context.Context, s *p11.Session, token p11.TokenInfo, fresh bool) error {
	if !p.needsLogin(token) {
		return nil
	}
	logins := &p.module.Logins
	if err := logins.Enter(ctx); err != nil {
		return err
	}
	defer logins.Leave()
	if info, err := s.Info(); err != nil || info.LoggedIn() {
		return err
	}
	if !fresh {
		return errNotFresh
	}
	if err := p.mayTry(token.Flags); err != nil {
		return err
	}
	return p.withPIN(ctx, s, token, PINRequest{Token: p.place}, func(pin []byte) (step, error) {
		err := s.Login(pin)
		if code, ok := errors.AsType[p11.RV](err); ok && code == p11.AlreadyLoggedIn {
			p.noState.Store(true) // the session has just said that it is not
			return notGiven, nil
		}
		return given, err
	})
}

const unlock = "the security officer must unlock it, unless the device does so itself after a while"

// mayTry looks at what the token says of its PIN before one is tried.
func (p *Provider) mayTry(flags uint) error {
	e := &sign.Error{Op: "pkcs11: log in", Place: p.place, Class: sign.ErrPIN}
	switch {
	case flags&p11.TokenPINLocked != 0:
		e.Hint = "nothing was tried: the token says that the PIN is locked; " + unlock
		return e
	case flags&p11.TokenPINFinalTry != 0 && !p.config.AllowFinalTry:
		e.Hint = "nothing was tried: the token says that one more wrong PIN will lock it; make sure of the PIN and allow it (Config.AllowFinalTry)"
		return e
	case flags&p11.TokenPINToBeChanged != 0:
		e.Hint = "nothing was tried: the token wants its PIN to be changed first, with the vendor's tool"
		return e
	}
	return nil
}

// withPIN calls f with the PIN, or with nil for a PIN pad, and wipes it. F says how far the PIN came. Called with the turn
// to log in.
func (p *Provider) withPIN(ctx context.Context, s *p11.Session, token p11.TokenInfo, asked PINRequest, f func(pin []byte) (step, error)) error {
	op, source := "pkcs11: log in", p.config.pinFor(asked)
	if asked.Key != nil {
		op += " for " + keyName(asked.Key.Label, asked.Key.ID)
	}
	if source == nil && token.Flags&p11.TokenProtectedPath == 0 {
		hint := "give the PIN (Config.PIN)"
		if asked.Key != nil {
			hint = "the key wants its PIN for each signature; give it (Config.KeyPIN)"
		}
		return &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnavailable, Hint: hint}
	}
	if source == nil {
		if _, err := p.checkToken(op, s.Slot); err != nil {
			return wrap(op, p.place, err)
		}
		_, err := f(nil)
		return p.explainPIN(op, err)
	}
	secret, err := source.ask(ctx, asked)
	defer secret.Wipe()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnavailable, Err: fmt.Errorf("%w: %w", errNoPIN, coded(err)), Hint: "nothing was tried"}
	}
	// The token may have been changed for another one since it was looked at: a person takes a while. The one in the slot of the
	// session counts, which may be another slot than that of the newest session.
	if _, err := p.checkToken(op, s.Slot); err != nil {
		return wrap(op, p.place, err)
	}
	login := attempt{op: op, name: nameOf(token, asked), before: token, ofKey: asked.Key != nil, pin: secret.Bytes()}
	if err := p.mayGive(&login); err != nil {
		return err
	}
	login.came, err = f(login.pin)
	if login.came == notGiven {
		return p.explainPIN(op, err)
	}
	return p.answered(s, &login, err)
}

// step is how far a PIN came.
type step int

const (
	notGiven step = iota
	given         // the token has answered
	beyond        // it took the PIN, or did not look at it yet: the error is of C_Sign
)

// attempt is a login with a PIN that is known.
type attempt struct {
	op     string
	name   string        // what the PIN is remembered for
	before p11.TokenInfo // the token before it
	ofKey  bool          // the PIN is for one signature of a key
	pin    []byte
	came   step
}

// nameOf is what PINs are remembered for: the token, and whether they open it or are for a signature. All keys of a token share
// what is known of theirs, since they often share the counter of wrong tries as well.
func nameOf(token p11.TokenInfo, asked PINRequest) string {
	id := identity(token)
	name := strings.Join(id[:], "\x00")
	if asked.Key != nil {
		name += "\x00key"
	}
	return name
}

// mayGive refuses PINs that are none, and those that must not be tried again.
func (p *Provider) mayGive(a *attempt) error {
	e := &sign.Error{Op: a.op, Place: p.place, Class: sign.ErrPIN}
	switch logins := &p.module.Logins; {
	case len(a.pin) == 0:
		e.Hint = "nothing was tried: the PIN is empty"
	case isWiped(a.pin):
		e.Hint = "nothing was tried: the PIN consists of zeros, as one that was wiped after its use; a PIN function returns a new secret each time"
	case len(a.pin) > keyring.MaxSecret:
		e.Hint = fmt.Sprintf("nothing was tried: the PIN has %d octets", len(a.pin))
	case logins.Refused(a.name, a.pin):
		e.Hint = "nothing was tried: the token has refused this PIN before in this process"
		if a.ofKey {
			e.Hint = "nothing was tried: the token has refused this PIN before in this process, for a signature of a key"
		}
	case logins.Exhausted(a.name, a.pin):
		e.Err = errUnanswered
		e.Hint = "nothing was tried, since one more could lock the token; when you are sure of the PIN, start the program anew"
	default:
		return nil
	}
	return e
}

// isWiped reports whether a secret was given before, and overwritten. No PIN consists of octets 0.
func isWiped(pin []byte) bool {
	return !slices.ContainsFunc(pin, func(b byte) bool { return b != 0 })
}

// notAsked reports whether a code of C_Login says that the PIN did not come as far as the token: what a session or a user needs for
// a login was not there. All others may be what a module makes of a wrong PIN.
func notAsked(code p11.RV) bool {
	switch code {
	case p11.SessionHandleInvalid, p11.SessionClosed, p11.NotInitialized, p11.SlotIDInvalid, p11.OperationNotInit, p11.AnotherLoggedIn,
		p11.UserTypeInvalid, p11.FunctionNotSupported, p11.PINLocked, p11.PINExpired, p11.PINTooWeak, p11.PINNotInitialized:
		return true
	}
	return false
}

const wrongTries = p11.TokenPINCountLow | p11.TokenPINFinalTry | p11.TokenPINLocked

// answered remembers what became of a PIN that went to the token. A code that does not say whether it was refused has the
// token asked: when it is there and has counted a try, or the code is the vendor's own, the PIN is taken for a wrong one,
// which would cost another try if it were given again. After the login, the vendor's code is about the signature.
func (p *Provider) answered(s *p11.Session, a *attempt, err error) error {
	logins, op, name, before, pin := &p.module.Logins, a.op, a.name, a.before, a.pin
	code, ok := errors.AsType[p11.RV](err)
	if err == nil {
		logins.Accept(name, pin)
		return nil
	}
	if !ok {
		return p.explainPIN(op, err)
	}
	loss := lossOf(err)
	bad := code == p11.ArgumentsBad || loss == unclear
	refused := false
	switch {
	case code == p11.PINIncorrect, code == p11.PINInvalid, code == p11.PINLenRange:
		refused = true
	case bad, loss == maybe, a.came == given && !notAsked(code):
		gone := p.sessionGone(s)
		now, tokenErr := p.checkToken(op, s.Slot)
		if gone == nil {
			gone = tokenErr
		}
		accepted := logins.Accepted(name, pin)
		switch {
		case gone == nil && (now.Flags&^before.Flags&wrongTries != 0 || bad && !accepted && a.came == given):
			refused = true
		case bad || !accepted:
			logins.Unsure(name, pin)
		}
		if gone != nil {
			err = fmt.Errorf("%w; %w: %w", err, errFoundGone, gone)
		}
	}
	switch {
	case !refused && a.came == beyond:
		return err // of the signature
	case !refused:
		return p.explainPIN(op, err)
	}
	logins.Refuse(name, pin)
	err = p.explainPIN(op, err)
	e, ok := errors.AsType[*sign.Error](err)
	if !ok {
		return err
	}
	if e.Class != sign.ErrPIN {
		e.Class, e.Temporary = sign.ErrPIN, false
		e.Hint = "the token did not take the PIN, and does not say why; this one is not tried again"
	}
	if a.ofKey && p.config.KeyPIN == nil && logins.Accepted(nameOf(before, PINRequest{}), pin) {
		e.Hint += "; the token is open with the same PIN, so the key may have one of its own; give that (Config.KeyPIN)"
	}
	// Not said before the try, since tokens whose PIN begins with the name of a user may count only what comes after it.
	if n := uint(len(pin)); before.MaxPIN > 0 && before.MaxPIN <= maxCount && (n < before.MinPIN || n > before.MaxPIN) {
		e.Hint += fmt.Sprintf("; the token says that its PINs have %d to %d characters, and this one has not", before.MinPIN, before.MaxPIN)
	}
	return err
}

// sessionGone says why a session is none any more, or is nil.
func (p *Provider) sessionGone(s *p11.Session) error {
	_, err := s.Info()
	return err
}

// explainPIN adds to a refused PIN how many tries the token says are left.
func (p *Provider) explainPIN(op string, err error) error {
	err = wrap(op, p.place, err)
	e, ok := errors.AsType[*sign.Error](err)
	if !ok || e.Class != sign.ErrPIN {
		return err
	}
	token, tokenErr := p.module.Token(p.slotNow())
	switch {
	case tokenErr != nil:
	case token.Flags&p11.TokenPINLocked != 0:
		e.Hint += "; it is locked now; " + unlock
	case token.Flags&p11.TokenPINFinalTry != 0:
		e.Hint += "; one more wrong PIN will lock it"
	case token.Flags&p11.TokenPINCountLow != 0:
		e.Hint += "; there was at least one wrong try since the last login"
	default:
		if code, _ := errors.AsType[p11.RV](err); code == p11.PINIncorrect {
			e.Hint += "; the token does not say how many tries are left, and many lock after three"
		}
	}
	return e
}
