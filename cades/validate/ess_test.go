package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestCertificateByAnUnknownHash has a signature that names its certificate by a hash that is not known here: it may be of this
// certificate or of another one, so that it has neither passed nor failed.
func TestCertificateByAnUnknownHash(t *testing.T) {
	w := newWorld(t)
	pki, s := w.pki, w.signer()
	for name, c := range map[string]struct {
		hash   cms.OID
		value  string
		status validate.Status
		want   validate.Indication
		sub    validate.SubIndication
	}{
		"unknown": {"\x2a\x03", strings.Repeat("a", 20), validate.Unchecked, validate.Indeterminate, validate.NotSupported},
		"another": {cms.OIDSHA256, strings.Repeat("a", 32), validate.Failed, validate.Indeterminate, validate.NoSigner},
	} {
		t.Run(name, func(t *testing.T) {
			b := cms.NewBuilder(nil)
			var marks []int
			for range 4 { // SigningCertificateV2, certs, ESSCertIDv2, hashAlgorithm
				marks = append(marks, b.Open(cms.TagSequence))
			}
			b.OID(c.hash)
			b.Close(marks[3])
			b.String(cms.TagOctetString, c.value)
			for _, mark := range []int{marks[2], marks[1], marks[0]} {
				b.Close(mark)
			}
			p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{
				Level: cades.LevelPKCS7, SigningTime: testpki.Now(), Attributes: []cades.Attribute{{Type: cms.OIDSigningCertificateV2.String(), Values: [][]byte{b.Bytes()}}},
			})
			require.NoError(t, err)
			m, err := cades.Parse(p7s)
			require.NoError(t, err)
			o := &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()}
			report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), o)
			require.NoError(t, err)
			r := &report.Signatures[0]
			require.Equal(t, c.status, line(r, validate.CheckSigningCertificate).Status, all(r))
			require.Equal(t, c.want, r.Indication, all(r))
			require.Equal(t, c.sub, r.SubIndication)
			require.False(t, report.Trusted())
		})
	}
}
