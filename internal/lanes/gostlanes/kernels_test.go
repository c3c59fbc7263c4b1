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
)

func needLanes(t testing.TB) {
	t.Helper()
	if !lanes.Available() {
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./internal/lanes/gostlanes runs this test in an emulated one)")
	}
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

var base = sync.OnceValue(func() *Base {
	b, err := NewBase(pointsOf(&point{baseX, baseY}))
	if err != nil {
		panic(err)
	}
	return b
})

// testSigner makes a signer of a private key.
func testSigner(t testing.TB, d *big.Int) (*Signer, *point) {
	t.Helper()
	public := multiply(d, &point{baseX, baseY})
	v, err := NewVerifier(base(), pointsOf(public))
	require.NoError(t, err)
	return NewSigner(d.FillBytes(make([]byte, 32)), v), public
}

// common is a signer that tests share: its points take a while.
var common = sync.OnceValue(func() *Signer {
	d := fromHex("1f2e3d4c5b6a798800112233445566778899aabbccddeeff0123456789abcdef")
	v, err := NewVerifier(base(), pointsOf(multiply(d, &point{baseX, baseY})))
	if err != nil {
		panic(err)
	}
	return NewSigner(d.FillBytes(make([]byte, 32)), v)
})

func commonSigner() (*Signer, *point) {
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

// operands are numbers that are hard on carries, and random ones.
func operands(r *mathrand.Rand, m *big.Int, n int) (all []*big.Int) {
	one := big.NewInt(1)
	add := func(x *big.Int) {
		if x.Sign() >= 0 && x.BitLen() <= 257 {
			all = append(all, x)
		}
	}
	for _, d := range []int64{-2, -1, 0, 1, 2} {
		add(big.NewInt(d))
		add(new(big.Int).Add(m, big.NewInt(d)))
		add(new(big.Int).Add(new(big.Int).Lsh(m, 1), big.NewInt(d-3)))
	}
	for _, bit := range []uint{51, 52, 53, 96, 103, 104, 155, 156, 192, 207, 208, 224, 255, 256} {
		p := new(big.Int).Lsh(one, bit)
		add(p)
		add(new(big.Int).Sub(p, one))
	}
	for len(all) < n {
		x := new(big.Int)
		switch r.IntN(3) {
		case 0: // any
			for range 4 {
				x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(r.Uint64()))
			}
		case 1: // digits of all ones or zeros
			for range 5 {
				x.Lsh(x, 52)
				if r.IntN(2) == 0 {
					x.Or(x, new(big.Int).SetUint64(1<<52-1))
				}
			}
			x.And(x, new(big.Int).Sub(new(big.Int).Lsh(one, 257), one))
		default: // few bits
			for range 5 {
				x.SetBit(x, r.IntN(257), 1)
			}
		}
		add(x)
	}
	return all
}

func setDigits(v []lanes.Vector, lane int, x *big.Int) {
	m := new(big.Int).SetUint64(1<<52 - 1)
	for i := range 5 {
		v[i][lane] = new(big.Int).And(new(big.Int).Rsh(x, uint(52*i)), m).Uint64()
	}
}

func digitsValue(v []lanes.Vector, lane int) *big.Int {
	x := new(big.Int)
	for i := 4; i >= 0; i-- {
		x.Lsh(x, 52).Add(x, new(big.Int).SetUint64(v[i][lane]))
	}
	return x
}

// TestProducts compares products modulo p and q with those of math/big, other operands in each lane.
func TestProducts(t *testing.T) {
	needLanes(t)
	r := mathrand.New(mathrand.NewPCG(1, 2))
	one := big.NewInt(1)
	for _, c := range []struct {
		name   string
		m      *big.Int
		factor *big.Int
		kernel func(g, c, t unsafe.Pointer)
		square bool
	}{{"mulField", p, one, mulField, false}, {"sqrField", p, one, sqrField, true}, {"mulOrder", q, new(big.Int).ModInverse(new(big.Int).Lsh(one, 260), q), mulOrder, false}} {
		xs := operands(r, c.m, 400)
		w := newWork(0)
		a, b := w.Common[:5], w.Common[8:13]
		for i := 0; i+8 <= len(xs); i += 8 {
			for _, shift := range []int{0, 1, 17, 44} {
				var want [8]*big.Int
				for l := range 8 {
					x, y := xs[i+l], xs[(i+l*3+shift)%len(xs)]
					setDigits(a, l, x)
					setDigits(b, l, y)
					if c.square {
						y = x
					}
					want[l] = new(big.Int).Mul(x, y)
					want[l].Mul(want[l], c.factor).Mod(want[l], c.m)
				}
				c.kernel(unsafe.Pointer(&a[0]), w.Shared(), unsafe.Pointer(&b[0]))
				for l := range 8 {
					require.Equal(t, want[l].String(), digitsValue(a, l).String(), "%s lane %d of %d", c.name, l, i)
				}
			}
		}
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
	needLanes(t)
	r := mathrand.New(mathrand.NewPCG(3, 4))
	for _, d := range []*big.Int{randomKey(t), new(big.Int).Sub(q, big.NewInt(1))} {
		s, _ := testSigner(t, d)
		var nonces []*big.Int
		for _, k := range operands(r, q, 120) {
			if k.Sign() > 0 && k.Cmp(q) < 0 {
				nonces = append(nonces, k)
			}
		}
		a, b := exceptional()
		nonces = append(nonces[:50], a, b, new(big.Int), new(big.Int).Rsh(q, 1), big.NewInt(255), big.NewInt(256), big.NewInt(257))
		for len(nonces) < MaxGroup {
			nonces = append(nonces, big.NewInt(int64(len(nonces))))
		}
		w := newWork(MaxGroup)
		digests := make([][]byte, MaxGroup)
		special := [][]byte{littleDigest(new(big.Int)), littleDigest(q), littleDigest(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))), littleDigest(big.NewInt(1))}
		for i := range digests {
			digests[i] = make([]byte, 32)
			_, _ = rand.Read(digests[i])
			if i%8 < 4 {
				digests[i] = special[i%8]
			}
			var k [32]byte
			lanes.Set(w.Group(i / 8)[lanes.GroupNonce:], i%8, nonces[i].FillBytes(k[:]))
		}
		setDigests(w, digests)
		s.sign(w)
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

func randomDigests(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 32)
		_, _ = rand.Read(all[i])
	}
	return all
}

func allOf(n int) uint64 {
	if n == 0 {
		return 0
	}
	return ^uint64(0) >> (64 - n)
}

// TestSign is about signatures as they come out, in groups of several sizes.
func TestSign(t *testing.T) {
	needLanes(t)
	s, public := commonSigner()
	for _, n := range []int{0, 1, 7, 8, 9, 16, 63, 64} {
		digests, signatures := randomDigests(n), make([][64]byte, n)
		require.Zero(t, s.Sign(signatures, digests), n)
		for i := 0; i < n; i += 5 {
			require.True(t, accepted(public, digests[i], &signatures[i]), "%d of %d", i, n)
		}
		good, unknown := s.verifier.Verify(digests, signatures)
		require.Equal(t, allOf(n), good)
		require.Zero(t, unknown)
	}
}

// TestFault: what goes wrong in a lane is not handed out, and others are.
func TestFault(t *testing.T) {
	needLanes(t)
	s, public := commonSigner()
	for name, spoil := range map[string]func(g []lanes.Vector){
		"r":       func(g []lanes.Vector) { g[lanes.GroupR][5] ^= 1 },
		"s":       func(g []lanes.Vector) { g[lanes.GroupS+3][5] ^= 1 << 20 },
		"flagged": func(g []lanes.Vector) { g[lanes.GroupBad][0] |= 1 << 5 },
	} {
		s.fault = func(w *lanes.Groups) { spoil(w.Group(1)) }
		digests, signatures := randomDigests(20), make([][64]byte, 20)
		require.Equal(t, uint64(1)<<13, s.Sign(signatures, digests), name)
		require.Zero(t, signatures[13], name)
		for i := 0; i < 20; i += 3 {
			require.Equal(t, i != 13, accepted(public, digests[i], &signatures[i]), "%s %d", name, i)
		}
	}
}

// TestVerify: what the lanes say is what the standard says.
func TestVerify(t *testing.T) {
	needLanes(t)
	s, public := commonSigner()
	other, _ := testSigner(t, randomKey(t))
	digests, signatures := randomDigests(32), make([][64]byte, 32)
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
	good, unknown := s.verifier.Verify(digests, signatures)
	require.Zero(t, unknown)
	for i := range signatures {
		require.Equal(t, accepted(public, digests[i], &signatures[i]), good>>i&1 == 1, i)
	}
	require.Equal(t, allOf(32)&^(1<<15-1), good)
}

// TestVerifyExceptional: signatures whose sum of points meets a point twice are not known here. With the base point as public key both tables
// are the same, and with s = -r so are both scalars.
func TestVerifyExceptional(t *testing.T) {
	needLanes(t)
	s, public := testSigner(t, big.NewInt(1))
	digests, signatures := randomDigests(9), make([][64]byte, 9)
	require.Zero(t, s.Sign(signatures, digests))
	// s = r + k e = -r: k = -2 r / e, where e is chosen.
	k := big.NewInt(123456789)
	r, _ := reference(big.NewInt(1), k, digests[3])
	e := new(big.Int).Mul(new(big.Int).Lsh(r, 1), new(big.Int).ModInverse(k, q))
	digests[3] = littleDigest(e.Neg(e).Mod(e, q))
	r.FillBytes(signatures[3][:32])
	new(big.Int).Sub(q, r).FillBytes(signatures[3][32:])
	require.True(t, accepted(public, digests[3], &signatures[3]))
	good, unknown := s.verifier.Verify(digests, signatures)
	require.Equal(t, uint64(1<<3), unknown)
	require.Equal(t, allOf(9)&^(1<<3), good)
}

// TestPointsNotForLanes: a key whose tables would be read wrongly is refused.
func TestPointsNotForLanes(t *testing.T) {
	needLanes(t)
	points := pointsOf(&point{baseX, baseY})
	points[31][127][4] = 0xfffffffffffffe00 // p - y ends in more than 2^64 - 617
	points[31][127][5] = 1
	_, err := NewVerifier(base(), points)
	require.ErrorIs(t, err, ErrPoint)
	points[31][127][4] = 0
	_, err = NewVerifier(base(), points)
	require.NoError(t, err)
}

// TestWiped: nothing of a signature stays in the memory that calls share.
func TestWiped(t *testing.T) {
	needLanes(t)
	s, _ := commonSigner()
	var used *lanes.Groups
	s.fault = func(w *lanes.Groups) { used = w }
	digests, signatures := randomDigests(64), make([][64]byte, 64)
	require.Zero(t, s.Sign(signatures, digests))
	for _, v := range [][]lanes.Vector{used.Common, used.Group(0), used.Group(7)} {
		for i := range v {
			require.Zero(t, v[i], i)
		}
	}
}
