package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestWrongUse is what a new user does wrong: each gets one sentence that says what, where, and what to do.
func TestWrongUse(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	w.write("empty.p7s", "")
	w.write("text.p7s", "Dear all,\n")
	w.write("short.p7s", "\x30\x82\x10\x00\x06")
	w.write("docs/b", "b")
	w.write("other/docs/b", "another b")
	require.NoError(t, os.MkdirAll(w.path("nothing"), 0o755))
	w.write("signatures/x.p7s", "x")
	w.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	key := []string{"--key", "@key.pem"}
	with := func(rest ...string) []string { return append(append([]string{"sign"}, key...), rest...) }
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":                    {nil, cli.ExitUsage, "signet sign --key demo"},
		"no such command":            {[]string{"sing"}, cli.ExitUsage, `there is no command "sing"`},
		"no such command with flags": {[]string{"sing", "--key", "@key.pem", "@a"}, cli.ExitUsage, `there is no command "sing"`},
		"unknown flag alone":         {[]string{"--frob"}, cli.ExitUsage, "unknown flag: --frob"},
		"near miss":                  {[]string{"verfy"}, cli.ExitUsage, "did you mean verify"},
		"sign without files":         {with(), cli.ExitUsage, "give the files"},
		"sign without key":           {[]string{"sign", "@a"}, cli.ExitUsage, "--key demo"},
		"empty argument":             {with(""), cli.ExitUsage, "an argument is empty"},
		"unknown flag":               {with("--frob", "@a"), cli.ExitUsage, "unknown flag: --frob"},
		"password as a flag":         {with("--password", "x", "@a"), cli.ExitUsage, "unknown flag: --password; did you mean --password-file?"},
		"flag without value":         {[]string{"sign", "@a", "--key"}, cli.ExitUsage, "flag needs an argument"},
		"not a number":               {with("--jobs", "many", "@a"), cli.ExitUsage, `invalid argument "many" for "--jobs" flag`},
		"negative number":            {with("--jobs", "-1", "@a"), cli.ExitUsage, "--jobs -1"},
		"level without authority":    {with("--level", "lt", "@a"), cli.ExitUsage, "needs an authority of time-stamps"},
		"no such level":              {with("--level", "best", "@a"), cli.ExitUsage, "pkcs7, bes, t"},
		"no such scheme":             {with("--scheme", "md5", "@a"), cli.ExitUsage, "ecdsa-sha256"},
		"scheme of another key":      {with("--scheme", "ed25519", "@a"), cli.ExitKey, "signet keys"},
		"policy without hash":        {with("--policy-oid", "1.2.3", "@a"), cli.ExitUsage, "needs --policy-hash"},
		"hash without policy":        {with("--policy-hash", "sha256:00", "@a"), cli.ExitUsage, "need --policy-oid"},
		"policy that is no OID":      {with("--policy-oid", "x", "--policy-hash", "sha256:00", "@a"), cli.ExitUsage, "not an object identifier"},
		"policy hash too short":      {with("--policy-oid", "1.2.3", "--policy-hash", "sha256:00", "@a"), cli.ExitUsage, "32 octets"},
		"policy hash without name":   {with("--policy-oid", "1.2.3", "--policy-hash", "00", "@a"), cli.ExitUsage, "sha256:"},
		"no such commitment":         {with("--commitment", "love", "@a"), cli.ExitUsage, "approval"},
		"no such time":               {with("--signing-time", "noon", "@a"), cli.ExitUsage, "2026-03-01"},
		"role at the lowest level":   {with("--level", "pkcs7", "--role", "boss", "@a"), cli.ExitUsage, ""},
		"out is a file":              {with("--out", "@a", "@docs"), cli.ExitUsage, "is a file"},
		"empty folder":               {with("@nothing"), cli.ExitUsage, "nothing to sign in @nothing"},
		"folder of signatures":       {with("@signatures"), cli.ExitUsage, "but signatures"},
		"stdin twice":                {with("-", "-"), cli.ExitUsage, "once only"},
		"stdin and json":             {with("--json", "-"), cli.ExitUsage, "--out"},
		"two inputs, one output":     {with("--out", "@o", "@docs", "@other/docs"), cli.ExitUsage, "would both become @o/docs/b.p7s"},
		"output over input":          {with("@docs/b", "@docs/b.p7s"), cli.ExitUsage, "would overwrite"},
		"no such key":                {[]string{"sign", "--key", "@no.p12", "@a"}, cli.ExitKey, "there is no key file @no.p12"},
		"key is something else":      {[]string{"sign", "--key", "@a", "@a"}, cli.ExitKey, "@a"},
		"key is a certificate":       {[]string{"sign", "--key", "@root.pem", "@a"}, cli.ExitKey, "only certificates"},
		"folder without keys":        {[]string{"sign", "--key", "@docs", "@a"}, cli.ExitKey, "@docs"},
		"reference to nothing":       {with("--cert", "seal", "@a"), cli.ExitUsage, "40 or 64 hexadecimal digits"},
		"id that is not hexadecimal": {with("--cert", "id:xyz", "@a"), cli.ExitUsage, "hexadecimal"},
		"file of no certificate":     {with("--cert", "@a", "@a"), cli.ExitUsage, "no certificate in it"},
		"missing certificate file":   {with("--cert", "@no.pem", "@a"), cli.ExitUsage, "no such file"},
		"thumbprint of no key":       {with("--cert", strings.Repeat("0", 40), "@a"), cli.ExitKey, "no such key"},
		"file that is not there":     {with("@no"), cli.ExitFailed, "@no: there is no such file"},
		"verify nothing":             {[]string{"verify"}, cli.ExitUsage, "give the signatures"},
		"verify no file":             {[]string{"verify", "@no"}, cli.ExitFailed, "NOT READ: there is no such file"},
		"verify text":                {[]string{"verify", "@text.p7s"}, cli.ExitFailed, "NOT VALID: this is not a signature"},
		"verify an empty file":       {[]string{"verify", "@empty.p7s"}, cli.ExitFailed, "NOT VALID: the file is empty"},
		"verify a cut file":          {[]string{"verify", "@short.p7s"}, cli.ExitFailed, "at offset 0"},
		"verify an empty folder":     {[]string{"verify", "@nothing"}, cli.ExitUsage, "no file with the name of a signature"},
		"trust in nothing":           {[]string{"verify", "--trust", "@no", "@text.p7s"}, cli.ExitUsage, "no such file"},
		"trust in text":              {[]string{"verify", "--trust", "@a", "@text.p7s"}, cli.ExitUsage, "no certificate in it"},
		"trust in a broken one":      {[]string{"verify", "--trust", "@broken.pem", "@text.p7s"}, cli.ExitUsage, "certificate 1"},
		"trust in an empty folder":   {[]string{"verify", "--trust", "@nothing", "@text.p7s"}, cli.ExitUsage, "no .pem"},
		"trust in no demo":           {[]string{"verify", "--trust", "demo", "@text.p7s"}, cli.ExitUsage, "sign --key demo makes one"},
		"verify at no time":          {[]string{"verify", "--at", "noon", "@text.p7s"}, cli.ExitUsage, "2026-03-01"},
		"one content of two":         {[]string{"verify", "--content", "-", "@text.p7s", "@empty.p7s"}, cli.ExitUsage, "give the content in a file"},
		"flag with a slip":           {[]string{"verify", "--trsut", "@root.pem", "@text.p7s"}, cli.ExitUsage, "unknown flag: --trsut; did you mean --trust?"},
		"flag with one dash":         {[]string{"verify", "-trust", "@root.pem", "@text.p7s"}, cli.ExitUsage, "in -trust; did you mean --trust?"},
		"flag of nothing near":       {[]string{"verify", "--xyzzy", "@text.p7s"}, cli.ExitUsage, "unknown flag: --xyzzy (see"},
		"one content of a folder":    {[]string{"verify", "--content", "@a", "@signatures"}, cli.ExitUsage, "is one file"},
		"content that is not there":  {[]string{"verify", "--content", "@no", "@text.p7s"}, cli.ExitUsage, "no such file"},
		"inspect nothing":            {[]string{"inspect"}, cli.ExitUsage, "give the signature"},
		"inspect two":                {[]string{"inspect", "@a", "@a"}, cli.ExitUsage, "one signature, not 2"},
		"inspect text":               {[]string{"inspect", "@text.p7s"}, cli.ExitFailed, "@text.p7s: this is not a signature"},
		"inspect a folder":           {[]string{"inspect", "@docs"}, cli.ExitFailed, "it is a folder"},
		"keys without key":           {[]string{"keys"}, cli.ExitUsage, "--key demo"},
		"keys with an argument":      {[]string{"keys", "@key.pem"}, cli.ExitUsage, "--key @key.pem"},
		"version with an argument":   {[]string{"version", "pkcs11:token=t?pin-value=SECRET"}, cli.ExitUsage, "version takes no arguments"},
		"number that is a URI":       {with("--jobs", "pkcs11:token=t?pin-value=SECRET"), cli.ExitUsage, `invalid argument "pkcs11:…" for "--jobs" flag`},
		"shell that is a URI":        {[]string{"completion", "bash", "pkcs11:token=t?pin-value=SECRET"}, cli.ExitUsage, `unknown command "pkcs11:…"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(c.args...)
			require.Equal(t, c.code, got.code, "%s%s", got.stdout, got.stderr)
			require.Contains(t, got.stdout+got.stderr, c.says)
			require.NotContains(t, got.stderr, "SECRET")
			if strings.Contains(name, "verify") && c.code == cli.ExitFailed {
				return // the report is on standard output
			}
			require.Empty(t, got.stdout)
			if name != "nothing" {
				require.Equal(t, 1, strings.Count(got.stderr, "\n"), "one line: %s", got.stderr)
			}
		})
	}
	require.NoFileExists(t, w.path("o"), "nothing is made by a call that is wrong")
	require.NoFileExists(t, w.path("state"))
}

func TestHelp(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"--help"}, {"help", "sign"}, {"sign", "-h"}, {"verify", "--help"}, {"inspect", "--help"}, {"keys", "--help"},
		{"keygen", "--help"}, {"csr", "--help"}, {"import-cert", "--help"}, {"export", "--help"}, {"doctor", "--help"}, {"extract", "--help"}, {"renew", "--help"}, {"extend", "--help"}} {
		got := w.run(args...)
		require.Equal(t, cli.ExitOK, got.code)
		require.Empty(t, got.stderr)
		require.Contains(t, got.stdout, "Examples:")
		for line := range strings.Lines(got.stdout) {
			require.LessOrEqual(t, len([]rune(line)), 180, line)
		}
	}
	got := w.run("version")
	require.Equal(t, cli.ExitOK, got.code)
	require.Regexp(t, `^signet .*go1\.`, got.stdout)
}
