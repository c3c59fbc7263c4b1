package streebog

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/seed-116355fd/signet/gost/internal/pi"
	"github.com/seed-116355fd/signet/internal/lanes"
)

// vectors is what compressVectors reads. It works on states whose octet 8 i + j is the octet 8 j + i of others: the transposition of RFC
// 6986 is a permutation of vectors then, the linear transformation eight products by matrices of bits, and the substitution four tables.
type vectors struct {
	matrices     [8][8]uint64
	permutations [8][64]byte // octet i of word (k + r) mod 8 for each k
	substitution [4][64]byte
	transposed   [64]byte
	constants    [12][64]byte // of the keys of rounds, in that order
}

// theVectors is nil where the processor has not what they are for.
var theVectors = sync.OnceValue(func() *vectors {
	x := &cpu.X86
	if !x.HasAVX512F || !x.HasAVX512BW || !x.HasAVX512VBMI || !x.HasAVX512GFNI || os.Getenv(lanes.Off) != "" {
		return nil
	}
	return newVectors()
})

func newVectors() *vectors {
	// They begin where a line of the cache does.
	v := (*vectors)(unsafe.Pointer(unsafe.SliceData(lanes.Make(int(unsafe.Sizeof(vectors{}) / unsafe.Sizeof(lanes.Vector{}))))))
	for r := range 8 {
		for k := range 8 {
			j := (k + r) % 8
			for i := range 8 {
				var row byte
				for b := range 8 {
					row |= byte(matrix[63-(8*j+b)]>>(8*k)>>i&1) << b
				}
				v.matrices[r][k] |= uint64(row) << (8 * (7 - i))
				v.permutations[r][8*k+i] = byte(8*i + j)
			}
		}
	}
	for i, s := range pi.Table {
		v.substitution[i/64][i%64] = s
	}
	for i := range 8 {
		for k := range 8 {
			v.transposed[8*i+k] = byte(8*k + i)
		}
	}
	for i := range v.constants {
		for j := range v.constants[i] {
			at := v.transposed[j]
			v.constants[i][j] = byte(constants[i][at/8] >> (8 * (at % 8)))
		}
	}
	return v
}

// compressVectors sets h = g_n(h, m) of section 6.6.
//
//go:noescape
func compressVectors(h, m, n *state, v *vectors)

// compress sets h = g_n(h, m) of section 6.6.
func compress(h, m, n *state) {
	if v := theVectors(); v != nil {
		compressVectors(h, m, n, v)
		return
	}
	theTables().compress(h, m, n)
}
