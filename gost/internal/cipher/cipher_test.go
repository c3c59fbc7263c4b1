package cipher_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost/internal/cipher"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// TestKuznyechik is the example of RFC 7801 section 5.
func TestKuznyechik(t *testing.T) {
	c := cipher.NewKuznyechik(unhex(t, "8899aabbccddeeff0011223344556677fedcba98765432100123456789abcdef"))
	out := make([]byte, c.BlockSize())
	c.Encrypt(out, unhex(t, "1122334455667700ffeeddccbbaa9988"))
	require.Equal(t, "7f679d90bebc24305a468d42b9d4edcd", hex.EncodeToString(out))
}

// TestMagma is the example of RFC 8891 appendix A.
func TestMagma(t *testing.T) {
	c := cipher.NewMagma(unhex(t, "ffeeddccbbaa99887766554433221100f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))
	out := make([]byte, c.BlockSize())
	c.Encrypt(out, unhex(t, "fedcba9876543210"))
	require.Equal(t, "4ee901e5c2d8ca3d", hex.EncodeToString(out))
}

// TestGOST28147: what is encrypted is decrypted, with each of the substitutions, which are all permutations.
func TestGOST28147(t *testing.T) {
	for _, s := range []*cipher.Sbox{&cipher.ParamZ, &cipher.CryptoProA, &cipher.HashCryptoPro, &cipher.HashTest} {
		for _, row := range s {
			seen := map[byte]bool{}
			for _, v := range row {
				seen[v] = true
			}
			require.Len(t, seen, 16)
		}
		c := cipher.NewGOST28147(s, bytes.Repeat([]byte{1, 2, 3, 4}, 8))
		out := make([]byte, c.BlockSize())
		c.Encrypt(out, []byte("8 octets"))
		require.NotEqual(t, "8 octets", string(out))
		c.Decrypt(out, out)
		require.Equal(t, "8 octets", string(out))
	}
}

// TestCTRACPKM is the example of RFC 8645 appendix A.1, whose sections are shorter than those of key files.
func TestCTRACPKM(t *testing.T) {
	k := cipher.KindKuznyechik
	k.Section = 32
	plain := "1122334455667700ffeeddccbbaa998800112233445566778899aabbcceeff0a112233445566778899aabbcceeff0a002233445566778899aabbcceeff0a0011" +
		"33445566778899aabbcceeff0a0011224455667788" + "99aabbcceeff0a001122335566778899aabbcceeff0a0011223344"
	want := "f195d8bec10ed1dbd57b5fa240bda1b885eee733f6a13e5df33ce4b33c45dee44bceeb8f646f4c55001706275e85e800587c4df568d094393e4834afd0805046" +
		"cf30f57686aeece11cfc6c316b8a896edffd07ec813636460c4f3b743423163e6409a9c282fac8d469d221e7fbd6de5d"
	got := k.CTRACPKM(unhex(t, "8899aabbccddeeff0011223344556677fedcba98765432100123456789abcdef"), unhex(t, "1234567890abcef0"), unhex(t, plain))
	require.Equal(t, want, hex.EncodeToString(got))
}

// TestOMAC are the examples of GOST R 34.13-2015 appendices A.1.6 and A.2.6, which print the first half.
func TestOMAC(t *testing.T) {
	got := cipher.KindKuznyechik.OMAC(unhex(t, "8899aabbccddeeff0011223344556677fedcba98765432100123456789abcdef"),
		unhex(t, "1122334455667700ffeeddccbbaa998800112233445566778899aabbcceeff0a112233445566778899aabbcceeff0a002233445566778899aabbcceeff0a0011"))
	require.Equal(t, "336f4d296059fbe3", hex.EncodeToString(got[:8]))
	got = cipher.KindMagma.OMAC(unhex(t, "ffeeddccbbaa99887766554433221100f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
		unhex(t, "92def06b3c130a59db54c704f8189d204a98fb2e67a8024c8912409b17b57e41"))
	require.Equal(t, "154e7210", hex.EncodeToString(got[:4]))
}
