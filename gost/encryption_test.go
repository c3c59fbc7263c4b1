package gost_test

import (
	"encoding/asn1"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

func config(password string) soft.Config {
	return soft.Config{
		Password: soft.Password(sign.NewSecret([]byte(password))), Parsers: []soft.Parser{gost.Parse}, Encryption: []soft.Encryption{gost.Encryption{}},
	}
}

// TestRFC9548 reads the transport key containers of RFC 9548 appendix A: the key under Kuznyechik with a MAC beside a certificate in the
// clear, and the key under Magma beside a certificate under Magma with a MAC.
func TestRFC9548(t *testing.T) {
	for _, file := range []string{"rfc9548-kuznyechik.p12", "rfc9548-magma.p12"} {
		p, err := soft.Open(t.Context(), filepath.Join("testdata", file), config("Пароль для PFX"))
		require.NoError(t, err, file)
		signer, err := sign.Open(t.Context(), p, sign.Ref{Label: "p12FriendlyName"})
		require.NoError(t, err)
		require.Equal(t, "ORIGINATOR: GOST 34.10-12 512-bit", signer.Certificate().Subject.CommonName)
		require.Equal(t, "gost3410-2012-512", signer.Scheme().Name)
		_, err = signer.Sign(t.Context(), make([]byte, 64))
		require.NoError(t, err, "the signature fits the certificate")

		_, err = soft.Open(t.Context(), filepath.Join("testdata", file), config("Пароль для pfx"))
		require.ErrorIs(t, err, sign.ErrPIN)
		_, err = soft.Open(t.Context(), filepath.Join("testdata", file), soft.Config{Password: soft.Password(sign.NewSecret([]byte("x")))})
		require.ErrorIs(t, err, sign.ErrUnsupported)
		require.ErrorContains(t, err, "gost.Encryption{}")

		few := config("Пароль для PFX")
		few.MaxIterations = 5000 // more than the 2,048 of the file, each of which costs what many with SHA-2 cost
		_, err = soft.Open(t.Context(), filepath.Join("testdata", file), few)
		require.ErrorIs(t, err, sign.ErrInput)
		require.ErrorContains(t, err, "asks for 2048 iterations, the limit is 312 here (Config.MaxIterations)")
	}
}

// TestMasked reads the container of R 50.1.112-2016, under GOST 28147-89 in CFB, whose key is masked.
func TestMasked(t *testing.T) {
	_, err := soft.Open(t.Context(), filepath.Join("testdata", "r50-masked.p12"), config("Пароль для PFX"))
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "masked")
}

// TestDamaged changes octets of a container, which its MAC notices.
func TestDamaged(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "rfc9548-magma.p12"))
	require.NoError(t, err)
	for i := 0; i < len(good); i += 41 {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		c := config("Пароль для PFX")
		c.MaxIterations = 100_000
		_, err := soft.Parse(t.Context(), "x.p12", bad, c)
		require.Error(t, err, "octet %d", i)
	}
}

// TestCiphers refuses parameters that are none, and what does not have the MAC that it should.
func TestCiphers(t *testing.T) {
	ukm := func(size int) []byte {
		der, err := asn1.Marshal(struct{ UKM []byte }{make([]byte, size)})
		require.NoError(t, err)
		return der
	}
	for oid, size := range map[string]int{"1.2.643.7.1.1.5.1.1": 12, "1.2.643.7.1.1.5.1.2": 12, "1.2.643.7.1.1.5.2.1": 16, "1.2.643.7.1.1.5.2.2": 16} {
		keySize, decrypt, err := gost.Encryption{}.Cipher(oid, ukm(size))
		require.NoError(t, err)
		require.Equal(t, 32, keySize)
		for _, n := range []int{0, 7, 15, 16, 100} {
			plain, err := decrypt(make([]byte, 32), make([]byte, n))
			if strings.HasSuffix(oid, ".2") {
				require.Error(t, err, "%d octets that nobody has made a MAC of", n)
				require.Empty(t, plain)
				continue
			}
			require.NoError(t, err)
			require.Len(t, plain, n)
		}
		for _, bad := range [][]byte{nil, ukm(size - 1), ukm(size + 1), append(ukm(size), 0), {0x30, 0}} {
			_, decrypt, err := gost.Encryption{}.Cipher(oid, bad)
			require.Error(t, err)
			require.Nil(t, decrypt)
		}
	}
	_, decrypt, err := gost.Encryption{}.Cipher("1.2.643.2.2.21", []byte{0x30, 0})
	require.Error(t, err)
	require.Nil(t, decrypt)
	_, decrypt, err = gost.Encryption{}.Cipher("2.16.840.1.101.3.4.1.42", nil)
	require.NoError(t, err)
	require.Nil(t, decrypt, "it is not of GOST")
}

// engine runs OpenSSL with the engine of GOST.
func engine(t testing.TB, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "gost.cnf")
	require.NoError(t, os.WriteFile(conf, []byte("openssl_conf=o\n[o]\nengines=e\n[e]\ngost=g\n[g]\nengine_id=gost\ndefault_algorithms=ALL\n"), 0o600))
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+conf)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "openssl %s: %s", strings.Join(args, " "), out)
	return string(out)
}

func needEngine(t testing.TB) {
	t.Helper()
	out, _ := exec.CommandContext(t.Context(), "openssl", "engine", "gost").CombinedOutput()
	if !strings.Contains(string(out), "(gost)") || strings.Contains(string(out), "rror") {
		t.Skip("SKIPPED: there is no engine of GOST for OpenSSL, as scripts/tools.sh installs it (libengine-gost-openssl)")
	}
}

// TestEngineContainers reads containers of the ciphers that the engine writes. The certificate is longer than a section of GOST 28147-89;
// that for Magma is short, since the engine changes its key after 1 KiB and not after 8 as RFC 9337 has it. With a MAC the engine can read
// neither what it writes nor the examples of RFC 9548.
func TestEngineContainers(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	engine(t, "genpkey", "-algorithm", "gost2012_256", "-pkeyopt", "paramset:A", "-out", path("k.pem"))
	engine(t, "req", "-new", "-x509", "-key", path("k.pem"), "-md_gost12_256", "-subj", "/CN="+strings.Repeat("a long name ", 5), "-days", "30", "-out", path("c.pem"),
		"-addext", "nsComment="+strings.Repeat("a long text ", 150))
	engine(t, "req", "-new", "-x509", "-key", path("k.pem"), "-md_gost12_256", "-subj", "/CN=short", "-days", "30", "-out", path("short.pem"))
	for cipher, certificate := range map[string]string{"gost89": "c.pem", "kuznyechik-ctr-acpkm": "c.pem", "magma-ctr-acpkm": "short.pem"} {
		for _, mac := range []string{"md_gost12_256", "md_gost12_512", "sha256", "md_gost94"} {
			t.Run(cipher+" "+mac, func(t *testing.T) {
				engine(t, "pkcs12", "-export", "-in", path(certificate), "-inkey", path("k.pem"), "-keypbe", cipher, "-certpbe", cipher, "-macalg", mac,
					"-passout", "pass:secret", "-out", path("k.p12"))
				p, err := soft.Open(t.Context(), path("k.p12"), config("secret"))
				require.NoError(t, err)
				signer, err := sign.Open(t.Context(), p, sign.Ref{})
				require.NoError(t, err)
				_, err = signer.Sign(t.Context(), make([]byte, 32))
				require.NoError(t, err)
				_, err = soft.Open(t.Context(), path("k.p12"), config("Secret"))
				require.ErrorIs(t, err, sign.ErrPIN)
			})
		}
	}
	t.Setenv("CRYPT_PARAMS", "id-Gost28147-89-CryptoPro-A-ParamSet")
	engine(t, "pkcs8", "-topk8", "-v2", "gost89", "-in", path("k.pem"), "-passout", "pass:secret", "-out", path("e.pem"))
	_, err := soft.Open(t.Context(), path("e.pem"), config("secret"))
	require.NoError(t, err)
}
