package validate_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/testmessages"
)

// TestDamaged: whatever is changed in what a signer signed, or in his certificate, the signature is not TOTAL-PASSED any more;
// and nothing that is changed anywhere keeps the judge from coming to an end.
func TestDamaged(t *testing.T) {
	w := testmessages.New(t)
	spares := w.Spares()
	all, signed := 0, 0
	for _, m := range w.Messages() {
		o := &validate.Options{Roots: w.Roots(), TimestampRoots: w.TimestampRoots(), Clock: func() time.Time { return m.Time }, NoRevocation: !m.Values}
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		for v := range base.All(m.Donors, spares) {
			if v.Deep && testing.Short() {
				continue
			}
			all++
			parsed, err := cades.Parse(v.DER)
			if err != nil {
				continue
			}
			var content io.Reader
			if m.Content != nil {
				content = bytes.NewReader(m.Content)
			}
			r, err := parsed.Verify(t.Context(), content, o)
			require.NoError(t, err, v.Name)
			if !v.Signed {
				continue
			}
			signed++
			require.False(t, r.Trusted(), "%s: %s", m.Name, v.Name)
			if v.Signer < 0 {
				for _, s := range r.Signatures {
					require.NotEqual(t, validate.TotalPassed, s.Indication, "%s: %s", m.Name, v.Name)
				}
			} else if len(r.Signatures) == len(m.Signers) {
				require.NotEqual(t, validate.TotalPassed, r.Signatures[v.Signer].Indication, "%s: %s", m.Name, v.Name)
			}
		}
	}
	t.Logf("%d variants, %d of them of what is signed", all, signed)
	require.Greater(t, signed, 1000)
}
