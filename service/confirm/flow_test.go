package confirm_test

import (
	"bytes"
	"context"
	"crypto"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/confirm"
)

type cryptoOpts = crypto.SignerOpts

func TestFlow(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a", "b", "c"))
	require.Equal(t, confirm.Awaiting, op.State)
	require.Equal(t, 5, op.AttemptsLeft)
	require.Equal(t, "1234", op.Hint)
	require.Zero(t, w.key.signatures(), "nothing is signed before it is confirmed")
	code := w.phone.last("+79990001234")
	require.Regexp(t, `^\d{6}$`, code)
	m := w.phone.sent["+79990001234"][0]
	require.Equal(t, "Contract 17", m.Title)
	require.Equal(t, 3, m.Files)
	require.Equal(t, op.Digest, m.Digest)

	_, err := w.engine.Results(t.Context(), "anna", op.ID)
	require.ErrorIs(t, err, confirm.ErrState)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, other(code))
	require.ErrorIs(t, err, confirm.ErrCode)
	_, err = w.engine.Confirm(t.Context(), "boris", op.Token, code)
	require.ErrorIs(t, err, confirm.ErrNotFound)
	confirmed, err := w.engine.Confirm(t.Context(), "anna", op.Token, code[:3]+" "+code[3:])
	require.NoError(t, err)
	require.Equal(t, op.ID, confirmed.ID)
	done := w.wait(op, confirm.Signing)
	require.Equal(t, confirm.Completed, done.State)
	w.verify(done, ofName)
	require.Equal(t, 3, w.key.signatures())

	// The same code again is the same; another one is not.
	again, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.NoError(t, err)
	require.Equal(t, confirm.Completed, again.State)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, other(code))
	require.ErrorIs(t, err, confirm.ErrCode)
	require.Equal(t, 3, w.key.signatures())
	require.Equal(t, []string{"begin", "challenge", "wrong code", "confirm", "sign"}, w.log.events(op.ID))

	_, err = w.engine.Get(t.Context(), "boris", op.ID)
	require.ErrorIs(t, err, confirm.ErrNotFound)
	_, err = w.engine.Results(t.Context(), "boris", op.ID)
	require.ErrorIs(t, err, confirm.ErrNotFound)
	_, err = w.engine.Get(t.Context(), "", op.ID)
	require.ErrorIs(t, err, confirm.ErrNotFound)
	byToken, err := w.engine.ByToken(t.Context(), op.Token)
	require.NoError(t, err)
	require.Equal(t, op.ID, byToken.ID)
	_, err = w.engine.Cancel(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	require.Equal(t, confirm.Completed, w.wait(op).State, "what is signed cannot be cancelled")
}

func TestWrongCodes(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	code := w.phone.last("+79990001234")
	wrong := other(code)
	for range 4 { // one request that an HTTP client repeats
		_, err := w.engine.Confirm(t.Context(), "anna", op.Token, wrong)
		require.ErrorIs(t, err, confirm.ErrCode)
	}
	require.Equal(t, 4, w.wait(op).AttemptsLeft)
	w.later(3 * time.Second)
	for i := range 4 {
		got, err := w.engine.Confirm(t.Context(), "anna", op.Token, wrong)
		w.later(3 * time.Second)
		if i < 3 {
			require.ErrorIs(t, err, confirm.ErrCode)
			require.Equal(t, 3-i, got.AttemptsLeft)
		} else {
			require.ErrorIs(t, err, confirm.ErrLocked)
		}
	}
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.ErrorIs(t, err, confirm.ErrLocked)
	got := w.wait(op)
	require.Equal(t, confirm.Failed, got.State)
	require.True(t, got.Locked)
	require.Zero(t, w.key.signatures())
}

func TestGuessesOfAnOwner(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Guesses = 7 })
	wrong := 0
	for {
		op := w.begin(request("a"))
		code := w.phone.last("+79990001234")
		for i := range 4 {
			_, err := w.engine.Confirm(t.Context(), "anna", op.Token, other(code)[:5]+string(rune('0'+i))+"9")
			if wrong == 7 {
				require.ErrorIs(t, err, confirm.ErrLimit)
				_, err = w.engine.Confirm(t.Context(), "anna", op.Token, code)
				require.ErrorIs(t, err, confirm.ErrLimit, "also the right one")
				return
			}
			require.ErrorIs(t, err, confirm.ErrCode)
			wrong++
		}
	}
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	code := w.phone.last("+79990001234")
	w.later(6 * time.Minute)
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.ErrorIs(t, err, confirm.ErrExpired)
	require.Equal(t, confirm.Awaiting, w.wait(op).State)
	_, err = w.engine.Resend(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.phone.count("+79990001234") == 2 }, 30*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		_, err = w.engine.Confirm(t.Context(), "anna", op.Token, code)
		if w.phone.last("+79990001234") == code {
			return true
		}
		op, err = w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
		return err == nil
	}, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, err)

	op = w.begin(request("b"))
	code = w.phone.last("+79990001234")
	w.later(16 * time.Minute)
	require.Equal(t, confirm.Expired, w.wait(op).State)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.ErrorIs(t, err, confirm.ErrExpired)
	_, err = w.engine.Resend(t.Context(), "anna", op.ID)
	require.ErrorIs(t, err, confirm.ErrState)
}

func TestResendLimits(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.Open = time.Hour })
	op := w.begin(request("a"))
	_, err := w.engine.Resend(t.Context(), "anna", op.ID)
	require.ErrorIs(t, err, confirm.ErrLimit, "at once")
	for i := range 3 {
		w.later(time.Minute)
		_, err := w.engine.Resend(t.Context(), "anna", op.ID)
		require.NoError(t, err)
		w.ended("signet_notify") // the message says when it was sent
		require.Equal(t, i+2, w.phone.count("+79990001234"))
	}
	w.later(time.Minute)
	_, err = w.engine.Resend(t.Context(), "anna", op.ID)
	require.ErrorIs(t, err, confirm.ErrLimit)
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	code := w.phone.last("+79990001234")
	_, err := w.engine.Cancel(t.Context(), "boris", op.ID)
	require.ErrorIs(t, err, confirm.ErrNotFound)
	got, err := w.engine.Cancel(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	require.Equal(t, confirm.Cancelled, got.State)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, code)
	require.ErrorIs(t, err, confirm.ErrExpired)
	require.Zero(t, w.key.signatures())
}

func TestElsewhere(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Link = "https://sign.example/confirm/" })
	r := request("a")
	r.Method.Kind = confirm.Elsewhere
	op := w.begin(r)
	m := w.phone.sent["+79990001234"][0]
	require.Zero(t, m.Code.Len())
	require.Equal(t, "https://sign.example/confirm/"+op.Token, m.Link)
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, "")
	require.ErrorIs(t, err, confirm.ErrState)
	_, err = w.engine.Approve(t.Context(), op.Token)
	require.NoError(t, err)
	_, err = w.engine.Approve(t.Context(), op.Token)
	require.NoError(t, err, "a repetition")
	done := w.wait(op, confirm.Signing)
	w.verify(done, ofName)
	require.Equal(t, 1, w.key.signatures())

	op = w.begin(r)
	_, err = w.engine.Decline(t.Context(), op.Token)
	require.NoError(t, err)
	_, err = w.engine.Approve(t.Context(), op.Token)
	require.ErrorIs(t, err, confirm.ErrState)

	code := w.begin(request("b"))
	_, err = w.engine.Approve(t.Context(), code.Token)
	require.ErrorIs(t, err, confirm.ErrState, "an operation that asks for a code is not approved without")
}

func TestOnce(t *testing.T) {
	w := newWorld(t)
	r := request("a")
	r.Once = "request 1"
	op := w.begin(r)
	again, err := w.engine.Begin(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, op.ID, again.ID)
	r.Owner = "boris"
	foreign, err := w.engine.Begin(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, op.ID, foreign.ID)
}

func TestRequests(t *testing.T) {
	w := newWorld(t)
	for name, bend := range map[string]func(*confirm.Request){
		"nobody":             func(r *confirm.Request) { r.Owner = "" },
		"no files":           func(r *confirm.Request) { r.Items = nil },
		"no method":          func(r *confirm.Request) { r.Method = confirm.Method{} },
		"unknown notifier":   func(r *confirm.Request) { r.Method.Notifier = "pigeon" },
		"without a person":   func(r *confirm.Request) { r.Method = confirm.Method{Kind: confirm.Nobody} },
		"no authenticator":   func(r *confirm.Request) { r.Method = confirm.Method{Kind: confirm.TOTP} },
		"name is not UTF-8":  func(r *confirm.Request) { r.Items[0].Name = "\xff" },
		"title is not UTF-8": func(r *confirm.Request) { r.Title = "\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			r := request("a")
			bend(&r)
			_, err := w.engine.Begin(t.Context(), r)
			require.ErrorIs(t, err, confirm.ErrInput)
		})
	}
	for _, id := range []string{"", "x", "00000000-0000-0000-0000-000000000000", "'; DROP TABLE signet_operation; --", string(make([]byte, 36))} {
		_, err := w.engine.Get(t.Context(), "anna", id)
		require.ErrorIs(t, err, confirm.ErrNotFound)
		_, err = w.engine.Confirm(t.Context(), "anna", id, "000000")
		require.ErrorIs(t, err, confirm.ErrNotFound)
	}
}

func TestRateOfOperations(t *testing.T) {
	w := newWorld(t, func(c *confirm.Config) { c.Limits.PerOwner = 3 })
	for range 3 {
		w.begin(request("a"))
	}
	_, err := w.engine.Begin(t.Context(), request("a"))
	require.ErrorIs(t, err, confirm.ErrLimit)
	w.later(2 * time.Minute)
	w.begin(request("a"))
}

func TestUnattendedOperation(t *testing.T) {
	w := newWorld(t)
	r := request("a", "b")
	r.Key, r.Method = "robot", confirm.Method{Kind: confirm.Nobody}
	op, err := w.engine.Begin(t.Context(), r)
	require.NoError(t, err)
	w.verify(w.wait(op, confirm.Signing), ofName)
}

func TestLongPoll(t *testing.T) {
	w := newWorld(t)
	op := w.begin(request("a"))
	answered := make(chan *confirm.Operation)
	go func() {
		got, err := w.engine.Wait(t.Context(), "anna", op.ID, confirm.Awaiting, confirm.Signing)
		if err != nil {
			got = nil
		}
		answered <- got
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := w.engine.Wait(ctx, "anna", op.ID, confirm.Awaiting)
	require.NoError(t, err, "one whose time is over gets what there is")
	require.Equal(t, confirm.Awaiting, got.State)
	_, err = w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	require.Equal(t, confirm.Completed, (<-answered).State)
}

func TestAttached(t *testing.T) {
	w := newWorld(t)
	w.format = &cades.Options{Attached: true}
	op := w.begin(request("a", "b"))
	_, err := w.engine.Confirm(t.Context(), "anna", op.Token, w.phone.last("+79990001234"))
	require.NoError(t, err)
	op = w.wait(op, confirm.Signing)
	results, err := w.engine.Results(t.Context(), "anna", op.ID)
	require.NoError(t, err)
	m, err := cades.Parse(results[1].Signature)
	require.NoError(t, err)
	var content bytes.Buffer
	require.NoError(t, m.WriteContent(&content))
	require.Equal(t, "content of b", content.String())
}
