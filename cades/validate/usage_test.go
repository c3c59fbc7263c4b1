package validate_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
)

// TestUsageOfSigner: a certificate that is for something else does not sign documents, whoever made it.
func TestUsageOfSigner(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		bend func(*x509.Certificate)
		good bool
		says string
	}{
		"encryption":     {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, false, "keyUsage lacks digitalSignature or nonRepudiation"},
		"certificates":   {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign }, false, "keyUsage lacks"},
		"time-stamps":    {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} }, false, "time-stamps or OCSP"},
		"OCSP":           {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }, false, "time-stamps or OCSP"},
		"nonRepudiation": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, true, ""},
		"nothing said":   {func(c *x509.Certificate) { c.KeyUsage = 0 }, true, ""},
		"mail":           {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.verify(w.sign(w.signer(c.bend), &cades.Options{AnyCertificate: true}))
			require.Equal(t, validate.Passed, r.Status(validate.CheckSignature), "the mathematics is right")
			if c.good {
				w.want(r, validate.TotalPassed, "", "")
			} else {
				w.want(r, validate.Indeterminate, validate.ChainConstraints, c.says)
			}
		})
	}
}
