package pkcs11

import (
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
)

// TestKindsThatNoTokenHereHas names keys of kinds that SoftHSM2 does not hold.
func TestKindsThatNoTokenHereHas(t *testing.T) {
	for says, o := range map[string]*object{
		"keys of X25519 are for key agreement": {kind: p11.KeyECMontgomery},
		"keys of X448 are for key agreement":   {kind: p11.KeyECMontgomery, params: []byte("\x13\x08curve448")},
		"Ed448 is not supported":               {kind: p11.KeyECEdwards, point: make([]byte, 57)},
	} {
		_, err := publicOf(o)
		require.ErrorContains(t, err, says)
	}
	_, err := publicOf(&object{kind: p11.KeyEC})
	require.ErrorIs(t, err, errNoPublic, "it may be told elsewhere")
}

// TestHugeKey: nobody computes with a modulus of a megabyte, whoever says that it is the key's.
func TestHugeKey(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), maxRSABits)
	o := &object{kind: p11.KeyRSA}
	require.False(t, fits(o, &rsa.PublicKey{N: n, E: 65537}))
	require.True(t, fits(o, &rsa.PublicKey{N: n.Rsh(n, 1), E: 65537}))
}

// TestTokenName: what a token says of itself does not write to a terminal.
func TestTokenName(t *testing.T) {
	require.Equal(t, `"a" (serial 0a1, slot 2)`, tokenName("a", "0a1", 2))
	require.Equal(t, `"a\n" (serial "\x1b[2J\n", slot 2)`, tokenName("a\n", "\x1b[2J\n", 2))
}
