package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestPINInTheWrongPlace has URIs with slips, and a PIN in them. Whatever is said about them, the PIN is not, on neither
// output, and nothing is tried.
func TestPINInTheWrongPlace(t *testing.T) {
	t.Chdir(t.TempDir()) // some of it is taken for a folder to write into
	w := newWorld(t)
	w.write("a", "a")
	const pin = "24681357"
	for name, key := range map[string]string{
		"space before":      " pkcs11:token=t?module-path=/m.so&pin-value=" + pin,
		"quoted":            `"pkcs11:token=t?module-path=/m.so&pin-value=` + pin + `"`,
		"quoted in upper":   `'PKCS11:token=t?module-path=/m.so&PIN-VALUE=` + pin + `'`,
		"other scheme":      "pkcs1:token=t?module-path=/m.so&pin-value=" + pin,
		"no scheme":         "token=t?module-path=/m.so&pin-value=" + pin,
		"; after the ?":     "pkcs11:token=t?module-path=/m.so;pin-value=" + pin,
		"& before the ?":    "pkcs11:token=t&pin-value=" + pin + "?module-path=/m.so",
		"second ?":          "pkcs11:token=t?module-path=/m.so?pin-value=" + pin,
		"; before the ?":    "pkcs11:token=t;pin-value=" + pin + "?module-path=/m.so",
		"unknown attribute": "pkcs11:token=t?module-path=/m.so&pin=" + pin,
		"upper case name":   "pkcs11:token=t?module-path=/m.so&PIN-VALUE=" + pin,
		"bad encoding":      "pkcs11:token=t?module-path=/m.so&pin-value=%zz" + pin,
		"twice":             "pkcs11:token=t?module-path=/m.so&pin-value=" + pin + "&pin-value=" + pin,
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"sign @a", "keys", "keys --json", "doctor", "doctor --json", "csr --subject CN=x", "keygen --type ed25519 --label x", "import-cert @a"} {
				for _, byFlag := range []bool{true, false} {
					args := strings.Fields(command)
					delete(w.env, "SIGNET_KEY")
					if byFlag {
						args = append(args, "--key", key)
					} else {
						w.env["SIGNET_KEY"] = key
					}
					got := w.run(args...)
					require.Equal(t, cli.ExitUsage, got.code, "%s: %s", command, got.stderr)
					require.NotContains(t, got.stdout+got.stderr, pin, command)
					require.Empty(t, got.stdout)
				}
			}
		})
	}
	delete(w.env, "SIGNET_KEY")
	for _, uri := range []string{"pkcs11:token=t?module-path=/m.so&pin-value=", "PKCS11:token=t?module-path=/m.so&PIN-value=", "token=t&pin-value="} {
		for _, args := range [][]string{
			{"sign", "--key", "@key.pem", "--jobs", uri + pin, "@a"}, {"sign", "--key", "@key.pem", "--cert", uri + pin, "@a"},
			{"sign", "--key", "@key.pem", "--scheme", uri + pin, "@a"}, {"keys", uri + pin}, {uri + pin}, {"verify", "--trust", uri + pin, "@a"},
			{"sign", "--key=" + uri + pin, "--frob"}, {"csr", "--key", "@key.pem", "--subject", uri + pin}, {"sign", "--key", "@key.pem", "--out", uri + pin + "/x", "@none"},
		} {
			got := w.run(args...)
			require.NotEqual(t, cli.ExitOK, got.code)
			require.NotContains(t, got.stdout+got.stderr, pin, args)
		}
	}
}

// TestSlips is what a user of a token does wrong without a token being asked: one sentence each.
func TestSlips(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	w.write("pin", goodPIN)
	require.NoError(t, os.Chmod(w.path("pin"), 0o644))
	const uri = "pkcs11:token=t?module-path=/nonexistent/m.so"
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"empty password file": {[]string{"sign", "@a", "--key", uri, "--password-file", ""}, cli.ExitUsage, "--password-file is empty; is a variable"},
		"empty certificate":   {[]string{"sign", "@a", "--key", uri, "--cert", ""}, cli.ExitUsage, "--cert is empty; is a variable"},
		"empty, key in file":  {[]string{"sign", "@a", "--key", "@key.pem", "--cert", ""}, cli.ExitUsage, "--cert is empty; is a variable"},
		"empty label":         {[]string{"sign", "@a", "--key", uri, "--cert", "label:"}, cli.ExitUsage, "what is the label?"},
		"empty PIN":           {[]string{"keys", "--key", uri + "&pin-value="}, cli.ExitUsage, "it is empty"},
		"PIN file for all":    {[]string{"keys", "--key", uri + "&pin-source=" + w.path("pin")}, cli.ExitKey, "can read the PIN file @pin"},
		"PIN from the net":    {[]string{"keys", "--key", uri + "&pin-source=https://host/pin"}, cli.ExitUsage, "only files are read"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(c.args...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
		})
	}
}
