package cades_test

import (
	"crypto"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// signerOf makes a signer of a test identity.
func signerOf(t testing.TB, id testpki.Identity, s sign.Scheme) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, id.Chain, s)
	require.NoError(t, err)
	return signer
}

// p256 makes the signer of most tests.
func p256(t testing.TB, pki *testpki.PKI) *sign.Signer {
	t.Helper()
	return signerOf(t, pki.Leaf(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256)))
}

func fixed() time.Time { return testpki.Now() }

// parse reads a message and its structure.
func parse(t testing.TB, der []byte) (*cades.Message, *cms.SignedData) {
	t.Helper()
	m, err := cades.Parse(der)
	require.NoError(t, err)
	sd, err := cms.ParseSignedData(der)
	require.NoError(t, err)
	return m, sd
}

// requireDER fails unless the octets are their own DER and nothing follows them.
func requireDER(t testing.TB, der []byte) {
	t.Helper()
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	again, err := cms.AppendDER(nil, v)
	require.NoError(t, err)
	require.Equal(t, der, again)
}

// verified checks a report of one signature with roots.
func requireTrusted(t testing.TB, r *cades.Report, err error) {
	t.Helper()
	require.NoError(t, err)
	for i := range r.Signatures {
		require.NoError(t, r.Signatures[i].Err())
		for _, c := range r.Signatures[i].Checks {
			require.NotEqual(t, cades.Tolerated, c.Status, "%+v", c)
		}
	}
	for i := range r.Signatures {
		one := &r.Signatures[i]
		require.Equal(t, validate.TotalPassed, one.Indication, "%s: %s", one.SubIndication, one.Reason)
	}
	require.True(t, r.Trusted())
}
