//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// BenchmarkSign is one signature of SoftHSM2 after the other, to compare builds with cgo and without.
func BenchmarkSign(b *testing.B) {
	module, label := newToken(b)
	pki := testpki.New(b)
	importKey(b, module, label, pki.Leaf(testpki.P256), "01", "p256")
	p, err := pkcs11.Open(b.Context(), pkcs11.Config{Module: module, TokenLabel: label, PIN: pin(goodPIN)})
	require.NoError(b, err)
	defer func() { require.NoError(b, p.Close()) }()
	key, err := p.Key(b.Context(), sign.Ref{Label: "p256"})
	require.NoError(b, err)
	digest := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.SignContext(b.Context(), digest, crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}
