package pki_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// pkitsDifferences explains where a path is judged otherwise than the document has it for path and revocation together.
var pkitsDifferences = map[string]struct{ got, why string }{
	"4.1.5": {"unsupported algorithm", "a DSA key that takes its parameters from its issuer is not supported, so nobody can say"},
	"4.5.2": {"valid", "the path is valid; the certificate is revoked, which CRLs say"},
	"4.5.5": {"valid", "the path is valid; the certificate is revoked, which CRLs say"},
	"4.5.7": {"valid", "the path is valid; the certificate is revoked, which CRLs say"},
	"4.7.4": {"valid", "the path is valid; the authority may not sign the CRL that is there"},
	"4.7.5": {"valid", "the path is valid; the authority may not sign the CRL that is there"},
}

// TestPKITS is the sections of the Public Key Interoperability Test Suite of NIST that are about paths, with the settings and
// results of the document. All certificates of the suite are there at once, so paths have to be found, too. What came out is
// docs/pkits.md.
func TestPKITS(t *testing.T) {
	dir := pkitsFolder(t)
	pool := new(pki.Pool)
	files, err := filepath.Glob(filepath.Join(dir, "certs", "*.crt"))
	require.NoError(t, err)
	require.Len(t, files, 405)
	certificates := map[string]*pki.Certificate{}
	for _, name := range files {
		der, err := os.ReadFile(name)
		require.NoError(t, err)
		c, err := pki.ParseCertificate(der)
		require.NoError(t, err, name)
		certificates[filepath.Base(name)] = pool.Add(c)
	}
	var table strings.Builder
	table.WriteString(pkitsHead)
	met := 0
	for _, row := range pkitsRows(t) {
		number, title, end, initial, flags, document := row[0], row[1], row[2], row[3], row[4], row[5]
		v := pki.Verifier{
			Anchors: pki.Trust(certificates["TrustAnchorRootCertificate.crt"]),
			Pools:   []*pki.Pool{pool},
			Time:    testpki.Now(),
			Purpose: pki.AnyUse,
			Policies: pki.Policies{
				Initial:        pkitsPolicies(initial),
				Explicit:       strings.Contains(flags, "explicit"),
				InhibitMapping: strings.Contains(flags, "inhibit mapping"),
				InhibitAny:     strings.Contains(flags, "inhibit any"),
			},
		}
		require.Contains(t, certificates, end)
		_, err := v.Path(context.Background(), certificates[end])
		got, short := "valid", "valid"
		var reason *pki.Error
		if errors.As(err, &reason) {
			got, short = reason.Reason.String(), "invalid"
		}
		note := ""
		if d, ok := pkitsDifferences[number]; ok {
			require.Equal(t, d.got, got, "%s %s", number, title)
			note = d.why
		} else {
			require.Equal(t, document, short, "%s %s: %v", number, title, err)
			met++
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %s |\n", number, title, initial, flags, document, got, note)
	}
	fmt.Fprintf(&table, "\n%d results are those of the document; %d others are explained.\n", met, len(pkitsDifferences))
	doc := filepath.Join("..", "..", "docs", "pkits.md")
	if os.Getenv("SIGNET_UPDATE") != "" {
		require.NoError(t, os.WriteFile(doc, []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile(doc)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(), "run the test with SIGNET_UPDATE=1")
}

const pkitsHead = `# NIST PKITS

The sections of the Public Key Interoperability Test Suite (version 1.0.1) that are about paths of certificates, as
` + "`internal/pki`" + ` judges them without any CRL. All 405 certificates of the suite are offered at once, so each path has to be found
among them. The table is written by ` + "`SIGNET_UPDATE=1 go test -run PKITS ./internal/pki`" + ` with the suite at hand, and checked by the same
test.

| test | title | initial policies | flags | document | got | why it differs |
|---|---|---|---|---|---|---|
`

func pkitsRows(t *testing.T) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "pkits.tsv"))
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	require.NoError(t, err)
	return rows[1:]
}

func pkitsFolder(t *testing.T) string {
	t.Helper()
	for _, name := range testpki.CorpusFiles(t) {
		if dir := filepath.Dir(name); filepath.Base(dir) == "pkits" {
			return dir
		}
	}
	t.Skip("SKIPPED: no NIST PKITS: set SIGNET_CORPUS to the folder that holds it as pkits, or put it at ../shared/corpus beside the repository")
	return ""
}

func pkitsPolicies(text string) (ids []cms.OID) {
	if text == "any" {
		return []cms.OID{cms.OIDAnyPolicy}
	}
	for n := range strings.SplitSeq(text, ",") {
		id, err := cms.ParseOID("2.16.840.1.101.3.2.1.48." + n)
		if err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	return ids
}
