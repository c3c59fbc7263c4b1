//go:build amd64

package rsalanes

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

func testKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("rsa%d.pem", bits)))
	require.NoError(t, err)
	return parsed(text)
}

func parsed(text []byte) *rsa.PrivateKey {
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
}

// keyOf makes a key of two primes, p first.
func keyOf(p, q *big.Int) *rsa.PrivateKey {
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	d := new(big.Int).ModInverse(big.NewInt(exponent), new(big.Int).Mul(p1, q1))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent}, D: d, Primes: []*big.Int{p, q}}
	key.Precomputed.Dp, key.Precomputed.Dq = new(big.Int).Mod(d, p1), new(big.Int).Mod(d, q1)
	key.Precomputed.Qinv = new(big.Int).ModInverse(q, p)
	return key
}

// encode is EMSA-PKCS1-v1_5 of a digest.
func encode(digest []byte, size int) []byte {
	em := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size)...)[:size]
	end := append([]byte("\x00\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"), digest...)
	copy(em[size-len(end):], end)
	return em
}

func messages(n, size int) (digests, encoded [][]byte) {
	for i := range n {
		d := sha256.Sum256([]byte{byte(i)})
		digests, encoded = append(digests, d[:]), append(encoded, encode(d[:], size))
	}
	return digests, encoded
}

// TestSign: signatures are those of crypto/rsa, in groups of all sizes. Of keys of all lengths, NewKey makes one in a group of
// half the lanes.
func TestSign(t *testing.T) {
	sizes := map[int][]int{2048: {11, 0, 1, 2, 3, 4, 5, 7, 8}, 3072: {5}, 4096: {5}}
	if !lanestest.Processor() { // all paths once
		sizes = map[int][]int{2048: {9, 0, 1}, 3072: {1}, 4096: {1}}
	}
	for bits, groups := range sizes {
		key := testKey(t, bits)
		k, err := newKey(testKernels, key)
		require.NoError(t, err)
		digests, encoded := messages(slices.Max(groups), bits/8)
		want := make([][]byte, len(digests))
		for i, d := range digests {
			want[i], err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, d)
			require.NoError(t, err)
		}
		for _, n := range groups {
			require.Equal(t, want[:n], k.Sign(encoded[:n]), "%d bits, %d", bits, n)
		}
	}
}

// TestPrimesAtTheEdge has the largest and the smallest primes of their length, either first.
func TestPrimesAtTheEdge(t *testing.T) {
	top := func(n int64) *big.Int { return new(big.Int).Sub(power2(1024), big.NewInt(n)) }
	bottom := new(big.Int).Add(power2(1023), big.NewInt(1155))
	for name, primes := range map[string][2]*big.Int{
		"two large":   {top(105), top(179)},
		"small first": {bottom, top(105)},
		"large first": {top(105), bottom},
	} {
		key := keyOf(primes[0], primes[1])
		require.Equal(t, 2048, key.N.BitLen())
		k, err := newKey(testKernels, key)
		require.NoError(t, err, name)
		// Signatures by what they are modulo p and q: the difference that is recombined is as large and as small as can be.
		p, q, one := key.Primes[0], key.Primes[1], big.NewInt(1)
		p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		var encoded, want [][]byte
		for _, residues := range [][2]*big.Int{{new(big.Int), q1}, {p1, new(big.Int)}, {p1, q1}, {one, one}, {new(big.Int), new(big.Int)}, {one, q1}, {p1, one}} {
			h := new(big.Int).Sub(residues[0], residues[1])
			h.Mul(h, key.Precomputed.Qinv).Mod(h, p)
			root := h.Add(h.Mul(h, q), residues[1])
			want = append(want, root.FillBytes(make([]byte, 256)))
			encoded = append(encoded, root.Exp(root, big.NewInt(exponent), key.N).FillBytes(make([]byte, 256)))
		}
		require.Equal(t, want, k.Sign(encoded), name)
		require.Equal(t, want[:4], k.Sign(encoded[:4]), name)
		require.Equal(t, want[4:], k.Sign(encoded[4:]), name)
	}
}

// TestNoMessages: what is no number below the modulus has no signature, and the others have.
func TestNoMessages(t *testing.T) {
	key := testKey(t, 2048)
	k, err := newKey(testKernels, key)
	require.NoError(t, err)
	digests, encoded := messages(8, 256)
	for i, wrong := range [][]byte{nil, encoded[0][1:], append([]byte{0}, encoded[0]...), key.N.Bytes(), bytes.Repeat([]byte{0xff}, 256)} {
		for _, n := range []int{4, 8} {
			group := append([][]byte(nil), encoded[:n]...)
			group[2] = wrong
			for l, s := range k.Sign(group) {
				if l == 2 {
					require.Nil(t, s, i)
					continue
				}
				require.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digests[l], s))
			}
		}
	}
}

// TestFault: a digit that is wrong in a lane, or one of the key, spoils the signature of this lane, which is not handed out,
// and no other.
func TestFault(t *testing.T) {
	key := testKey(t, 2048)
	digests, encoded := messages(8, 256)
	for name, c := range map[string]struct {
		n     int
		spoil func(k *Key)
		bad   byte
	}{
		"p of one lane":   {8, func(k *Key) { k.primes[0].m[3][5] ^= 1 }, 1 << 5},
		"q of one lane":   {8, func(k *Key) { k.primes[1].m[19][0] ^= 1 << 20 }, 1},
		"p of four":       {4, func(k *Key) { k.both.m[7][1] ^= 4 }, 1 << 1},
		"q of four":       {4, func(k *Key) { k.both.m[7][6] ^= 4 }, 1 << 2},
		"R^2":             {8, func(k *Key) { k.primes[0].powers[0][0][7] ^= 2 }, 1 << 7},
		"the inverse":     {8, func(k *Key) { k.inverse[11][2] ^= 1 << 51 }, 1 << 2},
		"dP":              {8, func(k *Key) { k.exponents[0][100] ^= 8 }, 0xff},
		"dQ of four":      {4, func(k *Key) { k.exponents[1][0] ^= 0x80 }, 0x0f},
		"a root modulo p": {8, func(k *Key) { k.watch = func(w *work) { w.root[0][0][4] ^= 1 } }, 1 << 4},
		"a root modulo q": {3, func(k *Key) { k.watch = func(w *work) { w.root[1][19][1] ^= 1 << 3 } }, 1 << 1},
		"two at once":     {8, func(k *Key) { k.watch = func(w *work) { w.root[1][2][1] ^= 1; w.root[0][3][6] ^= 1 } }, 1<<1 | 1<<6},
		"the message":     {8, func(k *Key) { k.watch = func(w *work) { w.message[0][3] ^= 1 } }, 1 << 3},
	} {
		k, err := newKey(testKernels, key)
		require.NoError(t, err)
		c.spoil(k)
		for l, s := range k.Sign(encoded[:c.n]) {
			if c.bad>>l&1 == 1 {
				require.Nil(t, s, "%s, lane %d", name, l)
				continue
			}
			require.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digests[l], s), "%s, lane %d", name, l)
		}
	}
}

// TestWiped: nothing of a call stays in the memory that calls share, not after a panic either.
func TestWiped(t *testing.T) {
	k, err := newKey(testKernels, testKey(t, 2048))
	require.NoError(t, err)
	_, encoded := messages(8, 256)
	for _, panics := range []bool{false, true} {
		var used *work
		k.watch = func(w *work) {
			used = w
			require.NotZero(t, w.table[17])
			require.NotZero(t, w.columns[3])
			require.NotZero(t, w.root[1][0])
			if panics {
				panic("a fault")
			}
		}
		sign := func() { k.Sign(encoded) }
		if panics {
			require.Panics(t, sign)
		} else {
			sign()
		}
		for i, v := range used.all {
			require.Equal(t, lanes.Vector{}, v, i)
		}
	}
}

// TestShapes: keys that are left to crypto/rsa. It needs no vector registers.
func TestShapes(t *testing.T) {
	key := testKey(t, 2048)
	require.True(t, Takes(key))
	require.False(t, Takes(nil))
	require.False(t, Takes(&rsa.PrivateKey{}))
	shift := func(x *big.Int, n int) *big.Int {
		if n < 0 {
			return new(big.Int).SetBit(new(big.Int).Rsh(x, uint(-n)), 0, 1)
		}
		return new(big.Int).SetBit(new(big.Int).Lsh(x, uint(n)), 0, 1)
	}
	for name, change := range map[string]func(k *rsa.PrivateKey){
		"the exponent 3":     func(k *rsa.PrivateKey) { k.E = 3 },
		"2047 bits":          func(k *rsa.PrivateKey) { k.N = shift(k.N, -1) },
		"2049 bits":          func(k *rsa.PrivateKey) { k.N = shift(k.N, 1) },
		"1024 bits":          func(k *rsa.PrivateKey) { k.N = shift(k.N, -1024) },
		"an even modulus":    func(k *rsa.PrivateKey) { k.N = new(big.Int).Sub(k.N, big.NewInt(1)) },
		"a negative modulus": func(k *rsa.PrivateKey) { k.N = new(big.Int).Neg(k.N) },
		"three primes":       func(k *rsa.PrivateKey) { k.Primes = append([]*big.Int{big.NewInt(3)}, k.Primes...) },
		"one prime":          func(k *rsa.PrivateKey) { k.Primes = k.Primes[:1] },
		"unequal primes":     func(k *rsa.PrivateKey) { k.Primes[0], k.Primes[1] = shift(k.Primes[0], 8), shift(k.Primes[1], -8) },
		"an even prime":      func(k *rsa.PrivateKey) { k.Primes[1] = new(big.Int).Sub(k.Primes[1], big.NewInt(1)) },
		"no prime":           func(k *rsa.PrivateKey) { k.Primes[0] = nil },
		"no dP":              func(k *rsa.PrivateKey) { k.Precomputed.Dp = nil },
		"a long dQ":          func(k *rsa.PrivateKey) { k.Precomputed.Dq = shift(k.Precomputed.Dq, 1024) },
		"qInv of 0":          func(k *rsa.PrivateKey) { k.Precomputed.Qinv = new(big.Int) },
	} {
		own := *key
		own.Primes = append([]*big.Int(nil), key.Primes...)
		change(&own)
		require.False(t, Takes(&own), name)
		_, err := newKey(testKernels, &own)
		require.Error(t, err, name)
	}
}

// TestNumbersThatDoNotFit: keys of the right shape whose numbers are not each other's.
func TestNumbersThatDoNotFit(t *testing.T) {
	key := testKey(t, 2048)
	next := func(x *big.Int) *big.Int { return new(big.Int).Add(x, big.NewInt(2)) }
	for name, change := range map[string]func(k *rsa.PrivateKey){
		"p":             func(k *rsa.PrivateKey) { k.Primes[0] = next(k.Primes[0]) },
		"q":             func(k *rsa.PrivateKey) { k.Primes[1] = next(k.Primes[1]) },
		"n":             func(k *rsa.PrivateKey) { k.N = next(k.N) },
		"dP":            func(k *rsa.PrivateKey) { k.Precomputed.Dp = next(k.Precomputed.Dp) },
		"dQ":            func(k *rsa.PrivateKey) { k.Precomputed.Dq = next(k.Precomputed.Dq) },
		"qInv":          func(k *rsa.PrivateKey) { k.Precomputed.Qinv = next(k.Precomputed.Qinv) },
		"a large qInv":  func(k *rsa.PrivateKey) { k.Precomputed.Qinv = new(big.Int).Sub(power2(1024), big.NewInt(1)) },
		"exchanged":     func(k *rsa.PrivateKey) { k.Primes[0], k.Primes[1] = k.Primes[1], k.Primes[0] },
		"a prime twice": func(k *rsa.PrivateKey) { k.Primes[0] = k.Primes[1] },
	} {
		own := *key
		own.Primes = append([]*big.Int(nil), key.Primes...)
		change(&own)
		require.True(t, Takes(&own), name)
		_, err := newKey(testKernels, &own)
		require.ErrorIs(t, err, ErrKey, name)
	}
}

// TestVerify: what the lanes say is what the power of math/big says.
func TestVerify(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(10, 11))
	for _, bits := range []int{2048, 3072, 4096} {
		key := testKey(t, bits)
		v, err := newVerifier(testKernels, &key.PublicKey)
		require.NoError(t, err)
		size, n := bits/8, key.N
		encoded, signatures := make([][]byte, 19), make([][]byte, 19)
		for i := range signatures { // any number is the signature of some message
			m := random(r, bits-1)
			signatures[i] = m.FillBytes(make([]byte, size))
			encoded[i] = m.Exp(m, big.NewInt(exponent), n).FillBytes(make([]byte, size))
		}
		less := new(big.Int).Sub(n, big.NewInt(1)).Bytes()
		zero := make([]byte, size)
		over := bytes.Repeat([]byte{0xff}, size)
		signatures[1][size-1] ^= 1
		signatures[2][0] ^= 0x40
		encoded[3][size/2] ^= 1
		signatures[4], signatures[5] = signatures[5], signatures[4]
		signatures[6] = signatures[6][1:]
		encoded[7] = encoded[7][1:]
		signatures[8] = nil
		encoded[9], signatures[9] = zero, zero        // 0 is its own power
		encoded[10], signatures[10] = less, less      // so is n - 1
		encoded[11], signatures[11] = zero, n.Bytes() // which is 0 too, and no signature
		encoded[12], signatures[12] = over, over
		signatures[13] = append([]byte{0}, signatures[13]...)
		encoded[14], signatures[14] = n.Bytes(), zero
		good := v.Verify(encoded, signatures)
		require.Len(t, good, len(encoded))
		for i := range good {
			want := len(encoded[i]) == size && len(signatures[i]) == size
			if want {
				m, s := new(big.Int).SetBytes(encoded[i]), new(big.Int).SetBytes(signatures[i])
				want = m.Cmp(n) < 0 && s.Cmp(n) < 0 && new(big.Int).Exp(s, big.NewInt(exponent), n).Cmp(m) == 0
			}
			require.Equal(t, want, good[i], "%d bits, %d", bits, i)
			require.Equal(t, i == 0 || i == 9 || i == 10 || i > 14, good[i], "%d bits, %d", bits, i)
		}
		for _, public := range []*rsa.PublicKey{{N: n, E: 3}, {N: new(big.Int).Sub(n, big.NewInt(1)), E: exponent}, {N: new(big.Int).Neg(n), E: exponent}, {N: new(big.Int).Rsh(n, 1), E: exponent}, {}} {
			_, err := newVerifier(testKernels, public)
			require.ErrorIs(t, err, ErrKey)
		}
	}
}

// TestOff: without lanes there is neither key nor verifier.
func TestOff(t *testing.T) {
	t.Setenv(lanes.Off, "1")
	key := testKey(t, 2048)
	_, err := NewKey(key)
	require.ErrorIs(t, err, lanes.ErrUnavailable)
	_, err = NewVerifier(&key.PublicKey)
	require.ErrorIs(t, err, lanes.ErrUnavailable)
}
