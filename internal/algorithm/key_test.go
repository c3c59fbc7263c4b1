package algorithm_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

func odd(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return n.Add(n, big.NewInt(0x1234567))
}

// rsaSPKI makes a key of any two integers.
func rsaSPKI(n, e *big.Int, more ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Raw(identifier(cms.OIDRSAEncryption, []byte{5, 0}))
	bits := b.Open(cms.TagBitString)
	b.Raw([]byte{0})
	seq := b.Open(cms.TagSequence)
	b.BigInt(n)
	b.BigInt(e)
	b.Raw(more...)
	b.Close(seq)
	b.Close(bits)
	b.Close(outer)
	return b.Bytes()
}

// TestRSAKeys bounds what a key of a stranger may cost, and refuses those with which anything is a signature.
func TestRSAKeys(t *testing.T) {
	e := big.NewInt(65537)
	for name, c := range map[string]struct {
		spki []byte
		want algorithm.Reason
		bits int
	}{
		"2048":                 {rsaSPKI(odd(2048), e), 0, 2048},
		"256":                  {rsaSPKI(odd(256), e), 0, 256},
		"255":                  {rsaSPKI(odd(255), e), algorithm.Malformed, 0},
		"16384":                {rsaSPKI(odd(16384), e), 0, 16384},
		"16385":                {rsaSPKI(odd(16385), e), algorithm.Unsupported, 0},
		"a megabit":            {rsaSPKI(odd(1<<20), e), algorithm.Unsupported, 0},
		"even":                 {rsaSPKI(new(big.Int).Add(odd(2048), big.NewInt(1)), e), algorithm.Malformed, 0},
		"exponent 1":           {rsaSPKI(odd(2048), big.NewInt(1)), algorithm.Malformed, 0},
		"exponent 0":           {rsaSPKI(odd(2048), new(big.Int)), algorithm.Malformed, 0},
		"exponent 2":           {rsaSPKI(odd(2048), big.NewInt(2)), algorithm.Malformed, 0},
		"exponent 3":           {rsaSPKI(odd(2048), big.NewInt(3)), 0, 2048},
		"exponent of 31 bits":  {rsaSPKI(odd(16384), odd(31)), 0, 16384},
		"exponent of 32 bits":  {rsaSPKI(odd(4096), odd(32)), 0, 4096},
		"and a large modulus":  {rsaSPKI(odd(4097), odd(32)), algorithm.Unsupported, 0},
		"exponent of 64 bits":  {rsaSPKI(odd(4096), odd(64)), 0, 4096},
		"exponent of 65 bits":  {rsaSPKI(odd(2048), odd(65)), algorithm.Unsupported, 0},
		"a third integer":      {rsaSPKI(odd(2048), e, number(1)), algorithm.Malformed, 0},
		"something behind":     {append(rsaSPKI(odd(2048), e), 0), algorithm.Malformed, 0},
		"nothing":              {nil, algorithm.Malformed, 0},
		"an unknown algorithm": {bytes.Replace(rsaSPKI(odd(2048), e), []byte(cms.OIDRSAEncryption), []byte(cms.OIDRSAEncryption[:8]+"\x77"), 1), algorithm.Unsupported, 0},
	} {
		key, err := algorithm.ParseKey(c.spki)
		if c.want != 0 {
			require.Equal(t, c.want, reason(t, err), name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.bits, key.Bits, name)
		require.Positive(t, algorithm.Cost(c.spki))
	}
	require.Equal(t, 1, algorithm.Cost(rsaSPKI(odd(2048), e)))
	require.Greater(t, algorithm.Cost(rsaSPKI(odd(2048), odd(31))), 2)
	require.Greater(t, algorithm.Cost(rsaSPKI(odd(16384), e)), 40)
}

// TestShortKeys says that a key is too short where its signature is right, and that it is wrong where it is not.
func TestShortKeys(t *testing.T) {
	message, v := named(t, "rsa-512")
	check := v.check(t)
	key, err := algorithm.ParseKey(check.SPKI)
	require.NoError(t, err)
	require.Equal(t, "RSA of 512 bits", key.Name())
	require.Zero(t, key.Strength())
	_, err = (*algorithm.Registry)(nil).Verify(check, message, nil)
	require.Equal(t, algorithm.KeyTooShort, reason(t, err))
	require.ErrorContains(t, err, "RSA of 512 bits")
	_, err = (*algorithm.Registry)(nil).Verify(check, []byte("other"), nil)
	require.Equal(t, algorithm.WrongSignature, reason(t, err))
}

// ecSPKI makes a key of any parameters and point.
func ecSPKI(parameters, point []byte) []byte {
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Raw(identifier(cms.OIDECPublicKey, parameters))
	b.Value(cms.TagBitString, append([]byte{0}, point...))
	b.Close(outer)
	return b.Bytes()
}

type explicit struct{ p, a, b, x, y, n, h *big.Int }

func (e explicit) der(point func(e explicit) []byte) []byte {
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Int(1)
	f := b.Open(cms.TagSequence)
	b.OID(cms.OIDPrimeField)
	b.BigInt(e.p)
	b.Close(f)
	f = b.Open(cms.TagSequence)
	b.Value(cms.TagOctetString, e.a.FillBytes(make([]byte, 32)))
	b.Value(cms.TagOctetString, e.b.FillBytes(make([]byte, 32)))
	b.Close(f)
	b.Value(cms.TagOctetString, point(e))
	b.BigInt(e.n)
	if e.h != nil {
		b.BigInt(e.h)
	}
	b.Close(outer)
	return b.Bytes()
}

func uncompressed(e explicit) []byte {
	return append(append([]byte{4}, e.x.FillBytes(make([]byte, 32))...), e.y.FillBytes(make([]byte, 32))...)
}

// TestExplicitParameters takes those of a named curve for that curve, and computes with no others: with a base point of his
// own, anybody makes a key of his own that has the public point of somebody else (CVE-2020-0601).
func TestExplicitParameters(t *testing.T) {
	c := elliptic.P256().Params()
	good := func() explicit {
		return explicit{c.P, new(big.Int).Sub(c.P, big.NewInt(3)), c.B, c.Gx, c.Gy, c.N, big.NewInt(1)}
	}
	point := uncompressed(good()) // G itself
	for name, e := range map[string]explicit{
		"as named":         good(),
		"without cofactor": {good().p, good().a, good().b, good().x, good().y, good().n, nil},
	} {
		key, err := algorithm.ParseKey(ecSPKI(e.der(uncompressed), point))
		require.NoError(t, err, name)
		require.Equal(t, cms.OIDP256, key.Curve)
		require.Equal(t, 128, key.Strength())
		key, err = algorithm.ParseKey(ecSPKI(e.der(func(e explicit) []byte {
			return append([]byte{byte(2 + e.y.Bit(0))}, e.x.FillBytes(make([]byte, 32))...)
		}), point))
		require.NoError(t, err, name)
		require.Equal(t, cms.OIDP256, key.Curve)
	}
	plus := func(n *big.Int) *big.Int { return new(big.Int).Add(n, big.NewInt(2)) }
	for name, bend := range map[string]func(*explicit){
		"p": func(e *explicit) { e.p = plus(e.p) }, "a": func(e *explicit) { e.a = plus(e.a) }, "b": func(e *explicit) { e.b = plus(e.b) },
		"order": func(e *explicit) { e.n = plus(e.n) }, "cofactor": func(e *explicit) { e.h = big.NewInt(2) },
		"base x": func(e *explicit) { e.x = plus(e.x) }, "base y": func(e *explicit) { e.y = new(big.Int).Sub(c.P, c.Gy) },
		"huge": func(e *explicit) { e.p = odd(1024) },
	} {
		e := good()
		bend(&e)
		_, err := algorithm.ParseKey(ecSPKI(e.der(uncompressed), point))
		require.Equal(t, algorithm.Unsupported, reason(t, err), name)
	}
	e := good()
	_, err := algorithm.ParseKey(ecSPKI(e.der(func(e explicit) []byte { // the other of the two compressed ones
		return append([]byte{byte(3 - e.y.Bit(0))}, e.x.FillBytes(make([]byte, 32))...)
	}), point))
	require.Equal(t, algorithm.Unsupported, reason(t, err))
	e.p = odd(1 << 16)
	_, err = algorithm.ParseKey(ecSPKI(e.der(uncompressed), point))
	require.Equal(t, algorithm.Malformed, reason(t, err))
	e = good()
	e.h = new(big.Int)
	_, err = algorithm.ParseKey(ecSPKI(e.der(uncompressed), point))
	require.Equal(t, algorithm.Malformed, reason(t, err), "a cofactor of 0")
	for name, der := range map[string][]byte{"implicit": {5, 0}, "unknown": {6, 2, 0x2a, 3}} {
		_, err = algorithm.ParseKey(ecSPKI(der, point))
		require.Equal(t, algorithm.Unsupported, reason(t, err), name)
	}
	for name, der := range map[string][]byte{"none": nil, "string": {4, 0}, "empty": {0x30, 0}} {
		_, err = algorithm.ParseKey(ecSPKI(der, point))
		require.Equal(t, algorithm.Malformed, reason(t, err), name)
	}
}

// TestPoints takes those of the curve only: another one may lie in a small group.
func TestPoints(t *testing.T) {
	_, all := vectors(t)
	for _, name := range []string{"prime256v1", "secp521r1", "brainpoolP256r1", "brainpoolP512t1", "secp256k1", "prime192v1"} {
		for _, v := range all {
			if v.Name != name+"-named_curve-uncompressed-sha256" {
				continue
			}
			good := v.check(t).SPKI
			key, err := algorithm.ParseKey(good)
			require.NoError(t, err)
			parameters := key.Algorithm.Parameters.Raw()
			at := bytes.IndexByte(good[20:], 4) + 20
			for good[at-1] != 0 {
				at += 1 + bytes.IndexByte(good[at+1:], 4)
			}
			point := append([]byte(nil), good[at:]...)
			_, err = algorithm.ParseKey(ecSPKI(parameters, point))
			require.NoError(t, err, name)
			size := len(point) / 2
			off := append([]byte(nil), point...)
			off[len(off)-1] ^= 1
			hybrid := append([]byte{6 + point[len(point)-1]&1}, point[1:]...)
			large := append([]byte{4}, bytes.Repeat([]byte{0xff}, 2*size)...)
			for form, bad := range map[string][]byte{
				"off": off, "infinity": {0}, "hybrid": hybrid, "short": point[:len(point)-1], "long": append(append([]byte(nil), point...), 0),
				"not reduced": large, "compressed and long": append([]byte{2}, point[1:]...), "compressed and not reduced": large[:1+size],
				"empty": {},
			} {
				_, err = algorithm.ParseKey(ecSPKI(parameters, bad))
				require.Equal(t, algorithm.Malformed, reason(t, err), "%s: %s", name, form)
			}
		}
	}
}

// TestBareDigestInfo takes the form without NULL by option only, and nothing that is not the whole block.
func TestBareDigestInfo(t *testing.T) {
	message, v := named(t, "bare-digestinfo")
	check := v.check(t)
	var r algorithm.Registry
	_, err := r.Verify(check, message, nil)
	require.Equal(t, algorithm.WrongSignature, reason(t, err))
	require.ErrorContains(t, err, "the key did make it")
	check.AllowBareDigestInfo = true
	note, err := r.Verify(check, message, nil)
	require.NoError(t, err)
	require.Contains(t, note, "lacks the NULL")
	_, err = r.Verify(check, []byte("other"), nil)
	require.Equal(t, algorithm.WrongSignature, reason(t, err))
	_, v = named(t, "rsa-pkcs1-sha256")
	check = v.check(t)
	check.AllowBareDigestInfo = true
	note, err = r.Verify(check, message, nil)
	require.NoError(t, err)
	require.Empty(t, note)
	// A larger value that opens to the same block is another signature of it.
	key, err := algorithm.ParseKey(check.SPKI)
	require.NoError(t, err)
	require.Equal(t, 1024, key.Bits)
	var public rsa.PublicKey
	public.N = modulus(t, check.SPKI)
	more := new(big.Int).Add(new(big.Int).SetBytes(check.Signature), public.N)
	if more.BitLen() <= 1024 {
		check.Signature = more.FillBytes(make([]byte, 128))
		_, err = r.Verify(check, message, nil)
		require.Equal(t, algorithm.WrongSignature, reason(t, err))
	}
}

func modulus(t testing.TB, spki []byte) *big.Int {
	t.Helper()
	v, err := cms.ReadValue(spki)
	require.NoError(t, err)
	r := v.Reader()
	_, err = r.Next()
	require.NoError(t, err)
	bits, err := r.Next()
	require.NoError(t, err)
	v, err = cms.ReadValue(bits.Body()[1:])
	require.NoError(t, err)
	r = v.Reader()
	n, err := r.Next()
	require.NoError(t, err)
	i, err := n.BigInt()
	require.NoError(t, err)
	return i
}

// TestHashOfAnotherName takes a signature that was made with the digest algorithm though it names another hash, and says so.
func TestHashOfAnotherName(t *testing.T) {
	message, v := named(t, "ecdsa-sha384")
	check := v.check(t)
	check.Algorithm = parseAlgorithm(t, identifier(cms.OIDECDSAWithSHA256))
	var r algorithm.Registry
	note, err := r.Verify(check, message, nil)
	require.NoError(t, err)
	require.Contains(t, note, "made with SHA-384")
	check.Digest = cms.OIDSHA512
	_, err = r.Verify(check, message, nil)
	require.Equal(t, algorithm.WrongSignature, reason(t, err))
}

// TestTrailingParameters refuses an AlgorithmIdentifier with a third field.
func TestTrailingParameters(t *testing.T) {
	v, err := cms.ReadValue(identifier(cms.OIDSHA256WithRSA, []byte{5, 0}, []byte{5, 0}))
	require.NoError(t, err)
	_, err = cms.ParseAlgorithm(v)
	require.ErrorContains(t, err, "something follows")
}
