package validate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/sign"
)

// TestErrOfReports: a report that nobody filled in, as one that a program made or read from a file, has passed nothing.
func TestErrOfReports(t *testing.T) {
	made := func(status validate.Status) []validate.Check {
		return []validate.Check{{Name: validate.CheckMessageDigest, Status: validate.Passed}, {Name: validate.CheckSignature, Status: status}}
	}
	for name, r := range map[string]*validate.SignatureReport{
		"none":              nil,
		"zero":              {},
		"no check":          {Indication: validate.TotalPassed, Cause: validate.CausePassed},
		"one check":         {Indication: validate.TotalPassed, Cause: validate.CausePassed, Checks: made(validate.Passed)[1:]},
		"not looked at":     {Indication: validate.TotalPassed, Cause: validate.CausePassed, Checks: made(validate.Unchecked)},
		"status of nobody":  {Indication: validate.TotalPassed, Cause: validate.CausePassed, Checks: made(0)},
		"failed":            {Indication: validate.TotalPassed, Cause: validate.CausePassed, Checks: made(validate.Failed)},
		"valid alone":       {Checks: made(validate.Passed)},
		"indeterminate":     {Indication: validate.Indeterminate, Cause: validate.CauseNoRoots, Checks: made(validate.Passed)},
		"failed altogether": {Indication: validate.TotalFailed, Cause: validate.CauseForged, Checks: made(validate.Passed)},
	} {
		err := r.Err()
		require.Error(t, err, name)
		require.NotErrorIs(t, err, validate.CausePassed, name)
		if r != nil {
			all := &validate.Report{Indication: validate.TotalPassed, Signatures: []validate.SignatureReport{{Indication: validate.TotalPassed, Checks: made(validate.Passed)}, *r}}
			require.Error(t, all.Err(), name)
			require.False(t, all.Trusted(), name)
		}
	}
	for _, r := range []*validate.Report{nil, {}, {Indication: validate.TotalPassed}, {Indication: validate.TotalPassed, Signatures: []validate.SignatureReport{}}} {
		require.ErrorIs(t, r.Err(), sign.ErrInput)
	}
	passed := validate.SignatureReport{Indication: validate.TotalPassed, Checks: made(validate.Tolerated)}
	require.NoError(t, passed.Err())
	require.NoError(t, (&validate.Report{Signatures: []validate.SignatureReport{passed}}).Err())
}
