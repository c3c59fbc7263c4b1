package confirm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestFinal: what stays as it is ends an operation, and what others may give later is asked for again.
func TestFinal(t *testing.T) {
	of := func(class error, causes ...error) error {
		return &sign.Error{Op: "cades: raise", Temporary: true, Err: &sign.Error{Op: "cades: extend", Class: class, Err: sign.Errors(causes)}}
	}
	for err, want := range map[error]bool{
		of(sign.ErrTime):                               true, // the certificate has expired
		of(sign.ErrRevocation):                         true,
		of(sign.ErrTrust):                              true,
		of(sign.ErrInput):                              true,
		of(sign.ErrPIN):                                true,
		of(sign.ErrUnavailable):                        false,
		of(sign.ErrAuthority, tsp.CheckTime):           false, // the clock of the authority is wrong
		of(sign.ErrAuthority, sign.ErrTrust):           false,
		of(sign.ErrRevocation, sign.ErrAuthority):      false,
		of(sign.ErrRevocation, revocation.CheckTime):   false, // there may be a new list tomorrow
		of(sign.ErrRevocation, revocation.CheckSource): false,
		of(nil): false,
	} {
		require.Equal(t, want, final(err), "%v", err)
	}
}
