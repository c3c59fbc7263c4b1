package algorithm_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

// vector is a signature that OpenSSL 3.0 made over one message, each with a key of its own kind.
type vector struct{ Name, SPKI, Algorithm, Digest, Signature string }

func (v vector) check(t testing.TB) *algorithm.SignatureCheck {
	t.Helper()
	return &algorithm.SignatureCheck{
		Algorithm: parseAlgorithm(t, unhex(t, v.Algorithm)), Digest: cms.OID(unhex(t, v.Digest)),
		Signature: unhex(t, v.Signature), SPKI: unhex(t, v.SPKI),
	}
}

func vectors(t testing.TB) (message []byte, all []vector) {
	t.Helper()
	octets, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file struct {
		Message string
		Vectors []vector
	}
	require.NoError(t, json.Unmarshal(octets, &file))
	return []byte(file.Message), file.Vectors
}

func named(t testing.TB, name string) (message []byte, v vector) {
	t.Helper()
	message, all := vectors(t)
	for _, v := range all {
		if v.Name == name {
			return message, v
		}
	}
	t.Fatalf("there is no vector %s", name)
	return nil, v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func parseAlgorithm(t testing.TB, der []byte) cms.Algorithm {
	t.Helper()
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	a, err := cms.ParseAlgorithm(v)
	require.NoError(t, err)
	return a
}

func reason(t testing.TB, err error) algorithm.Reason {
	t.Helper()
	var e *algorithm.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, e.What, "crypto/", "no text of a library reaches a person")
	require.NotContains(t, e.What, "asn1:")
	return e.Reason
}

// TestVectors checks every scheme, hash and curve, and that another message, another value and a digest that is too short
// are told apart from it.
func TestVectors(t *testing.T) {
	message, all := vectors(t)
	others := map[string]algorithm.Reason{
		"ed448": algorithm.Unsupported, "rsa-512": algorithm.KeyTooShort, "sect163k1-named": algorithm.Unsupported,
		"sect163k1-explicit": algorithm.Unsupported, "secp160k1-explicit": algorithm.Unsupported, "bare-digestinfo": algorithm.WrongSignature,
	}
	tried := map[string]bool{}
	var nothing *algorithm.Registry
	var checkers algorithm.Checkers
	known := algorithm.Registry{}.Checking(&checkers) // each key is used often before the wrong values come
	for _, v := range slices.Concat(all, all) {
		r := nothing
		if tried[v.Name] {
			r = known
			for range 10 {
				_, _ = r.Verify(v.check(t), message, nil)
			}
		}
		tried[v.Name] = true
		t.Run(v.Name, func(t *testing.T) {
			check := v.check(t)
			note, err := r.Verify(check, message, nil)
			if want, ok := others[v.Name]; ok {
				require.Equal(t, want, reason(t, err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Empty(t, note)

			if hash, ok := r.Hash(check.Digest); v.Name != "ed25519" {
				require.True(t, ok)
				_, err = r.Verify(check, nil, hash.Sum(message))
				require.NoError(t, err)
				_, err = r.Verify(check, nil, hash.Sum(message)[1:])
				require.Equal(t, algorithm.Malformed, reason(t, err))
			}
			_, err = r.Verify(check, append([]byte("!"), message...), nil)
			require.ErrorIs(t, err, algorithm.ErrWrongSignature)
			require.Equal(t, algorithm.WrongSignature, reason(t, err))
			good := check.Signature
			for _, i := range []int{5, len(good) / 2, len(good) - 1} {
				check.Signature = append([]byte(nil), good...)
				check.Signature[i] ^= 1
				_, err = r.Verify(check, message, nil)
				require.Equal(t, algorithm.WrongSignature, reason(t, err), "octet %d", i)
			}
			for _, bad := range [][]byte{nil, good[1:], append(append([]byte(nil), good...), 0)} {
				check.Signature = bad
				_, err = r.Verify(check, message, nil)
				require.Equal(t, algorithm.WrongSignature, reason(t, err))
			}
		})
	}
}

// TestKindsOfKeys says of each key what it is, also when its curve comes by explicit parameters.
func TestKindsOfKeys(t *testing.T) {
	_, all := vectors(t)
	curves := map[string]string{"prime192v1": "P-192", "secp224r1": "P-224", "prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
	seen := 0
	for _, v := range all {
		curve, form, ok := strings.Cut(v.Name, "-")
		if !ok || !strings.Contains(form, "compressed") {
			continue
		}
		key, err := algorithm.ParseKey(unhex(t, v.SPKI))
		require.NoError(t, err, v.Name)
		if other, ok := curves[curve]; ok {
			curve = other
		}
		require.Equal(t, curve, key.Name(), v.Name)
		require.Equal(t, algorithm.ECDSA, key.Kind)
		require.Positive(t, algorithm.Cost(unhex(t, v.SPKI)))
		if strings.Contains(v.Name, "named_curve") {
			require.Equal(t, strings.Contains(form, "-compressed"), len(v.SPKI)/2 < 35+key.Bits*3/16, v.Name)
		}
		seen++
	}
	require.Equal(t, 20*4, seen)
}

// TestOtherKey gives a signature of one kind a key of another.
func TestOtherKey(t *testing.T) {
	message, rsa := named(t, "rsa-pkcs1-sha256")
	var r algorithm.Registry
	for _, name := range []string{"ecdsa-sha256", "ed25519", "dsa-2048-sha256", "pss-1024-sha256-mgf-sha256-salt-32"} {
		_, other := named(t, name)
		if name != "pss-1024-sha256-mgf-sha256-salt-32" { // an RSA key, too
			check := rsa.check(t)
			check.SPKI = other.check(t).SPKI
			_, err := r.Verify(check, message, nil)
			require.Equal(t, algorithm.KeyMisused, reason(t, err), name)
		}
		check := other.check(t)
		_, ec := named(t, "brainpoolP256r1-named_curve-compressed-sha256")
		check.SPKI = ec.check(t).SPKI
		_, err := r.Verify(check, message, nil)
		want := algorithm.KeyMisused
		if name == "ecdsa-sha256" {
			want = algorithm.WrongSignature
		}
		require.Equal(t, want, reason(t, err), name)
	}
}
