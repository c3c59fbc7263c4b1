package cades_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inExamples finds every code block of a page in a file of examples, but for its indentation, and returns how many there are.
func inExamples(t *testing.T, page, source string) (blocks int) {
	t.Helper()
	plain := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		return b.String()
	}
	examples, err := os.ReadFile(source)
	require.NoError(t, err)
	for i, part := range strings.Split(page, "\n```") {
		if i%2 == 0 {
			continue
		}
		code, ok := strings.CutPrefix(part, "go\n")
		require.True(t, ok, "a block that is not Go: %q", part)
		require.Contains(t, plain(string(examples)), plain(code))
		blocks++
	}
	return blocks
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/" + name)
	require.NoError(t, err)
	return string(page)
}
