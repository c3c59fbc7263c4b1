package testsign_test

import (
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// TestMLDSA: a world whose keys are all of ML-DSA, over the clients that programs have.
func TestMLDSA(t *testing.T) {
	newKey := func() crypto.Signer {
		key, err := mldsa.GenerateKey(mldsa.MLDSA44)
		require.NoError(t, err)
		return key
	}
	w := testsign.NewOf(t, testsign.Config{AuthorityKey: newKey, Schemes: mldsa.Schemes()})
	s := w.Issue(testsign.Certificate{Key: newKey()})
	content := sign.Bytes("", []byte("content"))
	ber, err := cades.Sign(t.Context(), s, content, w.Options(cades.LevelLTA))
	require.NoError(t, err)
	m, err := cades.Parse(ber)
	require.NoError(t, err)
	raised, err := m.Extend(t.Context(), cades.LevelLTA, func() *cades.ExtendOptions { o := w.ExtendOptions(); o.Content = content; return o }())
	require.NoError(t, err)
	m, err = cades.Parse(raised)
	require.NoError(t, err)
	r, err := m.Verify(t.Context(), content, w.VerifyOptions())
	require.NoError(t, err)
	require.NoError(t, r.Err())
	require.EqualValues(t, "B-LTA", r.Signatures[0].Level)

	p, err := soft.Parse(t.Context(), "signer", w.PEM(s), soft.Config{Parsers: []soft.Parser{mldsa.Parse}})
	require.NoError(t, err)
	again, err := sign.Open(t.Context(), p, sign.Ref{})
	require.NoError(t, err)
	require.Equal(t, s.Certificate().Raw, again.Certificate().Raw)

	w.Revoke(s.Certificate())
	_, err = cades.Sign(t.Context(), s, content, w.Options(cades.LevelLT))
	require.ErrorIs(t, err, sign.ErrRevocation)
}
