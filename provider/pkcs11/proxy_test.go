//go:build unix && !signet_static

package pkcs11_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// registered skips a test where p11-kit is not there, or SoftHSM2 is not registered with it for the whole machine: root's own
// configuration is not read by p11-kit.
func registered(t testing.TB) {
	t.Helper()
	find(t, "apt-get install softhsm2 registers it", "/usr/share/p11-kit/modules/softhsm2.module", "/usr/share/p11-kit/modules/softhsm.module", "/etc/pkcs11/modules/softhsm2.module")
	if pkcs11.DefaultModule() == "" {
		t.Skip("SKIPPED: p11-kit-proxy.so is not here (apt-get install p11-kit-modules)")
	}
	// Without them, its module for TPMs has no store of its own to make.
	t.Setenv("TPM2_PKCS11_STORE", filepath.Join(softHSM.dir, "no-tpm"))
	require.NoError(t, os.MkdirAll(filepath.Join(softHSM.dir, "no-tpm"), 0o700))
	t.Setenv("TPM2_PKCS11_TCTI", "")
	t.Setenv("TSS2_LOG", "all+NONE")
}

// TestURIByTheProxy opens tokens by URIs without a module, which are those of all registered modules.
func TestURIByTheProxy(t *testing.T) {
	registered(t)
	module, label := newToken(t)
	_, _ = newToken(t)
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	importKey(t, module, label, id, "01", "seal")
	importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
	file := filepath.Join(t.TempDir(), "pin")
	require.NoError(t, os.WriteFile(file, []byte(goodPIN), 0o600))

	p, ref, err := pkcs11.OpenURI(t.Context(), "pkcs11:token="+label+";object=seal?pin-source="+file, pkcs11.Config{})
	require.NoError(t, err)
	signer, err := sign.Open(t.Context(), p, ref)
	require.NoError(t, err)
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, signer.Verify([]byte("message"), signature))
	found, err := p.Diagnose(t.Context())
	require.NoError(t, err)
	require.Equal(t, pkcs11.DefaultModule(), found.Module)
	require.NoError(t, p.Close())

	_, _, err = pkcs11.OpenURI(t.Context(), "pkcs11:object=seal?pin-source="+file, pkcs11.Config{})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous, "no PIN goes to the first of several")
	require.ErrorContains(t, err, "name one token by label and serial")

	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, _, err := pkcs11.OpenURI(t.Context(), "pkcs11:token="+label+"?pin-source="+file, pkcs11.Config{Sessions: 3})
			require.NoError(t, err)
			return p
		},
		Keys:    []providertest.Key{{ID: []byte{1}, Label: "seal", Certificate: id.Certificate(), Chain: id.Chain}},
		Secrets: []string{goodPIN},
	})
}
