package signet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExamplesPage finds every example that docs/examples.md names where it says, with an output that is compared.
func TestExamplesPage(t *testing.T) {
	page, err := os.ReadFile("docs/examples.md")
	require.NoError(t, err)
	links := regexp.MustCompile(`\[(Example\w*)\]\(([^)]+)\)`).FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(links), 20)
	for _, link := range links {
		source, err := os.ReadFile(filepath.Join("docs", link[2]))
		require.NoError(t, err)
		_, body, found := strings.Cut(string(source), "\nfunc "+link[1]+"() {\n")
		require.True(t, found, "%s has no %s", link[2], link[1])
		body, _, _ = strings.Cut(body, "\n}\n")
		if !asksOthers[link[1]] {
			require.Contains(t, body, "// Output:", link[1])
		}
	}
}

// asksOthers are examples that only compile, since they need a token or the network.
var asksOthers = map[string]bool{"ExampleClient_Status": true, "ExampleOpen": true, "ExampleNewGroup": true}
