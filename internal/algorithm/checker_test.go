package algorithm_test

import (
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/stretchr/testify/require"
)

// TestChecker spends what keys cost, and stops: a curve that is computed slowly counts for what it is.
func TestChecker(t *testing.T) {
	message, v := named(t, "brainpoolP512r1-named_curve-uncompressed-sha256")
	cost := algorithm.Cost(v.check(t).SPKI)
	require.Greater(t, cost, 100)
	checker := (*algorithm.Registry)(nil).Checker(2*cost + 1)
	for range 2 {
		_, err := checker(v.check(t), message)
		require.NoError(t, err)
	}
	for range 2 {
		_, err := checker(v.check(t), message)
		require.Equal(t, algorithm.Unsupported, reason(t, err))
		require.ErrorContains(t, err, "more work")
	}
}
