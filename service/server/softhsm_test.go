//go:build cgo && unix

package server

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/internal/softhsmtest"
)

const secretPIN = "hunter2-pin"

// TestMain sets the configuration of SoftHSM2.
func TestMain(m *testing.M) { softhsmtest.Main(m) }

func softhsm(t testing.TB) string { t.Helper(); return softhsmtest.Module(t) }

// newToken makes a token that holds a key.
func newToken(t testing.TB, id testpki.Identity) (label string) {
	t.Helper()
	return softhsmtest.Token(t, "", secretPIN, map[string]testpki.Identity{"seal": id})
}

// TestGroupWithOneMissing starts while a token of a group is not there, and takes it up when it comes.
func TestGroupWithOneMissing(t *testing.T) {
	w := newWorld(t)
	module := softhsm(t)
	first, second := newToken(t, w.id), newToken(t, w.id)
	w.write("pin", []byte(secretPIN+"\n"))
	w.write("signet.yaml", []byte(`
listen: {addresses: "127.0.0.1:0"}
metrics: {listen: "unix:m"}
stores:
  - name: hsm
    token:
      - "pkcs11:token=`+first+`?module-path=`+module+`"
      - "pkcs11:token=`+second+`?module-path=./late.so"
    pin: file:pin
    sessions: 3
    recover: 1s
keys: [{name: seal, store: hsm, label: seal}]
auth: {tokens: tokens}
`))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	r := w.runConfig(c)
	r.signs(w, w.token)
	operator := &running{t: t, base: "http://m", client: unixClient(t, w.path("m"))}
	metrics := operator.do("GET", "/metrics", "", nil).body
	require.Contains(t, metrics, `signet_store_member_healthy{member="0",store="hsm"} 1`)
	require.NotContains(t, metrics, `member="1"`)
	require.Contains(t, metrics, `signet_store_sessions{state="limit",store="hsm"} 3`)
	require.Contains(t, w.log.String(), "opened without those that are not there")
	r.takeUp(t.Context())
	require.NotContains(t, w.log.String(), "was taken up", "it is not there yet")

	data, err := os.ReadFile(module)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.path("late.so"), data, 0o755))
	r.takeUp(t.Context())
	require.Contains(t, w.log.String(), "was taken up")
	r.signs(w, w.token)
	metrics = operator.do("GET", "/metrics", "", nil).body
	require.Contains(t, metrics, `signet_store_member_healthy{member="1",store="hsm"} 1`)
	require.Contains(t, metrics, `signet_store_sessions{state="limit",store="hsm"} 6`)
	require.Contains(t, metrics, `signet_store_waiting{store="hsm"} 0`)
	require.NotContains(t, metrics, `state="open",store="hsm"} 0`)
	require.NoError(t, r.end())
	require.NotContains(t, w.log.String(), secretPIN)
}

// TestTokenStores: what is wrong with a token is said in the words of a configuration.
func TestTokenStores(t *testing.T) {
	w := newWorld(t)
	module := softhsm(t)
	label := newToken(t, w.id)
	w.write("wrong", []byte("9999"))
	for token, says := range map[string]string{
		`{name: hsm, token: "pkcs11:token=` + label + `?module-path=` + module + `"}`:                    "pin: file:PATH",
		`{name: hsm, token: "pkcs11:token=` + label + `?module-path=` + module + `", pin: file:missing}`: "there is no file",
		`{name: hsm, token: "pkcs11:token=` + label + `?module-path=` + module + `", pin: file:wrong}`:   "PIN",
		`{name: hsm, token: "pkcs11:token=nobody?module-path=` + module + `", pin: file:wrong}`:          "nobody",
		`{name: hsm, token: "pkcs11:token=a?module-path=./no.so", pin: file:wrong}`:                      w.path("no.so"),
	} {
		w.write("signet.yaml", []byte("stores: ["+token+"]\nkeys: [{name: seal, store: hsm}]\nauth: {tokens: tokens}\n"))
		c, err := Load(w.path("signet.yaml"))
		require.NoError(t, err)
		s, err := New(t.Context(), c, &Options{Output: w.log})
		require.NoError(t, err)
		found := s.Check(t.Context())
		require.Contains(t, text(found), "failed key seal: cannot be used: ")
		require.Contains(t, text(found), says)
		require.NotContains(t, text(found), "9999")
		require.NoError(t, s.Close())
	}
}
