package cades_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// TestCorpusTable writes docs/corpus.md, or compares with it: what is found of each real signature. The names of people stay out.
func TestCorpusTable(t *testing.T) {
	files := testpki.Corpus(t)
	var b bytes.Buffer
	b.WriteString(`# Real signatures

What Signet finds of the 55 files of the corpus of DSS, which is not part of the repository, since they hold people's certificates.
Most contents are not there. Trusted are the roots that each file brings along itself, so that what is judged is everything but
whom one trusts; the time is 2026-11-01, long after the end of most certificates, and nobody is asked whether one was revoked. The table is
written by ` + "`SIGNET_UPDATE=1 go test ./cades -run CorpusTable`" + ` and checked by the same test.

| file | form | level; what the next one asks for | conclusion | time-stamps that prove something | checks that did not pass |
|---|---|---|---|---|---|
`)
	rows := 0
	for _, file := range files {
		if filepath.Base(filepath.Dir(file)) != "dss" || strings.HasSuffix(file, ".tsv") || strings.HasSuffix(file, ".md") {
			continue
		}
		ber, err := os.ReadFile(file)
		require.NoError(t, err)
		rows++
		m, err := cades.Parse(ber)
		if err != nil {
			fmt.Fprintf(&b, "| %s | - | - | cannot be read | - | - |\n", filepath.Base(file))
			continue
		}
		report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: rootsInside(m), Time: time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)})
		require.NoError(t, err)
		for i := range report.Signatures {
			r := &report.Signatures[i]
			conclusion := r.Indication.String()
			if r.SubIndication != "" {
				conclusion += ", " + string(r.SubIndication)
			}
			passed := 0
			for _, stamp := range r.Timestamps {
				if stamp.Indication == validate.TotalPassed {
					passed++
				}
			}
			var open []string
			for _, c := range r.Checks {
				if line := c.Name + " " + c.Status.String(); c.Status != cades.Passed && !slices.Contains(open, line) {
					open = append(open, line)
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %d of %d | %s |\n", filepath.Base(file), r.Form, nextLevel(r), conclusion, passed, len(r.Timestamps), strings.Join(open, ", "))
		}
	}
	require.Greater(t, rows, 50)
	doc := filepath.Join("..", "docs", "corpus.md")
	if os.Getenv("SIGNET_UPDATE") != "" {
		require.NoError(t, os.WriteFile(doc, b.Bytes(), 0o644))
	}
	have, err := os.ReadFile(doc)
	require.NoError(t, err)
	// Other files than those of the table may be there, or some of them only.
	for _, line := range strings.Split(b.String(), "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if strings.HasPrefix(line, "| ") && strings.Contains(string(have), "| "+name+" |") {
			require.Contains(t, string(have), line)
		}
	}
}

// nextLevel is the baseline level of a signature, and what the next one asks for.
func nextLevel(r *cades.SignatureReport) string {
	for _, l := range r.Levels {
		if l.Reached {
			continue
		}
		var parts []string
		for _, f := range l.Missing {
			if part := f.Part + " " + string(f.Problem); !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
		return fmt.Sprintf("%s; %s: %s", r.Level, l.Level, strings.Join(parts, ", "))
	}
	return r.Level
}

// rootsInside are the self-issued certificates of a message and of its time-stamps.
func rootsInside(m *cades.Message) *trust.Roots {
	roots := trust.New()
	add := func(der []byte) {
		if c, err := pki.ParseCertificate(der); err == nil && c.SelfIssued() {
			_ = roots.AddDER(der)
		}
	}
	for _, c := range m.Certificates() {
		add(c.Raw)
	}
	for _, s := range m.Signatures() {
		for _, t := range s.Timestamps() {
			if t.Token != nil {
				for _, c := range t.Token.Certificates() {
					add(c.Raw)
				}
			}
		}
		for _, a := range s.UnsignedAttributes() {
			if a.Type != cms.OIDCertificateValues.String() {
				continue
			}
			for _, value := range a.Values {
				if v, err := cms.ReadValue(value); err == nil {
					r := v.Reader()
					all, _ := r.All()
					for _, one := range all {
						add(one.Raw())
					}
				}
			}
		}
	}
	return roots
}
