package p256verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFIPS runs itself in the FIPS 140-3 modes of Go, where crypto/ecdsa does all.
func TestFIPS(t *testing.T) {
	if !fips140.Enabled() {
		for _, mode := range []string{"on", "only"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFIPS$", "-test.v")
			cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "by crypto/ecdsa")
		}
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	v := New(&key.PublicKey, nil)
	for range 2 * startAt {
		require.True(t, v.Verify(digest[:], signature))
		require.False(t, v.Verify(digest[1:], signature))
		require.False(t, v.certain(digest[:], signature))
	}
	t.Log("by crypto/ecdsa")
}
