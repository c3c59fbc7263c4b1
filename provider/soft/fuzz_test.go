package soft_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// parse checks what holds for any input: no panic, a provider or an error of the declared type, no key that breaks on
// use, bounded work.
func parse(t *testing.T, data []byte) {
	p, err := soft.Parse(t.Context(), "fuzz", data, soft.Config{Password: password(sesame), MaxIterations: 5000})
	if err != nil {
		require.Nil(t, p)
		_, ok := errors.AsType[*sign.Error](err)
		require.True(t, ok, err)
		require.NotContains(t, err.Error(), sesame)
		return
	}
	for e, err := range p.Keys(t.Context()) {
		if err != nil {
			continue
		}
		key, err := p.Key(t.Context(), sign.Ref{ID: e.ID, Label: e.Label, Thumbprint: e.Thumbprint()})
		if err != nil {
			require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
			continue
		}
		for _, s := range e.Schemes[:min(len(e.Schemes), 1)] {
			_, _ = key.SignContext(t.Context(), make([]byte, s.NewHash().Size()), s.Opts)
		}
	}
}

func seed(f *testing.F, suffixes ...string) {
	files, err := os.ReadDir("testdata")
	require.NoError(f, err)
	for _, name := range files {
		for _, suffix := range suffixes {
			if strings.HasSuffix(name.Name(), suffix) {
				data, err := os.ReadFile(filepath.Join("testdata", name.Name()))
				require.NoError(f, err)
				f.Add(data)
			}
		}
	}
}

func FuzzPEM(f *testing.F) {
	seed(f, ".pem", ".crt")
	f.Fuzz(parse)
}

func FuzzPKCS8(f *testing.F) {
	seed(f, ".der", ".cer")
	f.Fuzz(parse)
}

func FuzzPKCS12(f *testing.F) {
	seed(f, ".p12")
	f.Fuzz(parse)
}
