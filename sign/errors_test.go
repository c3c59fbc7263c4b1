package sign_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

func TestError(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "seal.p12", Err: fs.ErrPermission}
	err := fmt.Errorf("batch: %w", &sign.Error{Op: "soft: open", Place: "seal.p12", Class: sign.ErrUnavailable, Err: cause, Hint: "look at its mode"})
	require.EqualError(t, err, "batch: soft: open seal.p12: the key cannot be used now: open seal.p12: permission denied; look at its mode")
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorIs(t, err, fs.ErrPermission)
	e, ok := errors.AsType[*sign.Error](err)
	require.True(t, ok)
	require.Equal(t, "seal.p12", e.Place)
	require.EqualError(t, &sign.Error{Op: "x"}, "x")
	require.Empty(t, (&sign.Error{Op: "x"}).Unwrap())
}

func TestIsKeyError(t *testing.T) {
	for _, class := range []error{sign.ErrKeyNotFound, sign.ErrKeyAmbiguous, sign.ErrKeyMismatch, sign.ErrPIN, sign.ErrUnavailable, sign.ErrUnsupported, sign.ErrNoCertificate} {
		require.True(t, sign.IsKeyError(&sign.Error{Op: "x", Class: class}))
		require.False(t, sign.IsKeyError(&sign.Error{Op: "x", Class: class, Temporary: true}))
		require.False(t, sign.IsKeyError(&sign.Error{Op: "x", Class: class, Err: context.Canceled}))
	}
	for _, err := range []error{nil, errors.New("disk full"), &sign.Error{Op: "x", Class: sign.ErrInput}, context.Canceled, context.DeadlineExceeded} {
		require.False(t, sign.IsKeyError(err))
	}
}

// TestErrorIsOneLine puts several causes, those of other packages and those on several lines into one sentence, without saying the package
// twice.
func TestErrorIsOneLine(t *testing.T) {
	at := func(place string, class, cause error) *sign.Error {
		return &sign.Error{Op: "tsp", Place: place, Class: class, Err: cause}
	}
	a, b := at("http://a", errors.New("transport"), errors.New("no answer")), at("http://b", errors.New("nonce"), nil)
	several := &sign.Error{Op: "tsp: time-stamp", Class: sign.ErrAuthority, Err: sign.Errors{a, b, errors.Join(errors.New("x"), errors.New("y"))}}
	require.EqualError(t, a, "tsp: http://a: transport: no answer")
	require.EqualError(t, several, "tsp: time-stamp: http://a: transport: no answer; http://b: nonce; x; y")
	require.EqualError(t, several.Err, "tsp: http://a: transport: no answer; tsp: http://b: nonce; x; y")
	require.EqualError(t, &sign.Error{Op: "cades: raise", Err: several, Hint: "raise it later"},
		"cades: raise: tsp: time-stamp: http://a: transport: no answer; http://b: nonce; x; y; raise it later")
	require.EqualError(t, &sign.Error{Op: "tsp: ask", Err: b}, "tsp: ask: http://b: nonce")
	require.EqualError(t, &sign.Error{Op: "x: y", Err: errors.New("one\r\n  two\n")}, "x: y: one; two")

	require.ErrorIs(t, several, sign.ErrAuthority)
	require.ErrorIs(t, several, a)
	all, ok := errors.AsType[sign.Errors](fmt.Errorf("wrapped: %w", several))
	require.True(t, ok)
	require.Len(t, all, 3)
	require.False(t, sign.IsTemporary(all))
	b.Temporary = true
	require.True(t, sign.IsTemporary(all))
	require.False(t, sign.IsTemporary(several), "the outermost is believed")
}

// TestErrorInLogs has what is set as attributes of a group, and nothing else.
func TestErrorInLogs(t *testing.T) {
	line := func(err error) string {
		var b strings.Builder
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey {
				return slog.Attr{}
			}
			return a
		}
		slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: drop})).Info("", "err", err)
		return b.String()
	}
	require.JSONEq(t, `{"err":{"op":"soft: open"}}`, line(&sign.Error{Op: "soft: open"}))
	inner := &sign.Error{Op: "tsp", Class: sign.ErrAuthority, Err: errors.New("no\nanswer")}
	require.JSONEq(t, `{"err":{"op":"cades: raise","place":"a.txt","class":"an authority did not give what was asked of it","hint":"raise it later","temporary":true,
		"reached":"CAdES-BES","error":"tsp: an authority did not give what was asked of it: no; answer"}}`,
		line(&sign.Error{Op: "cades: raise", Place: "a.txt", Err: inner, Hint: "raise it later", Temporary: true, Reached: "CAdES-BES"}))
	require.NotPanics(t, func() { line((*sign.Error)(nil)) })
}
