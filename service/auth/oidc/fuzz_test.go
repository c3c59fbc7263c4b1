package oidc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzKeySet: whatever an issuer answers, only public keys of signatures come out.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseKeys(data)
		if err != nil {
			return
		}
		require.NotEmpty(t, all)
		for _, key := range all {
			require.True(t, key.IsPublic())
			require.True(t, key.Use == "" || key.Use == "sig")
		}
	})
}
