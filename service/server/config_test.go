package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
)

// minimal is a configuration without faults; tests put something in front of or behind it.
const minimal = `stores:
  - name: seal.p12
    file: seal.p12
keys:
  - name: seal
    store: seal.p12
auth:
  tokens: tokens
`

func faults(t *testing.T, text string) []Problem {
	t.Helper()
	c, p := parse([]byte(text), "/etc/signet")
	if len(p.All) == 0 {
		c.check(p)
	}
	if err := p.err(); err != nil {
		problems, ok := errors.AsType[*Problems](err)
		require.True(t, ok)
		return problems.All
	}
	return nil
}

func TestMinimal(t *testing.T) {
	require.Empty(t, faults(t, minimal))
	c, _ := parse([]byte(minimal), "/etc/signet")
	require.Equal(t, Path("/etc/signet/seal.p12"), c.Stores[0].File)
	require.Equal(t, Path("/etc/signet/tokens"), c.Auth.Tokens)
}

// TestValues reads every kind of value.
func TestValues(t *testing.T) {
	c, p := parse([]byte(minimal+`
listen: {addresses: [127.0.0.1:1, "unix:run/s.sock"], h2c: true, idle: 3m}
limits: {body: 64MiB, rate: 2 kB, content: 17, contents: 5, wait: 1.5s}
tracing: {endpoint: "http://localhost:4318", sample: 0.5, headers: {Authorization: env:OTEL, X: file:x}}
shutdown: {grace: 1m}
verify: {roots: one.pem, system: true}
`), "/etc/signet")
	require.Empty(t, p.All)
	require.Equal(t, []Address{"127.0.0.1:1", "unix:/etc/signet/run/s.sock"}, c.Listen.Addresses)
	require.True(t, c.Listen.H2C)
	require.Equal(t, 3*time.Minute, c.Listen.Idle)
	require.Equal(t, Limits{Body: 64 << 20, Rate: 2000, Content: 17, Contents: 5, Wait: 1500 * time.Millisecond}, c.Limits)
	require.Equal(t, 0.5, c.Tracing.Sample)
	require.Equal(t, map[string]Secret{"Authorization": SecretEnv("OTEL"), "X": SecretFile("/etc/signet/x")}, c.Tracing.Headers)
	require.Equal(t, time.Minute, c.Shutdown.Grace)
	require.Equal(t, Verify{Roots: []Path{"/etc/signet/one.pem"}, System: true}, c.Verify)
}

// TestFaults has one fault each: the line and what is said.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		says string
	}{
		{"", 0, "is empty"},
		{"\x00", 0, "no text in UTF-8"},
		{"\xff", 0, "no text in UTF-8"},
		{"a: [", 0, "not YAML"},
		{"stores:\n\t- name: s\n", 2, "begins with a tab"},
		{"stores:\n  - name: s\n  \tfile: x\n", 3, "begins with a tab"},
		{minimal + "listen: {addresses: ['127.0.0.1:80', '127.0.0.1:080']}\n", 9, "is taken by 127.0.0.1:80 already"},
		{"- a", 1, "this is a list, and a section"},
		{"stors: []", 1, `"stors" is not known at the top; did you mean stores?`},
		{"wholly-other: 1", 1, "there are listen, tls, stores"},
		{minimal + "---\nauth: {}\n", 9, "a second document"},
		{minimal + "auth: {}\n", 9, "given twice, first in line 7"},
		{"stores:\nkeys: []\n", 1, "stores: is empty; give a value"},
		{"stores: &a []\n", 1, "anchors (&) are not read"},
		{"keys: *nothing\n", 0, "there is an alias (*)"},
		{"log: {<<: {level: info}}\n", 1, "merges (<<)"},
		{"log: {[a]: info}\n", 1, "a name is wanted"},
		{"log: !x {}\n", 1, "tags (!)"},
		{"log: !!binary aGk=\n", 1, "tags (!)"},
		{"log: {level: [info]}\n", 1, "log.level: this is a list, and a value is wanted"},
		{"log: {level: true}\n", 1, "a truth value where a text"},
		{"log: {level: ''}\n", 1, "log.level: is empty"},
		{"limits: {wait: 30}\n", 1, `"30" is no duration; write it as 30s`},
		{"limits: {wait: 0s}\n", 1, "not more than nothing"},
		{"limits: {wait: -5s}\n", 1, "not more than nothing"},
		{"limits: {body: 5 apples}\n", 1, "is no size; write it as 64MiB"},
		{"limits: {body: -5}\n", 1, "is no size"},
		{"limits: {body: 0}\n", 1, "is 0; leave"},
		{"limits: {body: 999999999999TiB}\n", 1, "is too large"},
		{"limits: {contents: many}\n", 1, "not a whole number above 0"},
		{"limits: {contents: 0}\n", 1, "not a whole number above 0"},
		{"limits: {contents: '5'}\n", 1, "not a whole number above 0"},
		{"listen: {h2c: yes}\n", 1, "write true or false"},
		{"tracing: {sample: much}\n", 1, "is not a number"},
		{"tracing: {sample: .nan}\n", 1, "is not a number"},
		{"auth: {tokens: ''}\n", 1, "auth.tokens: is empty"},
		{"listen: {addresses: localhost}\n", 1, "is no address; write HOST:PORT"},
		{"listen: {addresses: 'http://localhost:1'}\n", 1, "is no address"},
		{"listen: {addresses: 'localhost:http'}\n", 1, "is no port"},
		{"listen: {addresses: 'localhost:70000'}\n", 1, "is no port"},
		{"listen: {addresses: 'a b:1'}\n", 1, "is no host"},
		{"listen: {addresses: 'unix:'}\n", 1, "needs the path"},
		{"listen: {addresses: 'unix:/" + strings.Repeat("x", 120) + "'}\n", 1, "100 octets at most"},
		{minimal + "listen: {addresses: ['127.0.0.1:1', '127.0.0.1:1']}\n", 9, "given twice"},
		{minimal + "listen: {addresses: ':8443'}\n", 9, "without tls everybody on the way"},
		{minimal + "listen: {socket-mode: rw}\n", 9, "is no mode"},
		{minimal + "metrics: {listen: '127.0.0.1:8080'}\n", 9, "an address of the service itself"},
		{minimal + "tls: {key: k}\n", 9, "there is no certificate"},
		{minimal + "tls: {certificate: c, client-auth: required}\n", 9, "did you mean require?"},
		{minimal + "tls: {certificate: c, client-auth: require}\n", 9, "Add client-ca"},
		{minimal + "tls: {certificate: c, client-ca: c, client-auth: none}\n", 9, "is not used with"},
		{minimal + "tls: {certificate: c, min-version: 1.1}\n", 9, `"1.1" is not known`},
		{minimal + "log: {level: loud}\n", 9, "there are debug, info"},
		{minimal + "log: {format: xml}\n", 9, "there are json and text"},
		{minimal + "audit: {path: a, sync: seldom}\n", 9, "there are none, interval and always"},
		{minimal + "audit: {sync: none}\n", 9, "where is it kept?"},
		{minimal + "ready: some\n", 9, "there are all and any"},
		{minimal + "tracing: {sample: 0.5}\n", 9, "where do traces go"},
		{minimal + "tracing: {endpoint: 'localhost:4318'}\n", 9, "is no address"},
		{minimal + "tracing: {endpoint: 'https://a:b@c'}\n", 9, "has a user or password in it"},
		{minimal + "tracing: {endpoint: 'https://c', sample: 2}\n", 9, "above 0, and 1 at most"},
		{minimal + "sources: {timestamp: {url: 'ftp://x'}}\n", 9, "is no address"},
		{minimal + "sources: {timestamp: {policy: 1.2}}\n", 9, "is missing; add the address"},
		{minimal + "sources: {timestamp: {url: 'https://x', policy: one}}\n", 9, "no object identifier"},
		{minimal + "sources: {timestamp: {url: 'https://x', user: u}}\n", 9, "belong together"},
		{minimal + "sources: {revocation: {responders: nowhere}}\n", 9, "is no address"},
		{minimal + "sources: {timestamp: {url: 'https://x', cert-password: 'env:P'}}\n", 9, "which file is it of"},
		{minimal + "sources: {timestamp: {url: 'https://x', headers: {'a b': 'env:P'}}}\n", 9, "no name of a header"},
		{minimal + "sources: {timestamp: {url: 'https://x', proxy: 'ftp://p'}}\n", 9, "no address of a proxy"},
		{minimal + "sources: {timestamp: {url: 'https://x', proxy: 'http://u:hunter2@p:3128'}}\n", 9, "proxy-user and proxy-password"},
		{minimal + "sources: {timestamp: {url: 'https://x', proxy-user: u}}\n", 9, "belong together"},
		{minimal + "sources: {timestamp: {url: 'https://x', headers: {X-Key: hunter2}}}\n", 9, "does not stand in a configuration file"},
		{minimal + "sources: {revocation: {user: u}}\n", 9, "is not known in sources.revocation"},
		{minimal + "sources: {revocation: {servers: {url: 'https://x/path', user: u, password: 'env:P'}}}\n", 9, "named by scheme and host"},
		{minimal + "sources: {revocation: {servers: {user: u, password: 'env:P'}}}\n", 9, "is missing; add the address"},
		{strings.Replace(minimal, "  - name: seal.p12\n    file: seal.p12\n", "", 1), 1, "stores: is empty"},
		{strings.Replace(minimal, "    file: seal.p12\n", "", 1), 2, "where are its keys?"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token=a", 1), 3, "which module"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token", 1), 3, "token"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token=a?module-path=/m&pin-value=hunter2", 1), 3, "take pin-value out"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token=a?module-path=/m&pin-source=/p\n    pin: env:X", 1), 3, "remove one"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    token: pkcs11:token=a?module-path=/m", 1), 2, "a file and a token"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    pin: env:X", 1), 4, "a PIN is for tokens"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    key-pin: env:X", 1), 4, "a PIN is for tokens"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token=a?module-path=/m&x-key-pin-source=/p\n    key-pin: env:X", 1), 3, "remove one"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token=a?module-path=/m&x-key-pin-value=1", 1), 3, "key-pin"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    sessions: 2", 1), 2, "are for tokens"},
		{strings.Replace(minimal, "file: seal.p12", "token: pkcs11:token=a?module-path=/m\n    password: env:X", 1), 4, "a token has a pin"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    password: hunter2", 1), 4, "does not stand in a configuration file itself"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    password: 'file:'", 1), 4, "does not stand"},
		{strings.Replace(minimal, "file: seal.p12", "file: seal.p12\n    password: 'env:A B'", 1), 4, "does not stand"},
		{strings.Replace(minimal, "store: seal.p12", "store: seal.p21", 1), 6, `there is no store "seal.p21"; did you mean seal.p12?`},
		{strings.Replace(minimal, "    store: seal.p12\n", "", 1), 5, "where is the key?"},
		{strings.Replace(minimal, "name: seal\n", "name: '*'\n", 1), 5, "names are letters"},
		{strings.Replace(minimal, "name: seal\n", "name: 'seal '\n", 1), 5, "names are letters"},
		{strings.Replace(minimal, "name: seal\n", "scheme: rot13\n    name: seal\n", 1), 5, "rot13"},
		{strings.Replace(minimal, "name: seal\n", "thumbprint: 12\n    name: seal\n", 1), 5, "is no thumbprint"},
		{strings.Replace(minimal, "name: seal\n", "id: xyz\n    name: seal\n", 1), 5, "is no id"},
		{strings.Replace(minimal, "name: seal\n", "level: gold\n    name: seal\n", 1), 5, "is no level; there are pkcs7"},
		{strings.Replace(minimal, "name: seal\n", "level: CAdES-T\n    name: seal\n", 1), 5, "needs an authority"},
		{strings.Replace(minimal, "name: seal\n", "level: pkcs7\n    timestamp: {url: 'https://x'}\n    name: seal\n", 1), 5, "PKCS #7 has neither"},
		{strings.Replace(minimal, "name: seal\n", "revocation: {cache: values}\n    name: seal\n", 1), 5, "come with time-stamps"},
		{strings.Replace(minimal, "  tokens: tokens", "  oidc: []", 1), 8, "who may call?"},
		{minimal + "  oidc: {url: 'https://x', audience: a, rules: []}\n", 9, "no rule"},
		{minimal + "  oidc: {url: 'https://x', rules: {claim: sub, value: a, keys: seal, endpoints: sign}}\n", 9, "no audience"},
		{minimal + "  oidc: {url: 'https://x', audience: a, rules: {keys: seal, endpoints: sign}}\n", 9, "names no claim"},
		{minimal + "  oidc: {url: 'https://x', audience: a, rules: {claim: sub, value: a, endpoints: sign}}\n", 9, "no keys"},
		{minimal + "  oidc: {url: 'https://x', audience: a, rules: {claim: sub, value: a, keys: seal}}\n", 9, "no endpoints"},
		{minimal + "  oidc: {url: 'https://x', audience: a, rules: {claim: sub, value: a, keys: sael, endpoints: sign}}\n", 9, `no key "sael"; did you mean seal?`},
		{minimal + "  oidc: {url: 'https://x', audience: a, rules: {claim: sub, value: a, keys: '*', endpoints: sing}}\n", 9, `no endpoint "sing"; did you mean sign?`},
		{minimal + "  certificates: {dns: a, keys: seal, endpoints: sign}\n", 9, "add tls with client-ca"},
	} {
		all := faults(t, c.text)
		require.Len(t, all, 1, "%s: %v", c.text, all)
		one := (&Problems{File: "f", All: all}).Error()
		require.Contains(t, one, c.says, c.text)
		require.NotContains(t, one, "hunter2")
		if c.line > 0 {
			require.Equal(t, c.line, all[0].Line, "%s: %s", c.text, one)
		}
	}
}

// TestAllFaultsAtOnce: who mends a file need not start the service ten times.
func TestAllFaultsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.yaml")
	require.NoError(t, os.WriteFile(path, []byte("log:\n  levle: info\nlimits:\n  body: x\n  wait: y\n"), 0o600))
	_, err := Load(path)
	require.EqualError(t, err, path+`:2: "levle" is not known in log; did you mean level?
`+path+`:4: limits.body: "x" is no size; write it as 64MiB
`+path+`:5: limits.wait: "y" is no duration; write it as 30s, with ms, s, m or h`)

	require.NoError(t, os.WriteFile(path, []byte("log: {level: loud, format: xml}\nready: no-one\n"), 0o600))
	_, err = Load(path)
	require.Len(t, strings.Split(err.Error(), "\n"), 6, "%v", err) // and no stores, no keys, nobody who may call

	_, err = Load(path + ".no")
	require.ErrorContains(t, err, "there is no file")
	_, err = Load(filepath.Dir(path))
	require.ErrorContains(t, err, "is a folder")
	require.NoError(t, os.WriteFile(path, make([]byte, maxFile+1), 0o600))
	_, err = Load(path)
	require.ErrorContains(t, err, "too large")
}

// TestAliases: aliases of aliases are how a small file grows without bound.
func TestAliases(t *testing.T) {
	text := "log: {level: &a0 x}\n"
	all := faults(t, text+"ready: *a0\n")
	require.Len(t, all, 2)
	require.Equal(t, 2, all[1].Line)
	require.Contains(t, all[1].Text, "aliases (*) are not read here")
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := range 30 {
		bomb += strings.NewReplacer("N", string(rune('A'+i)), "M", string(rune('A'+i-1))).Replace("aN: &aN [*aM,*aM,*aM,*aM]\n")
	}
	require.NotEmpty(t, faults(t, strings.ReplaceAll(bomb, "*a@", "*a0")))
}

func TestAbstractSocket(t *testing.T) {
	require.ErrorContains(t, Address("unix:@s").check(), "everybody on this machine can take")
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]cades.Level{
		"": cades.LevelBES, "pkcs7": cades.LevelPKCS7, "PKCS#7": cades.LevelPKCS7, "BES": cades.LevelBES, "CAdES-BES": cades.LevelBES, "CAdES-T": cades.LevelT, "CAdES T": cades.LevelT,
		"CAdES-LT": cades.LevelLT, "LTA": cades.LevelLTA, "CAdES-C": cades.LevelC, "X Long Type 1": cades.LevelXLong1, "CAdES-X Long Type 1": cades.LevelXLong1,
		"XLT1": cades.LevelXLong1, "CAdES-A": cades.LevelA, "a": cades.LevelA, "CAdES-B-LT": cades.LevelLT, "CAdES-BASELINE-B": cades.LevelBES, "xlong1": cades.LevelXLong1,
	} {
		got, err := parseLevel(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"CAdES", "baseline", "gold", "-"} {
		_, err := parseLevel(text)
		require.Error(t, err, text)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	for content, want := range map[string]string{"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", "a\n\n": "a\n", " a ": " a "} {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		secret, err := SecretFile(file).Read()
		require.NoError(t, err)
		require.Equal(t, want, string(secret.Bytes()))
	}
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	_, err := SecretFile(file).Read()
	require.ErrorContains(t, err, "is empty; put the secret")
	_, err = SecretFile(file + ".no").Read()
	require.ErrorContains(t, err, "there is no file")
	t.Setenv("SIGNET_TEST_SECRET", "hunter2")
	secret, err := SecretEnv("SIGNET_TEST_SECRET").Read()
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(secret.Bytes()))
	_, err = SecretEnv("SIGNET_TEST_NO_SECRET").Read()
	require.ErrorContains(t, err, "is not set")

	var s Secret
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	require.NoError(t, s.parse("file:${CREDENTIALS_DIRECTORY}/secret", "/etc"))
	require.Equal(t, SecretFile(file), s)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	require.NoError(t, s.parse("file:${CREDENTIALS_DIRECTORY}/secret", "/etc"))
	_, err = s.Read()
	require.ErrorContains(t, err, "LoadCredential")
	require.True(t, Secret{}.IsZero())
}

func TestNearest(t *testing.T) {
	require.Equal(t, 1, distance("abcd", "abdc"))
	require.Equal(t, 3, distance("kitten", "sitting"))
	require.Equal(t, 4, distance("", "abcd"))
	require.Equal(t, 64, distance(strings.Repeat("a", 65), "a"))
	require.Equal(t, "; did you mean store?", nearest("stroe", []string{"keys", "store"}))
	require.Equal(t, "; there are keys and store", nearest("quite", []string{"keys", "store"}))
	require.Empty(t, nearest("x", nil))
}

// FuzzParse: no text makes the reader fail, and what it reads without complaint has no secret from the text itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{minimal, "a: &a [*a]", "? {a: b}\n: c", "keys: [[[[{}]]]]", "tracing: {headers: {a: file:b}}", "limits: {body: 1MiB}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, p := parse(data, "/etc/signet")
		if len(p.All) == 0 {
			c.check(p)
		}
		_ = p.err()
		for _, one := range p.All {
			require.NotEmpty(t, one.Text)
			require.GreaterOrEqual(t, one.Line, 0)
		}
	})
}
