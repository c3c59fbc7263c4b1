//go:build unix && !signet_static

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// TestConformanceKryoptic passes the conformance suite over kryoptic, a token in software of PKCS #11 3.2 written in Rust.
// scripts/tokens.sh builds it from its crate; SIGNET_TEST_KRYOPTIC is the module when it is elsewhere.
func TestConformanceKryoptic(t *testing.T) {
	config := kryopticToken(t)
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	keys := conformanceKeys(t, testpki.New(t), p, classicalKinds()...)
	d, err := p.Diagnose(t.Context())
	require.NoError(t, err)
	t.Logf("%s %s, PKCS #11 %s, %d kinds of keys", d.Library, d.LibraryVersion, d.Interface, len(keys))
	require.NoError(t, p.Close())
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := pkcs11.Open(t.Context(), config)
			require.NoError(t, err)
			return p
		},
		Keys:    keys,
		Secrets: []string{goodPIN, wrongPIN},
		OpenRefused: func(t testing.TB) error {
			config := config
			config.PIN = pin(wrongPIN)
			_, err := pkcs11.Open(t.Context(), config)
			return err
		},
	})
}
