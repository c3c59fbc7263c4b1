package gost_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

func legacy(t testing.TB) sign.Scheme {
	t.Helper()
	for _, s := range gost.Schemes() {
		if s.Name == "gost3410-2001" {
			return s
		}
	}
	t.Fatal("no scheme of GOST R 34.10-2001")
	return sign.Scheme{}
}

func certificate(t testing.TB, path string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	c, err := trust.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

// TestRFC4491 checks the certificate of RFC 4491 section 4.2, which signs itself.
func TestRFC4491(t *testing.T) {
	c := certificate(t, filepath.Join("testdata", "rfc4491.crt"))
	s := legacy(t)
	h := s.NewHash()
	_, _ = h.Write(c.RawTBSCertificate)
	digest := h.Sum(nil)
	spki := c.RawSubjectPublicKeyInfo
	require.NoError(t, s.Verify(spki, digest, c.Signature))

	for i := range c.Signature {
		bad := append([]byte(nil), c.Signature...)
		bad[i] ^= 4
		err := s.Verify(spki, digest, bad)
		require.Error(t, err)
		require.False(t, errors.Is(err, sign.ErrInput) || errors.Is(err, sign.ErrUnsupported))
	}
	require.Error(t, s.Verify(spki, append([]byte{digest[0] ^ 2}, digest[1:]...), c.Signature))
	require.ErrorIs(t, s.Verify(spki, digest[1:], c.Signature), sign.ErrInput)
	require.ErrorIs(t, s.Verify(spki[1:], digest, c.Signature), sign.ErrInput)
	sbox := append([]byte(nil), spki...)
	require.Equal(t, byte(30), sbox[30])
	sbox[31] = 0 // id-GostR3411-94-TestParamSet
	require.ErrorIs(t, s.Verify(sbox, digest, c.Signature), sign.ErrUnsupported)
	key, err := gost.GenerateNamed("1.2.643.2.2.36.0")
	require.NoError(t, err)
	require.ErrorIs(t, s.Verify(key.SubjectPublicKeyInfo(), digest, c.Signature), sign.ErrKeyMismatch)
	require.ErrorIs(t, gost.Scheme(gost.Streebog256).Verify(spki, digest, c.Signature), sign.ErrKeyMismatch)

	curve, _ := gost3410.CurveByOID("1.2.643.2.2.36.0")
	mine, err := gost.GenerateKey(curve)
	require.NoError(t, err)
	_, err = sign.New(mine, []*x509.Certificate{c}, s)
	require.Error(t, err, "nothing is signed with it")
}

// TestEngineOfBefore verifies a message that the engine signed with keys of GOST R 34.10-2001, and says that their time is over.
func TestEngineOfBefore(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("m"), []byte("message"), 0o600))
	for _, set := range []string{"A", "B", "C", "XA", "XB"} {
		engine(t, "genpkey", "-algorithm", "gost2001", "-pkeyopt", "paramset:"+set, "-out", path("k"))
		engine(t, "req", "-new", "-x509", "-key", path("k"), "-md_gost94", "-subj", "/CN=old", "-days", "30", "-out", path("c"))
		engine(t, "cms", "-sign", "-cades", "-md", "md_gost94", "-binary", "-in", path("m"), "-signer", path("c"), "-inkey", path("k"), "-outform", "DER", "-out", path("s"))
		message, err := os.ReadFile(path("s"))
		require.NoError(t, err)
		m, err := cades.Parse(message)
		require.NoError(t, err)
		c := certificate(t, path("c"))
		verify := func(content string, a trust.Algorithms) validate.SignatureReport {
			report, err := m.Verify(t.Context(), sign.Bytes("", []byte(content)), &cades.VerifyOptions{Roots: trust.New(c), Policy: &validate.Policy{Algorithms: a}, NoRevocation: true})
			require.NoError(t, err)
			return report.Outcome().Signatures[0]
		}
		later := time.Now().AddDate(1, 0, 0)
		still := map[string]time.Time{"GOST R 34.10-2001": later, "GOST R 34.11-94": later, "gost3410-2001": later, "GOST R 34.10-2001 with GOST R 34.11-94": later}
		got := verify("message", trust.Algorithms{Schemes: gost.Schemes(), Until: still})
		require.True(t, got.Valid(), "%+v", got.Checks)
		got = verify("another", trust.Algorithms{Schemes: gost.Schemes(), Until: still})
		require.Equal(t, validate.TotalFailed, got.Indication)
		got = verify("message", trust.Algorithms{Schemes: gost.Schemes()})
		at := slices.IndexFunc(got.Checks, func(c validate.Check) bool { return c.Name == validate.CheckAlgorithms })
		require.Equal(t, validate.Tolerated, got.Checks[at].Status, "the report says that its time is over")
		require.Contains(t, got.Checks[at].Detail, "2020")
		require.Equal(t, "GOST R 34.11-94", got.DigestAlgorithm)
		got = verify("message", trust.Algorithms{})
		require.Equal(t, validate.Indeterminate, got.Indication)
	}
}
