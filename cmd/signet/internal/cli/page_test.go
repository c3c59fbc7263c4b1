package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestCommandLinePage runs the commands of docs/command-line.md as they stand there, in one shell. The example of what
// doctor prints has to look like what it prints.
func TestCommandLinePage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/command-line.md")
	require.NoError(t, err)
	module := softhsm(t)
	needs(t, "softhsm2-util", "softhsm2")
	needs(t, "openssl", "openssl")
	bash := needs(t, "bash", "bash")
	signet := program(t)
	w := newWorld(t)
	w.write("README.md", "read me\n")
	w.write("docs/a.md", "a\n")
	w.write("docs/b/c.md", "c\n")
	w.write("contract.pdf", "contract\n")
	w.write("seal.pass", password+"\n")
	w.writeP12("seal.p12", password, w.pki.Leaf(testpki.P256))
	w.write("bin/signet", "#!/bin/sh\nexec '"+signet+"' \"$@\"\n")
	require.NoError(t, os.Chmod(w.path("bin/signet"), 0o755))
	t.Cleanup(func() { _ = exec.Command("softhsm2-util", "--delete-token", "--token", "seal").Run() })

	blocks := shellBlocks(string(page))
	var example string
	for i, part := range strings.Split(string(page), "\n```") {
		if i%2 == 1 && !strings.HasPrefix(part, "sh\n") && strings.Contains(part, "mechanisms") {
			example = strings.TrimSpace(part)
		}
	}
	require.Greater(t, len(blocks), 7)
	commands := strings.ReplaceAll(strings.Join(blocks, "\n"), "/usr/lib/softhsm/libsofthsm2.so", module)
	cmd, stdout, stderr := w.command(bash, "-euo", "pipefail", "-c", commands)
	cmd.Env = append(cmd.Env, "PATH="+w.path("bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	require.NoError(t, cmd.Run(), "%s\n%s", stdout, stderr)
	require.NotContains(t, stderr.String(), "warning")
	require.Equal(t, 14, strings.Count(stdout.String(), ": VALID\n"), stdout.String())
	printed := strings.Split(stdout.String(), "\n")
	for line := range strings.Lines(example) {
		if fields := strings.Fields(line); len(fields) > 1 {
			begin := line[:strings.Index(line, fields[1])+len(fields[1])]
			require.True(t, func() bool {
				for _, p := range printed {
					if strings.HasPrefix(p, begin) {
						return true
					}
				}
				return false
			}(), "doctor prints no line that begins with %q", begin)
		}
	}
}

// shellBlocks are the commands of a page.
func shellBlocks(page string) (blocks []string) {
	for i, part := range strings.Split(page, "\n```") {
		if text, isShell := strings.CutPrefix(part, "sh\n"); i%2 == 1 && isShell {
			blocks = append(blocks, text)
		}
	}
	return blocks
}

// TestHSMPage follows the five minutes of docs/hsm.md, but for what installs and builds. An authority is OpenSSL.
func TestHSMPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/hsm.md")
	require.NoError(t, err)
	module := softhsm(t)
	needs(t, "softhsm2-util", "softhsm2")
	needs(t, "openssl", "openssl")
	bash := needs(t, "bash", "bash")
	w := newWorld(t)
	w.write("signet", "#!/bin/sh\nexec '"+program(t)+"' \"$@\"\n")
	require.NoError(t, os.Chmod(w.path("signet"), 0o755))
	blocks := shellBlocks(string(page))
	require.Len(t, blocks, 3)
	commands := blocks[0] + "\n" + blocks[1] + `
openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=Throw-away authority" -keyout ca.key -out ca.crt
openssl x509 -req -in seal.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out seal.crt
` + blocks[2] + "\n./signet sign --key \"$KEY\" signet\n"
	for _, skip := range []string{"apt-get install softhsm2 gcc\n", "go build -o signet ./cmd/signet\n"} {
		require.Contains(t, commands, skip)
		commands = strings.ReplaceAll(commands, skip, "")
	}
	cmd, stdout, stderr := w.command(bash, "-euo", "pipefail", "-c", strings.ReplaceAll(commands, "/usr/lib/softhsm/libsofthsm2.so", module))
	require.NoError(t, cmd.Run(), "%s\n%s", stdout, stderr)
	require.NotContains(t, stderr.String(), "warning")
	require.Contains(t, stdout.String(), "The key works.")
	require.FileExists(t, w.path("signet.p7s"))
}
