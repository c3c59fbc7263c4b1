package sign_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2"
	s := sign.NewSecret([]byte(text))
	type exported struct{ PIN sign.Secret }
	type unexported struct{ pin sign.Secret } // fmt calls no methods here
	values := []any{s, &s, exported{s}, &exported{s}, unexported{s}, &unexported{s}, []sign.Secret{s}, map[string]sign.Secret{"pin": s}, []any{unexported{s}}}
	hidden := func(out string) {
		t.Helper()
		for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text)), "104 117", "0x68, 0x75", "68 75 6e"} {
			require.NotContains(t, out, form)
		}
	}
	for _, v := range values {
		for verb := range rune(128) {
			for _, flags := range []string{"", "+", "#", " ", "0", "-10.3", "# "} {
				hidden(fmt.Sprintf("%"+flags+string(verb), v))
			}
		}
		hidden(fmt.Sprint(v))
		out, err := json.Marshal(v)
		require.NoError(t, err)
		hidden(string(out))
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(handler(&b)).Info("open", "pin", v)
			hidden(b.String())
		}
	}
	require.Equal(t, "[redacted]", s.String())
	require.Equal(t, "[redacted]", fmt.Sprintf("%d", s))
	out, err := json.Marshal(exported{s})
	require.NoError(t, err)
	require.JSONEq(t, `{"PIN":"[redacted]"}`, string(out))
}

func TestSecretWipe(t *testing.T) {
	b := []byte("hunter2")
	s := sign.NewSecret(b)
	require.Equal(t, 7, s.Len())
	require.Equal(t, "hunter2", string(s.Bytes()))
	s.Wipe()
	require.Equal(t, make([]byte, 7), b)

	var zero sign.Secret
	zero.Wipe()
	require.Zero(t, zero.Len())
	require.Nil(t, zero.Bytes())
	require.Equal(t, "[redacted]", zero.String())
}
