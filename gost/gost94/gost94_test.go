package gost94_test

import (
	"encoding/hex"
	"hash"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost/gost94"
)

// TestVectors are the examples of RFC 5831 section 7.3, whose numbers are printed from the highest octet on, and well-known digests with
// the substitution of CryptoPro.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		new        func() hash.Hash
		text, want string
	}{
		{gost94.NewTest, "This is message, length=32 bytes", "b1c466d37519b82e8319819ff32595e047a28cb6f83eff1c6916a815a637fffa"},
		{gost94.NewTest, "Suppose the original message has length = 50 bytes", "471aba57a60a770d3a76130635c1fbea4ef14de51f78b4ae57dd893b62f55208"},
		{gost94.NewTest, "", "ce85b99cc46752fffee35cab9a7b0278abb4c2d2055cff685af4912c49490f8d"},
		{gost94.New, "", "981e5f3ca30c841487830f84fb433e13ac1101569b9c13584ac483234cd656c0"},
		{gost94.New, "abc", "b285056dbf18d7392d7677369524dd14747459ed8143997e163b2986f92fd42c"},
		{gost94.New, "The quick brown fox jumps over the lazy dog", "9004294a361a508c586fe53d1f1b02746765e71b765472786e4770d565830a76"},
		{gost94.New, strings.Repeat("U", 128), "1c4ac7614691bbf427fa2316216be8f10d92edfd37cd1027514c1008f649c4e8"},
	} {
		h := c.new()
		_, _ = h.Write([]byte(c.text[:len(c.text)/3]))
		_ = h.Sum(nil) // changes nothing
		_, _ = h.Write([]byte(c.text[len(c.text)/3:]))
		require.Equal(t, c.want, hex.EncodeToString(h.Sum(nil)), c.text)
		require.Equal(t, c.want, hex.EncodeToString(h.Sum(nil)), "again")
		h.Reset()
		_, _ = h.Write([]byte(c.text))
		require.Equal(t, c.want, hex.EncodeToString(h.Sum(nil)), "reset")
	}
}
