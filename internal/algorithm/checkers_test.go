package algorithm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// TestCheckers gives many keys at once, more than are kept, each with its own signature and that of the key before it, from several
// goroutines.
func TestCheckers(t *testing.T) {
	const keys = 1100
	digest := sha256.Sum256([]byte("message"))
	var checks []*algorithm.SignatureCheck
	for i := range keys {
		var key crypto.Signer
		var err error
		id := cms.OIDECDSAWithSHA256
		if i%500 == 0 {
			id = cms.OIDSHA256WithRSA
			key, err = rsa.GenerateKey(rand.Reader, 2048)
		} else {
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		require.NoError(t, err)
		signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		require.NoError(t, err)
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		require.NoError(t, err)
		checks = append(checks, &algorithm.SignatureCheck{Algorithm: cms.Algorithm{ID: id}, Signature: signature, SPKI: spki})
	}
	var checkers algorithm.Checkers
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := algorithm.Registry{}.Checking(&checkers)
			for i, check := range checks {
				again := 1
				if i%50 == g {
					again = 12 // until it has a table
				}
				for range again {
					if _, err := r.Verify(check, nil, digest[:]); err != nil {
						t.Errorf("key %d: %v", i, err)
					}
				}
				other := *check
				other.Signature = checks[(i+keys-1)%keys].Signature
				if _, err := r.Verify(&other, nil, digest[:]); err == nil {
					t.Errorf("key %d takes the signature of another", i)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1024, checkers.Kept())
}
