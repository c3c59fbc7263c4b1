package p256verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"testing"

	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/wycheproof"
)

// TestWycheproof has the vectors of Project Wycheproof. The fast way accepts all that are valid.
func TestWycheproof(t *testing.T) {
	hashes := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-512": crypto.SHA512, "SHA3-256": crypto.SHA3_256, "SHA3-512": crypto.SHA3_512}
	for _, name := range []string{"ecdsa_secp256r1_sha256_test", "ecdsa_secp256r1_sha512_test", "ecdsa_secp256r1_sha3_256_test", "ecdsa_secp256r1_sha3_512_test"} {
		t.Run(name, func(t *testing.T) {
			count := map[string]int{}
			for _, g := range wycheproof.Groups(t, name) {
				public, err := x509.ParsePKIXPublicKey(g.Key)
				require.NoError(t, err)
				v := ready(t, public.(*ecdsa.PublicKey))
				h := hashes[g.SHA].New()
				for _, row := range g.Rows {
					h.Reset()
					h.Write(row.Message)
					valid, fast := agree(t, v, h.Sum(nil), row.Sig)
					require.Equal(t, row.Result == "valid", valid, "%d: %s", row.ID, row.Comment)
					require.Equal(t, valid, fast, "%d: %s", row.ID, row.Comment)
					count[row.Result]++
				}
			}
			t.Log(count)
			require.NotZero(t, count["valid"])
			require.NotZero(t, count["invalid"])
		})
	}
}
