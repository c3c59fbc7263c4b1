package cms_test

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestCertificateSignedBy checks certificates that are signed with every kind of key, also by issuers that crypto/x509
// cannot use.
func TestCertificateSignedBy(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range testpki.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			id := pki.SelfSigned(pki.Leaf(kind).Key, "self-signed")
			c := id.Certificate()
			require.NoError(t, cms.CertificateSignedBy(c.Raw, c.RawSubjectPublicKeyInfo))
			other := pki.Leaf(testpki.P256).Certificate()
			require.Error(t, cms.CertificateSignedBy(c.Raw, other.RawSubjectPublicKeyInfo))
			bad := bytes.Clone(c.Raw)
			bad[len(bad)-1] ^= 1
			require.Error(t, cms.CertificateSignedBy(bad, c.RawSubjectPublicKeyInfo))
		})
	}
	key := pki.Leaf(testpki.RSA2048).Key
	pss := pki.SelfSigned(key, "PSS", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA384WithRSAPSS }).Certificate()
	require.NoError(t, cms.CertificateSignedBy(pss.Raw, pss.RawSubjectPublicKeyInfo))
	only := pki.PSSLeaf(testpki.RSA2048).Certificate()
	pub, err := cms.PublicKey(only.RawSubjectPublicKeyInfo)
	require.NoError(t, err)
	require.IsType(t, &rsa.PublicKey{}, pub)
	for name, der := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "empty": []byte("\x30\x00"), "no signature": []byte("\x30\x08\x30\x00\x30\x04\x06\x02\x2a\x03")} {
		require.Error(t, cms.CertificateSignedBy(der, pss.RawSubjectPublicKeyInfo), name)
		_, err := cms.PublicKey(der)
		require.Error(t, err, name)
	}
}

// TestOldHashes takes SHA-1, of which old chains are made, and refuses MD5.
func TestOldHashes(t *testing.T) {
	key := testpki.New(t).Leaf(testpki.RSA2048).Key
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	signed := func(alg cms.OID, h crypto.Hash, sum func([]byte) []byte) *cms.Signed {
		b := cms.NewBuilder(nil)
		outer := b.Open(cms.TagSequence)
		tbs := b.Len()
		b.Close(b.Open(cms.TagSequence))
		signature, err := key.Sign(rand.Reader, sum(b.Bytes()[tbs:]), h)
		require.NoError(t, err)
		a := b.Open(cms.TagSequence)
		b.OID(alg)
		b.Null()
		b.Close(a)
		b.Value(cms.TagBitString, append([]byte{0}, signature...))
		b.Close(outer)
		v, err := cms.ReadValue(b.Bytes())
		require.NoError(t, err)
		s, err := cms.ParseSigned(v)
		require.NoError(t, err)
		return &s
	}
	require.NoError(t, signed(cms.OIDSHA1WithRSA, crypto.SHA1, func(b []byte) []byte { s := sha1.Sum(b); return s[:] }).VerifiedBy(spki))
	require.ErrorContains(t, signed(cms.OIDMD5WithRSA, crypto.MD5, func(b []byte) []byte { s := md5.Sum(b); return s[:] }).VerifiedBy(spki), "MD5")
	err = signed("\x2a\x03\x04", crypto.SHA1, func(b []byte) []byte { s := sha1.Sum(b); return s[:] }).VerifiedBy(spki)
	_, ok := errors.AsType[*cms.UnsupportedError](err)
	require.True(t, ok, "%v", err)
}
