package algorithm_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/stretchr/testify/require"
)

// pss makes RSASSA-PSS-params of the fields that are given: AlgorithmIdentifier of RSASSA-PSS.
func pss(fields ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.OID(cms.OIDRSASSAPSS)
	if fields != nil {
		inner := b.Open(cms.TagSequence)
		b.Raw(fields...)
		b.Close(inner)
	}
	b.Close(outer)
	return b.Bytes()
}

func identifier(id cms.OID, inner ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	b.Raw(inner...)
	b.Close(seq)
	return b.Bytes()
}

func field(n int, inner []byte) []byte {
	b := cms.NewBuilder(nil)
	b.Value(cms.ContextConstructed(n), inner)
	return b.Bytes()
}

func number(n byte) []byte { return []byte{2, 1, n} }

func params(hash, mask cms.OID, salt byte) [][]byte {
	return [][]byte{field(0, identifier(hash)), field(1, identifier(cms.OIDMGF1, identifier(mask))), field(2, number(salt))}
}

// spkiUnder puts an RSA key under another AlgorithmIdentifier.
func spkiUnder(t testing.TB, alg []byte, key *rsa.PublicKey) []byte {
	t.Helper()
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Raw(alg)
	bits := b.Open(cms.TagBitString)
	b.Raw([]byte{0})
	seq := b.Open(cms.TagSequence)
	b.BigInt(key.N)
	b.Int(uint64(key.E))
	b.Close(seq)
	b.Close(bits)
	b.Close(outer)
	return b.Bytes()
}

// TestRestrictedKeys keeps a key under id-RSASSA-PSS to what it is for (RFC 4055 sections 1.2 and 3.3).
func TestRestrictedKeys(t *testing.T) {
	key := testpki.New(t).Leaf(testpki.RSA2048).Key.(*rsa.PrivateKey)
	message := []byte("message")
	digest := sha256.Sum256(message)
	sign := func(opts crypto.SignerOpts) []byte {
		s, err := key.Sign(rand.Reader, digest[:], opts)
		require.NoError(t, err)
		return s
	}
	used := pss(params(cms.OIDSHA256, cms.OIDSHA256, 32)...)
	value := sign(&rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256})
	var r *algorithm.Registry
	verify := func(spki, alg, signature []byte) error {
		_, err := r.Verify(&algorithm.SignatureCheck{Algorithm: parseAlgorithm(t, alg), Digest: cms.OIDSHA256, Signature: signature, SPKI: spki}, message, nil)
		return err
	}
	for name, c := range map[string]struct {
		restriction [][]byte
		says        string
	}{
		"none":           {nil, ""},
		"the same":       {params(cms.OIDSHA256, cms.OIDSHA256, 32), ""},
		"a shorter salt": {params(cms.OIDSHA256, cms.OIDSHA256, 0), ""},
		"a longer salt":  {params(cms.OIDSHA256, cms.OIDSHA256, 33), "a salt of 32 octets, and the key of the certificate demands 33"},
		"another hash":   {params(cms.OIDSHA512, cms.OIDSHA256, 32), "with SHA-256, and the key of the certificate is for RSASSA-PSS with SHA-512 only"},
		"another mask":   {params(cms.OIDSHA256, cms.OIDSHA1, 32), "a mask by SHA-1 only"},
		"defaults":       {[][]byte{}, "RSASSA-PSS with SHA-1 only"},
	} {
		t.Run(name, func(t *testing.T) {
			spki := spkiUnder(t, pss(c.restriction...), &key.PublicKey)
			err := verify(spki, used, value)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.Equal(t, algorithm.KeyMisused, reason(t, err))
				require.ErrorContains(t, err, c.says)
			}
			// PKCS #1 v1.5 never, not even a value that is right.
			for _, id := range []cms.OID{cms.OIDRSAEncryption, cms.OIDSHA256WithRSA} {
				err = verify(spki, identifier(id, []byte{5, 0}), sign(crypto.SHA256))
				require.Equal(t, algorithm.KeyMisused, reason(t, err))
				require.ErrorContains(t, err, "is for RSASSA-PSS only")
				require.NotContains(t, err.Error(), "named the wrong algorithm")
			}
			// Made by RSASSA-PSS, and called something else.
			err = verify(spki, identifier(cms.OIDRSAEncryption, []byte{5, 0}), value)
			require.Equal(t, algorithm.KeyMisused, reason(t, err))
			require.ErrorContains(t, err, "named the wrong algorithm")
		})
	}
	// A key under rsaEncryption is for both.
	spki := spkiUnder(t, identifier(cms.OIDRSAEncryption, []byte{5, 0}), &key.PublicKey)
	require.NoError(t, verify(spki, used, value))
	require.NoError(t, verify(spki, identifier(cms.OIDRSAEncryption), sign(crypto.SHA256)))
	// What the algorithm says about salt and mask is what is checked.
	for name, other := range map[string][]byte{
		"salt 31": pss(params(cms.OIDSHA256, cms.OIDSHA256, 31)...), "salt 33": pss(params(cms.OIDSHA256, cms.OIDSHA256, 33)...),
		"salt 0": pss(params(cms.OIDSHA256, cms.OIDSHA256, 0)...), "mask": pss(params(cms.OIDSHA256, cms.OIDSHA1, 32)...),
		"mask of SHA-512": pss(params(cms.OIDSHA256, cms.OIDSHA512, 32)...), "hash": pss(params(cms.OIDSHA512, cms.OIDSHA512, 32)...),
	} {
		require.Equal(t, algorithm.WrongSignature, reason(t, verify(spki, other, value)), name)
	}
}

// TestPSSParameters reads them strictly: what is skipped is what somebody else reads.
func TestPSSParameters(t *testing.T) {
	ok := params(cms.OIDSHA256, cms.OIDSHA512, 11)
	for name, c := range map[string]struct {
		der  []byte
		want algorithm.PSSParameters
		why  algorithm.Reason
	}{
		"all":              {der: pss(ok...), want: algorithm.PSSParameters{Hash: cms.OIDSHA256, MGF1: cms.OIDSHA512, Salt: 11}},
		"absent":           {der: pss(), want: algorithm.PSSParameters{Hash: cms.OIDSHA1, MGF1: cms.OIDSHA1, Salt: 20}},
		"NULL":             {der: identifier(cms.OIDRSASSAPSS, []byte{5, 0}), want: algorithm.PSSParameters{Hash: cms.OIDSHA1, MGF1: cms.OIDSHA1, Salt: 20}},
		"hash only":        {der: pss(ok[0]), want: algorithm.PSSParameters{Hash: cms.OIDSHA256, MGF1: cms.OIDSHA1, Salt: 20}},
		"trailer 1":        {der: pss(append(ok[:3:3], field(3, number(1)))...), want: algorithm.PSSParameters{Hash: cms.OIDSHA256, MGF1: cms.OIDSHA512, Salt: 11}},
		"trailer 2":        {der: pss(append(ok[:3:3], field(3, number(2)))...), why: algorithm.Malformed},
		"negative salt":    {der: pss(ok[0], ok[1], field(2, number(0xff))), why: algorithm.Malformed},
		"other order":      {der: pss(ok[1], ok[0]), why: algorithm.Malformed},
		"twice":            {der: pss(ok[0], ok[0]), why: algorithm.Malformed},
		"unknown field":    {der: pss(field(4, number(1))), why: algorithm.Malformed},
		"two in one field": {der: pss(field(2, append(number(1), number(2)...))), why: algorithm.Malformed},
		"empty field":      {der: pss(field(0, nil)), why: algorithm.Malformed},
		"no SEQUENCE":      {der: identifier(cms.OIDRSASSAPSS, number(1)), why: algorithm.Malformed},
		"hash parameters":  {der: pss(field(0, identifier(cms.OIDSHA256, number(1)))), why: algorithm.Malformed},
		"mask without":     {der: pss(field(1, identifier(cms.OIDMGF1))), why: algorithm.Malformed},
		"other mask":       {der: pss(field(1, identifier(cms.OIDSHAKE256))), why: algorithm.Unsupported},
	} {
		s, err := algorithm.ResolveSignature(parseAlgorithm(t, c.der))
		if c.why != 0 {
			require.Equal(t, c.why, reason(t, err), name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, algorithm.Signature{Kind: algorithm.PSS, Hash: c.want.Hash, PSS: c.want}, s, name)
	}
	require.True(t, algorithm.SameAlgorithm(parseAlgorithm(t, pss()), parseAlgorithm(t, pss([][]byte{}...))))
	require.False(t, algorithm.SameAlgorithm(parseAlgorithm(t, pss(ok...)), parseAlgorithm(t, pss(ok[0]))))
}
