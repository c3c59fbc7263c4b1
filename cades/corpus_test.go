package cades_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestCorpus reads and verifies real signatures as their manifest says. Most contents are not there, so the outcome is of
// the signature over the signed attributes.
func TestCorpus(t *testing.T) {
	var manifests []string
	for _, name := range testpki.Corpus(t) {
		if filepath.Base(name) == "MANIFEST.tsv" {
			manifests = append(manifests, name)
		}
	}
	require.NotEmpty(t, manifests)
	for _, manifest := range manifests {
		f, err := os.Open(manifest)
		require.NoError(t, err)
		defer f.Close()
		r := csv.NewReader(f)
		r.Comma = '\t'
		r.LazyQuotes = true
		rows, err := r.ReadAll()
		require.NoError(t, err)
		for _, row := range rows[1:] {
			t.Run(row[0], func(t *testing.T) {
				ber, err := os.ReadFile(filepath.Join(filepath.Dir(manifest), row[0]))
				require.NoError(t, err)
				corpusFile(t, ber, strings.Fields(row[2]))
			})
		}
	}
}

func corpusFile(t *testing.T, ber []byte, want []string) {
	m, err := cades.Parse(ber)
	if len(want) == 1 && want[0] == "malformed" {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	require.Len(t, m.Signatures(), len(want))
	report, err := m.Verify(context.Background(), sign.Content{}, nil)
	require.NoError(t, err)
	for i, outcome := range want {
		r := &report.Signatures[i]
		switch outcome {
		case "verifies":
			require.Equal(t, cades.Passed, r.Status(cades.CheckSignature), "%+v", r.Checks)
			require.Contains(t, []cades.Status{cades.Passed, cades.Tolerated}, r.Status(cades.CheckAttributeOrder), "%+v", r.Checks)
		case "verifies:digest-algorithms-disagree":
			require.Contains(t, []cades.Status{cades.Passed, cades.Tolerated}, r.Status(cades.CheckSignature), "%+v", r.Checks)
			require.Equal(t, cades.Tolerated, r.Status(cades.CheckAlgorithms), "%+v", r.Checks)
		case "verifies:attributes-sorted":
			require.Equal(t, cades.Passed, r.Status(cades.CheckSignature), "%+v", r.Checks)
			require.Equal(t, cades.Tolerated, r.Status(cades.CheckAttributeOrder), "%+v", r.Checks)
		case "fails-strictly":
			require.Equal(t, cades.Failed, r.Status(cades.CheckSignature), "%+v", r.Checks)
		case "no-certificate":
			require.Equal(t, cades.Unchecked, r.Status(cades.CheckSignature), "%+v", r.Checks)
			require.Nil(t, m.Signatures()[i].SignerCertificate())
		default:
			t.Fatalf("the manifest has an unknown outcome %q", outcome)
		}
		t.Log(m.Signatures()[i].LevelName())
		for _, c := range r.Checks {
			t.Logf("%-24s %-10s %s", c.Name, c.Status, c.Detail)
		}
	}
}
