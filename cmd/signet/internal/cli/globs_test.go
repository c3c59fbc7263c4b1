package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExpand: patterns become the files that match, in their order; what is no pattern, or a file, stays as it is.
func TestExpand(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.pdf", "B.PDF", "c.txt", "x[1].pdf", "sub/a.pdf", "Sub2/é.pdf"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	sub, sub2 := filepath.FromSlash("sub/a.pdf"), filepath.FromSlash("Sub2/é.pdf")
	for _, c := range []struct{ args, want []string }{
		{[]string{"*.pdf"}, []string{"B.PDF", "a.pdf", "x[1].pdf"}},
		{[]string{"?.pdf", "-", "c.txt"}, []string{"B.PDF", "a.pdf", "-", "c.txt"}},
		{[]string{"A.*"}, []string{"a.pdf"}},
		{[]string{"x[1].pdf"}, []string{"x[1].pdf"}},
		{[]string{"x[1].*"}, []string{"x[1].pdf"}},
		{[]string{"s*/*.pdf"}, []string{sub2, sub}},
		{[]string{"sub/*"}, []string{sub}},
		{[]string{"s*2/É*"}, []string{sub2}},
		{[]string{"no.pdf"}, []string{"no.pdf"}}, // whoever reads it says that it is not there
		{nil, nil},
	} {
		got, err := expand(c.args)
		require.NoError(t, err, c.args)
		require.Equal(t, c.want, got, c.args)
	}
	for _, none := range []string{"*.doc", "sub/*.txt", "x[2].*", "no/*"} {
		_, err := expand([]string{"a.pdf", none})
		require.ErrorContains(t, err, "no file matches "+none)
		failed, ok := err.(*failure)
		require.True(t, ok && failed.code == ExitUsage)
	}
	if err := os.WriteFile("*.doc", nil, 0o600); err == nil { // not on Windows
		require.NoError(t, os.WriteFile("a.doc", nil, 0o600))
		got, err := expand([]string{"*.doc"})
		require.NoError(t, err)
		require.Equal(t, []string{"*.doc"}, got, "the file of that name")
	}
}
