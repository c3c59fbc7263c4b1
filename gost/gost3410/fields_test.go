package gost3410

import (
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// number of a field.
type fieldElement[T any] interface {
	*T
	mul(x, y *T)
	sqr(x *T)
	add(x, y *T)
	sub(x, y *T)
	invert(x *T)
	set(x *words)
	get() words
	isZero() bool
	choose(x *T, mask uint64)
}

// edgeNumbers are numbers of so many bits at the boundaries of words and around a modulus and its multiples, and random ones.
func edgeNumbers(p *big.Int, bits int, random *rand.Rand) []*big.Int {
	var all []*big.Int
	top := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	keep := func(n *big.Int) {
		for d := int64(-2); d <= 2; d++ {
			if m := new(big.Int).Add(n, big.NewInt(d)); m.Sign() >= 0 && m.Cmp(top) < 0 {
				all = append(all, m)
			}
		}
	}
	keep(new(big.Int))
	keep(top)
	keep(p)
	keep(new(big.Int).Rsh(p, 1))
	keep(new(big.Int).Sub(top, p))
	for i := 64; i < bits; i += 64 {
		n := new(big.Int).Lsh(big.NewInt(1), uint(i))
		keep(n)
		keep(new(big.Int).Sub(top, n))
		keep(new(big.Int).Sub(p, n))
	}
	// Words of zeros and ones, whose carries go all the way.
	for range 40 {
		n := new(big.Int)
		for range bits / 64 {
			n.Lsh(n, 64).Or(n, new(big.Int).SetUint64([]uint64{0, ^uint64(0), 1, 1 << 63, random.Uint64(), ^uint64(616), 617}[random.IntN(7)]))
		}
		all = append(all, n)
	}
	return all
}

func raw(n *big.Int) words { return wordsOf(n) }

func testField[T [4]uint64 | [8]uint64, E any, P fieldElement[E]](t *testing.T, convert func(T) E, back func(E) words, hexP string, folds bool) {
	p := hexadecimal(t, hexP)
	bits := len(hexP) * 4
	random := rand.New(rand.NewPCG(1, 2))
	r := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	inverse := new(big.Int).ModInverse(r, p)
	value := func(w *words) *big.Int { // what an element stands for, times R for Montgomery
		return new(big.Int).Mod(w.number(), p)
	}
	var elements []E
	var numbers []*big.Int
	for _, n := range edgeNumbers(p, bits, random) {
		if !folds {
			n.Mod(n, p)
		}
		w := raw(n)
		var a T
		switch a := any(&a).(type) {
		case *[4]uint64:
			copy(a[:], w[:])
		case *[8]uint64:
			copy(a[:], w[:])
		}
		elements = append(elements, convert(a))
		numbers = append(numbers, n)
	}
	check := func(want *big.Int, z E) {
		t.Helper()
		w := back(z) // require.Equal takes longer than what it looks at
		if !folds && w.number().Cmp(p) >= 0 || value(&w).Cmp(new(big.Int).Mod(want, p)) != 0 {
			require.Fail(t, "wrong")
		}
	}
	product := func(a, b *big.Int) *big.Int {
		n := new(big.Int).Mul(a, b)
		if !folds {
			n.Mul(n, inverse)
		}
		return n
	}
	for i := range elements {
		x, a := &elements[i], numbers[i]
		var z E
		P(&z).sqr(x)
		check(product(a, a), z)
		require.Equal(t, new(big.Int).Mod(a, p).Sign() == 0, P(x).isZero())
		plain := new(big.Int).Mod(a, p)
		got := P(x).get()
		if folds {
			require.Zero(t, plain.Cmp(got.number()))
		} else {
			require.Zero(t, new(big.Int).Mod(product(a, big.NewInt(1)), p).Cmp(got.number()))
		}
		w := wordsOf(plain)
		P(&z).set(&w)
		got = P(&z).get()
		require.Zero(t, plain.Cmp(got.number()))
		z = *x
		P(&z).choose(&elements[0], 0)
		require.Equal(t, *x, z)
		P(&z).choose(&elements[0], ^uint64(0))
		require.Equal(t, elements[0], z)
		if i%8 == 0 {
			P(&z).set(&w)
			P(&z).invert(&z)
			got = P(&z).get()
			want := new(big.Int)
			if plain.Sign() != 0 {
				want.ModInverse(plain, p)
			}
			require.Zero(t, want.Cmp(got.number()))
		}
		for j := range elements {
			y, b := &elements[j], numbers[j]
			P(&z).mul(x, y)
			check(product(a, b), z)
			P(&z).add(x, y)
			check(new(big.Int).Add(a, b), z)
			P(&z).sub(x, y)
			check(new(big.Int).Sub(a, b), z)
			// in place
			z = *x
			P(&z).mul(&z, y)
			check(product(a, b), z)
			z = *y
			P(&z).sub(x, &z)
			check(new(big.Int).Sub(a, b), z)
		}
	}
}

// TestFields compares the generated fields with math/big at the boundaries of words.
func TestFields(t *testing.T) {
	four := func(z [4]uint64) (w words) { copy(w[:], z[:]); return w }
	t.Run("fold256", func(t *testing.T) {
		testField[[4]uint64, fold256](t, func(a [4]uint64) fold256 { return a }, func(z fold256) words { return four(z) }, sets[0].p, true)
	})
	t.Run("mont256b", func(t *testing.T) {
		testField[[4]uint64, mont256b](t, func(a [4]uint64) mont256b { return a }, func(z mont256b) words { return four(z) }, sets[1].p, false)
	})
	t.Run("mont256c", func(t *testing.T) {
		testField[[4]uint64, mont256c](t, func(a [4]uint64) mont256c { return a }, func(z mont256c) words { return four(z) }, sets[2].p, false)
	})
	t.Run("fold512", func(t *testing.T) {
		testField[[8]uint64, fold512](t, func(a [8]uint64) fold512 { return a }, func(z fold512) words { return words(z) }, sets[4].p, true)
	})
	t.Run("mont512b", func(t *testing.T) {
		testField[[8]uint64, mont512b](t, func(a [8]uint64) mont512b { return a }, func(z mont512b) words { return words(z) }, sets[5].p, false)
	})
}

// TestModulus compares the arithmetic modulo p and q that has loops.
func TestModulus(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	same := func(want *big.Int, z *words) {
		t.Helper()
		if want.Cmp(z.number()) != 0 {
			require.Fail(t, "wrong")
		}
	}
	for _, r := range references(t) {
		for _, m := range []struct {
			f *modulus
			m *big.Int
		}{{r.Curve.p, r.p}, {r.Curve.q, r.q}} {
			f := m.f
			inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), uint(64*f.n)), m.m)
			all := edgeNumbers(m.m, 64*f.n, random)
			for i, a := range all {
				x := raw(a)
				var z words
				f.reduce(&z, &x)
				reduced := new(big.Int).Mod(a, m.m)
				require.Zero(t, reduced.Cmp(z.number()))
				if z != x {
					require.Zero(t, f.less(&x))
				} else {
					require.Equal(t, uint64(1), f.less(&x))
				}
				if i%8 == 0 && reduced.Sign() != 0 {
					f.enter(&z, &x)
					f.invert(&z, &z)
					f.leave(&z, &z)
					require.Zero(t, new(big.Int).ModInverse(reduced, m.m).Cmp(z.number()))
				}
				for _, b := range all[:min(len(all), 60)] {
					b = new(big.Int).Mod(b, m.m)
					y := raw(b)
					want := new(big.Int).Mul(a, b)
					want.Mul(want, inverse).Mod(want, m.m)
					f.mul(&z, &x, &y)
					same(want, &z)
					f.mul(&z, &y, &x)
					same(want, &z)
					small := raw(reduced)
					f.add(&z, &small, &y)
					same(want.Mod(want.Add(reduced, b), m.m), &z)
					f.sub(&z, &small, &y)
					same(want.Mod(want.Sub(reduced, b), m.m), &z)
				}
			}
		}
	}
}

// TestDigits puts numbers together again from their digits.
func TestDigits(t *testing.T) {
	for _, r := range references(t) {
		for _, k := range r.scalars(t) {
			w := wordsOf(k)
			d, negative := r.Curve.q.digits(&w)
			sum := new(big.Int)
			for i := maxWindows - 1; i >= 0; i-- {
				if i >= (8*r.size+4)/5 {
					require.Zero(t, d[i])
					continue
				}
				index, sign := digit(d[i])
				value := int64(2*index + 1)
				if sign != 0 {
					value = -value
				}
				sum.Lsh(sum, 5).Add(sum, big.NewInt(value))
			}
			if negative != 0 {
				sum.Sub(r.q, sum)
			}
			require.Zero(t, k.Cmp(sum))

			naf := make([]int8, 8*r.size+1)
			w.naf(naf)
			sum.SetInt64(0)
			last := -5
			for i := len(naf) - 1; i >= 0; i-- {
				sum.Lsh(sum, 1).Add(sum, big.NewInt(int64(naf[i])))
			}
			for i, x := range naf {
				if x != 0 {
					require.NotZero(t, x&1)
					require.GreaterOrEqual(t, i-last, 5)
					require.LessOrEqual(t, max(x, -x), int8(15))
					last = i
				}
			}
			require.Zero(t, k.Cmp(sum))
		}
	}
}

// TestGenerated makes the generated files again.
func TestGenerated(t *testing.T) {
	folder := t.TempDir()
	out, err := exec.Command("go", "run", "generate.go", "generatefields.go", folder).CombinedOutput()
	require.NoError(t, err, string(out))
	files, err := filepath.Glob("*_gen.go")
	require.NoError(t, err)
	made, err := filepath.Glob(filepath.Join(folder, "*_gen.go"))
	require.NoError(t, err)
	require.Len(t, made, len(files))
	for _, name := range files {
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "run go generate")
	}
}
