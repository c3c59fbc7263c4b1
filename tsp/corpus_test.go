package tsp_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/tsp"
)

// TestCorpus checks every token inside the attributes of real signatures, which are not part of the repository. What they
// are over is not looked at here.
func TestCorpus(t *testing.T) {
	found := 0
	for _, name := range testpki.Corpus(t) {
		der, err := os.ReadFile(name)
		require.NoError(t, err)
		sd, err := cms.ParseSignedData(der)
		if err != nil {
			continue
		}
		for i := range sd.Signers {
			for _, a := range append(sd.Signers[i].Unsigned, sd.Signers[i].Signed...) {
				for _, v := range a.Values {
					token, err := tsp.ParseToken(v.Raw())
					if err != nil {
						continue // another attribute
					}
					found++
					require.Equal(t, v.Raw(), token.Raw, name)
					require.Empty(t, token.Problems(token.Imprint, nil), "%s: %s", name, a.Type.Name())
				}
			}
		}
	}
	require.NotZero(t, found)
	t.Logf("%d tokens", found)
}
