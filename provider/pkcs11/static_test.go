//go:build signet_static && !windows

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestStatic: a build that is to stay static has the same API, and says why it loads nothing.
func TestStatic(t *testing.T) {
	_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: "/usr/lib/softhsm/libsofthsm2.so"})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "signet_static")
	_, _, err = pkcs11.OpenURI(t.Context(), "pkcs11:?module-path=/m.so", pkcs11.Config{})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	_, err = pkcs11.Slots(t.Context(), "/m.so", "")
	require.ErrorIs(t, err, sign.ErrUnsupported)
}
