package auth

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSecretCounts: the right id with another secret is well formed, and refused.
func TestSecretCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	text, token, err := AddToken(path, Token{Name: "billing"})
	require.NoError(t, err)
	tokens, err := OpenTokens(path, nil)
	require.NoError(t, err)
	ask := func(text string) error {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+text)
		_, err := tokens.Authenticate(r)
		return err
	}
	require.NoError(t, ask(string(text.Bytes())))
	other := []byte(tokenPrefix + token.ID + "_" + random62(tokenSecret))
	err = ask(string(append(other, checksum(other)...)))
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "no such token")
	for i := range text.Bytes() {
		wrong := bytes.Clone(text.Bytes())
		wrong[i] ^= 1
		if i >= len(tokenPrefix) {
			_, err := parseToken(string(wrong))
			require.ErrorContains(t, err, "mistyped")
		}
		require.Error(t, ask(string(wrong)))
	}
}

// FuzzTokenFile: what is read can be written, and is read as the same.
func FuzzTokenFile(f *testing.F) {
	_, token, err := NewToken(Token{Name: "billing", Keys: []string{"a"}, Endpoints: []string{"sign"}, Expires: time.Unix(2e9, 0)})
	require.NoError(f, err)
	f.Add(token.appendLine(nil))
	f.Add([]byte("# x\n\n{\"id\":1}"))
	f.Add([]byte(`{"id":"0123456789","name":"x","keys":null,"endpoints":[],"created":"2020-01-01T00:00:00+01:00","sha256":"` + strings.Repeat("1", 64) + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseTokens(data)
		if err != nil {
			require.Less(t, len(err.Error()), 1000)
			return
		}
		var again []byte
		for i := range all {
			again = all[i].appendLine(again)
		}
		second, err := parseTokens(again)
		require.NoError(t, err)
		require.Len(t, second, len(all))
		for i := range all {
			require.Equal(t, all[i].ID+all[i].Name, second[i].ID+second[i].Name)
			require.ElementsMatch(t, all[i].Keys, second[i].Keys)
			require.ElementsMatch(t, all[i].Endpoints, second[i].Endpoints)
			require.Equal(t, all[i].Hash, second[i].Hash)
			require.True(t, all[i].Expires.Equal(second[i].Expires) && all[i].Created.Equal(second[i].Created))
			require.Equal(t, all[i].Expires.IsZero(), second[i].Expires.IsZero())
		}
	})
}
