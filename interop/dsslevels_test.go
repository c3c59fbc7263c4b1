package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// differently are the files of the corpus of which DSS says another format, and why.
func differently() map[string]string {
	return map[string]string{
		"cades-ats-v3-rev-val-crl.p7s":                                   "DSS asks for time-stamps of X before it says A; RFC 5126 section 4.4.4 lets A stand on any form",
		"cades-ats-v3-rev-val-ocsp.p7s":                                  "the same",
		"dss-646__CAdES_A_DETACHED.csig":                                 "the same",
		"dss-916__test.txt.signed.qes.attached.p7s":                      "the same",
		"dss-916__test.txt.signed_Certipost-2048.detached.old.p7s":       "the same",
		"cades-e-lt.p7m":                                                 "X Long without time-stamps of X (RFC 5126 section 4.4.3.1), for which DSS has no name",
		"cades-extended-a.pkcs7":                                         "DSS says A of an archive time-stamp of version 3 on what is not B-B",
		"cades-dss1956.p7m":                                              "the archive time-stamp lists what is not there (EN 319 122-1 section 5.5.2), so that it reaches nothing",
		"cades-t-copied-sigtst.p7m":                                      "the time-stamp is over another signature value, so that it reaches nothing",
		"evidence-record__C-E-ERS-detached-invalid.p7s":                  "evidence records (RFC 4998) are not known here",
		"evidence-record__C-E-ERS-detached_renewed_hashtree_invalid.p7s": "the same",
		"evidence-record__C-E-ERS-parallel-ers.p7m":                      "the same",
		"evidence-record__C-E-ERS_renewed_hashtree_invalid.p7m":          "the same",
	}
}

// agrees reports whether DSS and a report say the same of form and level. What DSS calls a baseline is a level here, and what it calls
// by the names of RFC 5126 has no baseline level above the one that its time-stamp makes.
func agrees(format string, r *cades.SignatureReport) bool {
	if level, ok := strings.CutPrefix(format, "CAdES-BASELINE-"); ok {
		return r.Level == "B-"+level
	}
	form := strings.NewReplacer(" Long Type 1", "L", " Long Type 2", "L", " Type 1", "", " Type 2", "").Replace(r.Form)
	return form == format || format == "CAdES-BES" && r.Form == "CAdES-BES" && r.Level == "none"
}

// TestDSSFormsOfCorpus compares form and level of real signatures with the format that DSS says.
func TestDSSFormsOfCorpus(t *testing.T) {
	dss.need(t)
	w := newWorld(t)
	seen, differ := 0, 0
	for _, file := range testpki.Corpus(t) {
		ber, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := cades.Parse(ber)
		if err != nil {
			continue
		}
		answer := dss.must(t, "validate", file, "", w.path("root.pem"))
		report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Time: time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)})
		require.NoError(t, err)
		for i := range report.Signatures {
			r, format := &report.Signatures[i], answer[fmt.Sprintf("%d.format", i)]
			seen++
			if why, ok := differently()[filepath.Base(file)]; ok {
				differ++
				require.False(t, agrees(format, r), "%s: it does not differ any more: %s", filepath.Base(file), why)
				continue
			}
			if strings.Contains(file, "Double-C-E-ERS-detached") && format == "CAdES-ERS" {
				continue // the same as of evidence records above, on one of two
			}
			require.True(t, agrees(format, r), "%s: DSS says %s; here the form is %s and the level %s: %v", filepath.Base(file), format, r.Form, r.Level, r.Levels)
		}
	}
	require.Greater(t, seen, 50)
	t.Logf("%d signatures, of which %d differ", seen, differ)
}
