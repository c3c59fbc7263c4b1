package validate_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/stretchr/testify/require"
)

func algorithmOf(id cms.OID) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	b.Close(seq)
	return b.Bytes()
}

// crafted is a message without signed attributes, by whatever algorithms it says.
func crafted(t *testing.T, id testpki.Identity, digest, signature cms.OID, hash crypto.Hash) *cades.Message {
	t.Helper()
	const content = "content"
	h := hash.New()
	h.Write([]byte(content))
	value, err := id.Key.Sign(rand.Reader, h.Sum(nil), hash)
	require.NoError(t, err)
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.OID(cms.OIDSignedData)
	explicit := b.Open(cms.ContextConstructed(0))
	inner := b.Open(cms.TagSequence)
	b.Int(1)
	set := b.Open(cms.TagSet)
	b.Raw(algorithmOf(digest))
	b.Close(set)
	encap := b.Open(cms.TagSequence)
	b.OID(cms.OIDData)
	octets := b.Open(cms.ContextConstructed(0))
	b.String(cms.TagOctetString, content)
	b.Close(octets)
	b.Close(encap)
	certs := b.Open(cms.ContextConstructed(0))
	for _, c := range id.Chain {
		b.Raw(c.Raw)
	}
	b.Close(certs)
	set = b.Open(cms.TagSet)
	info := b.Open(cms.TagSequence)
	b.Int(1)
	sid := b.Open(cms.TagSequence)
	b.Raw(id.Certificate().RawIssuer)
	b.BigInt(id.Certificate().SerialNumber)
	b.Close(sid)
	b.Raw(algorithmOf(digest), algorithmOf(signature))
	b.Value(cms.TagOctetString, value)
	for _, mark := range []int{info, set, inner, explicit, outer} {
		b.Close(mark)
	}
	m, err := cades.Parse(b.Bytes())
	require.NoError(t, err)
	return m
}

// TestAlgorithmsOfMessages judges the digest of the content, the signature, and the key.
func TestAlgorithmsOfMessages(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.RSA2048)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	old := pki.LeafOf(small, "Old signer")
	anything := sign.Scheme{
		Name: "anything", NewHash: crypto.SHA256.New, Opts: crypto.SHA256, DigestAlg: algorithmOf(cms.OIDSHA256),
		SignatureAlg: algorithmOf("\x2a\x03\x04"), Verify: func(_, _, _ []byte) error { return nil },
	}
	for name, c := range map[string]struct {
		id                testpki.Identity
		digest, signature cms.OID
		hash              crypto.Hash
		want              validate.Status
		says              string
		value             validate.Status
	}{
		"good":                      {id, cms.OIDSHA256, cms.OIDSHA256WithRSA, crypto.SHA256, validate.Passed, "sha256WithRSAEncryption with SHA-256", validate.Passed},
		"MD5":                       {id, cms.OIDMD5, cms.OIDRSAEncryption, crypto.MD5, validate.Failed, "MD5 is broken", validate.Passed},
		"MD5 in the signature":      {id, cms.OIDMD5, cms.OIDMD5WithRSA, crypto.MD5, validate.Failed, "MD5 is broken", validate.Passed},
		"MD5 of the content":        {id, cms.OIDMD5, cms.OIDSHA256WithRSA, crypto.SHA256, validate.Tolerated, "digest algorithms disagree", validate.Passed},
		"SHA-1":                     {id, cms.OIDSHA1, cms.OIDSHA1WithRSA, crypto.SHA1, validate.Tolerated, "SHA-1 is weak", validate.Passed},
		"unknown signature":         {id, cms.OIDSHA256, "\x2a\x03", crypto.SHA256, validate.Unchecked, "1.2.3 is not known here", validate.Unchecked},
		"unknown digest":            {id, cms.OIDStreebog256, cms.OIDRSAEncryption, crypto.SHA256, validate.Unchecked, "GOST R 34.11-2012 256", validate.Unchecked},
		"a short key":               {old, cms.OIDSHA256, cms.OIDSHA256WithRSA, crypto.SHA256, validate.Tolerated, "RSA of 1024 bits is not good any more since 2019-10-01", validate.Passed},
		"the caller's":              {id, cms.OIDSHA256, "\x2a\x03\x04", crypto.SHA256, validate.Passed, "1.2.3.4 with SHA-256", validate.Passed},
		"the caller's with MD5":     {id, cms.OIDMD5, "\x2a\x03\x04", crypto.SHA256, validate.Failed, "MD5 is broken", validate.Passed},
		"the caller's with SHA-1":   {id, cms.OIDSHA1, "\x2a\x03\x04", crypto.SHA256, validate.Tolerated, "SHA-1 is weak", validate.Passed},
		"a signature of other kind": {id, cms.OIDSHA256, cms.OIDECDSAWithSHA256, crypto.SHA256, validate.Passed, "", validate.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := crafted(t, c.id, c.digest, c.signature, c.hash).Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Time: testpki.Now(), Schemes: []sign.Scheme{anything}})
			require.NoError(t, err)
			r := &report.Signatures[0]
			require.Equal(t, c.want, line(r, validate.CheckAlgorithms).Status, all(r))
			require.Contains(t, line(r, validate.CheckAlgorithms).Detail, c.says)
			require.Equal(t, c.value, line(r, validate.CheckSignature).Status, all(r))
			if name == "MD5 of the content" {
				require.Contains(t, all(r), "failed algorithms: MD5 is broken")
			}
		})
	}
}

// TestIssuerOfOwnKind has an authority whose key crypto/x509 does not read: the path is checked with it all the same.
func TestIssuerOfOwnKind(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	root := pki.Root.Certificate()
	spki := root.RawSubjectPublicKeyInfo
	point := spki[len(spki)-65:]
	compressed := append(append([]byte(nil), spki[:len(spki)-65]...), append([]byte{2 + point[64]&1}, point[1:33]...)...)
	compressed[1] -= 32
	compressed[len(compressed)-35] -= 32
	v, err := cms.ReadValue(root.Raw)
	require.NoError(t, err)
	parts := v.Reader()
	tbs, err := parts.Next()
	require.NoError(t, err)
	bent := cms.NewBuilder(nil)
	outer := bent.Open(cms.TagSequence)
	inner := bent.Open(cms.TagSequence)
	for fields := tbs.Reader(); !fields.Empty(); {
		field, err := fields.Next()
		require.NoError(t, err)
		if string(field.Raw()) == string(spki) {
			bent.Raw(compressed)
		} else {
			bent.Raw(field.Raw())
		}
	}
	bent.Close(inner)
	for !parts.Empty() {
		part, err := parts.Next()
		require.NoError(t, err)
		bent.Raw(part.Raw())
	}
	bent.Close(outer)
	roots := trust.New()
	require.NoError(t, roots.AddDER(bent.Bytes()))
	m := crafted(t, id, cms.OIDSHA256, cms.OIDECDSAWithSHA256, crypto.SHA256)
	report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: roots, Time: testpki.Now()})
	require.NoError(t, err)
	got := line(&report.Signatures[0], validate.CheckChain)
	require.Contains(t, []validate.Status{validate.Passed, validate.Tolerated}, got.Status, got.Detail)
	_, err = x509.ParsePKIXPublicKey(compressed)
	require.Error(t, err, "the standard library reads it now: take another kind")
}
