package cli_test

import (
	"context"
	"crypto/x509"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

type report struct {
	Key, Verdict string
	Exit         int
	Checks       []struct{ Name, Status, Text, Advice string }
	Rates        []struct {
		Sessions  int
		PerSecond float64 `json:"per_second"`
	}
}

// TestDoctorToken looks at a token in each of its states.
func TestDoctorToken(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	key := h.key("ec:P-256", "k")

	got := w.run("doctor", "--key", key)
	require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	for _, want := range []string{
		"ok       module ", "ok       token ", "ok       login        logged in with the PIN from @pin", "ok       library ", "CKM_ECDSA", "ok       key          P-256",
		"ok       certificate  CN=k, of this key", "ok       signature    ecdsa-sha256, verified", "1 session ", ", 2 sessions ", ", 4 sessions ", ", 8 sessions ", "\nThe key works.\n",
	} {
		require.Contains(t, got.stdout, want)
	}
	require.Empty(t, got.stderr)
	all := objects[report](t, w.run("doctor", "--key", key, "--json").stdout)
	require.Len(t, all, 1)
	require.Equal(t, "the key works", all[0].Verdict)
	require.Len(t, all[0].Rates, 4)
	require.Equal(t, 8, all[0].Rates[3].Sessions)
	require.Positive(t, all[0].Rates[3].PerSecond)

	check := func(name string, code int, says []string, args ...string) {
		t.Helper()
		got := w.run(append([]string{"doctor", "--no-rate", "--key"}, args...)...)
		require.Equal(t, code, got.code, "%s: %s%s", name, got.stdout, got.stderr)
		for _, text := range says {
			require.Contains(t, got.stdout+got.stderr, text, name)
		}
		require.NotContains(t, got.stdout+got.stderr, goodPIN, name)
		require.NotContains(t, got.stdout+got.stderr, wrongPIN, name)
	}
	check("no module", cli.ExitKey, []string{"failed   module ", "/no.so", "The key cannot be used."}, "pkcs11:token=x?module-path=/no.so")
	check("no token", cli.ExitKey, []string{"failed   token ", h.label}, strings.Replace(key, h.label, "nobody", 1))
	other := w.newHSM()
	check("several tokens", cli.ExitKey, []string{"failed   token ", "> name one by token=LABEL"}, "pkcs11:?module-path="+h.module)
	check("no key", cli.ExitKey, []string{"failed   key "}, other.with(""))
	check("no PIN", cli.ExitKey, []string{"warning  login ", "> give it by pin-source=FILE", "failed   key "}, h.uri("object=k"))
	check("wrong PIN", cli.ExitKey, []string{"failed   login ", "(PIN from @wrong)"}, h.uri("object=k")+"&pin-source="+w.path("wrong"))
	check("after the wrong PIN", cli.ExitFailed, []string{"warning  PIN ", "a wrong PIN was tried since the last login", "The key works, with 1 warning."}, key)
	check("after the right one", cli.ExitOK, []string{"The key works."}, key)
	require.Equal(t, cli.ExitOK, w.run("keygen", "--key", other.with(""), "--type", "rsa:2048", "--label", "bare").code)
	require.Equal(t, cli.ExitOK, w.run("import-cert", "--key", key, "@k.crt", "@ca.pem").code)
	check("with the root", cli.ExitOK, []string{"ok       chain        2 certificates, up to the root CN=Test CA"}, key)
	check("no certificate", cli.ExitFailed, []string{"warning  certificate ", "signet csr", "ok       signature    rsa-pkcs1-sha256, verified"}, other.with(""))
	check("certificate of another key", cli.ExitKey, []string{"failed   key "}, other.with(""), "--cert", "@k.crt")
	require.Equal(t, cli.ExitUsage, w.run("doctor", "--key", "pkcs11:tokn=x").code)

	h.module = bent(t, h.module)
	t.Setenv("BEND_FLAGS", "0x20000")
	check("final try", cli.ExitKey, []string{"warning  PIN ", "failed   login ", "--final-try"}, h.with("object=k"))
	check("final try, tried", cli.ExitFailed, []string{"warning  PIN ", "The key works, with 1 warning."}, h.with("object=k"), "--final-try")
	t.Setenv("BEND_FLAGS", "0x40000")
	check("locked", cli.ExitKey, []string{"failed   PIN ", "security officer"}, h.with("object=k"))
	t.Setenv("BEND_FLAGS", "")
	t.Setenv("BEND_DELAY", "300000")
	check("slow", cli.ExitOK, []string{"note     signature ", "slow for an HSM"}, h.with("object=k"))
	t.Setenv("BEND_DELAY", "20000")
	got = w.run("doctor", "--key", h.with("object=k"))
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Contains(t, got.stdout, "it still grows with 8 sessions", "calls that wait 20 ms each")
}

// TestDoctorInterrupt ends a measurement.
func TestDoctorInterrupt(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	h.module = bent(t, h.module)
	t.Setenv("BEND_DELAY", "100000")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	time.AfterFunc(700*time.Millisecond, stop)
	got := w.runContext(ctx, "doctor", "--key", h.with("object=k"))
	require.Equal(t, cli.ExitFailed, got.code, got.stdout)
	require.Contains(t, got.stderr, "interrupted")
	require.NotContains(t, got.stdout, "The key works")
}

// TestDoctorSchemes has a token that lists a mechanism and refuses it when it has to sign. When another one does the same of
// messages, the signature is made.
func TestDoctorSchemes(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("rsa:2048", "k")
	h.module = bent(t, h.module)
	got := w.run("doctor", "--key", h.with("object=k"))
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Contains(t, got.stdout, "ok       signature    rsa-pkcs1-sha256, verified\nok       signature    rsa-pss-sha256, verified\n")
	t.Setenv("BEND_REFUSE", "13")
	got = w.run("doctor", "--key", h.with("object=k"))
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Contains(t, got.stdout, "ok       signature    rsa-pss-sha256, verified, by CKM_SHA256_RSA_PKCS_PSS: the token makes the digest\n")
	w.write("a", "a")
	got = w.run("sign", "--key", h.with("object=k"), "--scheme", "rsa-pss-sha256", "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	t.Setenv("BEND_REFUSE_TOO", "67")
	got = w.run("doctor", "--key", h.with("object=k"))
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	for _, want := range []string{"note     signature    rsa-pss-sha256 is refused: ", "CKM_RSA_PKCS_PSS", "> sign without --scheme rsa-pss-sha256", "The key works."} {
		require.Contains(t, got.stdout, want)
	}
	got = w.run("sign", "--key", h.with("object=k"), "--scheme", "rsa-pss-sha256", "@a")
	require.Equal(t, cli.ExitKey, got.code, got.stderr)
	for _, want := range []string{"C_Sign: CKR_MECHANISM_INVALID", "CKM_RSA_PKCS_PSS, which it lists", "rsa-pkcs1-sha256", "CKM_SHA256_RSA_PKCS_PSS is refused as well"} {
		require.Contains(t, got.stderr, want)
	}
}

// TestModuleHangs has a module that does not answer when it is opened: no command waits for it for ever.
func TestModuleHangs(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	real := h.module
	w.patience = 100 * time.Millisecond
	w.write("a", "a")
	for _, args := range [][]string{
		{"doctor", "--key", ""}, {"doctor", "--json", "--key", ""}, {"keys", "--key", ""}, {"sign", "@a", "--key", ""}, {"keygen", "--type", "ec:P-256", "--key", ""},
	} {
		h.module = bent(t, real)
		t.Setenv("BEND_HANG", "2000000")
		args[len(args)-1] = h.with("object=k")
		start := time.Now()
		got := w.run(args...)
		require.Less(t, time.Since(start), 1900*time.Millisecond)
		require.Equal(t, cli.ExitKey, got.code, got.stdout+got.stderr)
		require.Contains(t, got.stdout+got.stderr, "did not answer within", args)
	}
}

// TestDoctorFile looks at keys in files.
func TestDoctorFile(t *testing.T) {
	w := newWorld(t)
	w.writeP12("seal.p12", password, w.id)
	w.env["SIGNET_PASSWORD"] = password
	got := w.run("doctor", "--key", "@seal.p12")
	require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	for _, want := range []string{"ok       file ", "ok       key          P-256", "ok       certificate ", "ok       chain ", "ok       signature ", "1 at once ", "The key works."} {
		require.Contains(t, got.stdout, want)
	}
	require.Equal(t, cli.ExitOK, w.run("doctor", "--key", "demo", "--no-rate").code)

	w.write("rsa.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048, func(c *x509.Certificate) { c.NotAfter = w.now.AddDate(0, 0, 20) })))
	w.write("usage.pem", keyPEM(t, w.pki.Leaf(testpki.Ed25519, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })))
	w.write("bare.pem", strings.Split(keyPEM(t, w.id), "-----BEGIN CERT")[0])
	w.write("leaf.pem", keyPEM(t, testpki.Identity{Key: w.id.Key, Chain: w.id.Chain[:1]}))
	w.write("two/1.pem", keyPEM(t, w.id))
	w.write("two/2.pem", keyPEM(t, w.pki.Leaf(testpki.P256)))
	w.write("text", "text")
	for name, c := range map[string]struct {
		key  string
		code int
		says []string
	}{
		"expires soon":       {"@rsa.pem", cli.ExitFailed, []string{"warning  certificate ", "expires on", "ok       signature "}},
		"not for signatures": {"@usage.pem", cli.ExitFailed, []string{"keyUsage does not allow"}},
		"no certificate":     {"@bare.pem", cli.ExitFailed, []string{"warning  certificate  the key has none", "ok       signature "}},
		"no issuer":          {"@leaf.pem", cli.ExitOK, []string{"note     chain "}},
		"two keys":           {"@two", cli.ExitKey, []string{"failed   key ", "--cert"}},
		"no key":             {"@text", cli.ExitKey, []string{"failed   file "}},
		"no file":            {"@no", cli.ExitKey, []string{"failed   file ", "there is no key file"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run("doctor", "--no-rate", "--key", c.key)
			require.Equal(t, c.code, got.code, got.stdout+got.stderr)
			for _, text := range c.says {
				require.Contains(t, got.stdout, text)
			}
			all := objects[report](t, w.run("doctor", "--no-rate", "--json", "--key", c.key).stdout)
			require.Len(t, all, 1)
			require.Equal(t, c.code, all[0].Exit)
		})
	}
	w.env["SIGNET_PASSWORD"] = "wrong"
	got = w.run("doctor", "--key", "@seal.p12")
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stdout, "password from SIGNET_PASSWORD")
	require.Equal(t, cli.ExitUsage, w.run("doctor").code)
	w.now = w.now.AddDate(100, 0, 0)
	got = w.run("doctor", "--no-rate", "--key", "@key.pem")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stdout, "expired on")
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(w.path("key.pem"), 0o644))
		require.Contains(t, w.run("doctor", "--no-rate", "--key", "@key.pem").stdout, "> chmod 600 mends that")
	}
}
