//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestAllocations counts what a signature allocates: the signature itself. The check of it adds the result of one exponentiation for
// RSA with PKCS #1 v1.5, and what crypto/rsa takes for PSS. Speed is measured in bench/hsm.
func TestAllocations(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	importKey(t, module, label, pki.Leaf(testpki.P256), "01", "p256")
	importKey(t, module, label, pki.Leaf(testpki.RSA2048), "02", "rsa")
	for _, check := range []bool{false, true} {
		p := open(t, pkcs11.Config{Module: module, TokenLabel: label, SkipCheck: !check})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, c := range []struct {
			label   string
			opts    crypto.SignerOpts
			checked float64
		}{{"p256", crypto.SHA256, 0}, {"rsa", crypto.SHA256, 1}, {"rsa", testpki.Must(sign.PSS(crypto.SHA256)).Opts, 20}} {
			key, err := p.Key(ctx, sign.Ref{Label: c.label})
			require.NoError(t, err)
			digest := sha256.Sum256([]byte("message"))
			one := func() {
				if _, err := key.SignContext(ctx, digest[:], c.opts); err != nil {
					t.Error(err)
				}
			}
			for range 20 { // the table of a key is made after some signatures
				one()
			}
			n := testing.AllocsPerRun(200, one)
			t.Logf("%s %T, check %v: %.0f allocations", c.label, c.opts, check, n)
			if !check {
				c.checked = 0
			}
			require.LessOrEqual(t, n, 6+c.checked)
			whole := testing.AllocsPerRun(200, func() {
				if _, err := sign.SignMessage(ctx, key, digest[:], c.opts); err != nil {
					t.Error(err)
				}
			})
			require.LessOrEqual(t, whole, 7+c.checked, "the digest, of a message")
		}
	}
}
