package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// pkitsFolder is where the suite is, which is not part of the repository.
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

// pkitsRow is a test of the suite: its number, and its end certificate, whose name says what has to come out.
type pkitsRow struct{ number, end string }

var pkitsName = regexp.MustCompile(`^(Valid|Invalid)(.+)Test(\d+)EE\.crt$`)

// pkitsRows lists the tests of the sections about CRLs by the names of their end certificates.
func pkitsRows(t *testing.T, dir string) (rows []pkitsRow) {
	t.Helper()
	sections := []struct{ section, titles string }{
		{"4.4", `MissingCRL|RevokedCA|RevokedEE|BadCRLSignature|BadCRLIssuerName|WrongCRL|TwoCRLs|UnknownCRLEntryExtension|UnknownCRLExtension|OldCRLnextUpdate|pre2000CRLnextUpdate|GeneralizedTimeCRLnextUpdate|NegativeSerialNumber|LongSerialNumber|SeparateCertificateandCRLKeys`},
		{"4.5", `BasicSelfIssued.+`},
		{"4.7", `keyUsage.*cRLSignFalse|keyUsageNotCritical`},
		{"4.14", `distributionPoint|NoissuingDistributionPoint|onlyContains.+|onlySomeReasons|IDPwithindirectCRL|cRLIssuer`},
		{"4.15", `deltaCRL.*`},
	}
	files, err := filepath.Glob(filepath.Join(dir, "certs", "*EE.crt"))
	require.NoError(t, err)
	for _, s := range sections {
		is := regexp.MustCompile("^(" + s.titles + ")$")
		var of []pkitsRow
		for _, name := range files {
			m := pkitsName.FindStringSubmatch(filepath.Base(name))
			if m != nil && is.MatchString(m[2]) {
				of = append(of, pkitsRow{s.section + "." + m[3], filepath.Base(name)})
			}
		}
		slices.SortFunc(of, func(a, b pkitsRow) int { return last(a.number) - last(b.number) })
		rows = append(rows, of...)
	}
	return rows
}

func last(number string) int {
	n, _ := strconv.Atoi(number[strings.LastIndex(number, ".")+1:])
	return n
}

// pkitsDifferences explains what comes out otherwise than the document has it.
var pkitsDifferences = map[string]string{}

// refusal is why a path was refused, for the table.
type refusal struct{ what string }

func (r *refusal) Error() string { return r.what }

// TestPKITS is the sections of the Public Key Interoperability Test Suite of NIST that need CRLs, with all certificates and all CRLs of the
// suite at hand, and everybody on a path but the anchor known to be good. What came out is docs/pkits-crls.md.
func TestPKITS(t *testing.T) {
	dir := pkitsFolder(t)
	pool := pki.NewPool()
	values := &revocation.Values{}
	var anchor *pki.Certificate
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
		values.RawCertificates = append(values.RawCertificates, der)
	}
	anchor = certificates["TrustAnchorRootCertificate.crt"]
	lists, err := filepath.Glob(filepath.Join(dir, "crls", "*.crl"))
	require.NoError(t, err)
	require.Len(t, lists, 173)
	for _, name := range lists {
		der, err := os.ReadFile(name)
		require.NoError(t, err)
		_, err = revocation.ParseCRL(der)
		require.Equal(t, filepath.Base(name) == "BadCRLSignatureCACRL.crl", err != nil, name) // its signature has no whole number of octets
		values.CRLs = append(values.CRLs, der)
	}
	var table strings.Builder
	table.WriteString(pkitsHead)
	met, rows := 0, pkitsRows(t, dir)
	counts := map[string]int{}
	for _, row := range rows {
		counts[row.number[:strings.LastIndex(row.number, ".")]]++
		got, short, err := pkitsJudge(values, pool, anchor, certificates[row.end])
		document := strings.ToLower(pkitsName.FindStringSubmatch(row.end)[1])
		note := pkitsDifferences[row.number]
		if (note == "") != (document == short) {
			t.Errorf("%s %s: %s: %v", row.number, row.end, got, err)
		}
		if note == "" {
			met++
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", row.number, strings.TrimSuffix(row.end, ".crt"), document, got, note)
	}
	require.Equal(t, map[string]int{"4.4": 21, "4.5": 8, "4.7": 3, "4.14": 35, "4.15": 10}, counts)
	fmt.Fprintf(&table, "\n%d results are those of the document; %d others are explained.\n", met, len(pkitsDifferences))
	doc := filepath.Join("..", "docs", "pkits-crls.md")
	if os.Getenv("SIGNET_UPDATE") != "" {
		require.NoError(t, os.WriteFile(doc, []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile(doc)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(), "run the test with SIGNET_UPDATE=1")
}

// pkitsJudge judges one end certificate as cades/validate does: a path counts when nobody on it is revoked, which has to be known. The
// class of what came out is short.
func pkitsJudge(values *revocation.Values, pool *pki.Pool, anchor, end *pki.Certificate) (got, short string, err error) {
	checker := revocation.NewChecker(values)
	o := &revocation.CheckOptions{At: testpki.Now(), Now: testpki.Now(), Anchor: anchor.Raw}
	v := pki.Verifier{
		Anchors: pki.Trust(anchor), Pools: []*pki.Pool{pool}, Time: testpki.Now(), Purpose: pki.AnyUse,
		Accept: func(_ context.Context, path *pki.Path) error {
			chain := path.Chain()
			for i, c := range chain[:len(chain)-1] {
				s, err := checker.CheckRaw(c.Raw, chain[i+1].Raw, o)
				if err != nil {
					return fmt.Errorf("%w: %w", &refusal{"not known: " + checkOf(err)}, err)
				}
				if s.State == revocation.Revoked {
					return &refusal{"revoked: " + s.Reason.String()}
				}
			}
			return nil
		},
	}
	if _, err = v.Path(context.Background(), end); err == nil {
		return "valid", "valid", nil
	}
	var why *refusal
	if errors.As(err, &why) {
		return why.what, "invalid", err
	}
	var reason *pki.Error
	if errors.As(err, &reason) {
		return reason.Reason.String(), "invalid", err
	}
	return err.Error(), "invalid", err
}

// checkOf names the checks that failed.
func checkOf(err error) string {
	var names []string
	for _, c := range []revocation.Check{revocation.CheckSource, revocation.CheckIssuer, revocation.CheckKeyUsage, revocation.CheckSignature, revocation.CheckExtensions,
		revocation.CheckDelta, revocation.CheckIndirect, revocation.CheckScope, revocation.CheckTime, revocation.CheckWork, revocation.CheckEncoding} {
		if errors.Is(err, c) {
			names = append(names, string(c))
		}
	}
	return strings.Join(names, ", ")
}

const pkitsHead = `# NIST PKITS: revocation

The sections of the Public Key Interoperability Test Suite (version 1.0.1) that need CRLs. All 405 certificates and all 173 CRLs of the
suite are offered at once; a path counts when everybody on it but the anchor is known not to be revoked. The column "got" says why it
does not count: revoked with the reason, or not known with the checks that failed. The table is written by
` + "`SIGNET_UPDATE=1 go test -run PKITS ./revocation`" + ` with the suite at hand, and checked by the same test.

| test | end certificate | document | got | why it differs |
|---|---|---|---|---|
`
