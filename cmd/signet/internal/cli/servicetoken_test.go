package cli_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/service/auth"
)

// accepted asks the file of tokens as the service does.
func accepted(t *testing.T, w *world, token string) (*auth.Principal, error) {
	t.Helper()
	tokens, err := auth.OpenTokens(w.path("tokens"), &auth.TokensOptions{Clock: func() time.Time { return w.now }})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/v2/sign", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	return tokens.Authenticate(r)
}

func TestServiceTokens(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := w.run("token", "new", "--file", "@tokens", "--name", "billing", "--keys", "seal,archive", "--endpoints", "sign,certificates")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	token := strings.TrimSuffix(got.stdout, "\n")
	require.Regexp(t, `^signet_\w{10}_\w{49}$`, token, "nothing else is on standard output")
	require.NotContains(t, got.stderr, token[18:])
	require.Contains(t, got.stderr, "good until 2026-05-30 12:00:00 UTC")
	p, err := accepted(t, w, token)
	require.NoError(t, err)
	require.Equal(t, &auth.Principal{Name: "billing", Keys: []string{"seal", "archive"}, Endpoints: []string{"sign", "certificates"}}, p)

	got = w.run("token", "new", "--file", "@tokens", "--name", "ops", "--keys", "*", "--expires", "never")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "does not expire")
	ops := strings.TrimSuffix(got.stdout, "\n")
	got = w.run("token", "new", "--file", "@tokens", "--name", "checker", "--endpoints", "verify,validate", "--expires", "2026-03-01")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)

	got = w.run("token", "list", "--file", "@tokens")
	require.Equal(t, cli.ExitOK, got.code)
	require.Equal(t, "ID          NAME     KEYS          ENDPOINTS          CREATED     EXPIRES", strings.Split(got.stdout, "\n")[0])
	require.Contains(t, got.stdout, token[7:17]+"  billing  seal,archive  sign,certificates  2026-03-01  2026-05-30\n")
	require.Contains(t, got.stdout, "ops      *             *                  2026-03-01  never\n")
	require.Contains(t, got.stdout, "checker  none          verify,validate    2026-03-01  2026-03-02\n", "the day itself counts")
	w.now = w.now.AddDate(0, 1, 0)
	require.Contains(t, w.run("token", "list", "--file", "@tokens").stdout, "2026-03-02 (expired)")
	got = w.run("token", "list", "--file", "@tokens", "--json")
	all := objects[map[string]any](t, got.stdout)
	require.Len(t, all, 3)
	require.Equal(t, map[string]any{"id": token[7:17], "name": "billing", "keys": []any{"seal", "archive"}, "endpoints": []any{"sign", "certificates"}, "created": "2026-03-01T12:00:00Z", "expires": "2026-05-30T12:00:00Z", "expired": false}, all[0])
	require.NotContains(t, all[1], "expires")
	require.Equal(t, true, all[2]["expired"])

	got = w.run("token", "revoke", "--file", "@tokens", "billing", ops[7:17])
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	for _, one := range []string{token, ops} {
		_, err = accepted(t, w, one)
		require.ErrorIs(t, err, auth.ErrRefused)
	}
	require.Contains(t, w.run("token", "list", "--file", "@tokens").stdout, "checker")
	require.Equal(t, cli.ExitOK, w.run("token", "revoke", "--file", "@tokens", "checker").code)
	got = w.run("token", "list", "--file", "@tokens")
	require.Equal(t, outcome{cli.ExitOK, "", "signet: there is no token in @tokens\n"}, got)
}

func TestServiceTokenExpiry(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, until := range map[string]string{"1d": "2026-02-01", "2w": "2026-02-14", "12m": "2027-01-31", "10y": "2036-01-31", "2026-01-31": "2026-02-01"} {
		got := w.run("token", "new", "--file", "@tokens", "--name", "x", "--keys", "k", "--expires", text)
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Contains(t, got.stderr, "good until "+until, text)
	}
}

func TestServiceTokenSlips(t *testing.T) {
	w := newWorld(t)
	made := w.run("token", "new", "--file", "@tokens", "--name", "a", "--keys", "k")
	require.Equal(t, cli.ExitOK, made.code)
	require.Equal(t, cli.ExitOK, w.run("token", "new", "--file", "@tokens", "--name", "a", "--keys", "k").code)
	w.write("broken", "x\n")
	token := strings.TrimSpace(made.stdout)
	before := w.read("tokens")
	for says, c := range map[string]struct {
		args []string
		code int
	}{
		"which file of tokens":         {[]string{"new", "--name", "x", "--keys", "k"}, cli.ExitUsage},
		"whom is the token for":        {[]string{"new", "--file", "@tokens", "--keys", "k"}, cli.ExitUsage},
		"which keys may it sign with":  {[]string{"new", "--file", "@tokens", "--name", "x"}, cli.ExitUsage},
		`there is no endpoint "sing"`:  {[]string{"new", "--file", "@tokens", "--name", "x", "--keys", "k", "--endpoints", "sing"}, cli.ExitUsage},
		"write 90d":                    {[]string{"new", "--file", "@tokens", "--name", "x", "--keys", "k", "--expires", "soon"}, cli.ExitUsage},
		`--expires ""`:                 {[]string{"new", "--file", "@tokens", "--name", "x", "--keys", "k", "--expires", ""}, cli.ExitUsage},
		`--expires "-1d"`:              {[]string{"new", "--file", "@tokens", "--name", "x", "--keys", "k", "--expires", "-1d"}, cli.ExitUsage},
		"over already":                 {[]string{"new", "--file", "@tokens", "--name", "x", "--keys", "k", "--expires", "2020-01-01"}, cli.ExitUsage},
		"takes no arguments":           {[]string{"new", "--file", "@tokens", "--name", "x", "--keys", "k", "y"}, cli.ExitUsage},
		"cannot be seen":               {[]string{"new", "--file", "@tokens", "--name", "a\x1b", "--keys", "k"}, cli.ExitFailed},
		"line 1":                       {[]string{"new", "--file", "@broken", "--name", "x", "--keys", "k"}, cli.ExitFailed},
		"no such file":                 {[]string{"list", "--file", "@none"}, cli.ExitUsage},
		"it is not a JSON object":      {[]string{"list", "--file", "@broken"}, cli.ExitFailed},
		"which token? Give its id":     {[]string{"revoke", "--file", "@tokens"}, cli.ExitUsage},
		"there is no such token":       {[]string{"revoke", "--file", "@tokens", "b"}, cli.ExitUsage},
		"2 tokens have the name":       {[]string{"revoke", "--file", "@tokens", "a"}, cli.ExitFailed},
		"and not the token itself":     {[]string{"revoke", "--file", "@tokens", token}, cli.ExitUsage},
		`no command token "nwe"`:       {[]string{"nwe"}, cli.ExitUsage},
		"signet token new --file":      {nil, cli.ExitUsage},
		"no such file or directory; s": {[]string{"revoke", "--file", "@none", "a"}, cli.ExitUsage},
	} {
		got := w.run(append([]string{"token"}, c.args...)...)
		require.Equal(t, c.code, got.code, "%s: %s", says, got.stderr)
		require.Contains(t, got.stderr, says)
		require.Empty(t, got.stdout, says)
		require.NotContains(t, got.stderr, token[18:])
	}
	require.Equal(t, before, w.read("tokens"))
	require.Equal(t, "x\n", w.read("broken"))
}

// TestServiceTokenNobodyGot: a token that could not be printed is taken back.
func TestServiceTokenNobodyGot(t *testing.T) {
	w := newWorld(t)
	code := cli.Run(t.Context(), cli.World{Args: []string{"token", "new", "--file", w.path("tokens"), "--name", "x", "--keys", "k"}, Stdin: strings.NewReader(""),
		Stdout: full{}, Stderr: full{}, LookupEnv: os.LookupEnv, Now: time.Now})
	require.Equal(t, cli.ExitFailed, code)
	require.Empty(t, w.read("tokens"))
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
