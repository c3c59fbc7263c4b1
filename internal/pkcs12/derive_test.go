package pkcs12_test

import (
	"crypto/sha1"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/pkcs12"
)

// TestDerive has the examples for "smeg" that implementations of PKCS #12 compare themselves with, and a password outside of the first plane.
func TestDerive(t *testing.T) {
	salt := func(s string) []byte { b, err := hex.DecodeString(s); require.NoError(t, err); return b }
	for _, c := range []struct {
		use  byte
		salt string
		n    int
		want string
	}{
		{pkcs12.ForKey, "0A58CF64530D823F", 24, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"},
		{pkcs12.ForIV, "0A58CF64530D823F", 8, "79993dfe048d3b76"},
		{pkcs12.ForMAC, "3D83C0E4546AC140", 20, "8d967d88f6caa9d714800ab3d48051d63f73a312"},
	} {
		require.Equal(t, c.want, hex.EncodeToString(pkcs12.Derive(sha1.New, c.use, pkcs12.BMP([]byte("smeg")), salt(c.salt), 1, c.n)))
	}
	require.Equal(t, "0050d83dde000000", hex.EncodeToString(pkcs12.BMP([]byte("P😀"))))
	require.Equal(t, "00e90000", hex.EncodeToString(pkcs12.BMP([]byte{0xe9})), "Latin-1")
}
