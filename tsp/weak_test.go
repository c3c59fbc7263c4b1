package tsp_test

import (
	"crypto"
	"crypto/md5"
	"crypto/sha1"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestWeakImprints lets SHA-1 count with a word, and MD5 never.
func TestWeakImprints(t *testing.T) {
	pki := testpki.New(t)
	id := pki.TSA(testpki.P256)
	c := client(t, answers{"a": body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })}, []string{"a"}, func(o *tsp.Config) { o.Clock = testpki.Now })
	one, five := sha1.Sum([]byte("value")), md5.Sum([]byte("value"))

	token, err := c.Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	require.Empty(t, token.Weakness())

	weak := sign.Digest{Algorithm: []byte("\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a"), Sum: one[:]}
	token, err = c.Timestamp(t.Context(), weak)
	require.NoError(t, err)
	require.Equal(t, crypto.SHA1, token.Hash())
	require.NoError(t, token.Verify(weak, &tsp.VerifyOptions{Roots: pki.Roots()}))
	require.Contains(t, token.Weakness(), "its imprint: SHA-1 is weak")

	broken := sign.Digest{Algorithm: []byte("\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05"), Sum: five[:]}
	_, err = c.Timestamp(t.Context(), broken)
	require.ErrorIs(t, err, tsp.CheckImprint)
	require.ErrorContains(t, err, "MD5 is broken")
}
