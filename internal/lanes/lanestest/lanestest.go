// Package lanestest has what tests of lanes share.
package lanestest

import (
	"crypto/rand"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"testing"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/plain"
)

// Plain is the name of an environment variable: any value but the empty one makes tests compute in [plain], on processors with lanes too.
const Plain = "SIGNET_PLAIN_LANES"

// Kernels are the ones that are given, where the processor has lanes. Elsewhere they are the same assembly, run by package plain, which the
// processor does not matter to; kernels is a struct with functions for fields.
func Kernels[K any](kernels K) K {
	if Processor() {
		return kernels
	}
	plain.Replace(&kernels, Program().Call)
	return kernels
}

// Processor says that tests compute in lanes of the processor, so that there may be many of them.
func Processor() bool { return lanes.Available() && os.Getenv(Plain) == "" }

// NotEmulated skips a test that no processor matters to in an emulated one, which is too slow for it. scripts/avx512 sets the variable.
func NotEmulated(t testing.TB) {
	t.Helper()
	if os.Getenv("SIGNET_EMULATED") != "" {
		t.Skip("it is the same on all processors, and runs on those that are not emulated")
	}
}

// Program is the assembly of the package that is tested. Without it there is nothing to test.
var Program = sync.OnceValue(func() *plain.Program {
	p, err := plain.Read("kernels_amd64.s")
	if err != nil {
		panic(err)
	}
	return p
})

// Need skips a test where the processor has no lanes; the package is the one that is tested.
func Need(t testing.TB, name string) {
	t.Helper()
	if !lanes.Available() {
		t.Skipf("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./internal/lanes/%s runs this test in an emulated one)", name)
	}
}

// Operands are numbers that are hard on carries, and random ones.
func Operands(r *mathrand.Rand, m *big.Int, n int) (all []*big.Int) {
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

// Product is a kernel that multiplies modulo M, and divides by Divisor; or that squares.
type Product struct {
	Name       string
	M, Divisor *big.Int
	Square     bool
	Kernel     func(v, c, t unsafe.Pointer)
}

// Check compares products with those of math/big, of other operands in each lane.
func (p *Product) Check(t *testing.T) {
	inverse := new(big.Int).ModInverse(p.Divisor, p.M)
	xs := Operands(mathrand.New(mathrand.NewPCG(1, 2)), p.M, 400)
	v := lanes.Make(16 + 128)
	a, b, shared := v[:5], v[8:13], v[16:]
	for i := 0; i+8 <= len(xs); i += 8 {
		for _, shift := range []int{0, 1, 17, 44} {
			var want [8]*big.Int
			for l := range 8 {
				x, y := xs[i+l], xs[(i+l*3+shift)%len(xs)]
				setDigits(a, l, x)
				setDigits(b, l, y)
				if p.Square {
					y = x
				}
				want[l] = new(big.Int).Mul(x, y)
				want[l].Mul(want[l], inverse).Mod(want[l], p.M)
			}
			p.Kernel(unsafe.Pointer(&a[0]), unsafe.Pointer(&shared[0]), unsafe.Pointer(&b[0]))
			for l := range 8 {
				if got := digitsValue(a, l); got.Cmp(want[l]) != 0 {
					t.Fatalf("%s, lane %d of %d: %x instead of %x", p.Name, l, i, got, want[l])
				}
			}
		}
	}
}

// RandomDigests have 32 octets.
func RandomDigests(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 32)
		_, _ = rand.Read(all[i])
	}
	return all
}

// All has a bit for each of so many.
func All(n int) uint64 {
	if n == 0 {
		return 0
	}
	return ^uint64(0) >> (lanes.MaxGroup - n)
}
