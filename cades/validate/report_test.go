package validate_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// TestCauses: a program tells these apart without reading a sentence.
func TestCauses(t *testing.T) {
	w := newWorld(t)
	s := w.signer(until(w.now.AddDate(1, 0, 0)))
	der := w.sign(s, &cades.Options{})
	detached, err := cades.Sign(t.Context(), s, sign.Bytes("", content), &cades.Options{Clock: w.clock})
	require.NoError(t, err)
	spoiled := bytes.Clone(der)
	spoiled[len(spoiled)-5]++ // the value is last
	changed := bytes.Replace(der, content, []byte("CONTENT"), 1)
	revoked := func(o *validate.Options) {
		o.Values = w.values(x509.RevocationListEntry{SerialNumber: s.Certificate().SerialNumber, RevocationTime: w.now.AddDate(0, 0, -1)})
	}
	at := func(years int) func(*validate.Options) {
		return func(o *validate.Options) { o.Time = w.now.AddDate(years, 0, 1) }
	}
	ca := w.signerOf(w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), testpki.Must(sign.ECDSA(crypto.SHA256)))
	unknown := crafted(t, w.pki.Leaf(testpki.RSA2048), cms.OIDSHA256, "\x2b\x06\x01\x04\x01\x01\x63", crypto.SHA256).Bytes()
	gost := crafted(t, w.pki.Leaf(testpki.RSA2048), "\x2a\x85\x03\x07\x01\x01\x02\x02", "\x2a\x85\x03\x07\x01\x01\x03\x02", crypto.SHA256).Bytes()
	weak := crafted(t, w.pki.Leaf(testpki.RSA2048), cms.OIDMD5, cms.OIDMD5WithRSA, crypto.MD5).Bytes()
	for _, c := range []struct {
		name  string
		der   []byte
		bend  func(*validate.Options)
		cause validate.Cause
		of    validate.Indication
	}{
		{"passed", der, nil, validate.CausePassed, validate.TotalPassed},
		{"forged", spoiled, nil, validate.CauseForged, validate.TotalFailed},
		{"changed", changed, nil, validate.CauseContentChanged, validate.TotalFailed},
		{"content missing", detached, nil, validate.CauseContentMissing, validate.Indeterminate},
		{"no roots", der, func(o *validate.Options) { o.Roots = nil }, validate.CauseNoRoots, validate.Indeterminate},
		{"unknown authority", der, func(o *validate.Options) {
			o.Roots = trust.New(w.pki.SelfSigned(testpki.NewKey(t, testpki.P256), "Another").Certificate())
		},
			validate.CauseUnknownAuthority, validate.Indeterminate},
		{"expired", der, at(2), validate.CauseExpired, validate.Indeterminate},
		{"not yet valid", der, at(-20), validate.CauseNotYetValid, validate.Indeterminate},
		{"revoked", der, revoked, validate.CauseRevoked, validate.Indeterminate},
		{"revocation unknown", w.sign(w.signer(place), &cades.Options{}), nil, validate.CauseRevocationUnknown, validate.Indeterminate},
		{"misused", w.sign(ca, &cades.Options{AnyCertificate: true}), nil, validate.CauseMisusedCertificate, validate.Indeterminate},
		{"not checked", unknown, nil, validate.CauseNotChecked, validate.Indeterminate},
		{"GOST", gost, nil, validate.CauseNotChecked, validate.Indeterminate},
		{"weak", weak, nil, validate.CauseWeakAlgorithm, validate.Indeterminate},
		{"policy", der, with(validate.Policy{Level: "B-T"}), validate.CausePolicy, validate.Indeterminate},
		{"policy of certificates", der, with(validate.Policy{CertificatePolicies: []string{"1.2.3"}}), validate.CausePolicy, validate.Indeterminate},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t, w.pki, w.now}
			var bend []func(*validate.Options)
			if c.bend != nil {
				bend = append(bend, c.bend)
			}
			r := w.verify(c.der, bend...)
			require.Equal(t, c.cause, r.Cause, "%s: %s", r.SubIndication, r.Reason)
			require.Equal(t, c.of, r.Indication)
			require.NotRegexp(t, `\b(cades|cms|pki|sign|trust|tsp|x509|asn1): |path that was refused`, r.Reason, "people read it")
			if r.Proof == "" {
				require.NotContains(t, r.Reason, ": at 20", "the time of the report is in the report")
			}
		})
	}
}

// TestCausesOfTimestamps: they have words of their own.
func TestCausesOfTimestamps(t *testing.T) {
	w := newWorld(t)
	der := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(1)})
	cause := func(bend ...func(*validate.Options)) validate.Cause {
		r := w.verify(der, bend...)
		require.Equal(t, r.Timestamps[0].Cause == validate.CausePassed, r.Timestamps[0].Indication == validate.TotalPassed)
		return r.Timestamps[0].Cause
	}
	require.Equal(t, validate.CausePassed, cause())
	require.Equal(t, validate.CauseNoRoots, cause(func(o *validate.Options) { o.Roots = nil }))
	require.Equal(t, validate.CauseFuture, cause(func(o *validate.Options) { o.Time = w.now.Add(-time.Hour) }))
	require.Equal(t, validate.CauseExpired, cause(func(o *validate.Options) { o.Time = w.now.AddDate(2, 0, 0) }))
	require.Equal(t, validate.CausePolicy, cause(with(validate.Policy{TimestampPolicies: []string{"1.2.3"}})))
	require.Equal(t, validate.CauseUnknownAuthority, cause(func(o *validate.Options) {
		o.TimestampRoots = trust.New(w.pki.SelfSigned(testpki.NewKey(t, testpki.P256), "Another").Certificate())
	}))
}

// TestSignerThatIsRefused: who signed is said also when crypto/x509 refuses the certificate.
func TestSignerThatIsRefused(t *testing.T) {
	r := judged(t, "curves/k1.p7m", nil, &cades.VerifyOptions{Roots: roots(t, "curves/k1.pem")})
	require.NotNil(t, r.Signer)
	require.NotEmpty(t, r.Signer.Name)
	require.Contains(t, r.Signer.Subject, r.Signer.Name)
	require.Len(t, r.Signer.SHA256, 64)
	require.NotEmpty(t, r.Signer.DER)
}

// TestReportJSON is the promise about the JSON form: what is in the golden file stays as it is. Only what is added may change it.
func TestReportJSON(t *testing.T) {
	dir := filepath.Join("testdata", "report")
	message, root, golden := filepath.Join(dir, "message.p7m"), filepath.Join(dir, "root.der"), filepath.Join(dir, "report.json")
	update := os.Getenv("SIGNET_UPDATE") != ""
	if _, err := os.Stat(message); update && err != nil {
		w := newWorld(t)
		o := &cades.ExtendOptions{Timestamper: w.tsa(20), Revocation: testlevels.NewSource(t, w.pki), Clock: w.clock, Roots: w.pki.Roots()}
		m, err := cades.Parse(w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelT, o))
		require.NoError(t, err)
		der, err := m.Signatures()[0].CounterSign(t.Context(), w.signer(), &cades.Options{Clock: w.clock})
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(message, w.extend(der, cades.LevelLTA, o), 0o644))
		require.NoError(t, os.WriteFile(root, w.pki.Root.Certificate().Raw, 0o644))
	}
	der, err := os.ReadFile(message)
	require.NoError(t, err)
	anchor, err := os.ReadFile(root)
	require.NoError(t, err)
	roots := trust.New()
	require.NoError(t, roots.AddDER(anchor))
	m, err := cades.Parse(der)
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: roots, Time: testpki.Now().AddDate(0, 1, 0).In(time.FixedZone("", 3*3600))})
	require.NoError(t, err)
	have, err := json.MarshalIndent(report, "", "  ")
	require.NoError(t, err)
	if update {
		require.NoError(t, os.WriteFile(golden, append(have, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(have)+"\n")

	var back validate.Report
	require.NoError(t, json.Unmarshal(have, &back))
	again, err := json.MarshalIndent(&back, "", "  ")
	require.NoError(t, err)
	require.Equal(t, string(have), string(again), "a program in Go reads what it wrote")
	require.Equal(t, report.Outcome().Indication, back.Indication)
	one, err := json.Marshal(report.Signatures[0])
	require.NoError(t, err)
	require.JSONEq(t, string(must(json.Marshal(back.Signatures[0]))), string(one))
	for _, at := range []string{"+03:00", "0001-01-01"} {
		require.NotContains(t, string(have), at)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestReportSchema: the schema has every field of the report and its words, and nothing else.
func TestReportSchema(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "..", "docs", "report.schema.json"))
	require.NoError(t, err)
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]any
			Required   []string
			Enum       []string
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(file, &schema))
	for name, shape := range map[string]reflect.Type{
		"report": reflect.TypeFor[validate.Report](), "signature": reflect.TypeFor[validate.SignatureReport](), "timestamp": reflect.TypeFor[validate.TimestampReport](),
		"certificate": reflect.TypeFor[validate.CertificateReport](), "level": reflect.TypeFor[validate.LevelReport](), "finding": reflect.TypeFor[validate.Finding](),
		"check": reflect.TypeFor[validate.Check](),
	} {
		var fields, always []string
		for i := range shape.NumField() {
			tag, options, _ := strings.Cut(shape.Field(i).Tag.Get("json"), ",")
			if tag == "" || tag == "-" {
				continue
			}
			fields = append(fields, tag)
			if !strings.Contains(options, "omit") {
				always = append(always, tag)
			}
		}
		var known []string
		for field := range schema.Definitions[name].Properties {
			known = append(known, field)
		}
		require.ElementsMatch(t, fields, known, name)
		require.ElementsMatch(t, always, schema.Definitions[name].Required, name)
	}
	var causes []string
	source, err := os.ReadFile("cause.go")
	require.NoError(t, err)
	for _, line := range strings.Split(string(source), "\n") {
		if _, value, ok := strings.Cut(line, " Cause = \""); ok {
			word, _, _ := strings.Cut(value, `"`)
			causes = append(causes, word)
		}
	}
	require.Greater(t, len(causes), 15)
	require.ElementsMatch(t, causes, schema.Definitions["cause"].Enum)
	require.ElementsMatch(t, []string{"passed", "tolerated", "unchecked", "failed"}, schema.Definitions["status"].Enum)
	require.ElementsMatch(t, []string{"TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"}, schema.Definitions["indication"].Enum)
	require.ElementsMatch(t, []string{"missing", "forbidden", "wrong"}, schema.Definitions["problem"].Enum)
}
