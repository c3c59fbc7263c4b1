package algorithm_test

import (
	"crypto"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

// TestMLDSAKeys: names, strength and cost of keys are known without their mathematics, and lengths and parameters are looked at.
func TestMLDSAKeys(t *testing.T) {
	for set, want := range map[mldsa.Set]struct{ strength, cost int }{mldsa.MLDSA44: {128, 5}, mldsa.MLDSA65: {192, 8}, mldsa.MLDSA87: {256, 12}} {
		key, err := mldsa.GenerateKey(set)
		require.NoError(t, err)
		spki := key.SubjectPublicKeyInfo()
		k, err := algorithm.ParseKey(spki)
		require.NoError(t, err)
		require.Equal(t, set.String(), k.Name())
		require.Equal(t, algorithm.MLDSA, k.Kind)
		require.Equal(t, want.strength, k.Strength())
		require.Equal(t, want.cost, algorithm.Cost(spki))

		short := append([]byte{0x30, 0x82, byte((len(spki) - 5) >> 8), byte(len(spki) - 5)}, spki[4:len(spki)-1]...)
		short[19], short[20] = byte((len(spki)-23)>>8), byte(len(spki)-23)
		_, err = algorithm.ParseKey(short)
		require.Equal(t, algorithm.Malformed, reason(t, err))

		// Without the scheme it is said by name what is missing.
		message := []byte("message")
		signature, err := key.Sign(nil, message, crypto.Hash(0))
		require.NoError(t, err)
		check := &algorithm.SignatureCheck{Algorithm: parseAlgorithm(t, set.Scheme().SignatureAlg), SPKI: spki, Signature: signature}
		_, err = (*algorithm.Registry)(nil).Verify(check, message, nil)
		require.Equal(t, algorithm.Unsupported, reason(t, err))
		require.ErrorContains(t, err, set.String())
		require.ErrorContains(t, err, "mldsa.Schemes()")
		r := &algorithm.Registry{Schemes: mldsa.Schemes()}
		_, err = r.Verify(check, message, nil)
		require.NoError(t, err)
		_, err = r.Verify(check, nil, make([]byte, 64))
		require.Equal(t, algorithm.Unsupported, reason(t, err), "a digest is not enough")
		require.True(t, r.Whole(check.Algorithm.ID))

		q := algorithm.Question{Use: algorithm.UseCertificate, Algorithm: check.Algorithm, SPKI: spki, Time: day(2060, 1, 1)}
		for _, p := range []*algorithm.Policy{nil, algorithm.Strict(), algorithm.Lenient()} {
			r.Policy = p
			require.Equal(t, algorithm.Allowed, r.Judge(q).Decision)
		}
		r.Policy = &algorithm.Policy{Rules: append([]algorithm.Rule{{Algorithm: set.String(), Allowed: day(2050, time.January, 1)}}, algorithm.Default().Rules...)}
		require.Equal(t, algorithm.Forbidden, r.Judge(q).Decision, "a rule by the name that reports have")

		// Other algorithms with its key, and it with other keys.
		for _, s := range []sign.Scheme{testpki.Must(sign.PKCS1(crypto.SHA256)), testpki.Must(sign.PSS(crypto.SHA256)), testpki.Must(sign.ECDSA(crypto.SHA256)), sign.Ed25519()} {
			check.Algorithm = parseAlgorithm(t, s.SignatureAlg)
			_, err = r.Verify(check, message, nil)
			require.Equal(t, algorithm.KeyMisused, reason(t, err), s.Name)
		}
	}
}

// TestSHAKE: the digests of CMS are the first 256 and 512 bits (RFC 8702 section 3.1). Those of nothing are in FIPS 202's examples.
func TestSHAKE(t *testing.T) {
	for id, want := range map[cms.OID]string{
		cms.OIDSHAKE128: "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
		cms.OIDSHAKE256: "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762fd75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be",
	} {
		h, ok := algorithm.StandardHash(id)
		require.True(t, ok)
		require.Equal(t, want, hex.EncodeToString(h.Sum(nil)))
		require.Equal(t, len(want)/2, h.Size)
		require.Equal(t, 4*h.Size, h.Strength())
		f := h.New()
		_, _ = f.Write([]byte("one"))
		first := f.Sum(nil)
		require.Equal(t, first, f.Sum(nil), "the state stays")
		_, _ = f.Write([]byte("two"))
		require.Equal(t, h.Sum([]byte("onetwo")), f.Sum(nil))
		f.Reset()
		require.Equal(t, want, hex.EncodeToString(f.Sum(nil)))
		require.Equal(t, algorithm.Allowed, (*algorithm.Registry)(nil).JudgeHash(algorithm.UseMessage, id, time.Time{}).Decision)
		require.True(t, algorithm.IsHash(id.Name()))
		// Nobody has said what an RSA signature with it is.
		check := &algorithm.SignatureCheck{Algorithm: parseAlgorithm(t, []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")), Digest: id,
			SPKI: testpki.New(t).Leaf(testpki.RSA2048).Certificate().RawSubjectPublicKeyInfo, Signature: make([]byte, 256)}
		_, err := (*algorithm.Registry)(nil).Verify(check, []byte("message"), nil)
		require.Equal(t, algorithm.Unsupported, reason(t, err))
	}
}
