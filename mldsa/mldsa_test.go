package mldsa_test

import (
	"context"
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

func TestKeys(t *testing.T) {
	for _, set := range mldsa.Sets() {
		t.Run(set.String(), func(t *testing.T) {
			key, err := mldsa.GenerateKey(set)
			require.NoError(t, err)
			der, err := key.MarshalPKCS8()
			require.NoError(t, err)
			again, err := mldsa.ParsePKCS8(der)
			require.NoError(t, err)
			require.Equal(t, key.SubjectPublicKeyInfo(), again.SubjectPublicKeyInfo())
			scheme := again.Schemes()[0]
			signature, err := again.SignContext(context.Background(), []byte("message"), crypto.Hash(0))
			require.NoError(t, err)
			require.NoError(t, scheme.Verify(key.SubjectPublicKeyInfo(), []byte("message"), signature))
			require.Error(t, scheme.Verify(key.SubjectPublicKeyInfo(), []byte("massage"), signature))
			_, err = again.Sign(nil, []byte("message"), crypto.SHA512)
			require.ErrorIs(t, err, sign.ErrUnsupported)
		})
	}
}
