package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestReadStream: a message from a stream is the same as one from memory, whether it goes through a file or not, and nothing is left.
func TestReadStream(t *testing.T) {
	pki := testpki.New(t)
	s := signerOf(t, pki.Leaf(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256)))
	o := &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()}
	for name, size := range map[string]int{"small": 1000, "large": 9 << 20} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open := &cades.OpenOptions{Dir: dir}
			content := bytes.Repeat([]byte("0123456789"), size/10)
			der, err := cades.Sign(t.Context(), s, sign.Bytes("", content), &cades.Options{Attached: true, SigningTime: testpki.Now()})
			require.NoError(t, err)
			m, err := cades.ReadStream(t.Context(), iotest.HalfReader(bytes.NewReader(der)), open)
			require.NoError(t, err)
			r, err := m.Verify(t.Context(), sign.Content{}, o)
			require.NoError(t, err)
			require.True(t, r.Trusted(), "%+v", r.Signatures[0].Reason)
			var out bytes.Buffer
			require.NoError(t, m.WriteContent(&out))
			require.True(t, bytes.Equal(content, out.Bytes()))
			require.NoError(t, m.Close())
			require.NoError(t, m.Close(), "twice")
			requireEmpty(t, dir)

			changed := bytes.Clone(der)
			changed[len(changed)/2] ^= 1
			m, err = cades.ReadStream(t.Context(), bytes.NewReader(changed), open)
			require.NoError(t, err)
			r, err = m.Verify(t.Context(), sign.Content{}, o)
			require.NoError(t, err)
			require.False(t, r.Trusted())
			require.NoError(t, m.Close())

			_, err = cades.ReadStream(t.Context(), bytes.NewReader(der[:len(der)-10]), open)
			require.ErrorIs(t, err, sign.ErrInput)
			broken := errors.New("the line is dead")
			_, err = cades.ReadStream(t.Context(), io.MultiReader(bytes.NewReader(der), iotest.ErrReader(broken)), open)
			require.ErrorIs(t, err, broken)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err = cades.ReadStream(ctx, bytes.NewReader(der), open)
			require.ErrorIs(t, err, context.Canceled)
			requireEmpty(t, dir)
		})
	}
	_, err := cades.ReadStream(t.Context(), io.LimitReader(zeros{}, 9<<20), &cades.OpenOptions{Dir: t.TempDir() + "/none"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
