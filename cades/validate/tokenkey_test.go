package validate_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/trust"
)

// TestTokensByTheTimeTheyAreKnownOf has a token that is short of what the policy demands of keys, and one whose own time lies before the
// end of its algorithm, which is what whoever made it says.
func TestTokensByTheTimeTheyAreKnownOf(t *testing.T) {
	w := newWorld(t)
	root := w.pki.SelfSigned(testpki.NewKey(t, testpki.P384), "Large", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	})
	leaf := w.pki.Issue(root, testpki.NewKey(t, testpki.P384), w.pki.Leaf(testpki.P256).Certificate())
	template := *w.pki.Leaf(testpki.P256).Certificate()
	template.ExtraExtensions, template.ExtKeyUsage = nil, nil
	tsa := w.pki.Issue(root, testpki.NewKey(t, testpki.P256), &template, testpki.Usages(true, testpki.TimeStamping))
	sum := sha256.Sum256(content)
	value, err := leaf.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	i := info{sid: issuerAndSerial(leaf), digest: algorithmOf(cms.OIDSHA256), algorithm: algorithmOf(cms.OIDECDSAWithSHA256), value: value}
	i.unsigned = [][]byte{attr(cms.OIDSignatureTimeStamp, over(w, tsa, value))}
	der := parts{[][]byte{i.digest}, [][]byte{leaf.Chain[0].Raw}, nil, [][]byte{i.der()}, content, ""}.der()
	w.later(1, 0)
	judge := func(a trust.Algorithms) *validate.TimestampReport {
		r := w.verify(der, func(o *validate.Options) {
			o.Roots, o.Policy = trust.New(root.Certificate()), &validate.Policy{Algorithms: a}
		})
		return &r.Timestamps[0]
	}
	require.Equal(t, validate.TotalPassed, judge(trust.Algorithms{}).Indication)
	require.Equal(t, validate.CauseWeakAlgorithm, judge(trust.Algorithms{MinEC: 384}).Cause)
	require.Equal(t, validate.TotalPassed, judge(trust.Algorithms{MinEC: 256}).Indication)
	// The end of the curve is between the time of the token and now.
	require.Equal(t, validate.CauseWeakAlgorithm, judge(trust.Algorithms{Until: map[string]time.Time{"P-256": w.now.AddDate(0, -6, 0)}}).Cause)
	require.Equal(t, validate.TotalPassed, judge(trust.Algorithms{Until: map[string]time.Time{"P-256": w.now.AddDate(0, 6, 0)}}).Indication)
}
