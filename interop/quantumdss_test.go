package interop_test

import (
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

// TestMLDSADSS records what DSS 6.5, which does not know ML-DSA, makes of it; docs/quantum.md has the same in words. A release that
// says something else fails here, and is written down there.
func TestMLDSADSS(t *testing.T) {
	dss.need(t)
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		q.write("classical.pem", testpki.CertPEM(q.pki.Root.Certificate()))
		pure, _ := q.leaf()
		mixed := q.mixed()
		signed := func(t *testing.T, s *sign.Signer, f form) string {
			t.Helper()
			message, err := f.make(t.Context(), q.world, s, cades.Options{})
			require.NoError(t, err)
			return q.message(message)
		}
		validate := func(t *testing.T, path string, f form) (map[string]string, error) {
			t.Helper()
			content := ""
			if f.detached {
				content = q.path("content")
			}
			return dss.ask(t, "validate", path, content, q.path("classical.pem"))
		}
		t.Run(set.String()+" as a root", func(t *testing.T) {
			_, err := dss.ask(t, "validate", signed(t, pure.signer(t), forms()[0]), q.path("content"), q.path("root.pem"))
			require.ErrorContains(t, err, "Unable to load CertificateFactory")
		})
		for _, f := range forms() {
			t.Run(set.String()+" alone, "+f.name, func(t *testing.T) {
				answer, err := validate(t, signed(t, pure.signer(t), f), f)
				require.NoError(t, err)
				require.Equal(t, "INDETERMINATE", answer["0.indication"])
				require.Equal(t, "NO_SIGNING_CERTIFICATE_FOUND", answer["0.subindication"])
				require.Equal(t, "CAdES-BES", answer["0.format"])
				require.Contains(t, answer["0.errors"], "The algorithm ? is not authorised")
			})
			t.Run(set.String()+" in a certificate by ECDSA, "+f.name, func(t *testing.T) {
				_, err := validate(t, signed(t, mixed.signer(t), f), f)
				require.ErrorContains(t, err, "Unsupported algorithm: ML-DSA", "there is no verdict at all")
			})
		}
		parallel := func(t *testing.T, id quantumID, f form) string {
			t.Helper()
			classical := q.identity(testpki.P256).signer(t, testpki.Must(sign.ECDSA(crypto.SHA256)))
			first, err := f.make(t.Context(), q.world, classical, cades.Options{})
			require.NoError(t, err)
			m, err := cades.Parse(first)
			require.NoError(t, err)
			content := sign.Content{}
			if f.detached {
				content = sign.Bytes("", q.content)
			}
			both, err := m.AddSignature(t.Context(), id.signer(t), content, nil)
			require.NoError(t, err)
			report := q.judge(t, both, f.detached, q.root.chain[0], q.pki.Root.Certificate())
			require.True(t, report.Trusted(), "%+v", report)
			require.Len(t, report.Signatures, 2)
			return q.message(both)
		}
		for _, f := range forms()[:2] {
			t.Run(set.String()+" beside ECDSA, "+f.name, func(t *testing.T) {
				answer, err := validate(t, parallel(t, pure, f), f)
				require.NoError(t, err)
				require.Equal(t, "2", answer["signatures"])
				good, other := "0.", "1."
				if answer["0.intact"] == "false" { // the order of a SET is that of its octets
					good, other = other, good
				}
				require.Equal(t, "true", answer[good+"intact"])
				require.Equal(t, "true", answer[good+"chain"])
				require.Equal(t, "CAdES-BASELINE-B", answer[good+"format"])
				require.Contains(t, answer[good+"errors"], "No revocation data found", "the only thing that the ECDSA signature lacks")
				require.Equal(t, "INDETERMINATE", answer[other+"indication"])
				require.Equal(t, "NO_SIGNING_CERTIFICATE_FOUND", answer[other+"subindication"])
			})
			t.Run(set.String()+" in a certificate by ECDSA, beside ECDSA, "+f.name, func(t *testing.T) {
				_, err := validate(t, parallel(t, mixed, f), f)
				require.ErrorContains(t, err, "Unsupported algorithm: ML-DSA", "the other signature has no verdict either")
			})
		}
	}
}
