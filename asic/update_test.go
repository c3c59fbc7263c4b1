package asic_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// TestUpdateRefuses: what the function of a caller does wrong is an error, and nothing is written.
func TestUpdateRefuses(t *testing.T) {
	w := newWorld(t)
	c := open(t, w.make(t, asic.S, files("a")...))
	own := signature()
	own.Attached = true
	ber, err := cades.Sign(t.Context(), w.signer, sign.Bytes("", []byte("a")), own)
	require.NoError(t, err)
	attached, err := cades.Parse(ber)
	require.NoError(t, err)
	broken := errors.New("broken")
	for name, change := range map[string]func(*cades.Message, sign.Content) (*cades.Message, error){
		"nothing":  func(*cades.Message, sign.Content) (*cades.Message, error) { return nil, nil },
		"attached": func(*cades.Message, sign.Content) (*cades.Message, error) { return attached, nil },
		"error":    func(m *cades.Message, _ sign.Content) (*cades.Message, error) { return m, broken },
		"panic":    func(*cades.Message, sign.Content) (*cades.Message, error) { panic(broken) },
		"nil":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := c.Update(&out, change)
			require.Error(t, err)
			require.Empty(t, out.Bytes())
			panicked, ok := errors.AsType[*sign.PanicError](err)
			require.Equal(t, name == "panic" || name == "nil", ok, "%v", err)
			if name == "error" || name == "panic" {
				require.ErrorIs(t, err, broken)
			}
			if ok {
				require.NotEmpty(t, panicked.Stack)
			}
		})
	}
}
