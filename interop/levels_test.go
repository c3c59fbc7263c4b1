package interop_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/sign"
)

// levelStep is a level that a message is raised to, and what DSS says of the outcome.
type levelStep struct {
	to         cades.Level
	format     string
	timestamps string
}

// TestDSSValidatesLevels raises a message of every scheme and form step by step and in one go. DSS finds the level that was
// meant, every time-stamp intact, and nothing missing.
func TestDSSValidatesLevels(t *testing.T) {
	dss.need(t)
	w := newWorld(t)
	content := sign.Bytes("", w.content)
	source, ocsp := testlevels.NewSource(t, w.pki), testlevels.NewSource(t, w.pki)
	// Revocation values have to be younger than the signature, in time-stamps that count seconds.
	source.ThisUpdate = time.Now().Add(-30 * time.Second)
	ocsp.ThisUpdate, ocsp.OCSP = source.ThisUpdate, true
	at := time.Now().Add(-time.Minute)
	tsa := testlevels.Authority(t, w.pki, func() time.Time { at = at.Add(time.Millisecond); return at })
	o := cades.ExtendOptions{Timestamper: tsa, Revocation: source}
	chains := map[string][]levelStep{
		"baseline": {
			{cades.LevelT, "CAdES-BASELINE-T", "SIGNATURE_TIMESTAMP"},
			{cades.LevelLT, "CAdES-BASELINE-LT", "SIGNATURE_TIMESTAMP"},
			{cades.LevelLTA, "CAdES-BASELINE-LTA", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP"},
			{cades.LevelLTA, "CAdES-BASELINE-LTA", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP|ARCHIVE_TIMESTAMP"},
		},
		"by OCSP": {
			{cades.LevelLT, "CAdES-BASELINE-LT", "SIGNATURE_TIMESTAMP"},
			{cades.LevelLTA, "CAdES-BASELINE-LTA", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP"},
		},
		"RFC 5126 by OCSP": {
			{cades.LevelC, "CAdES-C", "SIGNATURE_TIMESTAMP"},
			{cades.LevelXLong1, "CAdES-XL", "SIGNATURE_TIMESTAMP|VALIDATION_DATA_TIMESTAMP"},
			{cades.LevelA, "CAdES-A", "SIGNATURE_TIMESTAMP|VALIDATION_DATA_TIMESTAMP|ARCHIVE_TIMESTAMP"},
		},
		"LTA in one go": {{cades.LevelLTA, "CAdES-BASELINE-LTA", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP"}},
		"RFC 5126": {
			{cades.LevelC, "CAdES-C", "SIGNATURE_TIMESTAMP"},
			{cades.LevelXLong1, "CAdES-XL", "SIGNATURE_TIMESTAMP|VALIDATION_DATA_TIMESTAMP"},
			{cades.LevelA, "CAdES-A", "SIGNATURE_TIMESTAMP|VALIDATION_DATA_TIMESTAMP|ARCHIVE_TIMESTAMP"},
		},
	}
	for _, s := range schemes() {
		signer := w.identity(s.kind).signer(t, s.Scheme)
		for _, f := range forms() {
			for name, steps := range chains {
				t.Run(s.Name+" "+f.name+" "+name, func(t *testing.T) {
					message, err := f.make(t.Context(), w, signer, cades.Options{SigningTime: time.Now().Add(-2 * time.Minute)})
					require.NoError(t, err)
					o := o
					if strings.Contains(name, "OCSP") {
						o.Revocation = ocsp
					}
					if f.detached {
						o.Content = content
					}
					for _, step := range steps {
						if step.to == cades.LevelA && strings.HasSuffix(f.name, "stream") {
							// The imprint is over encapContentInfo as it stands there. DSS encodes one in BER anew,
							// with segments of another size, and cannot find what other software hashed.
							continue
						}
						m, err := cades.Parse(message)
						require.NoError(t, err)
						message, err = m.Extend(t.Context(), step.to, &o)
						require.NoError(t, err)
						detached := ""
						if f.detached {
							detached = w.path("content")
						}
						answer := dss.must(t, "validate", w.message(message), detached, w.path("root.pem"))
						require.Equal(t, "true", answer["0.intact"], answer)
						require.Equal(t, step.format, answer["0.format"], answer)
						requireForm(t, w, message, step.format, f.detached)
						got := strings.Split(answer["0.timestamps"], "|")
						require.ElementsMatch(t, strings.Split(step.timestamps, "|"), got, answer)
						if step.to == cades.LevelLT || step.to == cades.LevelLTA {
							if s.Name == "ed25519" { // the one thing against it: DSS does not authorise the algorithm
								require.Equal(t, "INDETERMINATE", answer["0.indication"], answer)
								require.Regexp(t, `EdDSA( with SHA512)? is not authorised`, answer["0.errors"], answer)
								require.NotContains(t, strings.ToLower(answer["0.errors"]), "revocation", answer)
								continue
							}
							require.Equal(t, "TOTAL_PASSED", answer["0.indication"], answer)
						}
					}
				})
			}
		}
	}
}

// TestOpenSSLVerifiesLevels lets OpenSSL verify the base signature of raised messages, and every time-stamp in them: those on
// the signature over its value, archive time-stamps over the digest that they name.
func TestOpenSSLVerifiesLevels(t *testing.T) {
	haveOpenSSL(t)
	w := newWorld(t)
	content := sign.Bytes("", w.content)
	o := cades.ExtendOptions{Timestamper: testlevels.Authority(t, w.pki, nil), Revocation: testlevels.NewSource(t, w.pki)}
	for _, s := range schemes() {
		if s.Name == "ed25519" {
			continue // OpenSSL 3.0 has none in CMS
		}
		signer := w.identity(s.kind).signer(t, s.Scheme)
		for _, f := range forms() {
			for _, to := range []cades.Level{cades.LevelT, cades.LevelLTA, cades.LevelA} {
				t.Run(s.Name+" "+f.name+" "+to.String(), func(t *testing.T) {
					base, err := f.make(t.Context(), w, signer, cades.Options{})
					require.NoError(t, err)
					m, err := cades.Parse(base)
					require.NoError(t, err)
					o := o
					if f.detached {
						o.Content = content
					}
					message, err := m.Extend(t.Context(), to, &o)
					require.NoError(t, err)
					args := []string{"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.message(message), "-CAfile", w.path("root.pem"), "-purpose", "any", "-out", w.out()}
					if f.detached {
						args = append(args, "-content", w.path("content"))
					}
					openSSL(t, args...)
					m, err = cades.Parse(message)
					require.NoError(t, err)
					for _, stamp := range m.Signatures()[0].Timestamps() {
						token := w.message(stamp.Token.Raw)
						over := []string{"-digest", hex.EncodeToString(stamp.Token.Imprint.Sum)}
						if stamp.Kind == cades.SignatureTimestamp {
							over = []string{"-data", w.message(m.Signatures()[0].Value())}
						}
						openSSL(t, append([]string{"ts", "-verify", "-in", token, "-token_in", "-CAfile", w.path("root.pem")}, over...)...)
					}
				})
			}
		}
	}
}

// requireForm compares form and level with the format that DSS says.
func requireForm(t *testing.T, w *world, message []byte, format string, detached bool) {
	t.Helper()
	m, err := cades.Parse(message)
	require.NoError(t, err)
	var content io.Reader
	if detached {
		content = bytes.NewReader(w.content)
	}
	report, err := m.Verify(t.Context(), sign.Reader("", content), &cades.VerifyOptions{Roots: w.pki.Roots()})
	require.NoError(t, err)
	r := &report.Signatures[0]
	require.True(t, agrees(format, r), "DSS says %s; here the form is %s and the level %s: %v", format, r.Form, r.Level, r.Levels)
}
