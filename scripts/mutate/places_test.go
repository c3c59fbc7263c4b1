package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEachChangeHasItsPlace fails when code moves away from under a change, which would go untried until somebody runs them all.
func TestEachChangeHasItsPlace(t *testing.T) {
	for _, c := range slices.Concat(changes, tokenChanges, quantumChanges, gostContainerChanges, laneChanges) {
		data, err := os.ReadFile(filepath.Join("..", "..", c.file))
		assert.NoError(t, err, c.name)
		assert.True(t, strings.Contains(string(data), c.from), "%s: %s: no %q there any more", c.file, c.name, c.from)
		assert.NotEqual(t, c.from, c.to, c.name)
	}
}
