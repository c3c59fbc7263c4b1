package algorithm_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"math/big"
	"strings"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

// halves takes an ECDSA or DSA signature in DER apart.
func halves(t testing.TB, der []byte) (r, s *big.Int) {
	t.Helper()
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	fields := v.Reader()
	one, err := fields.Next()
	require.NoError(t, err)
	two, err := fields.Next()
	require.NoError(t, err)
	r, err = one.BigInt()
	require.NoError(t, err)
	s, err = two.BigInt()
	require.NoError(t, err)
	return r, s
}

func pair(parts ...[]byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	for _, p := range parts {
		b.Value(cms.TagInteger, p)
	}
	b.Close(seq)
	return b.Bytes()
}

func integer(n *big.Int) []byte { return n.FillBytes(make([]byte, n.BitLen()/8+1)) }

// order is that of a curve, taken from its explicit parameters, and prime that of its field.
func order(t testing.TB, name string) (prime, n *big.Int) {
	t.Helper()
	_, v := named(t, name+"-explicit-uncompressed-sha512")
	key, err := algorithm.ParseKey(v.check(t).SPKI)
	require.NoError(t, err)
	fields := key.Algorithm.Parameters.Reader()
	all, err := fields.All()
	require.NoError(t, err)
	n, err = all[4].BigInt()
	require.NoError(t, err)
	fields = all[1].Reader()
	field, err := fields.All()
	require.NoError(t, err)
	prime, err = field[1].BigInt()
	require.NoError(t, err)
	return prime, n
}

// TestFormsOfECDSA takes each signature in one form only, on the curves that are computed here as on the others: an archive
// is full of digests of signatures.
func TestFormsOfECDSA(t *testing.T) {
	message, all := vectors(t)
	reducible := 0
	for _, v := range all {
		curve, rest, _ := strings.Cut(v.Name, "-")
		if rest != "named_curve-uncompressed-sha256" {
			continue
		}
		check := v.check(t)
		_, n := order(t, curve)
		r, s := halves(t, check.Signature)
		size := (n.BitLen() + 7) / 8
		plain := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		verify := func(alg cms.Algorithm, signature []byte) error {
			_, err := (*algorithm.Registry)(nil).Verify(&algorithm.SignatureCheck{Algorithm: alg, Signature: signature, SPKI: check.SPKI}, message, nil)
			return err
		}
		der, side := check.Algorithm, parseAlgorithm(t, identifier(cms.OIDPlainECDSAWithSHA256))
		require.NoError(t, verify(der, pair(integer(r), integer(s))))
		require.NoError(t, verify(side, plain))
		more := new(big.Int).Add(s, n)
		zero := make([]byte, size)
		bad := map[string]error{
			"a zero before": verify(der, pair(append([]byte{0}, integer(r)...), integer(s))),
			"trailing":      verify(der, append(pair(integer(r), integer(s)), 0)),
			"three":         verify(der, pair(integer(r), integer(s), []byte{1})),
			"r 0":           verify(der, pair([]byte{0}, integer(s))),
			"s 0":           verify(der, pair(integer(r), []byte{0})),
			"plain for DER": verify(der, plain),
			"DER for plain": verify(side, pair(integer(r), integer(s))),
			"plain r 0":     verify(side, append(zero[:size:size], plain[size:]...)),
			"plain s 0":     verify(side, append(plain[:size:size], zero...)),
			"plain longer":  verify(side, append(append([]byte{0}, plain[:size]...), append([]byte{0}, plain[size:]...)...)),
			"plain odd":     verify(side, plain[1:]),
			"plain nothing": verify(side, nil),
			"s not reduced": verify(der, pair(integer(r), integer(more))),
		}
		if r.BitLen()%8 == 0 { // without its zero it is negative
			bad["negative"] = verify(der, pair(r.Bytes(), integer(s)))
		}
		if s.BitLen()%8 == 0 {
			bad["negative s"] = verify(der, pair(integer(r), s.Bytes()))
		}
		if len(more.Bytes()) <= size {
			bad["plain not reduced"] = verify(side, append(plain[:size:size], more.FillBytes(make([]byte, size))...))
			reducible++
		}
		for name, err := range bad {
			require.Equal(t, algorithm.WrongSignature, reason(t, err), "%s: %s", curve, name)
		}
	}
	require.Positive(t, reducible)
}

// TestCoordinates takes each point in one form only.
func TestCoordinates(t *testing.T) {
	_, all := vectors(t)
	tried := map[string]bool{}
	for _, v := range all {
		curve, rest, _ := strings.Cut(v.Name, "-")
		if !strings.HasPrefix(rest, "named_curve-") && !strings.HasPrefix(rest, "explicit-") {
			continue
		}
		check := v.check(t)
		key, err := algorithm.ParseKey(check.SPKI)
		require.NoError(t, err)
		prime, _ := order(t, curve)
		size := (prime.BitLen() + 7) / 8
		head := 1 + 2*size
		if strings.Contains(rest, "-compressed") {
			head = 1 + size
		}
		point := check.SPKI[len(check.SPKI)-head:]
		for i, name := range []string{"x", "y"} {
			if 1+(i+1)*size > len(point) {
				continue
			}
			more := new(big.Int).Add(new(big.Int).SetBytes(point[1+i*size:1+(i+1)*size]), prime)
			if len(more.Bytes()) > size {
				continue
			}
			bent := bytes.Clone(point)
			more.FillBytes(bent[1+i*size : 1+(i+1)*size])
			_, err = algorithm.ParseKey(ecSPKI(key.Algorithm.Parameters.Raw(), bent))
			require.Equal(t, algorithm.Malformed, reason(t, err), "%s %s", v.Name, name)
			if strings.HasPrefix(curve, "brainpool") {
				tried[name] = true
			}
		}
	}
	require.Equal(t, map[string]bool{"x": true, "y": true}, tried)
}

// TestNegativeModulus refuses an RSA key whose modulus lacks the zero before it: others read another key.
func TestNegativeModulus(t *testing.T) {
	spki := rsaSPKI(odd(2048), big.NewInt(65537))
	_, err := algorithm.ParseKey(spki)
	require.NoError(t, err)
	n := odd(2048)
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Raw(identifier(cms.OIDRSAEncryption, []byte{5, 0}))
	b.Value(cms.TagBitString, append([]byte{0}, pair(n.Bytes(), []byte{1, 0, 1})...))
	b.Close(outer)
	_, err = algorithm.ParseKey(b.Bytes())
	require.Equal(t, algorithm.Malformed, reason(t, err))
}

type dsaTest struct{ p, q, g, x, y *big.Int }

// newDSA makes a key of these sizes.
func newDSA(t testing.TB, bits, orderBits int) dsaTest {
	t.Helper()
	q, err := rand.Prime(rand.Reader, orderBits)
	require.NoError(t, err)
	for {
		k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-orderBits)))
		require.NoError(t, err)
		k.SetBit(k, bits-orderBits-1, 1).SetBit(k, 0, 0)
		p := new(big.Int).Mul(k, q)
		if p.Add(p, big.NewInt(1)); p.BitLen() != bits || !p.ProbablyPrime(10) {
			continue
		}
		g := new(big.Int).Exp(big.NewInt(2), k, p)
		x := big.NewInt(0x1234567)
		return dsaTest{p, q, g, x, new(big.Int).Exp(g, x, p)}
	}
}

func (d dsaTest) spki() []byte {
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Raw(identifier(cms.OIDDSA, pair(integer(d.p), integer(d.q), integer(d.g))))
	y := cms.NewBuilder(nil)
	y.BigInt(d.y)
	b.Value(cms.TagBitString, append([]byte{0}, y.Bytes()...))
	b.Close(outer)
	return b.Bytes()
}

func (d dsaTest) sign(message []byte) (r, s *big.Int) {
	digest := sha1.Sum(message)
	k := big.NewInt(7919)
	r = new(big.Int).Exp(d.g, k, d.p)
	r.Mod(r, d.q)
	s = new(big.Int).Mul(d.x, r)
	s.Add(s, new(big.Int).SetBytes(digest[:]))
	s.Mul(s, new(big.Int).ModInverse(k, d.q)).Mod(s, d.q)
	return r, s
}

// TestDSA bounds keys of DSA, and refuses those with which anything is a signature.
func TestDSA(t *testing.T) {
	message := []byte("message")
	verify := func(d dsaTest, signature []byte) error {
		_, err := (*algorithm.Registry)(nil).Verify(&algorithm.SignatureCheck{Algorithm: parseAlgorithm(t, identifier(cms.OIDDSAWithSHA1)), Signature: signature, SPKI: d.spki()}, message, nil)
		return err
	}
	short := newDSA(t, 512, 160)
	r, s := short.sign(message)
	require.Equal(t, algorithm.KeyTooShort, reason(t, verify(short, pair(integer(r), integer(s)))))
	require.Equal(t, algorithm.WrongSignature, reason(t, verify(short, pair(integer(s), integer(r)))))
	j := (&algorithm.Registry{Policy: algorithm.Lenient()}).Judge(algorithm.Question{Use: algorithm.UseMessage, Algorithm: parseAlgorithm(t, identifier(cms.OIDDSAWithSHA256)), SPKI: short.spki(), Time: day(1999, 1, 1)})
	require.Equal(t, algorithm.Forbidden, j.Decision)

	good := newDSA(t, 1024, 164) // r and s have four bits to spare in their octets
	r, s = good.sign(message)
	require.NoError(t, verify(good, pair(integer(r), integer(s))))
	require.Equal(t, algorithm.WrongSignature, reason(t, verify(good, pair(integer(r), integer(new(big.Int).Add(s, good.q))))))
	one := big.NewInt(1)
	for name, c := range map[string]struct {
		bend func(*dsaTest)
		want algorithm.Reason
	}{
		"base 1": {func(d *dsaTest) { d.g = one }, algorithm.Malformed}, "key 1": {func(d *dsaTest) { d.y = one }, algorithm.Malformed},
		"base p": {func(d *dsaTest) { d.g = d.p }, algorithm.Malformed}, "key p": {func(d *dsaTest) { d.y = d.p }, algorithm.Malformed},
		"even p": {func(d *dsaTest) { d.p = new(big.Int).Add(d.p, one) }, algorithm.Malformed}, "even q": {func(d *dsaTest) { d.q = new(big.Int).Add(d.q, one) }, algorithm.Malformed},
		"small q": {func(d *dsaTest) { d.q = odd(159) }, algorithm.Malformed}, "large q": {func(d *dsaTest) { d.q = odd(257) }, algorithm.Unsupported},
		"large p": {func(d *dsaTest) { d.p = odd(4097) }, algorithm.Malformed}, "larger p": {func(d *dsaTest) { d.p = odd(1 << 16) }, algorithm.Malformed},
	} {
		bent := good
		c.bend(&bent)
		_, err := algorithm.ParseKey(bent.spki())
		require.Contains(t, []algorithm.Reason{c.want, algorithm.Unsupported}, reason(t, err), name)
	}
	b := cms.NewBuilder(nil)
	outer := b.Open(cms.TagSequence)
	b.Raw(identifier(cms.OIDDSA))
	b.Value(cms.TagBitString, []byte{0, 2, 1, 5})
	b.Close(outer)
	_, err := algorithm.ParseKey(b.Bytes())
	require.Equal(t, algorithm.Unsupported, reason(t, err), "parameters of the issuer")
}
