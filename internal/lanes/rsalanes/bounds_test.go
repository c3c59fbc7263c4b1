//go:build amd64

package rsalanes

import (
	"fmt"
	"math/big"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
	"github.com/seed-116355fd/signet/internal/lanes/plain"
)

// TestBounds: no sum overflows, whatever the digits are. Of factors only the top digits are known, those of numbers up to 4m, and nothing of
// what is above 52 bits in the others. Results have the top digits of numbers up to 2m again, so that they can be factors.
func TestBounds(t *testing.T) {
	lanestest.NotEmulated(t)
	for _, size := range sizes {
		n := size.digits
		// left is how many bits a digit has of a number of so many more than the modulus; all are 52.
		left := func(i, more int) uint { return uint(min(max(size.bits+more-digitBits*i, 0), digitBits)) }
		m, k := newModulus(kernelsOf(n), n), lanes.Make(1)
		a, b, r, columns := lanes.Make(n), lanes.Make(n), lanes.Make(n), lanes.Make(2*n)
		at := func(v []lanes.Vector, i int) unsafe.Pointer { return unsafe.Pointer(&v[i]) }
		known := func() *plain.Bounds {
			known := plain.NewBounds(lanestest.Program())
			for i := range m.m {
				known.Set(at(m.m, i), new(big.Int), lanestest.Ones(left(i, 0)))
				if left(i, 2) < digitBits {
					known.Set(at(a, i), new(big.Int), lanestest.Ones(left(i, 2)))
					known.Set(at(b, i), new(big.Int), lanestest.Ones(left(i, 2)))
				}
			}
			known.Set(at(k, 0), new(big.Int), lanestest.Ones(digitBits))
			return known
		}
		result := func(known *plain.Bounds) {
			require.Empty(t, known.Problems(), n)
			require.Less(t, left(n-1, 2), uint(digitBits))
			for i := range r {
				if _, hi := known.Of(at(r, i)); left(i, 2) < digitBits {
					require.LessOrEqual(t, hi.BitLen(), int(left(i, 1)), "%d digits", n)
				}
			}
			for name, sum := range known.Largest() {
				t.Logf("%s: sums of up to %d bits", name, sum.BitLen())
			}
		}
		product := known()
		product.Call(fmt.Sprintf("mul%d", n), at(r, 0), at(a, 0), at(b, 0), at(m.m, 0), at(k, 0), at(columns, 0))
		result(product)
		square := known()
		square.Call(fmt.Sprintf("square%d", n), at(r, 0), at(a, 0), at(m.m, 0), at(k, 0), at(columns, 0))
		result(square)
		if m.Product == nil {
			continue
		}
		columnsOnly := known()
		columnsOnly.Call(fmt.Sprintf("product%d", n), at(columns, 0), at(a, 0), at(b, 0))
		require.Empty(t, columnsOnly.Problems(), n)
		for i := range columns {
			_, hi := columnsOnly.Of(at(columns, i))
			require.Less(t, hi.BitLen(), 63, "a digit is added to it and carries are done after")
		}
	}
}
