package testmessages_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testmessages"
	"github.com/seed-116355fd/signet/sign"
)

// TestPassed: each message is TOTAL-PASSED with its signers and counter-signers, and the same octets in each run.
func TestPassed(t *testing.T) {
	var runs [2][]testmessages.Message
	for i := range runs {
		t.Run("", func(t *testing.T) {
			w := testmessages.New(t)
			runs[i] = w.Messages()
			for _, m := range runs[i] {
				var content io.Reader
				if m.Content != nil {
					content = bytes.NewReader(m.Content)
				}
				parsed, err := cades.Parse(m.DER)
				require.NoError(t, err)
				r, err := parsed.Verify(t.Context(), sign.Reader("", content), &validate.Options{Roots: w.Roots(), TimestampRoots: w.TimestampRoots(), Clock: func() time.Time { return m.Time }, NoRevocation: !m.Values})
				require.NoError(t, err)
				for _, s := range r.Signatures {
					require.Equal(t, validate.TotalPassed, s.Indication, "%s: %s %s", m.Name, s.SubIndication, s.Reason)
					for _, stamp := range s.Timestamps {
						require.Equal(t, validate.TotalPassed, stamp.Indication, "%s: %s", m.Name, stamp.Reason)
					}
				}
				require.Len(t, m.Signers, len(r.Signatures))
			}
		})
	}
	require.Equal(t, runs[0], runs[1])
}
