package cli

import (
	"context"
	"crypto"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestReadOnce: a file that changes while several sign it is read once, so that all have signed the same.
func TestReadOnce(t *testing.T) {
	pki := testpki.New(t)
	signer := func(kind testpki.Kind, scheme sign.Scheme) *sign.Signer {
		id := pki.Leaf(kind)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		s, err := sign.New(key, id.Chain, scheme)
		require.NoError(t, err)
		return s
	}
	opened := 0
	content := sign.Opener("file", func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(strings.NewReader(strings.Repeat("x", opened))), nil
	})
	f := &parallel{&cades.Options{}, []*sign.Signer{signer(testpki.P384, testpki.Must(sign.ECDSA(crypto.SHA384))), signer(testpki.Ed25519, sign.Ed25519())}}
	first := signer(testpki.P256, testpki.Must(sign.ECDSA(crypto.SHA256)))
	d, err := f.Prepare(context.Background(), first, content)
	require.NoError(t, err)
	value, err := first.Sign(t.Context(), d.ToBeSigned())
	require.NoError(t, err)
	_, err = d.Finish(t.Context(), append([]byte{}, value[:len(value)-1]...))
	require.ErrorIs(t, err, sign.ErrKeyMismatch)
	ber, err := d.Finish(t.Context(), value)
	require.NoError(t, err)
	require.Equal(t, 1, opened)
	m, err := cades.Parse(ber)
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Bytes("", []byte("x")), nil)
	require.NoError(t, err)
	require.Len(t, report.Signatures, 3)
	for _, s := range report.Signatures {
		require.Equal(t, cades.Passed, s.Status(cades.CheckMessageDigest))
		require.Equal(t, cades.Passed, s.Status(cades.CheckSignature))
	}
}
