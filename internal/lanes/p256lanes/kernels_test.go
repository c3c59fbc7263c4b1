//go:build amd64

//lint:file-ignore SA1019 a reference needs points of given numbers

package p256lanes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	mathrand "math/rand/v2"
	"testing"
	"testing/cryptotest"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
)

func needLanes(t testing.TB) {
	t.Helper()
	if !lanes.Available() {
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./internal/lanes/p256lanes runs this test in an emulated one)")
	}
}

var curve = elliptic.P256().Params()

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

// TestProducts compares products modulo p and n with those of math/big, other operands in each lane.
func TestProducts(t *testing.T) {
	needLanes(t)
	r := mathrand.New(mathrand.NewPCG(1, 2))
	for _, c := range []struct {
		name   string
		m      *big.Int
		kernel func(g, c, t unsafe.Pointer)
		square bool
	}{{"mulField", curve.P, mulField, false}, {"sqrField", curve.P, sqrField, true}, {"mulOrder", curve.N, mulOrder, false}} {
		inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 260), c.m)
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
					want[l].Mul(want[l], inverse).Mod(want[l], c.m)
				}
				c.kernel(unsafe.Pointer(&a[0]), w.Shared(), unsafe.Pointer(&b[0]))
				for l := range 8 {
					require.Equal(t, want[l].String(), digitsValue(a, l).String(), "%s lane %d of %d", c.name, l, i)
				}
			}
		}
	}
}

// reference is a signature with a given nonce.
func reference(d, k *big.Int, digest []byte) (r, s *big.Int) {
	x, _ := elliptic.P256().ScalarBaseMult(k.Bytes())
	r = new(big.Int).Mod(x, curve.N)
	s = new(big.Int).Mul(r, d)
	s.Add(s, new(big.Int).SetBytes(digest))
	s.Mul(s, new(big.Int).ModInverse(k, curve.N))
	return r, s.Mod(s, curve.N)
}

func testSigner(t testing.TB) (*Signer, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := NewSigner(key)
	require.NoError(t, err)
	return s, key
}

// exceptional are the two nonces for which the last addition is one of a point and its opposite.
func exceptional() (a, b *big.Int) {
	a = new(big.Int).Lsh(big.NewInt(510), 248)
	a.Sub(a, curve.N)
	return a, new(big.Int).Sub(curve.N, a)
}

// TestGivenNonces compares signatures with those of math/big.
func TestGivenNonces(t *testing.T) {
	needLanes(t)
	s, key := testSigner(t)
	r := mathrand.New(mathrand.NewPCG(3, 4))
	d, err := key.Bytes()
	require.NoError(t, err)
	secret := new(big.Int).SetBytes(d)
	var nonces []*big.Int
	for _, k := range operands(r, curve.N, 8*16) {
		if k.Sign() > 0 && k.Cmp(curve.N) < 0 {
			nonces = append(nonces, k)
		}
	}
	nonces = append(nonces, big.NewInt(255), big.NewInt(256), big.NewInt(257), new(big.Int).Rsh(curve.N, 1), new(big.Int).Add(new(big.Int).Rsh(curve.N, 1), big.NewInt(1)))
	a, b := exceptional()
	nonces = append(nonces, a, b, new(big.Int))
	for len(nonces)%MaxGroup != 0 {
		nonces = append(nonces, big.NewInt(int64(len(nonces))))
	}
	for ; len(nonces) != 0; nonces = nonces[MaxGroup:] {
		w := newWork(MaxGroup)
		digests := make([][32]byte, MaxGroup)
		for i := range digests {
			switch r.IntN(4) {
			case 0:
				curve.N.FillBytes(digests[i][:])
			case 1:
				for j := range digests[i] {
					digests[i][j] = 0xff
				}
			case 2: // zero
			default:
				_, _ = rand.Read(digests[i][:])
			}
			w.SetDigest(i, digests[i][:])
			var k [32]byte
			nonces[i].FillBytes(k[:])
			lanes.Set(w.Group(i / 8)[lanes.GroupNonce:], i%8, k[:])
		}
		s.sign(w)
		for i, k := range nonces[:MaxGroup] {
			g, l := w.Group(i/8), i%8
			bad := lanes.Mask(&g[lanes.GroupBad])>>l&1 == 1
			if k.Sign() == 0 || k.Cmp(a) == 0 || k.Cmp(b) == 0 {
				require.True(t, bad, "nonce %x", k)
				continue
			}
			require.False(t, bad, "nonce %x", k)
			wantR, wantS := reference(secret, k, digests[i][:])
			var gotR, gotS [32]byte
			lanes.Get(g[lanes.GroupR:], l, gotR[:])
			lanes.Get(g[lanes.GroupS:], l, gotS[:])
			require.Equal(t, wantR.String(), new(big.Int).SetBytes(gotR[:]).String(), "r of nonce %x", k)
			require.Equal(t, wantS.String(), new(big.Int).SetBytes(gotS[:]).String(), "s of nonce %x", k)
		}
		w.Done()
	}
}

// TestSign is about signatures as they come out, in groups of all sizes: crypto/ecdsa accepts each.
func TestSign(t *testing.T) {
	needLanes(t)
	s, key := testSigner(t)
	for n := range MaxGroup + 1 {
		digests, signatures := randomDigests(n), make([][64]byte, n)
		require.Zero(t, s.Sign(signatures, digests), n)
		for i := range signatures {
			require.True(t, accepted(&key.PublicKey, digests[i], &signatures[i]), "%d of %d", i, n)
		}
		good, unknown := s.verifier.Verify(digests, signatures)
		require.Equal(t, allOf(n), good)
		require.Zero(t, unknown)
	}
}

func allOf(n int) uint64 {
	if n == 0 {
		return 0
	}
	return ^uint64(0) >> (64 - n)
}

func randomDigests(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, []int{32, 20, 64, 48, 0, 28}[i%6])
		_, _ = rand.Read(all[i])
	}
	return all
}

func accepted(public *ecdsa.PublicKey, digest []byte, signature *[64]byte) bool {
	return ecdsa.Verify(public, digest, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// TestFault: what goes wrong in a lane is not handed out, and others are.
func TestFault(t *testing.T) {
	needLanes(t)
	s, key := testSigner(t)
	for name, spoil := range map[string]func(g []lanes.Vector){
		"r":           func(g []lanes.Vector) { g[lanes.GroupR][5] ^= 1 },
		"s":           func(g []lanes.Vector) { g[lanes.GroupS+3][5] ^= 1 << 20 },
		"both":        func(g []lanes.Vector) { g[lanes.GroupR+1][5] ^= 4; g[lanes.GroupS][5] ^= 1 },
		"flagged":     func(g []lanes.Vector) { g[lanes.GroupBad][0] |= 1 << 5 },
		"zero":        func(g []lanes.Vector) { clearLane(g[lanes.GroupS:lanes.GroupS+4], 5); g[lanes.GroupBad][0] |= 1 << 5 },
		"another key": func(g []lanes.Vector) { clearLane(g[lanes.GroupR:lanes.GroupR+4], 5); g[lanes.GroupR][5] = 1 },
	} {
		s.fault = func(w *lanes.Groups) { spoil(w.Group(1)) }
		digests, signatures := randomDigests(20), make([][64]byte, 20)
		require.Equal(t, uint64(1)<<13, s.Sign(signatures, digests), name)
		for i := range signatures {
			if i == 13 {
				require.Zero(t, signatures[i], name)
				continue
			}
			require.True(t, accepted(&key.PublicKey, digests[i], &signatures[i]), "%s %d", name, i)
		}
	}
}

func clearLane(v []lanes.Vector, lane int) {
	for i := range v {
		v[i][lane] = 0
	}
}

// TestVerify: what the lanes say is what crypto/ecdsa says, unless they say that they do not know.
func TestVerify(t *testing.T) {
	needLanes(t)
	s, key := testSigner(t)
	other, _ := testSigner(t)
	digests, signatures := randomDigests(64), make([][64]byte, 64)
	require.Zero(t, s.Sign(signatures, digests))
	for i := range 8 {
		signatures[i][i*7] ^= 1 << i
	}
	require.Zero(t, other.Sign(signatures[8:12], digests[8:12]))
	signatures[12] = [64]byte{}
	curve.N.FillBytes(signatures[13][:32])
	curve.N.FillBytes(signatures[14][32:])
	new(big.Int).Add(curve.N, big.NewInt(1)).FillBytes(signatures[15][32:])
	for i := range 64 {
		signatures[16][i] = 0xff
	}
	copy(signatures[17][:32], make([]byte, 32))
	// n - s is good as well.
	half := new(big.Int).SetBytes(signatures[18][32:])
	half.Sub(curve.N, half).FillBytes(signatures[18][32:])
	good, unknown := s.verifier.Verify(digests, signatures)
	require.Zero(t, unknown)
	for i := range signatures {
		require.Equal(t, accepted(&key.PublicKey, digests[i], &signatures[i]), good>>i&1 == 1, i)
	}
	require.Equal(t, ^uint64(1<<18-1), good)
}

// TestVerifyExceptional: signatures whose sum of points meets a point twice are not known here. Whoever makes keys can do that: with the base
// point as public key both tables are the same, and with e = r so are both scalars.
func TestVerifyExceptional(t *testing.T) {
	needLanes(t)
	one := make([]byte, 32)
	one[31] = 1
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), one)
	require.NoError(t, err)
	s, err := NewSigner(key)
	require.NoError(t, err)
	digests, signatures := randomDigests(9), make([][64]byte, 9)
	require.Zero(t, s.Sign(signatures, digests))
	k := big.NewInt(123456789)
	r, _ := reference(big.NewInt(1), k, nil)
	digests[3] = r.FillBytes(make([]byte, 32))
	r, sv := reference(big.NewInt(1), k, digests[3])
	r.FillBytes(signatures[3][:32])
	sv.FillBytes(signatures[3][32:])
	require.True(t, accepted(&key.PublicKey, digests[3], &signatures[3]))
	good, unknown := s.verifier.Verify(digests, signatures)
	require.Equal(t, uint64(1<<3), unknown)
	require.Equal(t, allOf(9)&^(1<<3), good)
}

// TestZeroDigest: e = 0 makes the first scalar 0, which is written as n.
func TestZeroDigest(t *testing.T) {
	needLanes(t)
	s, key := testSigner(t)
	digests, signatures := [][]byte{make([]byte, 32), {}, curve.N.Bytes()}, make([][64]byte, 3)
	require.Zero(t, s.Sign(signatures, digests))
	for i := range digests {
		require.True(t, accepted(&key.PublicKey, digests[i], &signatures[i]), i)
	}
}

// TestLargeAbscissa is about the one r in 2^128 that stands for an abscissa above n: the point of this abscissa is made the public key's.
func TestLargeAbscissa(t *testing.T) {
	needLanes(t)
	// x = n + i is less than p; with u1 = 0 not to be had in lanes, R = u1 G + u2 Q is reached by choosing Q = (R - u1 G) / u2.
	for i := int64(0); ; i++ {
		x := new(big.Int).Add(curve.N, big.NewInt(i))
		y := new(big.Int).Exp(x, big.NewInt(3), curve.P)
		y.Sub(y, new(big.Int).Mul(x, big.NewInt(3))).Add(y, curve.B).Mod(y, curve.P)
		if y = y.ModSqrt(y, curve.P); y == nil || i == 0 {
			continue
		}
		r, s, e := big.NewInt(i), big.NewInt(12345), big.NewInt(987654321)
		w := new(big.Int).ModInverse(s, curve.N)
		u1 := new(big.Int).Mul(e, w)
		u1.Mod(u1, curve.N)
		gx, gy := curve.ScalarBaseMult(u1.Bytes())
		qx, qy := curve.Add(x, y, gx, new(big.Int).Sub(curve.P, gy))
		u2 := new(big.Int).Mul(r, w)
		back := new(big.Int).ModInverse(u2.Mod(u2, curve.N), curve.N)
		qx, qy = curve.ScalarMult(qx, qy, back.Bytes())
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: qx, Y: qy}
		var digest [32]byte
		var signature [64]byte
		e.FillBytes(digest[:])
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		require.True(t, accepted(public, digest[:], &signature), "crypto/ecdsa")
		v, err := NewVerifier(public)
		require.NoError(t, err)
		wrong := signature
		wrong[31] ^= 1
		good, unknown := v.Verify([][]byte{digest[:], digest[:]}, [][64]byte{signature, wrong})
		require.Zero(t, unknown)
		require.Equal(t, uint64(1), good)
		return
	}
}

// TestWiped: nothing of a signature stays in the memory that calls share.
func TestWiped(t *testing.T) {
	needLanes(t)
	s, _ := testSigner(t)
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

// TestNonces: the same digests without randomness give the same nonces, and others others.
func TestNonces(t *testing.T) {
	needLanes(t)
	s, _ := testSigner(t)
	of := func(digests [][]byte) (all [][32]byte) {
		w := newWork(len(digests))
		defer w.Done()
		w.Nonces(&s.secret, &order, digests)
		for i := range digests {
			var b [32]byte
			lanes.Get(w.Group(i / 8)[lanes.GroupNonce:], i%8, b[:])
			all = append(all, b)
		}
		return all
	}
	seen := map[[32]byte]bool{}
	digests := randomDigests(64)
	again := func(digests [][]byte) [][32]byte {
		cryptotest.SetGlobalRandom(t, 1)
		return of(digests)
	}
	first := again(digests)
	require.Equal(t, first, again(digests))
	changed := append([][]byte(nil), digests...)
	changed[63] = append([]byte{1}, changed[63]...)
	swapped := append([][]byte(nil), digests...)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for _, list := range [][][]byte{digests, changed, swapped, digests[:63]} {
		for _, n := range again(list) {
			require.False(t, seen[n])
			seen[n] = true
		}
	}
	require.Len(t, seen, 3*64+63)
	cryptotest.SetGlobalRandom(t, 2)
	require.NotEqual(t, first, of(digests), "and randomness counts")
}
