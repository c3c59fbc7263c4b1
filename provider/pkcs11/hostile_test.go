//go:build unix && !signet_static

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestLengthsThatCannotBe has a module say that it wrote 2^64-1 octets where it wrote some. That is an error, and not one of the
// program's memory.
func TestLengthsThatCannotBe(t *testing.T) {
	s := softStage(t)
	p, key := s.open(t)
	s.lie(lieSign)
	require.Error(t, s.one(t.Context(), key, "message"))
	s.lie(0)
	require.NoError(t, s.one(t.Context(), key, "message"))
	s.lie(lieValue)
	_, err := p.Key(t.Context(), sign.Ref{Label: s.name})
	require.Error(t, err)
	for _, lie := range []int64{lieList, lieGrow} {
		s.lie(lie)
		other, err := pkcs11.Open(t.Context(), s.config())
		require.NoError(t, err, "as with a token that does not list its mechanisms")
		require.NoError(t, other.Close())
	}
	s.lie(0)
	require.NoError(t, s.one(t.Context(), key, "message"))
	require.NoError(t, p.Close())
}

// TestListThatSays30 has a module whose list by C_GetFunctionList says that it is of 3.0, which is what stands in its header. It ends
// with the functions of 2.40 all the same, and nothing behind them is called.
func TestListThatSays30(t *testing.T) {
	s := softStage(t)
	s.answerInterface(listOf30)
	p, key := s.open(t, func(c *pkcs11.Config) { c.Sessions = 1 })
	for range 3 {
		s.fail(fnSign, 0, 1, 0x70)
		require.ErrorIs(t, s.one(t.Context(), key, "message"), sign.ErrUnsupported)
		require.NoError(t, s.one(t.Context(), key, "message"))
	}
	require.Zero(t, s.strayed())
	require.NoError(t, p.Close())
}

// TestListWithHoles has modules that leave functions out.
func TestListWithHoles(t *testing.T) {
	s := softStage(t)
	s.answerInterface(noMaking)
	p, key := s.open(t)
	require.NoError(t, s.one(t.Context(), key, "message"))
	_, err := p.Diagnose(t.Context())
	require.NoError(t, err)
	_, err = p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256})
	require.ErrorContains(t, err, "CKR_FUNCTION_NOT_SUPPORTED")
	require.ErrorContains(t, p.ImportCertificate(t.Context(), testpki.New(t).LeafOf(s.id.Key, "renewed").Certificate()), "CKR_FUNCTION_NOT_SUPPORTED")
	require.NoError(t, p.Close())

	s = softStage(t)
	s.answerInterface(gap)
	_, err = pkcs11.Open(t.Context(), s.config())
	require.ErrorContains(t, err, "C_GetFunctionList")
}
