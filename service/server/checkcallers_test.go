package server

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
)

// TestCheckTokens: a token for a key that is not there, and one that ends soon, are told of; those that have ended are not.
func TestCheckTokens(t *testing.T) {
	w := newWorld(t)
	for _, token := range []auth.Token{
		{Name: "mistyped", Keys: []string{"seel"}, Created: time.Now()},
		{Name: "ending", Keys: []string{"seal"}, Created: time.Now(), Expires: time.Now().Add(13 * 24 * time.Hour)},
		{Name: "lasting", Keys: []string{"*"}, Created: time.Now(), Expires: time.Now().Add(15 * 24 * time.Hour)},
		{Name: "over", Keys: []string{"gone"}, Created: time.Now(), Expires: time.Now().Add(-time.Hour)},
	} {
		_, _, err := auth.AddToken(w.path("tokens"), token)
		require.NoError(t, err)
	}
	require.NoError(t, os.Chmod(w.path("tokens"), 0o640))
	found := w.checked("stores: [{name: s, file: seal.pem}]\nkeys: [{name: seal, store: s}]\nauth: {tokens: tokens}\n")
	require.Regexp(t, `warning token \w+ of mistyped: may use the key "seel", which is not configured; did you mean seal\?`, found)
	require.Regexp(t, `note token \w+ of ending: ends on `, found)
	require.NotContains(t, found, "of lasting")
	require.NotContains(t, found, "of over")
	require.NotContains(t, found, "of tester")
	require.NotContains(t, w.log.String(), "others may read", "its group may")
}

// TestCheckTwins: two keys with one certificate are told of when one caller may mean both.
func TestCheckTwins(t *testing.T) {
	const config = `
stores: [{name: s, file: seal.pem}]
keys: [{name: first, store: s}, {name: second, store: s, attached: true}]
auth: {tokens: mine, oidc: {url: "http://127.0.0.1:1", audience: signet, rules: [{claim: a, value: b, keys: first, endpoints: "*"}]}}
`
	w := newWorld(t)
	w.newToken("mine", "one", "first")
	w.newToken("mine", "two", "second")
	require.NotContains(t, w.checked(config), "has the certificate of")
	require.Contains(t, w.checked(strings.Replace(config, "endpoints: \"*\"}]", "endpoints: \"*\"}, {claim: a, value: c, keys: second, endpoints: \"*\"}]", 1)),
		"note key second: has the certificate of key first, and a token of http://127.0.0.1:1 may use both")
	w.newToken("mine", "both", "first", "second")
	require.Contains(t, w.checked(config), "note key second: has the certificate of key first, and the token of both may use both")
}

// TestCheckWords: what is wrong with files is said in the words of the configuration.
func TestCheckWords(t *testing.T) {
	w := newWorld(t)
	w.listed()
	const config = "stores: [{name: s, file: %}]\nkeys: [{name: seal, store: s}]\nauth: {tokens: tokens}\n"
	for file, says := range map[string]string{
		"seal.p12": "it is encrypted and no password was given; add password: file:PATH to the store\n",
		"gone.p12": "put the file there, or mend file: of the store\n",
	} {
		found := w.checked(strings.Replace(config, "%", file, 1))
		require.Contains(t, found, "failed key seal: cannot be used: ")
		require.Contains(t, found, says)
		require.NotContains(t, found, "Config.")
		require.NotContains(t, w.log.String(), "Config.")
	}
}
