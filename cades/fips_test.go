package cades_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testfips"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestFIPS signs, raises and verifies where only what FIPS 140-3 approves may be used.
func TestFIPS(t *testing.T) {
	if !testfips.Only(t) {
		return
	}
	pki := testpki.New(t)
	source := testlevels.NewSource(t, pki)
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P384, testpki.Ed25519} {
		id := pki.Leaf(kind)
		p, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
		require.NoError(t, err)
		signer, err := sign.Open(t.Context(), p, sign.Ref{Thumbprint: sign.Thumbprint(id.Certificate())})
		require.NoError(t, err)
		o := &cades.Options{Level: cades.LevelLTA, Clock: testpki.Now, Timestamper: testlevels.Authority(t, pki, testpki.Now), Revocation: source}
		p7s, err := cades.Sign(t.Context(), signer, sign.Bytes("", []byte("content")), o)
		require.NoError(t, err)
		m, err := cades.Parse(p7s)
		require.NoError(t, err)
		r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots(), Clock: testpki.Now})
		require.NoError(t, err)
		require.True(t, r.Trusted(), "%+v", r.Outcome())
		require.Equal(t, "B-LTA", r.Outcome().Signatures[0].Level)
	}
}

// TestFIPSOldHashes: what others signed by SHA-1 and MD5 is read, and is neither passed nor failed for it.
func TestFIPSOldHashes(t *testing.T) {
	files := testpki.CorpusFiles(t)
	if !testfips.Only(t) {
		return
	}
	old := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := cades.Parse(data)
		if err != nil {
			continue
		}
		r, err := m.Verify(t.Context(), sign.Bytes("", nil), nil) // not the content of the detached ones
		if err != nil {
			continue
		}
		for _, s := range r.Outcome().Signatures {
			if s.DigestAlgorithm != "SHA-1" && s.DigestAlgorithm != "MD5" {
				continue
			}
			old++
			require.Equal(t, validate.Indeterminate, s.Indication, filepath.Base(file))
			require.Equal(t, validate.Unchecked, s.Status(validate.CheckMessageDigest), filepath.Base(file))
		}
	}
	require.NotZero(t, old)
}
