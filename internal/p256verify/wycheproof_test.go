package p256verify

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/wycheproof"
)

// TestWycheproof has the vectors of Project Wycheproof. The fast way accepts all that are valid.
func TestWycheproof(t *testing.T) {
	for _, name := range wycheproof.P256() {
		t.Run(name, func(t *testing.T) {
			count := map[string]int{}
			for _, g := range wycheproof.Groups(t, name) {
				public, err := x509.ParsePKIXPublicKey(g.Key)
				require.NoError(t, err)
				v := ready(t, public.(*ecdsa.PublicKey))
				for _, row := range g.Rows {
					valid, fast := agree(t, v, g.Digest(t, &row), row.Sig)
					require.Equal(t, row.Result == "valid", valid, "%d: %s", row.ID, row.Comment)
					require.Equal(t, valid, fast, "%d: %s", row.ID, row.Comment)
					count[row.Result]++
				}
			}
			t.Log(count)
			require.NotZero(t, count["valid"])
			require.NotZero(t, count["invalid"])
		})
	}
}
