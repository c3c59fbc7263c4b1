package validate_test

import (
	"bytes"
	"crypto"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestSignatureAlgorithmAsDigest has what some write: sha256WithRSAEncryption where SHA-256 belongs.
func TestSignatureAlgorithmAsDigest(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.RSA2048)
	verify := func(digest, signature cms.OID, hash crypto.Hash) *cades.SignatureReport {
		r, err := crafted(t, id, digest, signature, hash).Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
		require.NoError(t, err)
		return &r.Signatures[0]
	}
	r := verify(cms.OIDSHA256WithRSA, cms.OIDRSAEncryption, crypto.SHA256)
	require.Equal(t, validate.TotalPassed, r.Indication, all(r))
	require.Contains(t, all(r), "tolerated structure: sha256WithRSAEncryption is a signature algorithm in the place of a digest algorithm; SHA-256 is taken")
	r = verify(cms.OIDMD5WithRSA, cms.OIDRSAEncryption, crypto.MD5)
	require.Equal(t, validate.WeakAlgorithm, r.SubIndication, "its hash is judged as any other: "+all(r))
	r = verify(cms.OIDSHA512WithRSA, cms.OIDRSAEncryption, crypto.SHA256)
	require.Equal(t, validate.TotalFailed, r.Indication, all(r))
	r = verify(cms.OIDRSAEncryption, cms.OIDSHA256WithRSA, crypto.SHA256)
	require.NotEqual(t, validate.TotalPassed, r.Indication, "it names no hash")
}

// TestLineEnds: of a content whose line ends were changed it is said, and it is not the one that was signed.
func TestLineEnds(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	const unix, dos = "one\ntwo\n", "one\r\ntwo\r\n"
	for name, c := range map[string]struct {
		signed string
		given  io.Reader
		says   string
	}{
		"signed as text":    {dos, strings.NewReader(unix), "ends with CR LF:"},
		"changed on a disk": {unix, strings.NewReader(dos), "ends with LF:"},
		"another text":      {dos, strings.NewReader("one\nthree\n"), ""},
		"a stream":          {dos, io.MultiReader(strings.NewReader(unix)), ""},
		"from the middle":   {dos, after(t, "head "+unix, 5), "ends with CR LF:"},
		"a large one":       {strings.Repeat(dos, 2<<20), strings.NewReader(strings.Repeat(unix, 3<<20)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte(c.signed)), &cades.Options{Clock: w.clock})
			require.NoError(t, err)
			m, err := cades.Parse(p7s)
			require.NoError(t, err)
			r, err := m.Verify(t.Context(), sign.Reader("", c.given), &cades.VerifyOptions{Roots: w.pki.Roots(), Clock: w.clock})
			require.NoError(t, err)
			got := &r.Signatures[0]
			require.Equal(t, validate.TotalFailed, got.Indication)
			require.Equal(t, validate.CauseContentChanged, got.Cause)
			if c.says == "" {
				require.NotContains(t, got.Reason, "line")
			} else {
				require.Contains(t, got.Reason, c.says)
			}
		})
	}
	der := w.sign(s, &cades.Options{})
	bent := bytes.Replace(der, content, []byte("con\nent"), 1)
	r := w.verify(bent)
	require.Equal(t, validate.TotalFailed, r.Indication)
	require.NotContains(t, r.Reason, "line ends")
}

func after(t *testing.T, text string, n int64) io.Reader {
	r := strings.NewReader(text)
	_, err := r.Seek(n, io.SeekStart)
	require.NoError(t, err)
	return r
}
