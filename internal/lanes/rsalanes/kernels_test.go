//go:build amd64

package rsalanes

import (
	"math/big"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// testKernels are those that are tested: of the processor, if it has lanes.
func testKernels(digits int) kernels { return lanestest.Kernels(kernelsOf(digits)) }

func random(r *mathrand.Rand, bits int) *big.Int {
	x := new(big.Int)
	for range (bits + 63) / 64 {
		x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(r.Uint64()))
	}
	return x.Rsh(x, uint((64-bits%64)%64))
}

func power2(n int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n)) }

// modulusFor is an odd number of so many bits: any, all ones, few bits, or with digits of zeros and ones only.
func modulusFor(r *mathrand.Rand, bits int) *big.Int {
	m := random(r, bits)
	switch r.IntN(4) {
	case 0:
		m.Sub(power2(bits), big.NewInt(1))
	case 1:
		m.SetInt64(0)
		for range 5 {
			m.SetBit(m, r.IntN(bits), 1)
		}
	case 2:
		sparse(r, m)
	}
	return m.SetBit(m.SetBit(m, bits-1, 1), 0, 1)
}

// sparse makes some digits zero and others all ones.
func sparse(r *mathrand.Rand, x *big.Int) {
	for i := 0; i < x.BitLen(); i += digitBits {
		set := r.IntN(3)
		for j := i; j < min(i+digitBits, x.BitLen()-1) && set < 2; j++ {
			x.SetBit(x, j, uint(set))
		}
	}
}

// operand is below 2m, and often at an edge.
func operand(r *mathrand.Rand, m *big.Int, bits int) *big.Int {
	one, twice := big.NewInt(1), new(big.Int).Lsh(m, 1)
	x := new(big.Int)
	switch r.IntN(9) {
	case 0:
	case 1:
		x.Set(one)
	case 2:
		x.Sub(m, one)
	case 3:
		x.Set(m)
	case 4:
		x.Sub(twice, one)
	case 5:
		x.Add(m, one)
	case 6:
		x.SetBit(x, r.IntN(bits), 1)
		x.Sub(x, big.NewInt(int64(r.IntN(2))))
	case 7:
		x = random(r, bits)
		sparse(r, x)
	default:
		x = random(r, bits+1)
	}
	return x.Mod(x, twice)
}

// put fills a lane, with rubbish above the digits if wanted.
func put(r *mathrand.Rand, x []lanes.Vector, lane int, v *big.Int, rubbish bool) {
	setLane(x, lane, v.Bytes())
	for i := range x {
		if rubbish {
			x[i][lane] |= r.Uint64() << digitBits
		}
	}
}

func value(x []lanes.Vector, lane int) *big.Int {
	v := new(big.Int)
	for i := len(x) - 1; i >= 0; i-- {
		v.Lsh(v, digitBits).Add(v, new(big.Int).SetUint64(x[i][lane]&digitMask))
	}
	return v
}

// columnsValue is that of columns whose carries have not been done.
func columnsValue(x []lanes.Vector, lane int) *big.Int {
	v := new(big.Int)
	for i := len(x) - 1; i >= 0; i-- {
		v.Lsh(v, digitBits).Add(v, new(big.Int).SetUint64(x[i][lane]))
	}
	return v
}

var sizes = []struct{ digits, bits int }{{20, 1024}, {30, 1536}, {40, 2048}, {60, 3072}, {80, 4096}}

// eight is a modulus with another number in each lane.
func eight(r *mathrand.Rand, digits, bits int) (m *modulus, numbers [8]*big.Int) {
	m = newModulus(testKernels(digits), digits)
	for l := range numbers {
		numbers[l] = modulusFor(r, bits)
		setLane(m.m, l, numbers[l].Bytes())
		inverse := new(big.Int).ModInverse(numbers[l], power2(digitBits))
		m.k[0][l] = new(big.Int).Sub(power2(digitBits), inverse).Uint64()
	}
	return m, numbers
}

func checkProduct(t *testing.T, name string, digits int, m, x, y, got *big.Int) {
	t.Helper()
	r := power2(digitBits * digits)
	want := new(big.Int).Mul(x, y)
	back := new(big.Int).Mul(got, r)
	require.Zero(t, back.Sub(back, want).Mod(back, m).Sign(), "%s%d of %x and %x modulo %x is %x", name, digits, x, y, m, got)
	require.Negative(t, got.Cmp(new(big.Int).Lsh(m, 1)), "%s%d of %x and %x modulo %x is %x, not below 2m", name, digits, x, y, m, got)
}

// TestPlain: package plain computes what the processor does.
func TestPlain(t *testing.T) {
	lanestest.Need(t, "rsalanes")
	for _, size := range sizes {
		lanestest.Compare(t, kernelsOf(size.digits))
	}
}

// TestKernels compares products with math/big, by another modulus and other operands in each lane.
func TestKernels(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(1, 2))
	for _, size := range sizes {
		d := size.digits
		rounds := 2100 / d
		a, b, c := lanes.Make(d), lanes.Make(d), lanes.Make(d)
		w := newWork()
		for round := range rounds {
			m, numbers := eight(r, d, size.bits)
			var x, y [8]*big.Int
			for l := range x {
				x[l], y[l] = operand(r, numbers[l], size.bits), operand(r, numbers[l], size.bits)
				if round%5 == 0 { // any digits at all, where the other factor is small
					x[l], y[l] = random(r, d*digitBits), new(big.Int).Rsh(y[l], 1)
				}
				if round%7 == 0 { // sums of two
					x[l] = new(big.Int).Add(operand(r, numbers[l], size.bits), operand(r, numbers[l], size.bits))
				}
				put(r, a, l, x[l], round%2 == 0)
				put(r, b, l, y[l], round%3 == 0)
			}
			m.multiply(w, c, a, b)
			for l := range x {
				checkProduct(t, "mul", d, numbers[l], x[l], y[l], value(c, l))
			}
			if m.Product != nil {
				m.Product(&w.columns[0], &a[0], &b[0])
				for l := range x {
					require.Equal(t, new(big.Int).Mul(x[l], y[l]), columnsValue(w.columns[:2*d], l), "product%d", d)
				}
			}
			if round%5 != 0 {
				m.squared(w, c, a)
				for l := range x {
					checkProduct(t, "square", d, numbers[l], x[l], x[l], value(c, l))
				}
				m.squared(w, a, a) // into itself
				require.Equal(t, c, a)
			}
		}
		w.done()
	}
}

// TestKeepsLanesApart: what is in one lane does not reach another.
func TestKeepsLanesApart(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(3, 4))
	for _, size := range sizes {
		d := size.digits
		m, _ := eight(r, d, size.bits)
		a, b, before, after := lanes.Make(d), lanes.Make(d), lanes.Make(d), lanes.Make(d)
		for l := range lanes.Width {
			put(r, a, l, random(r, size.bits-1), false)
			put(r, b, l, random(r, size.bits-1), false)
		}
		w := newWork()
		m.multiply(w, before, a, b)
		for i := range a {
			a[i][3] ^= r.Uint64()
		}
		m.multiply(w, after, a, b)
		for l := range lanes.Width {
			require.Equal(t, l != 3, value(before, l).Cmp(value(after, l)) == 0, "%d digits, lane %d", d, l)
		}
		w.done()
	}
}

// TestSelect reads every entry in every lane.
func TestSelect(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(5, 6))
	for _, size := range sizes[:3] {
		d := size.digits
		choose := testKernels(d).Choose
		table, index, got := lanes.Make(entries*d), lanes.Make(1), lanes.Make(d)
		for i := range table {
			for l := range table[i] {
				table[i][l] = r.Uint64()
			}
		}
		for round := range 2 * entries {
			for l := range index[0] {
				index[0][l] = uint64(round+l*3) % entries
				if round >= entries {
					index[0][l] = r.Uint64N(entries)
				}
			}
			choose(&got[0], &index[0], &table[0])
			for i := range got {
				for l := range got[i] {
					require.Equal(t, table[int(index[0][l])*d+i][l], got[i][l], "%d digits, entry %d, digit %d, lane %d", d, index[0][l], i, l)
				}
			}
		}
	}
}

// TestDigits compares the steps that are in Go with math/big. It needs no vector registers.
func TestDigits(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(7, 8))
	for _, size := range sizes {
		x, m, room := lanes.Make(size.digits), lanes.Make(size.digits), lanes.Make(size.digits)
		for range 10 {
			n := modulusFor(r, size.bits)
			fillLanes(m, n.Bytes())
			var want [8]*big.Int
			for l := range want {
				want[l] = operand(r, n, size.bits)
				put(r, x, l, want[l], true)
				require.Equal(t, n, value(m, l))
			}
			canonical(x, m, room)
			for l := range want {
				b := make([]byte, size.bits/8)
				octetsOf(b, x, l)
				require.Equal(t, want[l].Mod(want[l], n).FillBytes(make([]byte, len(b))), b)
			}
			for l := range want { // differences of digits, and sums
				y := operand(r, n, size.bits)
				for i := range x {
					x[i][l] += 2*m[i][l] - digitOf(y.Bytes(), i)
				}
				want[l].Add(want[l], new(big.Int).Lsh(n, 1)).Sub(want[l], y)
			}
			carried(x)
			for l := range want {
				require.Equal(t, want[l].String(), columnsValue(x, l).String())
			}
		}
	}
}

// FuzzMultiply takes any digits for operands and modulus.
func FuzzMultiply(f *testing.F) {
	f.Add([]byte{1}, []byte{2}, []byte{3}, byte(0))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), make([]byte, 500), []byte("modulus"), byte(12))
	f.Fuzz(func(t *testing.T, a, b, modulus []byte, which byte) {
		size := sizes[int(which)%len(sizes)]
		lane := int(which) / len(sizes) % lanes.Width
		r := mathrand.New(mathrand.NewPCG(uint64(which), 9))
		m, numbers := eight(r, size.digits, size.bits)
		n := new(big.Int).SetBytes(modulus[:min(len(modulus), size.bits/8)])
		n.SetBit(n.SetBit(n, size.bits-1, 1), 0, 1)
		numbers[lane] = n
		setLane(m.m, lane, n.Bytes())
		m.k[0][lane] = new(big.Int).Sub(power2(digitBits), new(big.Int).ModInverse(n, power2(digitBits))).Uint64()
		twice := new(big.Int).Lsh(n, 1)
		x, y := new(big.Int).SetBytes(a), new(big.Int).SetBytes(b)
		x.Mod(x, twice)
		y.Mod(y, twice)
		va, vb := lanes.Make(size.digits), lanes.Make(size.digits)
		setLane(va, lane, x.Bytes())
		setLane(vb, lane, y.Bytes())
		w := newWork()
		defer w.done()
		m.multiply(w, va, va, vb)
		checkProduct(t, "mul", size.digits, n, x, y, value(va, lane))
		m.squared(w, vb, vb)
		checkProduct(t, "square", size.digits, n, y, y, value(vb, lane))
	})
}
