package sign_test

import (
	"crypto"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

func TestContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	require.NoError(t, os.WriteFile(path, []byte("content"), 0o600))
	for name, c := range map[string]struct {
		content sign.Content
		again   bool
	}{
		"bytes":  {sign.Bytes("a", []byte("content")), true},
		"file":   {sign.File(path), true},
		"opener": {sign.Opener("a", func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("content")), nil }), true},
		"reader": {sign.Reader("a", strings.NewReader("content")), false},
	} {
		require.Equal(t, c.again, c.content.Source().Again(), name)
		require.False(t, c.content.Source().DigestOnly(), name)
		r, err := c.content.Source().Open()
		require.NoError(t, err, name)
		b, err := io.ReadAll(r)
		require.NoError(t, err, name)
		require.Equal(t, "content", string(b), name)
		require.NoError(t, r.Close())
	}
	empty := sign.Bytes("empty", nil)
	r, err := empty.Source().Open()
	require.NoError(t, err)
	require.NoError(t, r.Close())

	sum := make([]byte, 32)
	d := sign.Digested("a", testpki.Must(sign.NewDigest(crypto.SHA256, sum)))
	require.True(t, d.Source().DigestOnly())
	_, err = d.Source().Open()
	require.ErrorIs(t, err, sign.ErrInput)
	withNull := append([]byte{0x30, 0x0d}, append(testpki.Must(sign.PKCS1(crypto.SHA256)).DigestAlg[2:], 5, 0)...)
	for _, alg := range [][]byte{testpki.Must(sign.PKCS1(crypto.SHA256)).DigestAlg, withNull} {
		got, ok := d.Source().Digest(alg)
		require.True(t, ok, "absent and NULL parameters mean the same")
		require.Equal(t, sum, got)
	}
	_, ok := d.Source().Digest(testpki.Must(sign.PKCS1(crypto.SHA512)).DigestAlg)
	require.False(t, ok)

	twice := sign.Digested("a", d.Source().Digests()[0], d.Source().Digests()[0])
	got, ok := twice.Source().Digest(withNull)
	require.True(t, ok)
	require.Equal(t, sum, got)
	differ := sign.Digested("a", testpki.Must(sign.NewDigest(crypto.SHA256, sum)), testpki.Must(sign.NewDigest(crypto.SHA256, append([]byte{1}, sum[1:]...))))
	_, ok = differ.Source().Digest(withNull)
	require.False(t, ok, "no order says which of two is meant")

	var zero sign.Content
	_, err = zero.Source().Open()
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestReaderOnce: what is left of a reader is not its content. One that can go back, and did, is.
func TestReaderOnce(t *testing.T) {
	read := func(c sign.Content) (string, error) {
		r, err := c.Source().Open()
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(r)
		return string(b), err
	}
	back := strings.NewReader("-content")
	_, err := back.Seek(1, io.SeekStart)
	require.NoError(t, err)
	for name, r := range map[string]io.Reader{"forward only": io.MultiReader(strings.NewReader("content")), "seeker": back} {
		c := sign.Reader("a", r)
		got, err := read(c)
		require.NoError(t, err, name)
		require.Equal(t, "content", got, name)
		copied := c
		_, err = read(copied)
		require.ErrorIs(t, err, sign.ErrInput, name)
		require.ErrorContains(t, err, "read already", name)
	}
	c := sign.Reader("a", back)
	for range 2 {
		_, err := back.Seek(1, io.SeekStart)
		require.NoError(t, err)
		got, err := read(c)
		require.NoError(t, err)
		require.Equal(t, "content", got)
	}
	c = sign.Reader("a", (*strings.Reader)(nil))
	_, err = read(c)
	require.Error(t, err, "a nil pointer is no reader")
	none := sign.Reader("a", nil)
	require.True(t, none.IsZero())
}
