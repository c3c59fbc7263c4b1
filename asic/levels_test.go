package asic_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestLevels makes containers at each level at once, by raising, and in a batch.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	w.verify.NoRevocation = false
	source, authority := testlevels.NewSource(t, w.pki), testlevels.Authority(t, w.pki, testpki.Now)
	for _, kind := range []asic.Kind{asic.S, asic.E} {
		base := w.make(t, kind, files("a", "b")[:1+int(kind)]...)
		for level, name := range map[cades.Level]string{cades.LevelT: "B-T", cades.LevelLT: "B-LT", cades.LevelLTA: "B-LTA"} {
			o := &asic.Options{Kind: kind, Signature: &cades.Options{Level: level, Clock: testpki.Now, Timestamper: authority, Revocation: source}}
			is := func(data []byte) {
				t.Helper()
				r := w.report(t, data)
				require.True(t, r.Valid(), "%+v", r)
				require.Equal(t, name, r.Signatures[0].Message.Outcome().Signatures[0].Level)
			}
			var made, raised bytes.Buffer
			require.NoError(t, asic.Sign(t.Context(), &made, w.signer, files("a"), o))
			is(made.Bytes())
			require.NoError(t, open(t, base).Extend(t.Context(), &raised, level, &cades.ExtendOptions{Timestamper: authority, Revocation: source, Clock: testpki.Now}))
			is(raised.Bytes())
			results, err := batch.Sign(t.Context(), w.signer, o, files("x", "y"), nil)
			require.NoError(t, err)
			for _, r := range results {
				require.NoError(t, r.Err)
				is(r.Signature)
			}
		}
	}
}
