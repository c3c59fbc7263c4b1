package soft_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// elsewhere is a key that is not in memory.
type elsewhere struct{ crypto.Signer }

func TestMarshalPKCS8(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	open := func(signer crypto.Signer) (*soft.Provider, sign.Key) {
		p, err := soft.New(signer, soft.Config{})
		require.NoError(t, err)
		k, err := p.Key(t.Context(), sign.Ref{})
		require.NoError(t, err)
		return p, k
	}
	p, k := open(key)
	got, err := p.MarshalPKCS8(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, der, got)

	foreign, there := open(elsewhere{key})
	_, err = foreign.MarshalPKCS8(t.Context(), there)
	require.ErrorIs(t, err, sign.ErrUnsupported)
	_, err = p.MarshalPKCS8(t.Context(), there)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = p.MarshalPKCS8(t.Context(), nil)
	require.ErrorIs(t, err, sign.ErrInput)
	require.NoError(t, p.Close())
	_, err = p.MarshalPKCS8(t.Context(), k)
	require.ErrorIs(t, err, sign.ErrUnavailable)
}
