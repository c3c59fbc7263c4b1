package testpki

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What tests use from outside the repository: signatures of others, and OpenSSL.

// CorpusFiles returns the files in the folders of the corpus of real signatures, which is not part of the repository since
// they hold people's certificates; none if it is not at hand. It is what SIGNET_CORPUS names, or ../shared/corpus beside the
// repository.
func CorpusFiles(t testing.TB) []string {
	t.Helper()
	root := os.Getenv("SIGNET_CORPUS")
	if root == "" {
		dir, err := os.Getwd()
		NoError(t, err)
		for !exists(filepath.Join(dir, "go.work")) {
			if dir == filepath.Dir(dir) {
				return nil
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "corpus")
	}
	all, err := filepath.Glob(filepath.Join(root, "*", "*"))
	NoError(t, err)
	var files []string
	for _, name := range all {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	return files
}

// Corpus is [CorpusFiles] for tests that have nothing else to test, and are skipped without it.
func Corpus(t testing.TB) []string {
	t.Helper()
	files := CorpusFiles(t)
	if len(files) == 0 {
		t.Skip("SKIPPED: no corpus of real signatures: set SIGNET_CORPUS to its folder, or put it at ../shared/corpus beside the repository")
	}
	return files
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// OpenSSL runs the program in a directory, "" for this one, and returns what it prints. The test is skipped where there is
// none.
func OpenSSL(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: openssl is not here (apt-get install openssl)")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	NoError(t, err, "openssl %v: %s", args, out)
	return string(out)
}
