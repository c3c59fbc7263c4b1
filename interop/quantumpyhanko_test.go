package interop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/mldsa"
)

// pyHanko asks pyHanko all at once, since it takes a second to start, and returns an answer to each request.
func pyHanko(t *testing.T, requests [][]string) []string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	python := filepath.Join(cache, "signet-tests", "pyhanko", "bin", "python")
	if out, err := exec.CommandContext(t.Context(), python, "-c", "from cryptography.hazmat.primitives.asymmetric import mldsa; import pyhanko").CombinedOutput(); err != nil {
		missing(t, "pyHanko with ML-DSA is not at %s; scripts/tools.sh installs it: %v %s", python, err, lastLines(string(out), 1))
	}
	var input strings.Builder
	for _, r := range requests {
		input.WriteString(strings.Join(r, "\t") + "\n")
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("pyhanko", "cms.py"))
	cmd.Stdin = strings.NewReader(input.String())
	out, err := cmd.Output() // what it logs of messages that it refuses is of no use
	require.NoError(t, err)
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, answers, len(requests))
	return answers
}

// TestMLDSAPyHanko has pyHanko check what is signed here, refuse what is not as it was signed, and reads what it signs.
func TestMLDSAPyHanko(t *testing.T) {
	type made struct {
		q        *quantum
		path     string
		detached bool
		digest   string
	}
	var requests [][]string
	var wants, names []string
	var theirs []made
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		id, files := q.leaf()
		signer := id.signer(t)
		ask := func(name, want string, request ...string) {
			names, wants, requests = append(names, set.String()+" "+name), append(wants, want), append(requests, request)
		}
		mechanism := strings.ToLower(strings.ReplaceAll(set.String(), "-", ""))
		for _, f := range forms() {
			for _, level := range []cades.Level{cades.LevelBES, cades.LevelPKCS7} {
				message, err := f.make(t.Context(), q.world, signer, cades.Options{Level: level})
				require.NoError(t, err)
				content := ""
				if f.detached {
					content = q.path("content")
					ask("another content", "error", "verify", q.message(message), q.path("root.pem"), q.path("root.pem"))
				}
				ask(f.name+" "+level.String(), "ok sha512 "+mechanism, "verify", q.message(message), content, q.path("root.pem"))
			}
		}
		for _, c := range []struct{ digest, name, flags string }{
			{"sha512", "SHA-512", "cades"}, {"sha512", "SHA-512", "cades,attached"}, {"sha512", "SHA-512", ""}, {"sha512", "SHA-512", "attached"},
			{"sha3_512", "SHA3-512", "cades"}, {"sha384", "SHA-384", "cades"}, {"sha256", "SHA-256", "cades"}, {"shake256", "SHAKE256", "cades"},
		} {
			m := made{q: q, path: q.out(), detached: !strings.Contains(c.flags, "attached"), digest: c.name}
			theirs = append(theirs, m)
			ask("signs "+c.digest+" "+c.flags, "ok "+c.digest, "sign", m.path, files.key, files.cert, files.issuers, q.path("content"), c.digest, c.flags)
			if m.detached { // and what it thinks of that itself
				verdict := "ok " + c.digest
				if c.digest == "sha256" && set != mldsa.MLDSA44 || c.digest == "sha384" && set == mldsa.MLDSA87 { // RFC 9882 section 3.3, table 1
					verdict = "error"
				}
				ask("reads "+c.digest+" "+c.flags, verdict, "verify", m.path, q.path("content"), q.path("root.pem"))
			}
		}
	}
	for i, answer := range pyHanko(t, requests) {
		require.True(t, strings.HasPrefix(answer, wants[i]), "%s: %s", names[i], answer)
	}
	for _, m := range theirs {
		report := m.q.judge(t, read(t, m.path), m.detached)
		require.True(t, report.Trusted(), "%s: %+v", m.digest, report.Signatures[0].Checks)
		require.Equal(t, m.digest, report.Signatures[0].Signature.DigestAlgorithm())
	}
}
