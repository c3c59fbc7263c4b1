package algorithm_test

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
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
			require.NoError(t, algorithm.CertificateSignedBy(c.Raw, c.RawSubjectPublicKeyInfo))
			other := pki.Leaf(testpki.P256).Certificate()
			require.Error(t, algorithm.CertificateSignedBy(c.Raw, other.RawSubjectPublicKeyInfo))
			bad := bytes.Clone(c.Raw)
			bad[len(bad)-1] ^= 1
			require.Error(t, algorithm.CertificateSignedBy(bad, c.RawSubjectPublicKeyInfo))
		})
	}
	key := pki.Leaf(testpki.RSA2048).Key
	pss := pki.SelfSigned(key, "PSS", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA384WithRSAPSS }).Certificate()
	require.NoError(t, algorithm.CertificateSignedBy(pss.Raw, pss.RawSubjectPublicKeyInfo))
	only := pki.PSSLeaf(testpki.RSA2048).Certificate()
	only2048, err := algorithm.ParseKey(only.RawSubjectPublicKeyInfo)
	require.NoError(t, err)
	require.Equal(t, algorithm.PSS, only2048.Kind)
	require.Equal(t, 112, only2048.Strength())
	for name, der := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "empty": []byte("\x30\x00"), "no signature": []byte("\x30\x08\x30\x00\x30\x04\x06\x02\x2a\x03")} {
		require.Error(t, algorithm.CertificateSignedBy(der, pss.RawSubjectPublicKeyInfo), name)
		_, err := algorithm.ParseKey(der)
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
	var r *algorithm.Registry
	one := func(b []byte) []byte { s := sha1.Sum(b); return s[:] }
	five := func(b []byte) []byte { s := md5.Sum(b); return s[:] }
	old := signed(cms.OIDSHA1WithRSA, crypto.SHA1, one)
	note, err := r.VerifySigned(algorithm.UseOCSP, old, spki, testpki.Now())
	require.NoError(t, err)
	require.Contains(t, note, "SHA-1 is weak")
	_, err = r.VerifySigned(algorithm.UseCertificate, old, spki, testpki.Now())
	require.Equal(t, algorithm.NotAllowed, reason(t, err))
	broken := signed(cms.OIDMD5WithRSA, crypto.MD5, five)
	for _, p := range policies {
		_, err = (&algorithm.Registry{Policy: p}).VerifySigned(algorithm.UseCRL, broken, spki, testpki.Now())
		require.Equal(t, algorithm.NotAllowed, reason(t, err))
		require.ErrorContains(t, err, "MD5")
	}
	_, err = (&algorithm.Registry{Policy: &algorithm.Policy{Rules: []algorithm.Rule{}}}).VerifySigned(algorithm.UseCRL, old, spki, testpki.Now())
	require.Equal(t, algorithm.NotAllowed, reason(t, err), "a policy that says nothing allows nothing")
	_, err = r.VerifySigned(algorithm.UseCRL, signed("\x2a\x03\x04", crypto.SHA1, one), spki, testpki.Now())
	require.Equal(t, algorithm.Unsupported, reason(t, err))
}

// TestSignedWithShortKeys says that the key is too short where the signature is right, and that it is wrong where it is not.
func TestSignedWithShortKeys(t *testing.T) {
	message, v := named(t, "rsa-512")
	check := v.check(t)
	tbs, err := cms.ReadValue(append([]byte{4, byte(len(message))}, message...))
	require.NoError(t, err)
	s := &cms.Signed{TBS: tbs, Algorithm: check.Algorithm, Signature: check.Signature}
	_, err = (*algorithm.Registry)(nil).VerifySigned(algorithm.UseCRL, s, check.SPKI, testpki.Now())
	require.Equal(t, algorithm.WrongSignature, reason(t, err), "the octets are others")
}
