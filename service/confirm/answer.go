package confirm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/service/confirm/totp"
)

// repeatTime is how long the same wrong code is taken for a repetition of the same request: HTTP clients repeat one by
// themselves when they lose the reply.
const repeatTime = 2 * time.Second

// Confirm takes the code of an operation. With the right one, the state is Signing or later; the same code again gives the
// same. An empty owner is for the page, where the token is enough. Errors: ErrNotFound, ErrCode (the operation tells the
// attempts left), ErrExpired, ErrLocked, ErrState, ErrLimit. The operation is there beside ErrCode, ErrExpired and ErrLocked.
func (e *Engine) Confirm(ctx context.Context, owner, token, code string) (*Operation, error) {
	code = plainCode(code)
	var secret []byte
	if e.config.TOTP != nil { // asked before the transaction, in which others wait
		_, h, err := e.byToken(ctx, e.store.read(), owner, token, false)
		if err != nil {
			return nil, err
		}
		if h.Method.Kind == TOTP {
			if secret, err = e.config.TOTP(ctx, h.Method.Secret); err != nil {
				return nil, fmt.Errorf("confirm: the authenticator: %w", err)
			}
		}
	}
	return e.answer(ctx, owner, token, func(t tx, r *record, h *header) (answer, error) {
		if h.Method.Kind != Code && h.Method.Kind != TOTP {
			return answer{}, fmt.Errorf("%w: it is confirmed without a code", ErrState)
		}
		if r.confirmed != nil || r.state.Final() {
			return e.repeated(r, h, code)
		}
		if r.state != Awaiting {
			return answer{}, fmt.Errorf("%w: the code has not been sent yet", ErrState)
		}
		now := e.now()
		if now.UnixMicro() > r.expires || h.Method.Kind == Code && now.UnixMicro() > r.codeExpires {
			return answer{}, ErrExpired
		}
		if h.Method.Kind == TOTP {
			ok, err := e.useTOTP(ctx, t, secret, code, now)
			if err != nil {
				return answer{}, err
			}
			if ok {
				if err := e.mayGuess(ctx, t, h.Owner, now); err != nil {
					return answer{}, err // which takes back that the step was used
				}
				given := e.seals.codeOf(r.id, r.serial, r.codeExpires, code)
				if err := t.put(ctx, `UPDATE signet_operation SET code = $1 WHERE id = $2`, given, r.id); err != nil {
					return answer{}, err
				}
				return answer{confirmed: true}, nil
			}
			return e.wrong(ctx, t, r, h, e.seals.codeOf(r.id, r.serial, r.codeExpires, code), now)
		}
		given := e.seals.codeOf(r.id, r.serial, r.codeExpires, code)
		if len(r.code) == 0 || !hmac.Equal(given, r.code) {
			return e.wrong(ctx, t, r, h, given, now)
		}
		if err := e.mayGuess(ctx, t, h.Owner, now); err != nil {
			return answer{}, err
		}
		return answer{confirmed: true}, nil
	})
}

// Approve confirms an operation of kind Elsewhere.
func (e *Engine) Approve(ctx context.Context, token string) (*Operation, error) {
	return e.answer(ctx, "", token, func(_ tx, r *record, h *header) (answer, error) {
		switch {
		case h.Method.Kind != Elsewhere:
			return answer{}, fmt.Errorf("%w: it is confirmed by %s", ErrState, h.Method.Kind)
		case r.confirmed != nil:
			return answer{}, nil
		case r.state == Expired || r.state <= Awaiting && e.now().UnixMicro() > r.expires:
			return answer{}, ErrExpired
		case r.state != Awaiting:
			return answer{}, fmt.Errorf("%w: it is %s", ErrState, r.state)
		}
		return answer{confirmed: true}, nil
	})
}

// answer is what a reply of the person leads to.
type answer struct {
	confirmed bool
	event     string // for the audit log, when something else happened
	err       error  // for the caller, of what has happened all the same
}

// answer does one reply in a transaction.
func (e *Engine) answer(ctx context.Context, owner, token string, f func(tx, *record, *header) (answer, error)) (*Operation, error) {
	var r *record
	var h *header
	var a answer
	err := e.store.write(ctx, func(t tx) (err error) {
		if r, h, err = e.byToken(ctx, t, owner, token, true); err != nil {
			return err
		}
		if a, err = f(t, r, h); err != nil || !a.confirmed {
			return err
		}
		r.state, r.confirmed = Signing, e.seals.confirmation(r.id, r.header)
		t.insert(insertion(e.signJob(r.id, h)))
		err = t.put(ctx, `UPDATE signet_operation SET state = $1, confirmed = $2 WHERE id = $3`, int(r.state), r.confirmed, r.id)
		return err
	})
	if err != nil {
		if r != nil && h != nil && (errors.Is(err, ErrExpired) || errors.Is(err, ErrLocked) || errors.Is(err, ErrCode)) {
			return e.operation(r, h), err
		}
		return nil, err
	}
	event := a.event
	if a.confirmed {
		event = "confirm"
	}
	if event != "" {
		e.changed(r.id)
		// The signatures are recorded by themselves before they are handed out; a log that takes this step no more must not
		// take back what has happened.
		if err := e.record(ctx, event, r.id, h, fmt.Sprintf("%s; wrong codes so far: %d", h.Method.Kind, r.attempts), nil); err != nil {
			e.log.Error("audit", "operation", r.id, "err", err)
		}
	}
	return e.operation(r, h), a.err
}

// repeated answers a code of an operation that is confirmed or over.
func (e *Engine) repeated(r *record, h *header, code string) (answer, error) {
	switch {
	case r.confirmed != nil && hmac.Equal(e.seals.codeOf(r.id, r.serial, r.codeExpires, code), r.code):
		return answer{}, nil
	case r.confirmed != nil:
		return answer{}, ErrCode
	case r.mark == markLocked:
		return answer{}, ErrLocked
	case r.state == Expired || r.state == Cancelled:
		return answer{}, fmt.Errorf("%w: it is %s", ErrExpired, r.state)
	}
	return answer{}, fmt.Errorf("%w: it is %s", ErrState, r.state)
}

// wrong counts a wrong code. It is stored though the answer is an error.
func (e *Engine) wrong(ctx context.Context, t tx, r *record, h *header, given []byte, now time.Time) (answer, error) {
	if bytes.Equal(given, r.wrong) && now.UnixMicro()-r.wrongAt < repeatTime.Microseconds() {
		return answer{err: ErrCode}, nil
	}
	if err := t.alone(); err != nil { // others of this owner wait for the count
		return answer{}, err
	}
	r.attempts++
	if err := e.guessed(ctx, t, h.Owner, now); err != nil {
		return answer{}, err
	}
	if r.attempts < e.limits.Attempts {
		err := t.put(ctx, `UPDATE signet_operation SET attempts = $1, wrong = $2, wrong_at = $3 WHERE id = $4`, r.attempts, given, now.UnixMicro(), r.id)
		return answer{event: "wrong code", err: ErrCode}, err
	}
	r.state, r.mark, r.finished, r.reason = Failed, markLocked, now.UnixMicro(), "too many wrong codes"
	err := t.put(ctx, `UPDATE signet_operation SET attempts = $1, state = $2, mark = $3, finished = $4, reason = $5, code = NULL WHERE id = $6`,
		r.attempts, int(r.state), r.mark, r.finished, r.reason, r.id)
	if err == nil {
		err = dropDrafts(ctx, t, r.id)
	}
	return answer{event: "locked", err: ErrLocked}, err
}

// mayGuess bounds the wrong codes of an owner over all operations: without it, one who begins many operations has five
// guesses at each. A right code waits for the wrong ones that are being counted, and is refused when they are too many:
// otherwise guesses at many operations at once, spread over engines, would all be made before one is counted. Right ones do
// not wait for each other.
func (e *Engine) mayGuess(ctx context.Context, t tx, owner string, now time.Time) error {
	var n int
	err := t.row(ctx, `SELECT n FROM signet_count WHERE name = $1 AND period = $2`+t.shared(), []any{guessName(owner), now.Unix() / 3600}, &n)
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err == nil && n >= e.limits.Guesses {
		return tooManyGuesses(n)
	}
	return err
}

func tooManyGuesses(n int) error {
	return fmt.Errorf("%w: there were %d wrong codes within this hour", ErrLimit, n)
}

// guessed counts a wrong code, one by one over all engines. One that is too many is answered as a right one would be, and
// changes nothing.
func (e *Engine) guessed(ctx context.Context, t tx, owner string, now time.Time) error {
	var n int
	err := t.row(ctx, `INSERT INTO signet_count (name, period, n) VALUES ($1, $2, 1) ON CONFLICT (name, period) DO UPDATE SET n = signet_count.n + 1 RETURNING n`,
		[]any{guessName(owner), now.Unix() / 3600}, &n)
	if err == nil && n > e.limits.Guesses {
		return tooManyGuesses(n - 1)
	}
	return err
}

func guessName(owner string) string { return "guess " + owner }

// useTOTP checks a code of an authenticator, which is good for one operation.
func (e *Engine) useTOTP(ctx context.Context, t tx, secret []byte, code string, now time.Time) (bool, error) {
	// An authenticator is its secret, whatever it is called: two callers with one of them cannot both use a code.
	name := fmt.Sprintf("totp %x", mac(sha256.New, e.seals.code, "authenticator", string(secret)))
	last := int64(-1)
	if err := t.alone(); err != nil {
		return false, err
	}
	err := t.row(ctx, `SELECT n FROM signet_count WHERE name = $1 AND period = 0`+t.locked(), []any{name}, &last)
	if err != nil && !errors.Is(err, errNoRow) {
		return false, err
	}
	step, ok := totp.Check(secret, code, now, 1, last)
	if !ok {
		return false, nil
	}
	rows, err := t.exec(ctx, `INSERT INTO signet_count (name, period, n) VALUES ($1, 0, $2) ON CONFLICT (name, period) DO UPDATE SET n = EXCLUDED.n WHERE signet_count.n < EXCLUDED.n`,
		name, step)
	return rows == 1, err // none when another transaction used the step first
}

// Cancel ends an operation that is not confirmed. One that is over already stays as it is.
func (e *Engine) Cancel(ctx context.Context, owner, id string) (*Operation, error) {
	return e.cancelOp(ctx, "cancel", func(t tx) (*record, *header, error) { return e.owned(ctx, t, owner, id, true) })
}

// Decline is Cancel by the one who was asked.
func (e *Engine) Decline(ctx context.Context, token string) (*Operation, error) {
	return e.cancelOp(ctx, "decline", func(t tx) (*record, *header, error) { return e.byToken(ctx, t, "", token, true) })
}

// CancelAny is Cancel for the operator.
func (e *Engine) CancelAny(ctx context.Context, id string) (*Operation, error) {
	return e.cancelOp(ctx, "cancel by the operator", func(t tx) (*record, *header, error) { return e.any(ctx, t, id) })
}

// any loads an operation of any owner.
func (e *Engine) any(ctx context.Context, t tx, id string) (*record, *header, error) {
	if !isID(id) {
		return nil, nil, ErrNotFound
	}
	r, err := load(ctx, t, "id = $1", id, true)
	if err != nil {
		return nil, nil, err
	}
	h, err := e.header(r)
	return r, h, err
}

func (e *Engine) cancelOp(ctx context.Context, event string, find func(tx) (*record, *header, error)) (*Operation, error) {
	var r *record
	var h *header
	done := false
	err := e.store.write(ctx, func(t tx) (err error) {
		done = false // of an attempt that was taken back
		if r, h, err = find(t); err != nil || r.state.Final() {
			return err
		}
		if r.confirmed != nil {
			return fmt.Errorf("%w: it is confirmed, and being signed", ErrState)
		}
		done, r.state, r.finished = true, Cancelled, e.now().UnixMicro()
		err = t.put(ctx, `UPDATE signet_operation SET state = $1, finished = $2, code = NULL WHERE id = $3`, int(r.state), r.finished, r.id)
		if err == nil {
			err = dropDrafts(ctx, t, r.id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if done {
		e.changed(r.id)
		if err := e.record(ctx, event, r.id, h, "", nil); err != nil {
			e.log.Error("audit", "operation", r.id, "err", err)
		}
	}
	return e.operation(r, h), nil
}

// Resend makes a new code and sends it; the old one is good until then. Wrong codes so far still count. Errors: ErrNotFound,
// ErrState, ErrLimit.
func (e *Engine) Resend(ctx context.Context, owner, id string) (*Operation, error) {
	return e.resend(ctx, func(t tx) (*record, *header, error) { return e.owned(ctx, t, owner, id, true) })
}

// ResendByToken is Resend for the page.
func (e *Engine) ResendByToken(ctx context.Context, token string) (*Operation, error) {
	return e.resend(ctx, func(t tx) (*record, *header, error) { return e.byToken(ctx, t, "", token, true) })
}

func (e *Engine) resend(ctx context.Context, find func(tx) (*record, *header, error)) (*Operation, error) {
	var r *record
	var h *header
	err := e.store.write(ctx, func(t tx) (err error) {
		if r, h, err = find(t); err != nil {
			return err
		}
		now := e.now().UnixMicro()
		switch {
		case r.state != Awaiting || now > r.expires || h.Method.Notifier == "" || h.Method.Kind == TOTP:
			return fmt.Errorf("%w: there is no message to send again", ErrState)
		case r.resends >= e.limits.Resends:
			return fmt.Errorf("%w: it was sent again %d times; begin a new operation", ErrLimit, r.resends)
		case now-r.sent < e.limits.Pause.Microseconds():
			return fmt.Errorf("%w: it was sent less than %s ago", ErrLimit, e.limits.Pause)
		}
		r.resends++
		r.sent = now
		t.insert(insertion(notifyArgs{ID: r.id, Serial: r.resends}))
		err = t.put(ctx, `UPDATE signet_operation SET resends = $1, sent = $2 WHERE id = $3`, r.resends, r.sent, r.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.operation(r, h), nil
}

// Retry takes up an operation that failed after it was confirmed, and items that have no signature. Signatures that there
// are stay. For the operator.
func (e *Engine) Retry(ctx context.Context, id string) (*Operation, error) {
	var r *record
	var h *header
	err := e.store.write(ctx, func(t tx) (err error) {
		if r, h, err = e.any(ctx, t, id); err != nil {
			return err
		}
		if r.confirmed == nil || r.wiped != 0 || r.state != Partial && (r.state != Failed || r.mark != markRetry) {
			return fmt.Errorf("%w: it is %s, and only what failed after it was confirmed can be tried again", ErrState, r.state)
		}
		r.state, r.finished, r.reason, r.mark = Signing, 0, "", 0
		t.insert(insertion(e.signJob(r.id, h)))
		err = t.put(ctx, `UPDATE signet_operation SET state = $1, finished = 0, reason = '', mark = 0, outcome = NULL WHERE id = $2`, int(r.state), r.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.changed(r.id)
	if err := e.record(ctx, "retry", r.id, h, "", nil); err != nil {
		e.log.Error("audit", "operation", r.id, "err", err)
	}
	return e.operation(r, h), nil
}
