package tsp_test

import (
	"crypto"
	"crypto/md5"
	"crypto/sha1"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
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

// rebuilt puts other algorithms into the SignerInfo of a token, which no one signed: what is wrong with them is told all the
// same.
func rebuilt(t *testing.T, token *tsp.Token, digest, signature cms.OID) *tsp.Token {
	t.Helper()
	sd, err := cms.ParseSignedData(token.Raw)
	require.NoError(t, err)
	si := sd.Signers[0]
	algorithm := func(id cms.OID) []byte {
		b := cms.NewBuilder(nil)
		seq := b.Open(cms.TagSequence)
		b.OID(id)
		b.Close(seq)
		return b.Bytes()
	}
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	explicit := b.Open(cms.ContextConstructed(0))
	inner := b.Open(cms.TagSequence)
	fields := sd.Value.Reader()
	for {
		field, err := fields.Next()
		require.NoError(t, err)
		if fields.Empty() {
			break
		}
		b.Raw(field.Raw())
	}
	set := b.Open(cms.TagSet)
	info := b.Open(cms.TagSequence)
	all := si.Value.Reader()
	parts, err := all.All()
	require.NoError(t, err)
	b.Raw(parts[0].Raw(), parts[1].Raw(), algorithm(digest), parts[3].Raw(), algorithm(signature), parts[5].Raw())
	for _, mark := range []int{info, set, inner, explicit, outer} {
		b.Close(mark)
	}
	again, err := tsp.ParseToken(b.Bytes())
	require.NoError(t, err)
	return again
}

// TestWeakAlgorithmsOfTokens has them in the signature of a token, in the digest of its content, and in the certificate of the
// authority.
func TestWeakAlgorithmsOfTokens(t *testing.T) {
	pki := testpki.New(t)
	token, err := authority(t, pki).Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	said := func(token *tsp.Token, o *tsp.VerifyOptions) map[error]string {
		all := map[error]string{}
		for _, p := range token.Problems(imprint(), o) {
			all[p.Class] = p.Error()
		}
		return all
	}
	require.Empty(t, said(rebuilt(t, token, cms.OIDSHA256, cms.OIDECDSAWithSHA256), nil))
	all := said(rebuilt(t, token, cms.OIDMD5, cms.OIDECDSAWithSHA256), nil)
	require.Contains(t, all[tsp.CheckAttributes], "MD5, which is broken")
	require.Contains(t, all[tsp.CheckSignature], "MD5 is broken")
	require.Contains(t, said(rebuilt(t, token, cms.OIDSHA256, cms.OIDMD5WithRSA), nil)[tsp.CheckSignature], "MD5 is broken")
	weak := rebuilt(t, token, cms.OIDSHA256, cms.OIDECDSAWithSHA1)
	require.Contains(t, weak.Weakness(), "its signature: SHA-1 is weak")

	id := pki.TSA(testpki.P256, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	c := client(t, answers{"a": body(func(q []byte) []byte { return testpki.TimestampResponse(t, id, q) })}, []string{"a"}, func(o *tsp.Config) { o.Clock = testpki.Now })
	token, err = c.Timestamp(t.Context(), imprint())
	require.NoError(t, err)
	require.Contains(t, said(token, &tsp.VerifyOptions{Roots: pki.Roots()})[tsp.CheckChain], "SHA-1 is weak")
}
