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

var params = elliptic.P256().Params()

// products are kernels of single products.
var products = struct{ MulField, SqrField, MulOrder func(v, c, t unsafe.Pointer) }{mulField, sqrField, mulOrder}

// TestPlain: package plain computes what the processor does.
func TestPlain(t *testing.T) {
	lanestest.Need(t, "p256lanes")
	lanestest.Compare(t, curve)
	lanestest.Compare(t, products)
}

// TestProducts compares products modulo p and n with those of math/big.
func TestProducts(t *testing.T) {
	r := new(big.Int).Lsh(big.NewInt(1), 260)
	k := lanestest.Kernels(products)
	for _, p := range []lanestest.Product{
		{Name: "mulField", M: params.P, Divisor: r, Kernel: k.MulField}, {Name: "sqrField", M: params.P, Divisor: r, Kernel: k.SqrField, Square: true},
		{Name: "mulOrder", M: params.N, Divisor: r, Kernel: k.MulOrder},
	} {
		p.Check(t)
	}
}

// reference is a signature with a given nonce.
func reference(d, k *big.Int, digest []byte) (r, s *big.Int) {
	x, _ := elliptic.P256().ScalarBaseMult(k.Bytes())
	r = new(big.Int).Mod(x, params.N)
	s = new(big.Int).Mul(r, d)
	s.Add(s, new(big.Int).SetBytes(digest))
	s.Mul(s, new(big.Int).ModInverse(k, params.N))
	return r, s.Mod(s, params.N)
}

func testSigner(t testing.TB) (*lanes.Signer, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := newSigner(kernels(), key)
	require.NoError(t, err)
	return s, key
}

// exceptional are the two nonces for which the last addition is one of a point and its opposite.
func exceptional() (a, b *big.Int) {
	a = new(big.Int).Lsh(big.NewInt(510), 248)
	a.Sub(a, params.N)
	return a, new(big.Int).Sub(params.N, a)
}

// TestGivenNonces compares signatures with those of math/big.
func TestGivenNonces(t *testing.T) {
	s, key := testSigner(t)
	r := mathrand.New(mathrand.NewPCG(3, 4))
	d, err := key.Bytes()
	require.NoError(t, err)
	secret := new(big.Int).SetBytes(d)
	var nonces []*big.Int
	for _, k := range lanestest.Operands(r, params.N, 8*16) {
		if k.Sign() > 0 && k.Cmp(params.N) < 0 {
			nonces = append(nonces, k)
		}
	}
	nonces = append(nonces, big.NewInt(255), big.NewInt(256), big.NewInt(257), new(big.Int).Rsh(params.N, 1), new(big.Int).Add(new(big.Int).Rsh(params.N, 1), big.NewInt(1)))
	a, b := exceptional()
	nonces = append(nonces, a, b, new(big.Int))
	for len(nonces)%lanes.MaxGroup != 0 {
		nonces = append(nonces, big.NewInt(int64(len(nonces))))
	}
	for ; len(nonces) != 0; nonces = nonces[lanes.MaxGroup:] {
		w := lanes.NewGroups(lanes.MaxGroup, curve.One, curve.OneOrder)
		digests := make([][32]byte, lanes.MaxGroup)
		for i := range digests {
			switch r.IntN(4) {
			case 0:
				params.N.FillBytes(digests[i][:])
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
		s.Compute(w)
		for i, k := range nonces[:lanes.MaxGroup] {
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
	s, key := testSigner(t)
	for n := range lanes.MaxGroup + 1 {
		if !lanestest.Processor() && n > 9 && n%18 != 10 {
			continue
		}
		digests, signatures := randomDigests(n), make([][64]byte, n)
		require.Zero(t, s.Sign(signatures, digests), n)
		for i := range signatures {
			require.True(t, accepted(&key.PublicKey, digests[i], &signatures[i]), "%d of %d", i, n)
		}
		good, unknown := s.Verify(digests, signatures)
		require.Equal(t, lanestest.All(n), good)
		require.Zero(t, unknown)
	}
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
	s, key := testSigner(t)
	for name, spoil := range map[string]func(g []lanes.Vector){
		"r":           func(g []lanes.Vector) { g[lanes.GroupR][5] ^= 1 },
		"s":           func(g []lanes.Vector) { g[lanes.GroupS+3][5] ^= 1 << 20 },
		"both":        func(g []lanes.Vector) { g[lanes.GroupR+1][5] ^= 4; g[lanes.GroupS][5] ^= 1 },
		"flagged":     func(g []lanes.Vector) { g[lanes.GroupBad][0] |= 1 << 5 },
		"zero":        func(g []lanes.Vector) { clearLane(g[lanes.GroupS:lanes.GroupS+4], 5); g[lanes.GroupBad][0] |= 1 << 5 },
		"another key": func(g []lanes.Vector) { clearLane(g[lanes.GroupR:lanes.GroupR+4], 5); g[lanes.GroupR][5] = 1 },
	} {
		s.Watch = func(w *lanes.Groups) { spoil(w.Group(1)) }
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
	s, key := testSigner(t)
	other, _ := testSigner(t)
	digests, signatures := randomDigests(64), make([][64]byte, 64)
	require.Zero(t, s.Sign(signatures, digests))
	for i := range 8 {
		signatures[i][i*7] ^= 1 << i
	}
	require.Zero(t, other.Sign(signatures[8:12], digests[8:12]))
	signatures[12] = [64]byte{}
	params.N.FillBytes(signatures[13][:32])
	params.N.FillBytes(signatures[14][32:])
	new(big.Int).Add(params.N, big.NewInt(1)).FillBytes(signatures[15][32:])
	for i := range 64 {
		signatures[16][i] = 0xff
	}
	copy(signatures[17][:32], make([]byte, 32))
	// n - s is good as well.
	half := new(big.Int).SetBytes(signatures[18][32:])
	half.Sub(params.N, half).FillBytes(signatures[18][32:])
	good, unknown := s.Verify(digests, signatures)
	require.Zero(t, unknown)
	for i := range signatures {
		require.Equal(t, accepted(&key.PublicKey, digests[i], &signatures[i]), good>>i&1 == 1, i)
	}
	require.Equal(t, ^uint64(1<<18-1), good)
}

// TestVerifyExceptional: signatures whose sum of points meets a point twice are not known here. Whoever makes keys can do that: with the base
// point as public key both tables are the same, and with e = r so are both scalars.
func TestVerifyExceptional(t *testing.T) {
	one := make([]byte, 32)
	one[31] = 1
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), one)
	require.NoError(t, err)
	s, err := newSigner(kernels(), key)
	require.NoError(t, err)
	digests, signatures := randomDigests(9), make([][64]byte, 9)
	for s.Sign(signatures, digests) != 0 { // by this key one signature in 128 meets a point twice as well
	}
	k := big.NewInt(123456789)
	r, _ := reference(big.NewInt(1), k, nil)
	digests[3] = r.FillBytes(make([]byte, 32))
	r, sv := reference(big.NewInt(1), k, digests[3])
	r.FillBytes(signatures[3][:32])
	sv.FillBytes(signatures[3][32:])
	require.True(t, accepted(&key.PublicKey, digests[3], &signatures[3]))
	good, unknown := s.Verify(digests, signatures)
	require.Equal(t, uint64(1<<3), unknown)
	require.Equal(t, lanestest.All(9)&^(1<<3), good)
}

// TestZeroDigest: e = 0 makes the first scalar 0, which is written as n.
func TestZeroDigest(t *testing.T) {
	s, key := testSigner(t)
	digests, signatures := [][]byte{make([]byte, 32), {}, params.N.Bytes()}, make([][64]byte, 3)
	require.Zero(t, s.Sign(signatures, digests))
	for i := range digests {
		require.True(t, accepted(&key.PublicKey, digests[i], &signatures[i]), i)
	}
}

// TestLargeAbscissa is about the one r in 2^128 that stands for an abscissa above n: the point of this abscissa is made the public key's.
func TestLargeAbscissa(t *testing.T) {
	// x = n + i is less than p; with u1 = 0 not to be had in lanes, R = u1 G + u2 Q is reached by choosing Q = (R - u1 G) / u2.
	for i := int64(0); ; i++ {
		x := new(big.Int).Add(params.N, big.NewInt(i))
		y := new(big.Int).Exp(x, big.NewInt(3), params.P)
		y.Sub(y, new(big.Int).Mul(x, big.NewInt(3))).Add(y, params.B).Mod(y, params.P)
		if y = y.ModSqrt(y, params.P); y == nil || i == 0 {
			continue
		}
		r, s, e := big.NewInt(i), big.NewInt(12345), big.NewInt(987654321)
		w := new(big.Int).ModInverse(s, params.N)
		u1 := new(big.Int).Mul(e, w)
		u1.Mod(u1, params.N)
		gx, gy := params.ScalarBaseMult(u1.Bytes())
		qx, qy := params.Add(x, y, gx, new(big.Int).Sub(params.P, gy))
		u2 := new(big.Int).Mul(r, w)
		back := new(big.Int).ModInverse(u2.Mod(u2, params.N), params.N)
		qx, qy = params.ScalarMult(qx, qy, back.Bytes())
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: qx, Y: qy}
		var digest [32]byte
		var signature [64]byte
		e.FillBytes(digest[:])
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		require.True(t, accepted(public, digest[:], &signature), "crypto/ecdsa")
		v, err := newVerifier(kernels(), public)
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
	s, _ := testSigner(t)
	var used *lanes.Groups
	s.Watch = func(w *lanes.Groups) { used = w }
	digests, signatures := randomDigests(64), make([][64]byte, 64)
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
	s, _ := testSigner(t)
	lanestest.CurveTimes(t, &curve, params.N, s.Verifier)
}
