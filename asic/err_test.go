package asic_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
)

// TestErrOfReports: a report that nobody filled in has passed nothing, and Err agrees with Trusted.
func TestErrOfReports(t *testing.T) {
	for name, r := range map[string]asic.SignatureReport{
		"zero":    {},
		"file":    {Name: "a", Files: []asic.FileReport{{Name: "f"}}},
		"unread":  {Name: "a", Files: []asic.FileReport{{Name: "f"}}, Unread: errors.New("it cannot be read")},
		"changed": {Name: "a", Files: []asic.FileReport{{Name: "f", Err: errors.New("another one")}}},
	} {
		require.Error(t, r.Err(), name)
		require.False(t, r.Trusted(), name)
		all := &asic.Report{Signatures: []asic.SignatureReport{r}}
		require.Error(t, all.Err(), name)
		require.False(t, all.Trusted(), name)
	}
	require.Error(t, (*asic.Report)(nil).Err())
	require.Error(t, (*asic.SignatureReport)(nil).Err())
}
