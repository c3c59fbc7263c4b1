package dudect

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWelch has times with a difference of a hundredth, and without one, among rare interruptions.
func TestWelch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, slower := range []float64{0, 1} {
		all := make([]sample, 20000)
		for i := range all {
			all[i] = sample{100 + 5*r.NormFloat64(), r.IntN(2) == 1}
			if all[i].random {
				all[i].ns += slower
			}
			if r.IntN(50) == 0 {
				all[i].ns += 10000
			}
		}
		require.Equal(t, slower != 0, welch(all) > Limit, welch(all))
	}
}

// TestMeasure: what is prepared is what is measured, in both classes.
func TestMeasure(t *testing.T) {
	prepared, measured, random := 0, 0, 0
	Measure(1000, func(r bool) {
		prepared++
		if r {
			random++
		}
	}, func() {
		measured++
		require.Equal(t, prepared, measured)
	})
	require.Equal(t, 1200, measured)
	require.InDelta(t, 500, random, 150)
}
