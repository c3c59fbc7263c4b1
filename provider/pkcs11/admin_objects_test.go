//go:build cgo && unix

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
)

// TestObjects lists what a token shows, with a login and without one.
func TestObjects(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	id := generate(t, pki, module, label, testpki.P256, "01", "one")
	importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
	without, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: module, TokenLabel: label})
	require.NoError(t, err)
	defer func() { _ = without.Close() }()
	with := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	for _, p := range []*pkcs11.Provider{without, with} {
		var keys, certs []pkcs11.Object
		for o, err := range p.Objects(t.Context()) {
			require.NoError(t, err)
			if o.Certificate == nil {
				keys = append(keys, o)
			} else {
				certs = append(certs, o)
			}
		}
		require.Len(t, keys, 1)
		require.Equal(t, []byte{1}, keys[0].ID)
		require.Equal(t, "one", keys[0].Label)
		require.Equal(t, id.Certificate().PublicKey, keys[0].Public)
		require.Len(t, certs, 2)
		require.ElementsMatch(t, []string{"one", "authority"}, []string{certs[0].Label, certs[1].Label})
	}
	require.NoError(t, with.Close())
	for _, err := range with.Objects(t.Context()) {
		require.Error(t, err)
	}
}
