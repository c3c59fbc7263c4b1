package sign_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
