package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServeReadme runs what the README does with curl, and lets OpenSSL verify every signature.
func TestServeReadme(t *testing.T) {
	page, err := os.ReadFile("../../../../README.md")
	require.NoError(t, err)
	bash := needs(t, "bash", "bash")
	needs(t, "curl", "curl")
	openssl := needs(t, "openssl", "openssl")
	w := newWorld(t)
	s := w.serve(t, program(t), "--key", "demo", "--listen", "127.0.0.1:0")
	require.True(t, assertEventually(func() bool { return strings.Contains(s.stdout(), "Contents") })) // it listens before it shows the token
	token := tokenText.FindString(s.stdout())
	blocks := shellBlocks(string(page))
	require.Len(t, blocks, 3)
	require.Contains(t, blocks[0], "http://127.0.0.1:8080")
	cmd, stdout, stderr := w.command(bash, "-euo", "pipefail", "-c", strings.ReplaceAll(blocks[0], "http://127.0.0.1:8080", s.base))
	cmd.Env = append(cmd.Env, "TOKEN="+token)
	require.NoError(t, cmd.Run(), "%s\n%s", stdout, stderr)
	require.Contains(t, stdout.String(), "ThrowOnErrors asks for all or nothing")
	require.Contains(t, stdout.String(), `"ErrorMessage":"Contents[1]: it is not base64`)

	data, err := os.ReadFile(w.path("answer.json"))
	require.NoError(t, err)
	var answer []struct{ Result, ErrorMessage *string }
	require.NoError(t, json.Unmarshal(data, &answer))
	require.Len(t, answer, 3)
	require.Nil(t, answer[1].Result)
	authority, err := filepath.Glob(w.path("*/signet/demo/ca.pem"))
	require.NoError(t, err)
	require.Len(t, authority, 1)
	for i, content := range map[int]string{0: "first", 2: "third"} {
		container, err := base64.StdEncoding.DecodeString(*answer[i].Result)
		require.NoError(t, err)
		w.write("c", content)
		w.write("s", string(container))
		verify, out, errs := w.command(openssl, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "s", "-content", "c", "-CAfile", authority[0])
		require.NoError(t, verify.Run(), "%s", errs)
		require.Equal(t, content, out.String())
	}

	// In two stages, with the code that the terminal of the service shows.
	run := func(script, code string) {
		cmd, stdout, stderr := w.command(bash, "-euo", "pipefail", "-c", strings.ReplaceAll(script, "http://127.0.0.1:8080", s.base)+"\ndeclare -f cloud value >functions; echo token=$token >>functions")
		cmd.Env = append(cmd.Env, "TOKEN="+token, "CODE="+code)
		require.NoError(t, cmd.Run(), "%s\n%s", stdout, stderr)
	}
	run(blocks[1], "")
	codes := regexp.MustCompile(`Code (\d{6}) to sign "a.txt`)
	require.True(t, assertEventually(func() bool { return codes.MatchString(s.stderr()) }))
	run(". ./functions\n"+blocks[2], codes.FindStringSubmatch(s.stderr())[1])
	for file, content := range map[string]string{"a.txt": "first", "b.txt": "third"} {
		verify, out, errs := w.command(openssl, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", file+".p7s", "-content", file, "-CAfile", authority[0])
		require.NoError(t, verify.Run(), "%s", errs)
		require.Equal(t, content, out.String())
	}
}
