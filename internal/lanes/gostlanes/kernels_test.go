//go:build amd64

package gostlanes

import (
	"crypto/rand"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// kernels are those that are tested: of the processor, if it has lanes.
func kernels() *lanes.Curve {
	c := lanestest.Kernels(curve)
	return &c
}

func fromHex(s string) *big.Int {
	x, _ := new(big.Int).SetString(s, 16)
	return x
}

// The curve of RFC 4357 section 11.4, CryptoPro-A.
var (
	p     = fromHex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd97")
	q     = fromHex("ffffffffffffffffffffffffffffffff6c611070995ad10045841b09b761b893")
	baseX = big.NewInt(1)
	baseY = fromHex("8d91e471e0989cda27df505a453f2b7635294f2ddf23e3b122acc99c9e9f1e14")
)

// point is affine; nil is infinity.
type point struct{ x, y *big.Int }

func add(a, b *point) *point {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	slope := new(big.Int)
	if a.x.Cmp(b.x) == 0 {
		if a.y.Cmp(b.y) != 0 {
			return nil
		}
		slope.Mul(a.x, a.x)
		slope.Sub(slope, big.NewInt(1)).Mul(slope, big.NewInt(3))
		slope.Mul(slope, new(big.Int).ModInverse(new(big.Int).Lsh(a.y, 1), p))
	} else {
		d := new(big.Int).Sub(b.x, a.x)
		slope.Sub(b.y, a.y)
		slope.Mul(slope, d.ModInverse(d.Mod(d, p), p))
	}
	slope.Mod(slope, p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, a.x).Sub(x, b.x).Mod(x, p)
	y := new(big.Int).Sub(a.x, x)
	y.Mul(y, slope).Sub(y, a.y).Mod(y, p)
	return &point{x, y}
}

func multiply(k *big.Int, a *point) (r *point) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		r = add(r, r)
		if k.Bit(i) == 1 {
			r = add(r, a)
		}
	}
	return r
}

func words(x *big.Int) (w [4]uint64) {
	m := new(big.Int).SetUint64(^uint64(0))
	for i := range w {
		w[i] = new(big.Int).And(new(big.Int).Rsh(x, uint(64*i)), m).Uint64()
	}
	return w
}

func pointsOf(a *point) *lanes.Points {
	t := new(lanes.Points)
	for i := range t {
		twice, entry := add(a, a), a
		for j := range t[i] {
			x, y := words(entry.x), words(entry.y)
			copy(t[i][j][:4], x[:])
			copy(t[i][j][4:], y[:])
			if j < len(t[i])-1 {
				entry = add(entry, twice)
			}
		}
		for range 8 {
			a = add(a, a)
		}
	}
	return t
}

var base = sync.OnceValue(func() lanes.Table {
	b, err := newBase(pointsOf(&point{baseX, baseY}))
	if err != nil {
		panic(err)
	}
	return b
})

// testSigner makes a signer of a private key.
func testSigner(t testing.TB, d *big.Int) (*lanes.Signer, *point) {
	t.Helper()
	public := multiply(d, &point{baseX, baseY})
	v, err := newVerifier(kernels(), base(), pointsOf(public))
	require.NoError(t, err)
	return lanes.NewSigner(d.FillBytes(make([]byte, 32)), v), public
}

// common is a signer that tests share: its points take a while.
var common = sync.OnceValue(func() *lanes.Signer {
	d := fromHex("1f2e3d4c5b6a798800112233445566778899aabbccddeeff0123456789abcdef")
	v, err := newVerifier(kernels(), base(), pointsOf(multiply(d, &point{baseX, baseY})))
	if err != nil {
		panic(err)
	}
	return lanes.NewSigner(d.FillBytes(make([]byte, 32)), v)
})

func commonSigner() (*lanes.Signer, *point) {
	own := *common()
	return &own, multiply(fromHex("1f2e3d4c5b6a798800112233445566778899aabbccddeeff0123456789abcdef"), &point{baseX, baseY})
}

func randomKey(t testing.TB) *big.Int {
	t.Helper()
	d, err := rand.Int(rand.Reader, new(big.Int).Sub(q, big.NewInt(1)))
	require.NoError(t, err)
	return d.Add(d, big.NewInt(1))
}

// hashed is e of a digest.
func hashed(digest []byte) *big.Int {
	b := slices.Clone(digest)
	slices.Reverse(b)
	e := new(big.Int).SetBytes(b)
	if e.Mod(e, q); e.Sign() == 0 {
		e.SetInt64(1)
	}
	return e
}

// reference is RFC 7091 section 6.1 with a given nonce.
func reference(d, k *big.Int, digest []byte) (r, s *big.Int) {
	r = new(big.Int).Mod(multiply(k, &point{baseX, baseY}).x, q)
	s = new(big.Int).Mul(r, d)
	s.Add(s, new(big.Int).Mul(k, hashed(digest)))
	return r, s.Mod(s, q)
}

// accepted is RFC 7091 section 6.2.
func accepted(public *point, digest []byte, signature *[64]byte) bool {
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(q) >= 0 || s.Cmp(q) >= 0 {
		return false
	}
	v := new(big.Int).ModInverse(hashed(digest), q)
	z1 := new(big.Int).Mul(s, v)
	z2 := new(big.Int).Mul(r, v)
	z2.Neg(z2).Mod(z2, q)
	c := add(multiply(z1.Mod(z1, q), &point{baseX, baseY}), multiply(z2, public))
	return c != nil && new(big.Int).Mod(c.x, q).Cmp(r) == 0
}

// products are kernels of single products.
var products = struct{ MulField, SqrField, MulOrder func(v, c, t unsafe.Pointer) }{mulField, sqrField, mulOrder}

// TestPlain: package plain computes what the processor does.
func TestPlain(t *testing.T) {
	lanestest.Need(t, "gostlanes")
	lanestest.Compare(t, curve)
	lanestest.Compare(t, products)
}

// TestProducts compares products modulo p and q with those of math/big.
func TestProducts(t *testing.T) {
	one := big.NewInt(1)
	k := lanestest.Kernels(products)
	for _, c := range []lanestest.Product{
		{Name: "mulField", M: p, Divisor: one, Kernel: k.MulField}, {Name: "sqrField", M: p, Divisor: one, Kernel: k.SqrField, Square: true},
		{Name: "mulOrder", M: q, Divisor: new(big.Int).Lsh(one, 260), Kernel: k.MulOrder},
	} {
		c.Check(t)
	}
}

// exceptional are the two nonces for which the last addition is one of a point and its opposite.
func exceptional() (a, b *big.Int) {
	a = new(big.Int).Lsh(big.NewInt(510), 248)
	a.Sub(a, q)
	return a, new(big.Int).Sub(q, a)
}

func littleDigest(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// TestGivenNonces compares signatures with those of math/big.
func TestGivenNonces(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(3, 4))
	for _, d := range []*big.Int{randomKey(t), new(big.Int).Sub(q, big.NewInt(1))} {
		s, _ := testSigner(t, d)
		var nonces []*big.Int
		for _, k := range lanestest.Operands(r, q, 120) {
			if k.Sign() > 0 && k.Cmp(q) < 0 {
				nonces = append(nonces, k)
			}
		}
		a, b := exceptional()
		nonces = append(nonces[:50], a, b, new(big.Int), new(big.Int).Rsh(q, 1), big.NewInt(255), big.NewInt(256), big.NewInt(257))
		for len(nonces) < lanes.MaxGroup {
			nonces = append(nonces, big.NewInt(int64(len(nonces))))
		}
		w := lanes.NewGroups(lanes.MaxGroup, curve.One, curve.OneOrder)
		digests := make([][]byte, lanes.MaxGroup)
		special := [][]byte{littleDigest(new(big.Int)), littleDigest(q), littleDigest(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))), littleDigest(big.NewInt(1))}
		for i := range digests {
			digests[i] = make([]byte, 32)
			_, _ = rand.Read(digests[i])
			if i%8 < 4 {
				digests[i] = special[i%8]
			}
			var k [32]byte
			lanes.SetLittle(w.Group(i / 8)[lanes.GroupDigest:], i%8, digests[i])
			lanes.Set(w.Group(i / 8)[lanes.GroupNonce:], i%8, nonces[i].FillBytes(k[:]))
		}
		s.Compute(w)
		for i, k := range nonces {
			g, l := w.Group(i/8), i%8
			bad := lanes.Mask(&g[lanes.GroupBad])>>l&1 == 1
			if k.Sign() == 0 || k.Cmp(a) == 0 || k.Cmp(b) == 0 {
				require.True(t, bad, "nonce %x", k)
				continue
			}
			wantR, wantS := reference(d, k, digests[i])
			if wantS.Sign() == 0 {
				require.True(t, bad, "nonce %x", k)
				continue
			}
			require.False(t, bad, "nonce %x", k)
			var gotR, gotS [32]byte
			lanes.Get(g[lanes.GroupR:], l, gotR[:])
			lanes.Get(g[lanes.GroupS:], l, gotS[:])
			require.Equal(t, wantR.String(), new(big.Int).SetBytes(gotR[:]).String(), "r of nonce %x", k)
			require.Equal(t, wantS.String(), new(big.Int).SetBytes(gotS[:]).String(), "s of nonce %x", k)
		}
		w.Done()
	}
}

// TestSign is about signatures as they come out, in groups of several sizes.
func TestSign(t *testing.T) {
	s, public := commonSigner()
	for _, n := range []int{0, 1, 7, 8, 9, 16, 63, 64} {
		digests, signatures := lanestest.RandomDigests(n), make([][64]byte, n)
		require.Zero(t, s.Sign(signatures, digests), n)
		for i := 0; i < n; i += 5 {
			require.True(t, accepted(public, digests[i], &signatures[i]), "%d of %d", i, n)
		}
		good, unknown := s.Verify(digests, signatures)
		require.Equal(t, lanestest.All(n), good)
		require.Zero(t, unknown)
	}
}

// TestFault: what goes wrong in a lane is not handed out, and others are.
func TestFault(t *testing.T) {
	s, public := commonSigner()
	for name, spoil := range map[string]func(g []lanes.Vector){
		"r":       func(g []lanes.Vector) { g[lanes.GroupR][5] ^= 1 },
		"s":       func(g []lanes.Vector) { g[lanes.GroupS+3][5] ^= 1 << 20 },
		"flagged": func(g []lanes.Vector) { g[lanes.GroupBad][0] |= 1 << 5 },
	} {
		s.Watch = func(w *lanes.Groups) { spoil(w.Group(1)) }
		digests, signatures := lanestest.RandomDigests(20), make([][64]byte, 20)
		require.Equal(t, uint64(1)<<13, s.Sign(signatures, digests), name)
		require.Zero(t, signatures[13], name)
		for i := 0; i < 20; i += 3 {
			require.Equal(t, i != 13, accepted(public, digests[i], &signatures[i]), "%s %d", name, i)
		}
	}
}

// TestVerify: what the lanes say is what the standard says.
func TestVerify(t *testing.T) {
	s, public := commonSigner()
	other, _ := testSigner(t, randomKey(t))
	digests, signatures := lanestest.RandomDigests(32), make([][64]byte, 32)
	digests[20] = littleDigest(new(big.Int))
	digests[21] = littleDigest(q)
	require.Zero(t, s.Sign(signatures, digests))
	for i := range 8 {
		signatures[i][i*7] ^= 1 << i
	}
	require.Zero(t, other.Sign(signatures[8:10], digests[8:10]))
	signatures[10] = [64]byte{}
	q.FillBytes(signatures[11][:32])
	q.FillBytes(signatures[12][32:])
	for i := range 64 {
		signatures[13][i] = 0xff
	}
	copy(signatures[14][:32], make([]byte, 32))
	good, unknown := s.Verify(digests, signatures)
	require.Zero(t, unknown)
	for i := range signatures {
		require.Equal(t, accepted(public, digests[i], &signatures[i]), good>>i&1 == 1, i)
	}
	require.Equal(t, lanestest.All(32)&^(1<<15-1), good)
}

// TestVerifyExceptional: signatures whose sum of points meets a point twice are not known here. With the base point as public key both tables
// are the same, and with s = -r so are both scalars.
func TestVerifyExceptional(t *testing.T) {
	s, public := testSigner(t, big.NewInt(1))
	digests, signatures := lanestest.RandomDigests(9), make([][64]byte, 9)
	for s.Sign(signatures, digests) != 0 { // by this key one signature in 128 meets a point twice as well
	}
	// s = r + k e = -r: k = -2 r / e, where e is chosen.
	k := big.NewInt(123456789)
	r, _ := reference(big.NewInt(1), k, digests[3])
	e := new(big.Int).Mul(new(big.Int).Lsh(r, 1), new(big.Int).ModInverse(k, q))
	digests[3] = littleDigest(e.Neg(e).Mod(e, q))
	r.FillBytes(signatures[3][:32])
	new(big.Int).Sub(q, r).FillBytes(signatures[3][32:])
	require.True(t, accepted(public, digests[3], &signatures[3]))
	good, unknown := s.Verify(digests, signatures)
	require.Equal(t, uint64(1<<3), unknown)
	require.Equal(t, lanestest.All(9)&^(1<<3), good)
}

// TestPointsNotForLanes: a key whose tables would be read wrongly is refused.
func TestPointsNotForLanes(t *testing.T) {
	points := pointsOf(&point{baseX, baseY})
	points[31][127][4] = 0xfffffffffffffe00 // p - y ends in more than 2^64 - 617
	points[31][127][5] = 1
	_, err := newVerifier(kernels(), base(), points)
	require.ErrorIs(t, err, ErrPoint)
	points[31][127][4] = 0
	_, err = newVerifier(kernels(), base(), points)
	require.NoError(t, err)
}

// TestWiped: nothing of a signature stays in the memory that calls share.
func TestWiped(t *testing.T) {
	s, _ := commonSigner()
	var used *lanes.Groups
	s.Watch = func(w *lanes.Groups) { used = w }
	digests, signatures := lanestest.RandomDigests(64), make([][64]byte, 64)
	require.Zero(t, s.Sign(signatures, digests))
	for _, v := range [][]lanes.Vector{used.Common, used.Group(0), used.Group(7)} {
		for i := range v {
			require.Zero(t, v[i], i)
		}
	}
}

// TestTimes: how long signing takes does not depend on nonces or keys.
func TestTimes(t *testing.T) {
	lanestest.Measurements(t)
	s, _ := commonSigner()
	lanestest.CurveTimes(t, &curve, q, s.Verifier)
}
