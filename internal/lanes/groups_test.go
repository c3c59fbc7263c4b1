package lanes

import (
	"crypto/rand"
	"math/big"
	"testing"
	"testing/cryptotest"

	"github.com/stretchr/testify/require"
)

// The order of P-256.
var order = [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}

func orderValue() *big.Int {
	x, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	return x
}

func testGroups(n int) *Groups { return NewGroups(n, [5]uint64{1}, [5]uint64{1}) }

func randomDigests(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 32)
		_, _ = rand.Read(all[i])
	}
	return all
}

// TestNonces: the same digests without randomness give the same nonces, and others others.
func TestNonces(t *testing.T) {
	secret := [32]byte{1}
	of := func(digests [][]byte) (all [][32]byte) {
		w := testGroups(len(digests))
		defer w.Done()
		w.Nonces(&secret, &order, digests)
		for i := range digests {
			var b [32]byte
			Get(w.Group(i / Width)[GroupNonce:], i%Width, b[:])
			all = append(all, b)
		}
		return all
	}
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
	// The same octets, divided in another way.
	divided := append([][]byte(nil), digests...)
	divided[0], divided[1] = digests[0][:31], append(digests[0][31:32:32], digests[1]...)
	seen := map[[32]byte]bool{}
	for _, list := range [][][]byte{digests, changed, swapped, divided, digests[:63]} {
		for _, n := range again(list) {
			require.False(t, seen[n])
			seen[n] = true
		}
	}
	require.Len(t, seen, 4*64+63)
	cryptotest.SetGlobalRandom(t, 2)
	require.NotEqual(t, first, of(digests), "and randomness counts")
	cryptotest.SetGlobalRandom(t, 1)
	secret[0]++
	require.NotEqual(t, first, of(digests), "and the key")
}

// TestNoncesInOrder: numbers that are too large are thrown away, and all lanes get one.
func TestNoncesInOrder(t *testing.T) {
	small := [4]uint64{0, 0, 0, 1 << 62} // three of four numbers are too large
	w := testGroups(MaxGroup)
	defer w.Done()
	w.Nonces(&[32]byte{}, &small, randomDigests(MaxGroup))
	seen := map[uint64]bool{}
	for i := range MaxGroup {
		v := w.Group(i / Width)[GroupNonce:]
		require.True(t, InOrder(v, i%Width, &small))
		seen[v[0][i%Width]] = true
	}
	require.Len(t, seen, MaxGroup)
}

func TestInOrder(t *testing.T) {
	n := orderValue()
	v := Make(4)
	for x, want := range map[*big.Int]bool{
		new(big.Int): false, big.NewInt(1): true, new(big.Int).Sub(n, big.NewInt(1)): true, n: false, new(big.Int).Add(n, big.NewInt(1)): false,
		new(big.Int).Lsh(big.NewInt(1), 192): true, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)): false,
	} {
		for l := range Width {
			Set(v, l, x.FillBytes(make([]byte, 32)))
			require.Equal(t, want, InOrder(v, l, &order), "%x", x)
		}
	}
}

// TestPutAndTake: signatures go to their lanes and come back; what is out of range and what is left over is 1.
func TestPutAndTake(t *testing.T) {
	signatures := make([][64]byte, 11)
	for i := range signatures {
		signatures[i][31], signatures[i][63] = byte(i+1), byte(2*i+1)
	}
	clear(signatures[3][:32])
	orderValue().FillBytes(signatures[9][32:])
	w := testGroups(len(signatures))
	require.Equal(t, uint64(1<<3|1<<9), w.Put(signatures, &order))
	w.Group(0)[GroupBad][0], w.Group(1)[GroupBad][0] = 1<<5, 1<<7
	got := make([][64]byte, len(signatures))
	require.Equal(t, uint64(1<<5|1<<15), w.Take(got))
	one := [64]byte{31: 1, 63: 1}
	for i := range got {
		want := signatures[i]
		if i == 3 || i == 9 || i == 5 {
			want = one
		}
		require.Equal(t, want, got[i], i)
	}
	for l := 3; l < Width; l++ { // lanes that nothing is in
		require.EqualValues(t, 1, w.Group(1)[GroupR][l])
		require.EqualValues(t, 1, w.Group(1)[GroupS][l])
	}
	require.Equal(t, uint64(1<<5), drop(got, 1<<5|1<<15))
	require.Zero(t, got[5])
	require.NotZero(t, got[4])
	w.Done()
	for _, v := range [][]Vector{w.Common, w.all, w.Offsets[:]} {
		for i := range v {
			require.Zero(t, v[i])
		}
	}
}

// TestPublicDigits: the points that a verification adds are those of its scalars, with the signs that alternate.
func TestPublicDigits(t *testing.T) {
	n := orderValue()
	for _, minus := range []bool{false, true} {
		w := testGroups(Width)
		g := w.Group(0)
		var u1, u2 [Width]*big.Int
		for l := range Width {
			u1[l], _ = rand.Int(rand.Reader, n)
			u2[l], _ = rand.Int(rand.Reader, n)
			if l == 0 {
				u1[l], u2[l] = new(big.Int), new(big.Int).Sub(n, big.NewInt(1))
			}
			Set(g[GroupDigits:], l, u1[l].FillBytes(make([]byte, 32)))
			Set(g[GroupDigits+4:], l, u2[l].FillBytes(make([]byte, 32)))
		}
		w.setPublic(0, &order, minus)
		for l := range Width {
			first, second := new(big.Int), new(big.Int)
			for i := range windows {
				digit := int64(2*g[GroupDigits+i][l]) - 255
				if i != 0 {
					digit = -digit
				}
				first.Add(first, new(big.Int).Lsh(big.NewInt(digit), uint(8*i)))
				line := w.Offsets[i][l] / lineSize
				require.EqualValues(t, i, line/windowEntries)
				digit = int64(2*(line%windowEntries) + 1)
				if w.Negated[i]>>l&1 == 1 {
					digit = -digit
				}
				second.Add(second, new(big.Int).Lsh(big.NewInt(digit), uint(8*i)))
			}
			if minus {
				second.Neg(second)
			}
			require.Equal(t, u1[l].String(), first.Mod(first, n).String())
			require.Equal(t, u2[l].String(), second.Mod(second, n).String())
		}
		w.Done()
	}
}

// TestTables have the same points in both forms.
func TestTables(t *testing.T) {
	p := new(Points)
	for i := range p {
		for j := range p[i] {
			for q := range p[i][j] {
				p[i][j][q] = uint64(i<<16 | j<<8 | q)
			}
		}
	}
	table, lines := NewTable(p), NewLines(p)
	for i := range p {
		window := table[i*windowSize:][:windowSize]
		for j := range p[i] {
			require.Equal(t, Vector(p[i][j]), lines[i*windowEntries+j])
			for q, x := range p[i][j] {
				require.Equal(t, x, window[16*q+j/Width][j%Width])
			}
		}
	}
}
