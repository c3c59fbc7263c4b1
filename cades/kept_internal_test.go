package cades

import (
	"bytes"
	"crypto"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestPlainAttributes compares the attributes that are filled in with those that are encoded one by one.
func TestPlainAttributes(t *testing.T) {
	pki := testpki.New(t)
	for kind, schemes := range map[testpki.Kind][]sign.Scheme{
		testpki.P256:    {testpki.Must(sign.ECDSA(crypto.SHA256)), testpki.Must(sign.ECDSA(crypto.SHA512))},
		testpki.RSA2048: {testpki.Must(sign.PKCS1(crypto.SHA384)), testpki.Must(sign.PSS(crypto.SHA256))},
		testpki.Ed25519: {sign.Ed25519()},
	} {
		id := pki.Leaf(kind)
		key := testpki.Must(soft.NewKey(id.Key, 0))
		for _, scheme := range schemes {
			signer := testpki.Must(sign.New(key, id.Chain, scheme))
			digest := bytes.Repeat([]byte{0xa5}, scheme.NewHash().Size())
			for _, at := range []time.Time{
				time.Date(1949, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2000, 1, 2, 3, 4, 5, 999, time.UTC),
				time.Date(2026, 11, 28, 23, 59, 59, 0, time.FixedZone("west", -3600)), time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
				time.Date(2049, 12, 31, 23, 59, 59, 0, time.FixedZone("west", -3600)), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC),
			} {
				d := newDraft(signer, &Options{})
				d.contentType, d.digest = cms.OIDData, digest
				set := attributeSet{b: cms.NewBuilder(nil)}
				(&Options{SigningTime: at}).signedAttributes(&set, d)
				want := set.appendDER(nil)
				got := kept(signer).plainAttributes(digest, at)
				if year := at.UTC().Year(); year < 1950 || year > 2049 {
					require.Nil(t, got, at)
					continue
				}
				require.Equal(t, want, got, "%s at %s", scheme.Name, at)
			}
			require.Nil(t, kept(signer).plainAttributes(digest[1:], time.Now()), "a digest of another length")
			require.Equal(t, kept(signer).plainAttributes(digest, time.Unix(0, 0)), kept(signer).plainAttributes(digest, time.Unix(0, 0)), "the layout stays as it is")
		}
	}
}
