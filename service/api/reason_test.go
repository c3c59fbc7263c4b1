package api

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestExtendErrors tells what is wrong with the message, which stays wrong, from what authorities failed to give.
func TestExtendErrors(t *testing.T) {
	of := func(class error, causes ...error) error {
		return &sign.Error{Op: "cades: extend", Class: class, Err: sign.Errors(causes)}
	}
	for err, status := range map[error]int{
		of(sign.ErrTime):                               400,
		of(sign.ErrRevocation):                         400,
		of(sign.ErrTrust):                              400,
		of(sign.ErrInput):                              400,
		of(sign.ErrAuthority, tsp.CheckTime):           503,
		of(sign.ErrAuthority, tsp.CheckChain):          503,
		of(sign.ErrRevocation, sign.ErrAuthority):      503,
		of(sign.ErrRevocation, revocation.CheckSource): 400,
		errors.New("?"):                                503,
	} {
		e, ok := errors.AsType[*gate.Error](extendError(err))
		require.True(t, ok)
		require.Equal(t, status, e.Status, "%v", err)
	}
}
