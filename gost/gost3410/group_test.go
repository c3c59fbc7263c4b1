package gost3410

import (
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// TestGroups signs groups of digests on every curve.
func TestGroups(t *testing.T) {
	for _, c := range Curves() {
		t.Run(c.Name(), func(t *testing.T) {
			k, err := GenerateKey(c)
			require.NoError(t, err)
			require.Equal(t, lanes.Available() && c.Name() == "CryptoPro-A", k.GroupSize() != 0)
			for _, n := range []int{0, 1, 2, 70} {
				digests := make([][]byte, n)
				for i := range digests {
					digests[i] = make([]byte, c.Size())
					_, _ = rand.Read(digests[i])
				}
				signatures, err := k.SignGroup(digests)
				require.NoError(t, err)
				require.Len(t, signatures, n)
				for i := range digests {
					require.True(t, k.PublicKey().Verify(digests[i], signatures[i]), "%d of %d", i, n)
				}
				if n != 0 {
					digests[n-1] = digests[n-1][1:]
					_, err = k.SignGroup(digests)
					require.ErrorContains(t, err, "digest")
				}
			}
			if k.group != nil {
				require.NotNil(t, k.group.signer)
				require.Zero(t, k.group.again.Load())
			}
		})
	}
}

// TestGroupStarts: tables are made when enough digests were signed in groups, and not for one alone.
func TestGroupStarts(t *testing.T) {
	c, _ := CurveByOID("1.2.643.2.2.35.1")
	k, err := GenerateKey(c)
	require.NoError(t, err)
	if k.GroupSize() == 0 {
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./gost/gost3410 -test.run Group runs this test in an emulated one)")
	}
	digests := make([][]byte, 63)
	for i := range digests {
		digests[i] = make([]byte, 32)
	}
	for range 100 {
		_, err = k.SignGroup(digests[:1])
		require.NoError(t, err)
	}
	_, err = k.SignGroup(digests)
	require.NoError(t, err)
	require.Nil(t, k.group.signer)
	_, err = k.SignGroup(digests[:2])
	require.NoError(t, err)
	require.NotNil(t, k.group.signer)
	t.Setenv(lanes.Off, "1")
	k, err = NewPrivateKey(c, k.Bytes())
	require.NoError(t, err)
	require.Zero(t, k.GroupSize())
}

// TestPointsOfLanes compares some multiples with those of the complete formulas.
func TestPointsOfLanes(t *testing.T) {
	c, _ := CurveByOID("1.2.643.2.2.35.1")
	x, y := c.plain(&c.base)
	points := cryptoProAPoints(&x, &y)
	for _, at := range [][2]int{{0, 0}, {0, 1}, {0, 127}, {1, 0}, {17, 64}, {31, 0}, {31, 127}} {
		k := new(big.Int).Lsh(big.NewInt(int64(2*at[1]+1)), uint(8*at[0]))
		k.Mod(k, new(big.Int).SetBytes(c.q.m.appendBig(nil, 32)))
		scalar := bigEndian(k.FillBytes(make([]byte, 32)))
		var p point
		c.multiply(&p, &c.base, &scalar)
		x, y := c.affine(&p)
		require.Equal(t, x[:4], points[at[0]][at[1]][:4], at)
		require.Equal(t, y[:4], points[at[0]][at[1]][4:], at)
	}
}
