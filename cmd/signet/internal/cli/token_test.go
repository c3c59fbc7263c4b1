package cli_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/provider/pkcs11"
)

// TestTokenProgram takes new keys to signatures with the program as it is built: a key, a request, a certificate of
// OpenSSL, a signature that OpenSSL verifies.
func TestTokenProgram(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	h := w.newHSM()
	w.write("a", "content\n")
	run := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		cmd, out, err := w.command(signet, args...)
		require.Equal(t, code, exitCode(t, cmd.Run()), "%v: %s%s", args, out, err)
		require.NotContains(t, out.String()+err.String(), goodPIN)
		return out.String(), err.String()
	}
	for _, kind := range []string{"rsa:2048", "ec:P-256", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			label := strings.NewReplacer(":", " ", "-", "").Replace(kind) // with a space
			stdout, stderr := run(0, "keygen", "--key", h.with(""), "--type", kind, "--label", label)
			require.Contains(t, stderr, `made key "`+label+`"`)
			uri := strings.TrimSuffix(stdout, "\n")
			require.True(t, strings.HasPrefix(uri, "pkcs11:token="+h.label), uri)

			_, stderr = run(cli.ExitKey, "sign", "--key", uri, "a")
			require.Contains(t, stderr, "signet import-cert")
			csr, _ := run(0, "csr", "--key", uri, "--subject", "CN=Seal,O=Example\\, Ltd,C=DE")
			w.write("r.csr", csr)
			require.Contains(t, openssl(t, "req", "-in", w.path("r.csr"), "-noout", "-verify", "-subject"), `C = DE, O = "Example, Ltd", CN = Seal`)
			w.issue("r.csr", "r.crt")
			stdout, stderr = run(0, "import-cert", "--key", uri, "r.crt", "ca.pem")
			require.Equal(t, uri+"\n", stdout)
			require.Contains(t, stderr, "with 1 certificate of its issuers")

			run(0, "sign", "--key", uri, "a")
			stdout, _ = run(0, "verify", "-v", "--trust", "ca.pem", "a.p7s")
			require.Contains(t, stdout, "CN=Seal")
			if kind != "ed25519" { // OpenSSL 3.0 does not verify it in CMS
				openssl(t, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.path("a.p7s"), "-content", w.path("a"), "-CAfile", w.path("ca.pem"), "-out", w.path("out"))
			}
			// The certificate from a file does as well, and names the key.
			run(0, "sign", "--key", h.with(""), "--cert", "r.crt", "a")
			stdout, _ = run(0, "doctor", "--no-rate", "--key", uri)
			require.Contains(t, stdout, "The key works.")
		})
	}
	stdout, stderr := run(0, "keys", "--key", h.with(""))
	require.Empty(t, stderr)
	require.Equal(t, 3, strings.Count(stdout, `  key "`), stdout)
	stdout, _ = run(0, "keys", "--key", "pkcs11:?module-path="+h.module)
	require.Contains(t, stdout, `token "`+h.label+`"`)
	require.NotContains(t, stdout, `  key "`)
}

// TestTokenSignsMany lets OpenSSL verify each of 200 signatures of a token.
func TestTokenSignsMany(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	key := h.key("ec:P-256", "many")
	for i := range 200 {
		w.write(fmt.Sprintf("in/%03d", i), fmt.Sprintf("content %d\n", i))
	}
	got := w.run("sign", "--key", key, "--sessions", "4", "--out", "@out", "@in")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "signed 200 of 200 files")
	files := w.files("out")
	require.Len(t, files, 200)
	for _, f := range files {
		openssl(t, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.path("out/"+f), "-content", w.path(strings.TrimSuffix(f, ".p7s")), "-CAfile", w.path("ca.pem"), "-out", w.path("content"))
	}
}

// TestTokenPIN gives the PIN in each way, right and wrong. A wrong one is tried once, and never printed.
func TestTokenPIN(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	w.write("a", "a")
	w.write("padded", goodPIN+" \n")
	for name, c := range map[string]struct {
		uri  string
		env  map[string]string
		args []string
		code int
		says string
	}{
		"pin-source":              {uri: "&pin-source=" + w.path("pin")},
		"pin-source as a URL":     {uri: "&pin-source=file://" + w.path("pin")},
		"pin-value":               {uri: "&pin-value=" + goodPIN, says: "warning: everybody on this machine can see the PIN in the list of processes"},
		"--password-file":         {args: []string{"--password-file", "@pin"}},
		"SIGNET_PIN":              {env: map[string]string{"SIGNET_PIN": goodPIN}},
		"SIGNET_PASSWORD":         {env: map[string]string{"SIGNET_PASSWORD": goodPIN}},
		"SIGNET_PIN before that":  {env: map[string]string{"SIGNET_PIN": goodPIN, "SIGNET_PASSWORD": wrongPIN}},
		"a file before variables": {uri: "&pin-source=" + w.path("pin"), env: map[string]string{"SIGNET_PIN": wrongPIN}},
		"two files":               {uri: "&pin-source=" + w.path("pin"), args: []string{"--password-file", "@wrong"}, code: cli.ExitUsage, says: "leave one out"},
		"none":                    {code: cli.ExitKey, says: "give it (pin-source=FILE in the URI, --password-file FILE, or SIGNET_PIN)"},
		"empty":                   {env: map[string]string{"SIGNET_PIN": ""}, code: cli.ExitKey, says: "the PIN is empty"},
		"a file that is missing":  {uri: "&pin-source=/no/such/file", code: cli.ExitKey, says: "/no/such/file"},
		"wrong in a file":         {uri: "&pin-source=" + w.path("wrong"), code: cli.ExitKey, says: "(PIN from @wrong)"},
		"white space around it":   {uri: "&pin-source=" + w.path("padded"), code: cli.ExitKey, says: "(PIN from @padded, which has white space or another line around it)"},
		"wrong pin-value":         {uri: "&pin-value=" + wrongPIN, code: cli.ExitKey, says: "(PIN from the URI)"},
		"wrong in SIGNET_PIN":     {env: map[string]string{"SIGNET_PIN": wrongPIN}, code: cli.ExitKey, says: "(PIN from SIGNET_PIN)"},
		"wrong --password-file":   {args: []string{"--password-file", "@wrong"}, code: cli.ExitKey, says: "(PIN from @wrong)"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				w.env[k] = v
				defer delete(w.env, k)
			}
			key := h.uri("object=k") + c.uri
			args := append([]string{"sign", "--key", key}, append(c.args, "@a")...)
			got := w.run(args...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			for _, secret := range []string{goodPIN, wrongPIN} {
				require.NotContains(t, got.stdout+got.stderr, secret)
			}
		})
	}
	t.Run("in the environment it is not seen", func(t *testing.T) {
		w.env["SIGNET_KEY"] = h.uri("object=k") + "&pin-value=" + goodPIN
		defer delete(w.env, "SIGNET_KEY")
		got := w.run("sign", "@a")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.NotContains(t, got.stderr, "warning")
	})
	t.Run("every command", func(t *testing.T) {
		wrong := h.uri("object=k") + "&pin-source=" + w.path("wrong")
		for _, args := range [][]string{
			{"keys"}, {"sign", "@a"}, {"csr", "--subject", "CN=x"}, {"import-cert", "@root.pem"}, {"doctor"}, {"doctor", "--json"},
			{"keygen", "--type", "ed25519", "--label", "k"},
		} {
			got := w.run(append([]string{args[0], "--key", wrong}, args[1:]...)...)
			require.Equal(t, cli.ExitKey, got.code, "%v: %s", args, got.stdout+got.stderr)
			require.Contains(t, got.stdout+got.stderr, "PIN")
			require.NotContains(t, got.stdout+got.stderr, wrongPIN)
		}
	})
	t.Run("a URI at the wrong place", func(t *testing.T) {
		secret := h.uri("") + "&pin-value=" + goodPIN
		for _, args := range [][]string{{secret}, {"sign", "--key", "demo", secret}, {"verify", secret}, {"inspect", secret}, {"keys", secret}, {"doctor", secret}, {"import-cert", secret}} {
			got := w.run(args...)
			require.Equal(t, cli.ExitUsage, got.code, args)
			require.Contains(t, got.stderr, "--key")
			require.NotContains(t, got.stderr, goodPIN)
		}
	})
}

// TestTokenPrompt types the PIN at a terminal, once for a run.
func TestTokenPrompt(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	w.write("a", "a")
	script := needs(t, "script", "bsdutils")
	run := func(typed, command string) (string, error) {
		cmd := exec.Command(script, "-qec", command, "/dev/null")
		cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(typed+"\n")
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "SIGNET_") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	command := func(uri, rest string) string { return fmt.Sprintf("%s sign --key '%s' %s", signet, uri, rest) }
	out, err := run(goodPIN, command(h.uri("object=k"), "a"))
	require.NoError(t, err, out)
	require.Equal(t, 1, strings.Count(out, `PIN of token "`+h.label+`"`), out)
	require.FileExists(t, w.path("a.p7s"))
	out, err = run(wrongPIN, command(h.uri("object=k"), "a"))
	require.Equal(t, cli.ExitKey, exitCode(t, err), out)
	out, err = run(goodPIN, command(strings.Replace(h.uri(""), h.label, "nobody", 1), "a"))
	require.Equal(t, cli.ExitKey, exitCode(t, err), out)
	require.NotContains(t, out, "PIN of", "nobody is asked for the PIN of a token that is not there")

	// A key that wants its PIN for each signature may have one of its own, so that is asked for as well, once.
	h.careful()
	w.write("b", "b")
	sign := command(h.uri("object=careful"), "--cert careful.crt a b")
	out, err = run(goodPIN+"\n", sign)
	require.NoError(t, err, out)
	require.Equal(t, 1, strings.Count(out, `PIN of token "`+h.label+`"`), out)
	require.Equal(t, 1, strings.Count(out, `PIN of key "careful" (id 09) on token "`+h.label+`"`), out)
	require.Contains(t, out, "or just Enter if it is the same")
	out, err = run(goodPIN+"\n"+goodPIN, sign)
	require.NoError(t, err, out)
	out, err = run(goodPIN+"\n"+wrongPIN, sign)
	require.Error(t, err, out)
	require.Contains(t, out, `log in for key "careful"`)
}

// careful makes a key that wants its PIN for each signature, and careful.crt beside it.
func (h *hsm) careful() {
	t := h.w.t
	t.Helper()
	out, err := exec.Command("pkcs11-tool", "--module", h.module, "--token-label", h.label, "--login", "--pin", goodPIN,
		"--keypairgen", "--key-type", "EC:prime256v1", "--id", "09", "--label", "careful", "--always-auth").CombinedOutput()
	require.NoError(t, err, string(out))
	csr := h.w.run("csr", "--key", h.with("object=careful"), "--subject", "CN=Careful", "--out", "@careful.csr")
	require.Equal(t, cli.ExitOK, csr.code, csr.stderr)
	h.w.issue("careful.csr", "careful.crt")
}

// TestTokenMistakes is what people write into URIs: each gets one sentence that says what to do.
func TestTokenMistakes(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "one")
	h.key("ec:P-256", "two")
	other := w.newHSM()
	w.write("a", "a")
	module := "?module-path=" + h.module
	pin := "&pin-source=" + w.path("pin")
	noModule := cli.ExitKey // of those that are registered, none is meant
	if pkcs11.DefaultModule() == "" {
		noModule = cli.ExitUsage
	}
	t.Setenv("TPM2_PKCS11_STORE", t.TempDir()) // or its module makes one in the home folder
	t.Setenv("TSS2_LOG", "all+NONE")
	for name, c := range map[string]struct {
		uri  string
		code int
		says []string
	}{
		"no module":             {"pkcs11:token=x", noModule, []string{"?module-path=", "p11-kit"}},
		"module of no file":     {"pkcs11:token=x?module-path=/no/such.so", cli.ExitKey, []string{"/no/such.so", "library"}},
		"module that is none":   {"pkcs11:token=x?module-path=" + w.path("a"), cli.ExitKey, []string{"@a", "library"}},
		"unknown module name":   {"pkcs11:token=x?module-name=nosuch", cli.ExitKey, []string{"nosuch", "module-path"}},
		"no such token":         {"pkcs11:token=nobody" + module + pin, cli.ExitKey, []string{"nobody", h.label, other.label}},
		"several tokens":        {"pkcs11:" + module + pin, cli.ExitKey, []string{h.label, other.label, "token=LABEL;serial=NUMBER"}},
		"several keys":          {h.with(""), cli.ExitKey, []string{`"one"`, `"two"`, "--cert", "object="}},
		"no such key":           {h.with("object=three"), cli.ExitKey, []string{"three", "signet keys"}},
		"no such id":            {h.with("id=%ff"), cli.ExitKey, []string{"ff", "signet keys"}},
		"no PIN":                {h.uri("object=one"), cli.ExitKey, []string{"pin-source=FILE"}},
		"unknown attribute":     {"pkcs11:tokn=x" + module, cli.ExitUsage, []string{`"tokn"`}},
		"attribute misplaced":   {"pkcs11:token=x;module-path=" + h.module, cli.ExitUsage, []string{"after the ?"}},
		"twice":                 {"pkcs11:token=x;token=y" + module, cli.ExitUsage, []string{"twice"}},
		"bad escape":            {"pkcs11:token=%zz" + module, cli.ExitUsage, []string{"percent-encoded"}},
		"slot that is none":     {"pkcs11:slot-id=x" + module, cli.ExitUsage, []string{"slot-id", "number"}},
		"a secret key":          {"pkcs11:type=secret-key" + module, cli.ExitUsage, []string{"private"}},
		"PIN from a command":    {"pkcs11:token=x" + module + "&pin-source=|cat", cli.ExitUsage, []string{"commands are not run"}},
		"both PINs":             {"pkcs11:token=x" + module + "&pin-source=/x&pin-value=y", cli.ExitUsage, []string{"not both"}},
		"no attributes but one": {"pkcs11:seal" + module, cli.ExitUsage, []string{"name=value"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run("sign", "--key", c.uri, "@a")
			require.Equal(t, c.code, got.code, got.stderr)
			for _, text := range c.says {
				require.Contains(t, got.stderr, text)
			}
			require.Equal(t, 1, strings.Count(got.stderr, "\n"), "one line: %s", got.stderr)
			require.Empty(t, got.stdout)
			require.NoFileExists(t, w.path("a.p7s"))
		})
	}
	got := w.run("sign", "--key", h.with("object=one"), "--cert", "label:two", "@a")
	require.Equal(t, cli.ExitUsage, got.code)
	require.Contains(t, got.stderr, "leave one out")
	got = w.run("sign", "--key", h.with("object=one"), "--cert", "@two.crt", "@a")
	require.Equal(t, cli.ExitKey, got.code, got.stderr)
	got = w.run("sign", "--key", h.with("object=one"), "--sessions", "-1", "@a")
	require.Equal(t, cli.ExitUsage, got.code)
	got = w.run("sign", "--key", h.with(""), "--cert", "label:two", "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, w.run("verify", "-v", "--trust", "@ca.pem", "@a.p7s").stdout, "CN=two")
}

// TestTokenKeypad signs with a token whose PIN is entered at the device, and with one that is about to lock.
func TestTokenKeypad(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	h.module = bent(t, h.module)
	w.write("a", "a")
	t.Run("keypad", func(t *testing.T) {
		t.Setenv("BEND_FLAGS", "0x100")
		t.Setenv("BEND_PIN", goodPIN)
		got := w.run("sign", "--key", h.uri("object=k"), "@a")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		got = w.run("keys", "--key", h.uri("object=k"))
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Contains(t, got.stdout, "PIN is entered at the device")
		require.Contains(t, got.stdout, `  key "k"`)
		require.Empty(t, got.stderr)
		t.Setenv("BEND_PIN", wrongPIN)
		got = w.run("sign", "--key", h.uri("object=k"), "@a")
		require.Equal(t, cli.ExitKey, got.code, got.stderr)
	})
	for name, c := range map[string]struct {
		flags uint64
		more  string
		code  int
		says  string
	}{
		"final try":     {0x20000, "", cli.ExitKey, "add --final-try"},
		"final try yes": {0x20000, "--final-try", cli.ExitOK, ""},
		"locked":        {0x40000, "", cli.ExitKey, "locked"},
		"to be changed": {0x80000, "", cli.ExitKey, "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("BEND_FLAGS", strconv.FormatUint(c.flags, 10))
			args := []string{"sign", "--key", h.with("object=k"), "@a"}
			if c.more != "" {
				args = append(args, c.more)
			}
			got := w.run(args...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
		})
	}
}

// TestTokenNSS takes a key of another module, which wants to be initialised with words of its own, to a signature.
func TestTokenNSS(t *testing.T) {
	module := ""
	for _, pattern := range []string{"/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib64/libsoftokn3.so"} {
		if found, _ := filepath.Glob(pattern); len(found) != 0 {
			module = found[0]
		}
	}
	if module == "" {
		t.Skip("SKIPPED: libsoftokn3.so is not here (apt-get install libnss3)")
	}
	certutil := needs(t, "certutil", "libnss3-tools")
	w := newWorld(t)
	w.write("pin", goodPIN+"\n")
	w.write("a", "a")
	w.write("nss/none", "")
	out, err := exec.Command(certutil, "-N", "-d", "sql:"+w.path("nss"), "-f", w.path("pin")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	words := url.PathEscape(fmt.Sprintf("configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", w.path("nss")))
	got := w.run("keygen", "--key", "pkcs11:token=NSS%20Certificate%20DB?module-path="+module+"&pin-source="+w.path("pin")+"&x-init-args="+words, "--type", "ec:P-256", "--label", "k")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	key := strings.ReplaceAll(strings.TrimSpace(got.stdout), "@", w.dir+"/")
	got = w.run("csr", "--key", key, "--subject", "CN=k", "--out", "@k.csr")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	w.issue("k.csr", "k.crt")
	got = w.run("import-cert", "--key", key, "@k.crt", "@ca.pem")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = w.run("sign", "--key", key, "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@ca.pem", "@a.p7s").code)
	require.Contains(t, w.run("keys", "--key", key).stdout, `key "k"`)
	got = w.run("doctor", "--no-rate", "--key", key)
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
}

// TestTokenWithoutCgo builds the program as those do who have no C compiler, and signs with a token.
func TestTokenWithoutCgo(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	key := h.key("ec:P-256", "k")
	path := w.buildWithout("signet0")
	w.write("a", "a")
	for _, args := range [][]string{{"keys"}, {"sign", "a"}, {"doctor", "--no-rate"}} {
		cmd, stdout, stderr := w.command(path, append([]string{args[0], "--key", key}, args[1:]...)...)
		require.NoError(t, cmd.Run(), "%s%s", stdout, stderr)
	}
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@ca.pem", "@a.p7s").code)
}

// TestTokenOfStaticProgram builds a program that is to be static, which cannot load anything.
func TestTokenOfStaticProgram(t *testing.T) {
	w := newWorld(t)
	path := w.buildWithout("signets", "-tags", "signet_static")
	w.write("a", "a")
	for _, args := range [][]string{
		{"keys"}, {"sign", "a"}, {"csr", "--subject", "CN=x"}, {"keygen", "--type", "ed25519", "--label", "k"}, {"import-cert", "root.pem"}, {"doctor"},
	} {
		cmd, stdout, stderr := w.command(path, append([]string{args[0], "--key", "pkcs11:token=x?module-path=/usr/lib/x.so"}, args[1:]...)...)
		require.Equal(t, cli.ExitKey, exitCode(t, cmd.Run()), args)
		require.Contains(t, stdout.String()+stderr.String(), "signet_static")
	}
	cmd, _, stderr := w.command(path, "sign", "--key", "key.pem", "a")
	require.NoError(t, cmd.Run(), stderr)
}

func (w *world) buildWithout(name string, flags ...string) string {
	w.t.Helper()
	path := w.path(name)
	build := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "github.com/seed-116355fd/signet/cmd/signet")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	return path
}

// TestKeyPIN gives the PIN of a key that wants it for each signature. SoftHSM2 takes the user's, so a wrong one shows that it was
// used.
func TestKeyPIN(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.careful()
	w.write("a", "a")
	for name, c := range map[string]struct {
		uri  string
		env  map[string]string
		args []string
		code int
		says string
	}{
		"the token's":                 {},
		"x-key-pin-source":            {uri: "&x-key-pin-source=" + w.path("pin")},
		"x-key-pin-value":             {uri: "&x-key-pin-value=" + goodPIN, says: "warning: everybody on this machine can see the PIN of the key"},
		"--key-pin-file":              {args: []string{"--key-pin-file", "@pin"}},
		"SIGNET_KEY_PIN":              {env: map[string]string{"SIGNET_KEY_PIN": goodPIN}},
		"a file before a variable":    {args: []string{"--key-pin-file", "@pin"}, env: map[string]string{"SIGNET_KEY_PIN": wrongPIN}},
		"twice":                       {uri: "&x-key-pin-source=" + w.path("pin"), args: []string{"--key-pin-file", "@pin"}, code: cli.ExitUsage, says: "leave one out"},
		"wrong in x-key-pin-source":   {uri: "&x-key-pin-source=" + w.path("wrong"), code: cli.ExitKey, says: `key "careful"`},
		"wrong in --key-pin-file":     {args: []string{"--key-pin-file", "@wrong"}, code: cli.ExitKey, says: `key "careful"`},
		"wrong in SIGNET_KEY_PIN":     {env: map[string]string{"SIGNET_KEY_PIN": wrongPIN}, code: cli.ExitKey, says: `key "careful"`},
		"a file that is not there":    {args: []string{"--key-pin-file", "@no.pin"}, code: cli.ExitKey, says: "no.pin"},
		"--key-pin-file with nothing": {args: []string{"--key-pin-file", ""}, code: cli.ExitUsage, says: "--key-pin-file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				w.env[k] = v
				defer delete(w.env, k)
			}
			args := []string{"sign", "--key", h.with("object=careful") + c.uri, "--cert", "@careful.crt"}
			got := w.run(append(append(args, c.args...), "@a")...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			for _, secret := range []string{goodPIN, wrongPIN} {
				require.NotContains(t, got.stdout+got.stderr, secret)
			}
		})
	}
}
