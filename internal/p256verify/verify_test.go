package p256verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"math/big"
	mathrand "math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func encode(t testing.TB, r, s *big.Int) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	require.NoError(t, err)
	return der
}

func decode(t testing.TB, der []byte) (r, s *big.Int) {
	t.Helper()
	var v struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(der, &v)
	require.NoError(t, err)
	return v.R, v.S
}

// ready makes a verifier that has its table.
func ready(t testing.TB, public *ecdsa.PublicKey) *Verifier {
	t.Helper()
	v := New(public, nil)
	for range startAt {
		v.certain(nil, nil)
	}
	require.NotNil(t, v.table.Load())
	return v
}

// agree compares with crypto/ecdsa, and returns what both say and whether the fast way said yes. A yes of it that is not one of
// crypto/ecdsa is the worst that can happen.
func agree(t testing.TB, v *Verifier, digest, signature []byte) (valid, fast bool) {
	t.Helper()
	valid, fast = ecdsa.VerifyASN1(v.public, digest, signature), v.certain(digest, signature)
	if fast && !valid {
		t.Fatalf("accepted: digest %x, signature %x, key %v", digest, signature, v.public)
	}
	require.Equal(t, valid, v.Verify(digest, signature))
	return valid, fast
}

// TestSignatures goes through signatures of crypto/ecdsa over digests of all lengths, and changes them.
func TestSignatures(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	keys := 8
	if testing.Short() {
		keys = 2
	}
	for range keys {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		v, stranger := ready(t, &key.PublicKey), ready(t, &other.PublicKey)
		for length := range 70 {
			digest := make([]byte, length)
			switch length % 5 {
			case 0: // zeros
			case 1:
				for i := range digest {
					digest[i] = 0xff
				}
			default:
				_, _ = rand.Read(digest)
			}
			signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
			require.NoError(t, err)
			if valid, fast := agree(t, v, digest, signature); !valid || !fast {
				t.Fatalf("%d octets: %v, %v", length, valid, fast)
			}
			valid, _ := agree(t, stranger, digest, signature)
			require.False(t, valid)
			if length > 0 {
				changed := bytes.Clone(digest)
				changed[random.IntN(length)] ^= 1 << random.IntN(8)
				agree(t, v, changed, signature)
				agree(t, v, digest[1:], signature)
			}
			agree(t, v, append([]byte{0}, digest...), signature)
			agree(t, v, append(bytes.Clone(digest), 0), signature)
			for i := range signature {
				changed := bytes.Clone(signature)
				changed[i] ^= 1 << random.IntN(8)
				agree(t, v, digest, changed)
			}
			agree(t, v, digest, signature[:len(signature)-1])
			agree(t, v, digest, append(bytes.Clone(signature), 0))
			r, s := decode(t, signature)
			add := func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }
			neg := func(x *big.Int) *big.Int { return new(big.Int).Sub(curveOrder, x) }
			valid, fast := agree(t, v, digest, encode(t, r, neg(s))) // so ECDSA is
			require.True(t, valid && fast)
			for _, pair := range [][2]*big.Int{
				{s, r}, {neg(r), s}, {r, r}, {s, s}, {new(big.Int), s}, {r, new(big.Int)}, {new(big.Int), new(big.Int)},
				{add(r, curveOrder), s}, {r, add(s, curveOrder)}, {r, curveOrder}, {curveOrder, s}, {fieldPrime, s},
				{add(r, big.NewInt(1)), s}, {r, add(s, big.NewInt(1))}, {new(big.Int).Neg(r), s}, {r, new(big.Int).Neg(s)},
				{big.NewInt(1), big.NewInt(1)}, {neg(big.NewInt(1)), neg(big.NewInt(1))}, {add(r, radix), s}, {r, add(s, radix)},
			} {
				valid, _ := agree(t, v, digest, encode(t, pair[0], pair[1]))
				require.False(t, valid)
			}
		}
	}
}

// TestHashes signs what is longer than the order, where the first 32 octets count.
func TestHashes(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	v := ready(t, &key.PublicKey)
	digest := sha512.Sum512([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	for cut := range digest {
		valid, fast := agree(t, v, digest[:cut], signature)
		require.Equal(t, cut >= 32, valid)
		require.Equal(t, valid, fast)
	}
	require.Equal(t, [4]uint64{}, hashed(nil))
	require.Equal(t, [4]uint64{5}, hashed([]byte{5}))
	require.Equal(t, [4]uint64{}, hashed(curveOrder.Bytes()))
}

// chosen makes a signature with scalars that an attacker chose, u1 and u2, by the key d G: R = u1 G + u2 Q, s = r/u2, e = u1 s.
// When R is infinity there is none, and r is made up.
func chosen(t testing.TB, d, u1, u2 *big.Int) (digest, signature []byte) {
	t.Helper()
	k := new(big.Int).Mul(u2, d)
	k.Add(k, u1).Mod(k, curveOrder)
	r := big.NewInt(12345)
	if k.Sign() != 0 {
		r.Mod(times(t, k).x, curveOrder)
	}
	s := new(big.Int).ModInverse(u2, curveOrder)
	s.Mul(s, r).Mod(s, curveOrder)
	e := new(big.Int).Mul(u1, s)
	e.Mod(e, curveOrder)
	return e.FillBytes(make([]byte, 32)), encode(t, r, s)
}

// TestChosen has keys that are small multiples of the base point or near its order, and scalars that make sums on the way of a point
// and itself or its opposite, and such that the result is infinity.
func TestChosen(t *testing.T) {
	n := func(k int64) *big.Int { return big.NewInt(k) }
	shift := func(k int64, by uint) *big.Int { return new(big.Int).Lsh(n(k), by) }
	special := []*big.Int{n(1), n(2), n(3), n(5), n(127), n(128), n(254), n(255), n(256), n(257), n(510), n(65535), n(65536), n(65537),
		shift(1, 16), shift(255, 16), shift(1, 128), shift(1, 248), shift(255, 240), shift(1, 255), new(big.Int).Rsh(curveOrder, 1)}
	for _, k := range special[:len(special):len(special)] {
		special = append(special, new(big.Int).Sub(curveOrder, k))
	}
	x, err := rand.Int(rand.Reader, curveOrder)
	require.NoError(t, err)
	special = append(special, x)
	valid, asked, infinite := 0, 0, 0
	// A part of all combinations, and always those that end in infinity or in a doubling.
	part := 5
	if testing.Short() {
		part = 40
	}
	i := 0
	for _, d := range special {
		v := ready(t, times(t, d).key())
		for _, u1 := range append(special, new(big.Int)) {
			for _, u2 := range special {
				product := new(big.Int).Mul(u2, d)
				product.Mod(product, curveOrder)
				if i++; i%part != 0 && product.Cmp(u1) != 0 && product.Add(product, u1).Cmp(curveOrder) != 0 {
					continue
				}
				digest, signature := chosen(t, d, u1, u2)
				ok, fast := agree(t, v, digest, signature)
				sum := new(big.Int).Mul(u2, d)
				if sum.Add(sum, u1).Mod(sum, curveOrder).Sign() == 0 {
					infinite++
					require.False(t, ok)
					continue
				}
				require.True(t, ok)
				valid++
				if !fast {
					asked++
				}
				digest[31] ^= 1
				ok, _ = agree(t, v, digest, signature)
				require.False(t, ok)
			}
		}
	}
	t.Logf("%d signatures, %d of them asked of crypto/ecdsa, %d with infinity", valid, asked, infinite)
	require.NotZero(t, asked)
	require.NotZero(t, infinite)
}

// TestLeftOut has keys that are made so that one of the sums is of a point and itself, or its opposite, and signatures that would be
// good if that sum were left out.
func TestLeftOut(t *testing.T) {
	random := func() *big.Int {
		x, err := rand.Int(rand.Reader, curveOrder)
		require.NoError(t, err)
		return x
	}
	made := 0
	for step := 1; step < 64; step++ {
		for _, opposite := range []bool{false, true} {
			u1, u2 := random(), random()
			d := keyFor(u1, u2, step, opposite)
			if d.Sign() == 0 {
				continue
			}
			v := ready(t, times(t, d).key())
			digest, signature := chosen(t, d, u1, u2)
			valid, fast := agree(t, v, digest, signature)
			require.Equal(t, step < 63 || !opposite, valid) // at last, the sum is infinity
			require.False(t, fast)
			// The same, and r is the abscissa of the rest.
			r := times(t, rest(d, u1, u2, step)).x
			r = new(big.Int).Mod(r, curveOrder)
			s := new(big.Int).ModInverse(u2, curveOrder)
			s.Mul(s, r).Mod(s, curveOrder)
			e := new(big.Int).Mul(u1, s)
			e.Mod(e, curveOrder)
			valid, _ = agree(t, v, e.FillBytes(make([]byte, 32)), encode(t, r, s))
			require.False(t, valid)
			made++
		}
	}
	require.Greater(t, made, 100)
}

// walk tells what combine adds in each of 64 steps: so many times the base point or the key. Before, all is multiplied by factor.
func walk(u1, u2 *big.Int, visit func(step int, key bool, factor, k *big.Int)) {
	w1, w2 := toWords(u1), toWords(u2)
	d1, sign1 := digits(&w1)
	d2, sign2 := digits(&w2)
	step := 0
	for phase := stride - 1; phase >= 0; phase-- {
		for i := range windows {
			place := stride * i
			for _, c := range []struct {
				key   bool
				digit byte
				sign  uint64
			}{{true, d2[place+phase], sign2}, {false, d1[place+phase], sign1}} {
				k := big.NewInt(2*int64(c.digit) - 255)
				if c.sign != 0 {
					k.Neg(k)
				}
				factor := big.NewInt(1)
				if i == 0 && c.key && step > 0 {
					factor.SetInt64(256)
				}
				visit(step, c.key, factor, k.Lsh(k, uint(8*place)))
				step++
			}
		}
	}
}

// keyFor returns d such that the sum before a step, a + b d times the base point, is what is added then, or its opposite.
func keyFor(u1, u2 *big.Int, step int, opposite bool) *big.Int {
	a, b, d := new(big.Int), new(big.Int), new(big.Int)
	walk(u1, u2, func(at int, key bool, factor, k *big.Int) {
		a.Mul(a, factor)
		b.Mul(b, factor)
		if at == step {
			if opposite {
				k = new(big.Int).Neg(k)
			}
			// a + b d = k d, or a + b d = k
			top, bottom := new(big.Int).Set(a), new(big.Int).Sub(k, b)
			if !key {
				top, bottom = new(big.Int).Sub(k, a), new(big.Int).Set(b)
			}
			d.Mul(top, bottom.ModInverse(bottom.Mod(bottom, curveOrder), curveOrder)).Mod(d, curveOrder)
		}
		if key {
			b.Add(b, k)
		} else {
			a.Add(a, k)
		}
	})
	return d
}

// rest is the sum without what is added in a step.
func rest(d, u1, u2 *big.Int, step int) *big.Int {
	sum := new(big.Int)
	walk(u1, u2, func(at int, key bool, factor, k *big.Int) {
		sum.Mul(sum, factor)
		if at == step {
			return
		}
		if key {
			k = new(big.Int).Mul(k, d)
		}
		sum.Add(sum, k)
	})
	return sum.Mod(sum, curveOrder)
}

// TestSmall has r or s so small that there is room for n more.
func TestSmall(t *testing.T) {
	d, k, s := big.NewInt(1234567), big.NewInt(7654321), big.NewInt(99)
	v := ready(t, times(t, d).key())
	r := new(big.Int).Mod(times(t, k).x, curveOrder)
	e := new(big.Int).Mul(s, k) // s = (e + r d) / k
	e.Sub(e, new(big.Int).Mul(r, d)).Mod(e, curveOrder)
	digest := e.FillBytes(make([]byte, 32))
	valid, fast := agree(t, v, digest, encode(t, r, s))
	require.True(t, valid && fast)
	valid, fast = agree(t, v, digest, encode(t, r, s.Add(s, curveOrder)))
	require.False(t, valid || fast)
}

// TestInfinity has sums that end in infinity in different ways, with all the values of r that could come of zeros in the place of
// coordinates.
func TestInfinity(t *testing.T) {
	for _, d := range []*big.Int{big.NewInt(1), big.NewInt(2), big.NewInt(77), new(big.Int).Sub(curveOrder, big.NewInt(1))} {
		v := ready(t, times(t, d).key())
		for _, r := range []int64{1, 2, 3, 77, 1 << 40} {
			for range 20 {
				s, err := rand.Int(rand.Reader, curveOrder)
				require.NoError(t, err)
				// e = -r d makes u1 G = -u2 Q.
				e := new(big.Int).Mul(big.NewInt(-r), d)
				e.Mod(e, curveOrder)
				valid, fast := agree(t, v, e.FillBytes(make([]byte, 32)), encode(t, big.NewInt(r), s))
				require.False(t, valid || fast)
				// e = r d makes them equal.
				e.Mul(big.NewInt(r), d).Mod(e, curveOrder)
				valid, _ = agree(t, v, e.FillBytes(make([]byte, 32)), encode(t, big.NewInt(r), s))
				require.False(t, valid)
			}
		}
	}
}

// lift returns the first point of the curve whose abscissa is x or more, and less than end.
func lift(t testing.TB, x, end *big.Int) *point {
	t.Helper()
	b := elliptic.P256().Params().B
	for x = new(big.Int).Set(x); x.Cmp(end) < 0; x.Add(x, big.NewInt(1)) {
		y := new(big.Int).Mul(x, x)
		y.Sub(y, big.NewInt(3)).Mul(y, x).Add(y, b).Mod(y, fieldPrime)
		if y.ModSqrt(y, fieldPrime) != nil {
			return &point{x, y}
		}
	}
	t.Fatal("no point")
	return nil
}

// recovered returns the key by which (r, s) is a signature of e with the point R: Q = (s R - e G) / r.
func recovered(r, s, e *big.Int, p *point) *point {
	minus := new(big.Int).Sub(curveOrder, e)
	sum := p.times(s).add(basePoint().times(minus.Mod(minus, curveOrder)))
	return sum.times(new(big.Int).ModInverse(r, curveOrder))
}

// TestLargeAbscissa has points whose abscissa is n or more, so that r is less: one in 2^128 signatures. The key is found by the
// signature.
func TestLargeAbscissa(t *testing.T) {
	digest := sha256.Sum256([]byte("message"))
	e := new(big.Int).Mod(new(big.Int).SetBytes(digest[:]), curveOrder)
	s := new(big.Int).SetBytes(bytes.Repeat([]byte{0x5a}, 32))
	width := toBig(&gap)
	for _, start := range []*big.Int{big.NewInt(1), big.NewInt(100), new(big.Int).Rsh(width, 1), new(big.Int).Sub(width, big.NewInt(40))} {
		p := lift(t, new(big.Int).Add(curveOrder, start), fieldPrime)
		r := new(big.Int).Sub(p.x, curveOrder)
		v := ready(t, recovered(r, s, e, p).key())
		valid, fast := agree(t, v, digest[:], encode(t, r, s))
		require.True(t, valid)
		require.True(t, fast)
		valid, _ = agree(t, v, digest[:], encode(t, p.x, s)) // not reduced
		require.False(t, valid)
	}
}

// TestLargeAbscissaWraps has r such that r + n is p or more, and the abscissa of the point is r + n - p: equal modulo p, and not
// modulo n.
func TestLargeAbscissaWraps(t *testing.T) {
	digest := sha256.Sum256([]byte("message"))
	e := new(big.Int).Mod(new(big.Int).SetBytes(digest[:]), curveOrder)
	s := new(big.Int).SetBytes(bytes.Repeat([]byte{0x5a}, 32))
	for _, start := range []*big.Int{new(big.Int), big.NewInt(1000), new(big.Int).Lsh(big.NewInt(1), 200), new(big.Int).Lsh(big.NewInt(1), 230)} {
		p := lift(t, start, fieldPrime)
		r := new(big.Int).Add(p.x, toBig(&gap))
		v := ready(t, recovered(r, s, e, p).key())
		valid, fast := agree(t, v, digest[:], encode(t, r, s))
		require.False(t, valid || fast)
		if p.x.Sign() != 0 { // with its own r the point makes a signature
			valid, _ = agree(t, ready(t, recovered(p.x, s, e, p).key()), digest[:], encode(t, p.x, s))
			require.True(t, valid)
		}
	}
}

func TestParse(t *testing.T) {
	values := []*big.Int{new(big.Int), big.NewInt(1), big.NewInt(127), big.NewInt(128), big.NewInt(255), big.NewInt(256), curveOrder, new(big.Int).Sub(radix, big.NewInt(1))}
	for _, r := range values {
		for _, s := range values {
			der := encode(t, r, s)
			a, b, ok := parse(der)
			require.True(t, ok, "%x", der)
			require.Equal(t, [2][4]uint64{toWords(r), toWords(s)}, [2][4]uint64{a, b})
			for i := range der {
				for change := range 256 {
					changed := bytes.Clone(der)
					changed[i] = byte(change)
					canonical(t, changed)
				}
				canonical(t, der[:i])
				canonical(t, append(bytes.Clone(der[:i]), append([]byte{0}, der[i:]...)...))
			}
			canonical(t, append(bytes.Clone(der), 0))
		}
	}
	for _, wrong := range [][]*big.Int{{radix, big.NewInt(1)}, {big.NewInt(1), radix}, {big.NewInt(-1), big.NewInt(1)}, {big.NewInt(1), big.NewInt(-128)}} {
		_, _, ok := parse(encode(t, wrong[0], wrong[1]))
		require.False(t, ok)
	}
}

// canonical sees that what is parsed has the one encoding that it may have.
func canonical(t testing.TB, der []byte) {
	t.Helper()
	if r, s, ok := parse(der); ok {
		require.Equal(t, encode(t, toBig(&r), toBig(&s)), der)
	}
}

func TestStart(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	v := New(&key.PublicKey, nil)
	// The caller's key is his own.
	key.X.Add(key.X, big.NewInt(1))
	for i := range 2 * startAt {
		require.Equal(t, i >= startAt, v.table.Load() != nil)
		require.True(t, v.Verify(digest[:], signature))
	}
	require.False(t, v.Verify(digest[1:], signature))
	require.True(t, v.certain(digest[:], signature))
}

// TestNoPoint has keys that are no keys: they have no tables, and nothing is accepted.
func TestNoPoint(t *testing.T) {
	g := basePoint()
	digest, signature := make([]byte, 32), encode(t, big.NewInt(1), big.NewInt(1))
	for _, p := range []*point{{new(big.Int), new(big.Int)}, {g.x, new(big.Int).Add(g.y, big.NewInt(1))}, {new(big.Int).Add(g.x, fieldPrime), g.y}, {new(big.Int).Neg(g.x), g.y}, {fieldPrime, fieldPrime}} {
		v := New(p.key(), nil)
		for range 2 * startAt {
			require.False(t, v.Verify(digest, signature))
		}
		require.Nil(t, v.table.Load())
	}
}

func TestOtherCurves(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	digest := sha512.Sum384([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	v := New(&key.PublicKey, nil)
	for range 2 * startAt {
		require.True(t, v.Verify(digest[:], signature))
		require.False(t, v.Verify(digest[:32], signature))
	}
	require.Nil(t, v.table.Load())
}

// TestConcurrent verifies with more keys than there are tables, from many goroutines.
func TestConcurrent(t *testing.T) {
	const keys = maxTables + 10
	var tables Tables
	type signed struct {
		v         *Verifier
		signature []byte
	}
	digest := sha256.Sum256([]byte("message"))
	all := make([]signed, keys)
	for i := range all {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		all[i].v = New(&key.PublicKey, &tables)
		all[i].signature, err = ecdsa.SignASN1(rand.Reader, key, digest[:])
		require.NoError(t, err)
	}
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for round := range 2 * startAt {
				for i := range all {
					a, b := &all[i], &all[(i+g+1)%keys]
					if !a.v.Verify(digest[:], a.signature) {
						t.Error("refused")
					}
					if round%8 == 0 && a.v.Verify(digest[:], b.signature) {
						t.Error("accepted the signature of another key")
					}
				}
			}
		})
	}
	wait.Wait()
	have := 0
	for i := range all {
		if all[i].v.table.Load() != nil {
			have++
		}
	}
	require.LessOrEqual(t, have, maxTables)
	require.Len(t, tables.owners, maxTables)
	require.NotZero(t, have)
}

// TestOldest sees that the table that is dropped is the oldest one, and made again.
func TestOldest(t *testing.T) {
	var tables Tables
	all := make([]*Verifier, maxTables+2)
	for i := range all {
		all[i] = New(times(t, big.NewInt(int64(i+1))).key(), &tables)
		for range startAt {
			all[i].certain(nil, nil)
		}
	}
	has := func(i int) bool { return all[i].table.Load() != nil }
	require.False(t, has(0) || has(1))
	for i := 2; i < len(all); i++ {
		require.True(t, has(i))
	}
	for range startAt {
		all[0].certain(nil, nil)
	}
	require.True(t, has(0))
	require.False(t, has(2))
}
