package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/sign"
)

// notifyTime is how long a notifier may take.
const notifyTime = 30 * time.Second

// workNotify makes a code, sends it, and stores its keyed hash. The code is nowhere but in the message: when the process is
// killed in between, the message is sent once more, with another code.
func (e *Engine) workNotify(ctx context.Context, j *rivertype.JobRow, a notifyArgs) error {
	r, h, err := e.loadOpen(ctx, a.ID, Preparing, Awaiting)
	if errors.Is(err, errSeal) {
		return e.fail(ctx, j, a.ID, nil, 0, []State{Preparing, Awaiting}, err)
	}
	if err != nil || r == nil || a.Serial < r.resends || r.serial > a.Serial || e.now().UnixMicro() > r.expires {
		return err // over, overtaken by a later message, or sent already by this very job
	}
	notifier := e.config.Notifiers[h.Method.Notifier]
	if notifier == nil {
		return e.notSent(ctx, j, r, h, fmt.Errorf("confirm: there is no notifier %q here any more", h.Method.Notifier))
	}
	now := e.now()
	expires := now.Add(e.limits.Code)
	if open := fromMicros(r.expires); open.Before(expires) {
		expires = open
	}
	serial := max(r.serial, a.Serial) + 1
	m := &notify.Message{To: h.Method.Address, Title: h.Title, Files: len(h.Items), Digest: h.Digest, Expires: expires, Language: h.Method.Language}
	if e.config.Link != "" {
		m.Link = e.config.Link + e.seals.tokenOf(r.id)
	}
	var hash []byte
	if h.Method.Kind == Code {
		code, err := newCode(e.limits.Digits)
		if err != nil {
			return err
		}
		m.Code = sign.NewSecret([]byte(code))
		hash = e.seals.codeOf(r.id, serial, expires.UnixMicro(), code)
	}
	sending, cancel := context.WithTimeout(ctx, notifyTime)
	err = e.guarded(func() error { return notifier.Notify(sending, m) })
	cancel()
	if err != nil && !errors.Is(err, notify.ErrUnknown) { // perhaps it went out: then the person asks again, and no second message goes out unasked
		if !last(j) || ctx.Err() != nil {
			return fmt.Errorf("confirm: send the message: %w", err)
		}
		return e.notSent(ctx, j, r, h, fmt.Errorf("the message could not be sent to %s: %w", h.Method.hint(), err))
	}
	var n int64
	err = e.store.write(ctx, func(t tx) (err error) {
		n, err = t.exec(ctx, `UPDATE signet_operation SET state = 2, code = $1, code_expires = $2, serial = $3, sent = $4 WHERE id = $5 AND state <= 2 AND serial = $6`,
			hash, expires.UnixMicro(), serial, now.UnixMicro(), a.ID, r.serial)
		return err // the job ends by itself: when it is taken up again, the serial tells that it is done
	})
	if err != nil || n == 0 {
		return err
	}
	r.state, r.code, r.codeExpires, r.serial, r.sent = Awaiting, hash, expires.UnixMicro(), serial, now.UnixMicro()
	e.changedTo(r, h)
	if err := e.record(ctx, "challenge", a.ID, h, fmt.Sprintf("%s by %s to %s, message %d", h.Method.Kind, h.Method.Notifier, h.Method.hint(), serial), nil); err != nil {
		e.log.Error("audit", "operation", a.ID, "err", err)
	}
	return nil
}

// notSent ends an operation about which nobody could be asked. When an earlier message has gone out, its code stays good.
func (e *Engine) notSent(ctx context.Context, j *rivertype.JobRow, r *record, h *header, cause error) error {
	if r.serial == 0 {
		return e.fail(ctx, j, r.id, h, 0, []State{Preparing, Awaiting}, cause)
	}
	e.log.Error("a message was not sent again", "operation", r.id, "err", cause)
	return nil
}
