package cades_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestLevelsCompare asks each pair: what proves more is at least what proves less, those of the same proof are equals, and a level
// that is none is at least nothing, not even itself.
func TestLevelsCompare(t *testing.T) {
	proofs := [][]cades.Level{
		{cades.LevelPKCS7}, {cades.LevelBES}, {cades.LevelT}, {cades.LevelC}, {cades.LevelLT, cades.LevelXLong1}, {cades.LevelLTA, cades.LevelA},
	}
	n := 0
	for i, higher := range proofs {
		for j, lower := range proofs {
			for _, a := range higher {
				for _, b := range lower {
					require.Equal(t, i >= j, a.AtLeast(b), "%s %s", a, b)
					if a > b {
						require.True(t, a.AtLeast(b), "the order of the numbers is an order of the proofs")
					}
				}
			}
		}
		n += len(higher)
	}
	require.Len(t, cades.Levels(), n)
	for _, none := range []cades.Level{0, -1, cades.LevelA + 1} {
		for _, l := range append(cades.Levels(), none) {
			require.False(t, none.AtLeast(l))
			require.False(t, l.AtLeast(none))
		}
	}
}

func TestLevelsAsText(t *testing.T) {
	var got struct{ A, B, C cades.Level }
	require.NoError(t, json.Unmarshal([]byte(`{"A":"B-LTA","B":"","C":"xl"}`), &got))
	require.Equal(t, cades.LevelLTA, got.A)
	require.Zero(t, got.B)
	out, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, `{"A":"lta","B":"","C":"xlong1"}`, string(out))
	require.ErrorIs(t, json.Unmarshal([]byte(`{"A":"B-Z"}`), &got), sign.ErrUnsupported)
	_, err = json.Marshal(cades.Level(77))
	require.ErrorIs(t, err, sign.ErrUnsupported)
}

// TestNoLevel makes sure that the zero value is BES in options, and in what a draft says of itself.
func TestNoLevel(t *testing.T) {
	s := demoSigner(testpki.New(t).Leaf(testpki.P256))
	d, err := cades.Prepare(t.Context(), s, sign.Bytes("", nil), nil)
	require.NoError(t, err)
	require.Equal(t, cades.LevelBES, d.Level())
	require.ErrorIs(t, (&cades.Options{Level: -1}).Check(), sign.ErrUnsupported)
	require.ErrorIs(t, (&cades.Options{Level: cades.LevelA + 1}).Check(), sign.ErrUnsupported)
}
