package validate_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
	"github.com/stretchr/testify/require"
)

func roots(t *testing.T, file string) *trust.Roots {
	t.Helper()
	octets, err := os.ReadFile(filepath.Join("testdata", "algorithms", file))
	require.NoError(t, err)
	block, _ := pem.Decode(octets)
	r := trust.New()
	require.NoError(t, r.AddDER(block.Bytes))
	return r
}

func judged(t *testing.T, file string, content io.Reader, o *cades.VerifyOptions) *cades.SignatureReport {
	t.Helper()
	octets, err := os.ReadFile(filepath.Join("testdata", "algorithms", file))
	require.NoError(t, err)
	m, err := cades.Parse(octets)
	require.NoError(t, err)
	if o.Time.IsZero() {
		o.Time = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	}
	report, err := m.Verify(t.Context(), sign.Reader("", content), o)
	require.NoError(t, err)
	require.Len(t, report.Signatures, 1)
	return &report.Signatures[0]
}

func line(r *cades.SignatureReport, name string) validate.Check {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	return validate.Check{}
}

func all(r *cades.SignatureReport) string {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%s %s: %s\n", c.Status, c.Name, c.Detail)
	}
	return b.String()
}

// TestSchemes has schemes, keys and curves that the standard library does not, in the signature and in the certificate.
func TestSchemes(t *testing.T) {
	for _, c := range []struct {
		file, root string
		signature  validate.Status
		chain      validate.Status
		says       string
	}{
		{"1-pss-mgf1-sha1.p7m", "root.pem", validate.Passed, validate.Passed, ""},
		{"2-pss-salt-0.p7m", "root.pem", validate.Passed, validate.Passed, ""},
		{"3-ecdsa-specified.p7m", "root.pem", validate.Passed, validate.Passed, ""},
		{"4-compressed-point.p7m", "root.pem", validate.Passed, validate.Passed, ""},
		{"5-brainpool.p7m", "root.pem", validate.Passed, validate.Passed, ""},
		{"6-certificate-pss-salt-222.p7m", "root.pem", validate.Passed, validate.Passed, ""},
		{"7-certificate-sha1.p7m", "root.pem", validate.Passed, validate.Failed, "SHA-1 is weak"},
		{"8-digestinfo-without-null.p7m", "root.pem", validate.Failed, validate.Passed, "lacks the NULL"},
		{"curves/bp.p7m", "curves/bp.pem", validate.Passed, validate.Passed, ""},
		{"curves/expl.p7m", "curves/expl.pem", validate.Passed, validate.Passed, ""},
		{"curves/k1.p7m", "curves/k1.pem", validate.Passed, validate.Passed, ""},
		{"pss/1-pkcs1-under-pss-key.p7m", "pss/root.pem", validate.Failed, validate.Passed, "for RSASSA-PSS only"},
		{"pss/2-sha256-under-sha512-key.p7m", "pss/root.pem", validate.Failed, validate.Passed, "RSASSA-PSS with SHA-512 only"},
		{"pss/3-salt-32-under-at-least-48.p7m", "pss/root.pem", validate.Failed, validate.Passed, "demands 48 at least"},
		{"pss/4-mgf-sha256-under-mgf-sha1.p7m", "pss/root.pem", validate.Failed, validate.Passed, "a mask by SHA-1 only"},
		{"pss/5-allowed.p7m", "pss/root.pem", validate.Passed, validate.Passed, ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := judged(t, c.file, nil, &cades.VerifyOptions{Roots: roots(t, c.root)})
			require.Equal(t, c.signature, line(r, validate.CheckSignature).Status, all(r))
			require.Equal(t, c.chain, line(r, validate.CheckChain).Status, all(r))
			require.Contains(t, all(r), c.says)
			require.NotContains(t, all(r), "crypto/")
			require.NotContains(t, all(r), "x509:")
		})
	}
	r := judged(t, "8-digestinfo-without-null.p7m", nil, &cades.VerifyOptions{Roots: roots(t, "root.pem"), AllowBareDigestInfo: true})
	require.Equal(t, validate.Tolerated, line(r, validate.CheckSignature).Status, all(r))
	// Before 2020 nobody could make a second certificate for a signature with SHA-1.
	r = judged(t, "7-certificate-sha1.p7m", nil, &cades.VerifyOptions{Roots: roots(t, "root.pem"), Time: time.Date(2019, time.December, 1, 0, 0, 0, 0, time.UTC)})
	require.NotContains(t, line(r, validate.CheckChain).Detail, "SHA-1 is weak", all(r))
}

// TestValueOfAnotherScheme says what is wrong with a value of RSASSA-PSS that calls itself rsaEncryption.
func TestValueOfAnotherScheme(t *testing.T) {
	content, err := os.ReadFile("testdata/algorithms/pss-value/content")
	require.NoError(t, err)
	r := judged(t, "pss-value/m.p7s", bytes.NewReader(content), &cades.VerifyOptions{})
	got := line(r, validate.CheckSignature)
	require.Equal(t, validate.Failed, got.Status)
	require.Contains(t, got.Detail, "the key of the certificate is for RSASSA-PSS only")
	require.Contains(t, got.Detail, "the value was made with RSASSA-PSS")
}

// TestSignatureOverTheContent has Ed25519 without signed attributes, which is over the content and not over its digest.
func TestSignatureOverTheContent(t *testing.T) {
	content, err := os.ReadFile("testdata/algorithms/ed25519/content")
	require.NoError(t, err)
	o := func() *cades.VerifyOptions { return &cades.VerifyOptions{Roots: roots(t, "ed25519/c.pem")} }
	for _, file := range []string{"m.p7m", "m.p7s"} {
		r := judged(t, "ed25519/"+file, bytes.NewReader(content), o())
		require.Equal(t, validate.Passed, line(r, validate.CheckSignature).Status, all(r))
	}
	r := judged(t, "ed25519/m.p7m", nil, o())
	require.Equal(t, validate.Passed, line(r, validate.CheckSignature).Status, all(r))
	r = judged(t, "ed25519/m.p7s", strings.NewReader("other"), o())
	require.Equal(t, validate.Failed, line(r, validate.CheckSignature).Status, all(r))
	r = judged(t, "ed25519/m.p7s", strings.NewReader(""), o())
	require.Equal(t, validate.Failed, line(r, validate.CheckSignature).Status, all(r))
	r = judged(t, "ed25519/m.p7s", nil, o())
	require.Equal(t, validate.Unchecked, line(r, validate.CheckSignature).Status, all(r))
	require.Contains(t, line(r, validate.CheckSignature).Detail, "give the content itself")
	// What is kept has a bound, so that a content of any size is judged in so much memory.
	r = judged(t, "ed25519/m.p7s", io.LimitReader(zeros{}, 16<<20+1), o())
	require.Equal(t, validate.Unchecked, line(r, validate.CheckSignature).Status, all(r))
	require.Contains(t, line(r, validate.CheckSignature).Detail, "more than 16 MiB")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestWeakImprint has a time-stamp with an imprint by SHA-1, which never counts without a word.
func TestWeakImprint(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	p7s, err := cades.Sign(t.Context(), signer, sign.Bytes("", []byte("content")), &cades.Options{SigningTime: testpki.Now()})
	require.NoError(t, err)
	sd, err := cms.ParseSignedData(p7s)
	require.NoError(t, err)
	si := sd.Signers[0]
	stamped := func(hash crypto.Hash, algorithm string) []byte {
		h := hash.New()
		h.Write(si.SignatureRaw)
		q, err := tsp.NewRequest(sign.Digest{Algorithm: []byte(algorithm), Sum: h.Sum(nil)}, "")
		require.NoError(t, err)
		response := testpki.TimestampResponse(t, pki.TSA(testpki.P256), q.Raw, func(ts *testpki.Timestamp) { ts.GenTime = testpki.Now() })
		v, err := cms.ReadValue(response)
		require.NoError(t, err)
		parts := v.Reader()
		_, err = parts.Next()
		require.NoError(t, err)
		token, err := parts.Next()
		require.NoError(t, err)
		b := cms.NewBuilder(nil)
		outer := b.Open(cms.TagSequence)
		b.OID(cms.OIDSignedData)
		explicit := b.Open(cms.ContextConstructed(0))
		inner := b.Open(cms.TagSequence)
		fields, err := sd.Value.Reader(), error(nil)
		var field cms.Value
		for !fields.Empty() {
			field, err = fields.Next()
			require.NoError(t, err)
			if !fields.Empty() {
				b.Raw(field.Raw())
			}
		}
		signers := b.Open(cms.TagSet)
		info := b.Open(cms.TagSequence)
		b.Raw(si.Value.Body())
		unsigned := b.Open(cms.ContextConstructed(1))
		attribute := b.Open(cms.TagSequence)
		b.OID(cms.OIDSignatureTimeStamp)
		set := b.Open(cms.TagSet)
		b.Raw(token.Raw())
		for _, mark := range []int{set, attribute, unsigned, info, signers, inner, explicit, outer} {
			b.Close(mark)
		}
		return b.Bytes()
	}
	check := func(octets []byte) validate.Check {
		m, err := cades.Parse(octets)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: trust.New(pki.Root.Certificate()), Time: testpki.Now()})
		require.NoError(t, err)
		return line(&report.Signatures[0], validate.CheckTimestamp)
	}
	got := check(stamped(crypto.SHA256, "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"))
	require.NotEqual(t, validate.Failed, got.Status, got.Detail)
	require.NotContains(t, got.Detail, "weak")
	strong := got.Status
	got = check(stamped(crypto.SHA1, "\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a"))
	require.Contains(t, got.Detail, "its imprint: SHA-1 is weak")
	require.Equal(t, strong == validate.Passed, got.Status == validate.Tolerated, got.Detail)
	got = check(stamped(crypto.MD5, "\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05"))
	require.Equal(t, validate.Failed, got.Status)
	require.Contains(t, got.Detail, "MD5 is broken")
}

// TestOldCertificate has a certificate that was signed with SHA-1. Before 2020, when others could not make a second one, it
// counts, and the report says so.
func TestOldCertificate(t *testing.T) {
	pki := testpki.New(t)
	old := time.Date(2010, time.January, 1, 0, 0, 0, 0, time.UTC)
	root := pki.SelfSigned(testpki.NewKey(t, testpki.P256), "Old root", func(c *x509.Certificate) {
		c.NotBefore, c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = old, true, true, x509.KeyUsageCertSign, nil
	})
	leaf := pki.Issue(testpki.Identity{Key: root.Key, Chain: root.Chain}, testpki.NewKey(t, testpki.P256), &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Old signer"}, NotBefore: old, NotAfter: testpki.NotAfter(),
		KeyUsage: x509.KeyUsageDigitalSignature, SignatureAlgorithm: x509.ECDSAWithSHA1,
	})
	key, err := soft.NewKey(leaf.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, leaf.Chain[:1], testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	p7s, err := cades.Sign(t.Context(), signer, sign.Bytes("", []byte("content")), &cades.Options{SigningTime: testpki.Now()})
	require.NoError(t, err)
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	for at, want := range map[time.Time]validate.Status{time.Date(2019, time.June, 1, 0, 0, 0, 0, time.UTC): validate.Tolerated, testpki.Now(): validate.Failed} {
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: trust.New(root.Certificate()), Time: at})
		require.NoError(t, err)
		got := line(&report.Signatures[0], validate.CheckChain)
		require.Equal(t, want, got.Status, got.Detail)
		require.Contains(t, got.Detail, "SHA-1 is weak")
	}
}
