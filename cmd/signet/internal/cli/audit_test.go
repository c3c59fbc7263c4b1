package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/service/audit"
)

func TestAuditVerify(t *testing.T) {
	w := newWorld(t)
	secret := strings.Repeat("k", 40)
	w.write("key", secret+"\n")
	w.write("other", strings.Repeat("x", 40))
	w.write("short", "x")
	l, err := audit.Open(w.path("audit.log"), &audit.Options{Key: []byte(secret), MaxSize: 900})
	require.NoError(t, err)
	for range 6 {
		require.NoError(t, l.Record(context.Background(), &audit.Record{Event: "sign", Principal: "billing", Items: []audit.Item{{Digest: make([]byte, 32)}}}))
	}
	require.NoError(t, l.Close())
	_, last := l.Last()
	files := []string{"@audit.log", "@audit.log.000000000001", "@audit.log.000000000003", "@audit.log.000000000005"}
	verify := func(args ...string) outcome {
		t.Helper()
		return w.run(append([]string{"audit", "verify"}, args...)...)
	}

	got := verify(append([]string{"--key-file", "@key"}, files[:3]...)...)
	require.Equal(t, outcome{cli.ExitOK, "WHOLE\nrecords    6, from 1 to 6\nlast hash  " + last + "\n", ""}, got)
	got = verify(append([]string{"--json", "--key-file", "@key", "--expect-last", last}, files[:3]...)...)
	require.Equal(t, cli.ExitOK, got.code)
	require.JSONEq(t, `{"valid":true,"records":6,"first":1,"last":6,"last_hash":"`+last+`","authenticated":true}`, got.stdout)
	got = verify("@audit.log", "@audit.log.000000000003")
	require.Equal(t, cli.ExitOK, got.code)
	require.Contains(t, got.stderr, "begins with record 3")
	require.Contains(t, got.stderr, "without --key-file")

	w.write("empty", "")
	require.Equal(t, "WHOLE\nrecords    0\n", verify("@empty").stdout)
	w.write("changed", strings.Replace(w.read("audit.log.000000000001"), "billing", "nobody!", 1))
	for says, c := range map[string]struct {
		args []string
		code int
	}{
		"@changed line 2: it does not go with": {[]string{"@changed"}, cli.ExitFailed},
		"@changed line 1: its mac is wrong":    {[]string{"@changed", "--key-file", "@key"}, cli.ExitFailed},
		"line 1: its mac is wrong":             {[]string{"@audit.log", "--key-file", "@other"}, cli.ExitFailed},
		"cut off":                              {[]string{files[1], files[2], "--expect-last", last}, cli.ExitFailed},
		"64 hexadecimal digits":                {[]string{files[1], "--expect-last", "12"}, cli.ExitUsage},
		"less than 32 octets":                  {[]string{files[1], "--key-file", "@short"}, cli.ExitUsage},
		"--key-file: open @none":               {[]string{files[1], "--key-file", "@none"}, cli.ExitUsage},
		"open @none":                           {[]string{"@none"}, cli.ExitUsage},
		"no regular file":                      {[]string{"@"}, cli.ExitFailed},
		"@key line 1":                          {[]string{"@key"}, cli.ExitFailed},
		"which audit log":                      {nil, cli.ExitUsage},
	} {
		got := verify(c.args...)
		require.Equal(t, c.code, got.code, "%s: %s", says, got.stderr)
		require.Contains(t, got.stderr, says)
		require.NotContains(t, got.stdout+got.stderr, "WHOLE")
		require.NotContains(t, got.stdout+got.stderr, secret)
	}
	require.Equal(t, "BROKEN\n", verify("@changed").stdout)
	got = verify("@changed", "--json")
	require.Equal(t, cli.ExitFailed, got.code)
	broken := objects[map[string]any](t, got.stdout)
	require.Equal(t, false, broken[0]["valid"])
	require.EqualValues(t, 2, broken[0]["line"])
	require.Equal(t, cli.ExitUsage, w.run("audit").code)
	require.Contains(t, w.run("audit", "verfy").stderr, "there is verify")
}
