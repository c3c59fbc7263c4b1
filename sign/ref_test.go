package sign_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

func TestParseThumbprint(t *testing.T) {
	want := []byte{0x9f, 0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}
	for name, text := range map[string]string{
		"lower":   "9fa102030405060708090a0b0c0d0e0f10111213",
		"upper":   "9FA102030405060708090A0B0C0D0E0F10111213",
		"colons":  "9F:A1:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13",
		"spaces":  "9f a1 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13",
		"windows": "\u200e9f a1 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13",
		"dashes":  "9FA10203-04050607-08090A0B-0C0D0E0F-10111213",
		"line":    "\t9fa10203\u00a004050607 08090a0b0c0d0e0f10111213\r\n",
	} {
		got, err := sign.ParseThumbprint(text)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for name, text := range map[string]string{
		"empty":   "",
		"short":   "9fa1",
		"sha-512": strings.Repeat("00", 64),
		"odd":     "9fa102030405060708090a0b0c0d0e0f1011121",
		"letter":  "gfa102030405060708090a0b0c0d0e0f10111213",
	} {
		_, err := sign.ParseThumbprint(text)
		require.ErrorIs(t, err, sign.ErrInput, name)
		require.ErrorContains(t, err, "40 hexadecimal digits", name)
	}
	long, err := sign.ParseThumbprint(strings.Repeat("AB:", 31) + "ab")
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{0xab}, 32), long)
	_, err = sign.ParseThumbprint(strings.Repeat("x", 10_000))
	require.Less(t, len(err.Error()), 300)
}

func TestRefMatches(t *testing.T) {
	pki := testpki.New(t)
	id, other := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	renewed := pki.LeafOf(id.Key, "renewed")
	entry := sign.Entry{ID: []byte{1, 2}, Label: "seal", Public: id.Key.Public(), Chain: id.Chain}
	bare := sign.Entry{Label: "seal", Public: id.Key.Public()}
	print := sign.Thumbprint(id.Certificate())
	for name, c := range map[string]struct {
		ref         sign.Ref
		entry, bare bool
	}{
		"zero":                {sign.Ref{}, true, true},
		"id":                  {sign.Ref{ID: []byte{1, 2}}, true, false},
		"other id":            {sign.Ref{ID: []byte{1}}, false, false},
		"label":               {sign.Ref{Label: "seal"}, true, true},
		"label in other case": {sign.Ref{Label: "Seal"}, false, false},
		"certificate":         {sign.Ref{Certificate: id.Certificate()}, true, true},
		"renewed certificate": {sign.Ref{Certificate: renewed.Certificate()}, true, true},
		"other certificate":   {sign.Ref{Certificate: other.Certificate()}, false, false},
		"thumbprint":          {sign.Ref{Thumbprint: strings.ToLower(print)}, true, false},
		"issuer's thumbprint": {sign.Ref{Thumbprint: sign.Thumbprint(id.Chain[1])}, false, false},
		"bad thumbprint":      {sign.Ref{Thumbprint: "9F"}, false, false},
		"all":                 {sign.Ref{ID: []byte{1, 2}, Label: "seal", Certificate: id.Certificate(), Thumbprint: print}, true, false},
		"one of two":          {sign.Ref{Label: "seal", Thumbprint: sign.Thumbprint(other.Certificate())}, false, false},
	} {
		require.Equal(t, c.entry, c.ref.Matches(entry), name)
		require.Equal(t, c.bare, c.ref.Matches(bare), name)
	}
	require.Equal(t, print, entry.Thumbprint())
	require.Empty(t, bare.Thumbprint())
	require.Nil(t, bare.Certificate())
}

func TestRefString(t *testing.T) {
	c := testpki.New(t).Leaf(testpki.P256).Certificate()
	require.Equal(t, "the only key", sign.Ref{}.String())
	require.Equal(t, `id 0a0b, label "a \"b\""`, sign.Ref{ID: []byte{10, 11}, Label: `a "b"`}.String())
	require.Equal(t, "certificate "+sign.Thumbprint(c)+", thumbprint 9F", sign.Ref{Certificate: c, Thumbprint: " 9F "}.String())
	require.True(t, sign.Ref{}.IsZero())
	require.False(t, sign.Ref{Certificate: &x509.Certificate{}}.IsZero())
	require.NoError(t, sign.Ref{Label: "x"}.Check())
	require.ErrorIs(t, sign.Ref{Thumbprint: "x"}.Check(), sign.ErrInput)
}

// TestHasThumbprint: every octet of either sum counts, and no other length does.
func TestHasThumbprint(t *testing.T) {
	c := testpki.New(t).Leaf(testpki.P256).Certificate()
	for _, text := range []string{sign.Thumbprint(c), sign.ThumbprintSHA256(c)} {
		sum, err := sign.ParseThumbprint(text)
		require.NoError(t, err)
		require.True(t, sign.HasThumbprint(c, sum))
		for i := range sum {
			sum[i] ^= 1
			require.False(t, sign.HasThumbprint(c, sum), "octet %d", i)
			require.False(t, sign.Ref{Thumbprint: hex.EncodeToString(sum)}.Matches(sign.Entry{Chain: []*x509.Certificate{c}}))
			sum[i] ^= 1
		}
		require.False(t, sign.HasThumbprint(c, sum[:len(sum)-1]))
		require.False(t, sign.HasThumbprint(c, append(sum, 0)))
	}
	long, err := sign.ParseThumbprint(sign.ThumbprintSHA256(c))
	require.NoError(t, err)
	require.False(t, sign.HasThumbprint(c, long[:20]), "the beginning of the other one")
	require.False(t, sign.HasThumbprint(c, nil))
}
