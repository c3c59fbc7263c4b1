//go:build cgo && unix

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

// TestAllocations counts what a signature allocates: the signature itself. Speed is measured in bench/hsm.
func TestAllocations(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	importKey(t, module, label, pki.Leaf(testpki.P256), "01", "p256")
	importKey(t, module, label, pki.Leaf(testpki.RSA2048), "02", "rsa")
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label, SkipCheck: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, c := range []struct {
		label string
		opts  crypto.SignerOpts
	}{{"p256", crypto.SHA256}, {"rsa", crypto.SHA256}, {"rsa", sign.PSS(crypto.SHA256).Opts}} {
		key, err := p.Key(ctx, sign.Ref{Label: c.label})
		require.NoError(t, err)
		digest := sha256.Sum256([]byte("message"))
		n := testing.AllocsPerRun(200, func() {
			if _, err := key.SignContext(ctx, digest[:], c.opts); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%s %T: %.0f allocations", c.label, c.opts, n)
		require.LessOrEqual(t, n, 6.0)
		whole := testing.AllocsPerRun(200, func() {
			if _, err := sign.SignMessage(ctx, key, digest[:], c.opts); err != nil {
				t.Error(err)
			}
		})
		require.LessOrEqual(t, whole, 7.0, "the digest, of a message")
	}
}
