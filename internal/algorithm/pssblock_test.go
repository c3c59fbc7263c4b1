package algorithm_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

// block is EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) with SHA-256, and SHA-512 in the mask; bend changes DB before it is
// masked, and EM after.
func block(bits int, message, salt []byte, db func([]byte), em func([]byte)) []byte {
	size := (bits + 7) / 8
	digest := sha256.Sum256(message)
	h := sha256.New()
	h.Write(make([]byte, 8))
	h.Write(digest[:])
	h.Write(salt)
	sum := h.Sum(nil)
	plain := make([]byte, size-32-1)
	plain[len(plain)-len(salt)-1] = 1
	copy(plain[len(plain)-len(salt):], salt)
	if db != nil {
		db(plain)
	}
	var mask []byte
	for i := byte(0); len(mask) < len(plain); i++ {
		part := sha512.Sum512(append(bytes.Clone(sum), 0, 0, 0, i))
		mask = append(mask, part[:]...)
	}
	for i := range plain {
		plain[i] ^= mask[i]
	}
	plain[0] &= 0xff >> (8*size - bits)
	out := append(append(plain, sum...), 0xbc)
	if em != nil {
		em(out)
	}
	return out
}

// TestPSSBlock looks at every part of the block: what is not compared is left to whoever forges.
func TestPSSBlock(t *testing.T) {
	message, salt := []byte("message"), []byte("seven..")
	for _, bits := range []int{1024, 1025, 1031, 1032} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		spki := spkiUnder(t, identifier(cms.OIDRSAEncryption, []byte{5, 0}), &key.PublicKey)
		alg := func(salt byte) cms.Algorithm {
			return parseAlgorithm(t, pss(params(cms.OIDSHA256, cms.OIDSHA512, salt)...))
		}
		sign := func(em []byte) []byte {
			m := new(big.Int).SetBytes(em)
			if m.Cmp(key.N) >= 0 {
				return nil
			}
			return m.Exp(m, key.D, key.N).FillBytes(make([]byte, key.Size()))
		}
		verify := func(a cms.Algorithm, signature []byte) error {
			_, err := (*algorithm.Registry)(nil).Verify(&algorithm.SignatureCheck{Algorithm: a, Signature: signature, SPKI: spki}, message, nil)
			return err
		}
		good := block(bits-1, message, salt, nil, nil)
		require.NoError(t, verify(alg(7), sign(good)), "%d", bits)
		for name, bad := range map[string][]byte{
			"trailer":         block(bits-1, message, salt, nil, func(em []byte) { em[len(em)-1] = 0xcc }),
			"padding":         block(bits-1, message, salt, func(db []byte) { db[3] = 1 }, nil),
			"first padding":   block(bits-1, message, salt, func(db []byte) { db[0] |= 1 }, nil),
			"separator":       block(bits-1, message, salt, func(db []byte) { db[len(db)-8] = 2 }, nil),
			"no separator":    block(bits-1, message, salt, func(db []byte) { db[len(db)-8] = 0 }, nil),
			"salt":            block(bits-1, message, salt, func(db []byte) { db[len(db)-1] ^= 1 }, nil),
			"hash":            block(bits-1, message, salt, nil, func(em []byte) { em[len(em)-2] ^= 1 }),
			"another message": block(bits-1, []byte("other"), salt, nil, nil),
		} {
			require.Equal(t, algorithm.WrongSignature, reason(t, verify(alg(7), sign(bad))), "%d: %s", bits, name)
		}
		// Bits above those of the block, as far as such a number is below the modulus, which depends on the key.
		if signature := sign(above(good, bits)); signature != nil {
			require.Equal(t, algorithm.WrongSignature, reason(t, verify(alg(7), signature)), "%d", bits)
		}
		for _, long := range []byte{6, 8, 90, 95, 100, 127} {
			require.Equal(t, algorithm.WrongSignature, reason(t, verify(alg(long), sign(good))), "%d", long)
		}
	}
}

// above sets the lowest bit above the block.
func above(em []byte, bits int) []byte {
	n := new(big.Int).SetBytes(em)
	return n.SetBit(n, bits-1, 1).FillBytes(make([]byte, (bits+7)/8))
}

// TestValuesBelowTheModulus takes each signature in one form only.
func TestValuesBelowTheModulus(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1025)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("message"))
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	check := &algorithm.SignatureCheck{
		Algorithm: parseAlgorithm(t, identifier(cms.OIDSHA256WithRSA, []byte{5, 0})), Signature: value,
		SPKI: spkiUnder(t, identifier(cms.OIDRSAEncryption, []byte{5, 0}), &key.PublicKey), AllowBareDigestInfo: true,
	}
	_, err = (*algorithm.Registry)(nil).Verify(check, []byte("message"), nil)
	require.NoError(t, err)
	more := new(big.Int).SetBytes(value)
	check.Signature = more.Add(more, key.N).FillBytes(make([]byte, 129))
	_, err = (*algorithm.Registry)(nil).Verify(check, []byte("message"), nil)
	require.Equal(t, algorithm.WrongSignature, reason(t, err))
}

// TestFormsOfKeys reads the whole of a SubjectPublicKeyInfo.
func TestFormsOfKeys(t *testing.T) {
	make := func(unused byte, inner, outer []byte) []byte {
		b := cms.NewBuilder(nil)
		seq := b.Open(cms.TagSequence)
		b.Raw(identifier(cms.OIDEd25519))
		b.Value(cms.TagBitString, append(append([]byte{unused}, bytes.Repeat([]byte{1}, 32)...), inner...))
		b.Raw(outer)
		b.Close(seq)
		return b.Bytes()
	}
	_, err := algorithm.ParseKey(make(0, nil, nil))
	require.NoError(t, err)
	for name, bad := range map[string][]byte{"unused bits": make(1, nil, nil), "a longer key": make(0, []byte{1}, nil), "a field behind": make(0, nil, []byte{5, 0})} {
		_, err = algorithm.ParseKey(bad)
		require.Equal(t, algorithm.Malformed, reason(t, err), name)
	}
}
