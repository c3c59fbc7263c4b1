package plain

import (
	"fmt"
	"math/big"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// bounded runs a function over vectors at DI that lie between the limits of each, and returns what is known of the last one.
func bounded(t *testing.T, code string, limits [][2]int64, assume func(b *Bounds)) (b *Bounds, lo, hi *big.Int) {
	t.Helper()
	p, err := Parse("test", "TEXT ·f(SB), NOSPLIT, $0-8\n\tMOVQ v+0(FP), DI\n"+code+"\tVMOVDQA64 Z9, 512(DI)\n\tRET\n\n"+
		"DATA constants<>+0(SB)/8, $0x000fffffffffffff\nDATA constants<>+8(SB)/8, $0x0000000000000100\nDATA constants<>+16(SB)/8, $0xffffffffffffffff\n")
	require.NoError(t, err)
	v := lanes.Make(9)
	b = NewBounds(p)
	for i, l := range limits {
		b.Set(unsafe.Pointer(&v[i]), big.NewInt(l[0]), big.NewInt(l[1]))
		for lane := range v[i] {
			v[i][lane] = uint64(l[lane%2])
		}
	}
	if assume != nil {
		assume(b)
	}
	b.Call("f", unsafe.Pointer(&v[0]))
	lo, hi = b.Of(unsafe.Pointer(&v[8]))
	return b, lo, hi
}

const loads = "\tVMOVDQA64 0(DI), Z0\n\tVMOVDQA64 64(DI), Z1\n\tVMOVDQA64 128(DI), Z2\n"

// TestIntervals has the limits of results, none of which is wider than it must be.
func TestIntervals(t *testing.T) {
	const m, d = 1<<62 - 1, 1<<52 - 1
	three := func(a, b, c [2]int64) [][2]int64 { return [][2]int64{a, b, c} }
	of := func(lo, hi int64) [2]int64 { return [2]int64{lo, hi} }
	for _, c := range []struct {
		name   string
		code   string
		limits [][2]int64
		lo, hi int64
	}{
		{"sum", "VPADDQ Z0, Z1, Z9", three(of(-5, 3), of(2, 10), of(0, 0)), -3, 13},
		{"difference", "VPSUBQ Z1, Z0, Z9", three(of(-5, 3), of(2, 10), of(0, 0)), -15, 1},
		{"a constant that is -1", "VPADDQ.BCST constants<>+16(SB), Z0, Z9", three(of(0, 3), of(0, 0), of(0, 0)), -1, 2},
		{"shift", "VPSRAQ $1, Z0, Z9", three(of(-5, 3), of(0, 0), of(0, 0)), -3, 1},
		{"mask of ones", "VPANDQ.BCST constants<>+0(SB), Z0, Z9", three(of(0, m), of(0, 0), of(0, 0)), 0, d},
		{"mask that is longer", "VPANDQ.BCST constants<>+0(SB), Z0, Z9", three(of(2, 7), of(0, 0), of(0, 0)), 2, 7},
		{"flag", "VPANDQ Z1, Z0, Z9", three(of(2, 7), of(-1, 0), of(0, 0)), 0, 7},
		{"complement", "VPXORQ Z1, Z0, Z9", three(of(2, 7), of(-1, 0), of(0, 0)), -8, 7},
		{"bits", "VPORQ Z1, Z0, Z9", three(of(2, 9), of(3, 5), of(0, 0)), 3, 15},
		{"low half", "VMOVDQA64 Z2, Z9\n\tVPMADD52LUQ Z1, Z0, Z9", three(of(0, d), of(0, d), of(1, 4)), 1, d + 4},
		{"low half that is all", "VMOVDQA64 Z2, Z9\n\tVPMADD52LUQ Z1, Z0, Z9", three(of(2, 100), of(1, 617), of(1, 4)), 3, 61704},
		{"high half", "VMOVDQA64 Z2, Z9\n\tVPMADD52HUQ Z1, Z0, Z9", three(of(0, d), of(0, 1<<48), of(1, 4)), 1, 1<<48 - 1 + 4},
		{"factor with a sign", "VMOVDQA64 Z2, Z9\n\tVPMADD52HUQ Z1, Z0, Z9\n\tVPMOVQ2M Z0, K1\n\tVPSUBQ Z1, Z9, K1, Z9", three(of(-1<<41, 1<<41), of(0, 1<<48), of(0, 0)), -1 << 37, 1 << 37},
		{"factor with a sign that is still due", "VMOVDQA64 Z2, Z9\n\tVPMADD52HUQ Z1, Z0, Z9\n\tVPMOVQ2M Z0, K1", three(of(-1<<41, 1<<41), of(0, 1<<48), of(0, 0)), -1 << 37, 1<<37 + 1<<48},
		{"remainder", "VPSRAQ $4, Z0, Z3\n\tVPSLLQ $4, Z3, Z3\n\tVPSUBQ Z3, Z0, Z9", three(of(-500, 1000), of(0, 0), of(0, 0)), 0, 15},
		{"remainder with a shift of 256", "VPSUBQ.BCST constants<>+8(SB), Z0, Z3\n\tVPSRAQ $4, Z3, Z3\n\tVPSLLQ $4, Z3, Z3\n\tVPSUBQ Z3, Z0, Z9", three(of(-500, 1000), of(0, 0), of(0, 0)), 256, 271},
		{"remainder of another number", "VPSRAQ $4, Z1, Z3\n\tVPSLLQ $4, Z3, Z3\n\tVPSUBQ Z3, Z0, Z9", three(of(0, 160), of(0, 160), of(0, 0)), -160, 160},
		{"lower bits with their sign", "VPSLLQ $12, Z0, Z3\n\tVPSRAQ $12, Z3, Z9", three(of(-m, m), of(0, 0), of(0, 0)), -1 << 51, 1<<51 - 1},
		{"choice", "VMOVDQA64 Z0, Z9\n\tVPMOVQ2M Z2, K1\n\tVMOVDQA64 Z1, K1, Z9", three(of(1, 2), of(5, 8), of(-1, 0)), 1, 8},
		{"choice of what is not negative", "VMOVDQA64 Z0, Z9\n\tVPMOVQ2M Z0, K1\n\tVMOVDQA64 Z1, K1, Z9", three(of(-20, 2), of(5, 8), of(0, 0)), 0, 8},
		{"choice of three", "VMOVDQA64 Z2, Z9\n\tVPTERNLOGQ $0xca, Z1, Z0, Z9", three(of(1, 2), of(5, 8), of(-1, 0)), 1, 8},
		{"signed product", "VPMULDQ Z0, Z1, Z9", three(of(-3, 4), of(-5, 6), of(0, 0)), -20, 24},
		{"permutation", "VMOVDQA64 Z1, Z9\n\tVPERMT2Q Z0, Z2, Z9", three(of(1, 2), of(5, 8), of(0, 15)), 1, 8},
		{"lanes", "VPUNPCKLQDQ Z1, Z0, Z9", three(of(1, 2), of(5, 8), of(0, 15)), 1, 8},
	} {
		b, lo, hi := bounded(t, loads+"\t"+c.code+"\n", c.limits, nil)
		require.Empty(t, b.Problems(), c.name)
		require.Equal(t, fmt.Sprint(c.lo, " ", c.hi), fmt.Sprint(lo, " ", hi), c.name)
	}
}

// TestProblems: each kind of overflow is found, and what just fits is none.
func TestProblems(t *testing.T) {
	const top, m = 1<<62 - 1, 1<<63 - 1
	for _, c := range []struct {
		code string
		a, b [2]int64
		ok   bool
	}{
		{"VPADDQ Z0, Z1, Z9", [2]int64{0, m}, [2]int64{0, m}, true},
		{"VPADDQ Z0, Z1, Z3\n\tVPADDQ Z0, Z3, Z9", [2]int64{0, m}, [2]int64{0, m}, false},
		{"VPADDQ Z0, Z1, Z9", [2]int64{-1, m}, [2]int64{0, m}, false},
		{"VPADDQ Z0, Z1, Z9", [2]int64{-1, top}, [2]int64{0, top}, true},
		{"VPSUBQ Z1, Z0, Z9", [2]int64{-top, 0}, [2]int64{0, top}, true},
		{"VPSUBQ Z1, Z0, Z9", [2]int64{-top, 0}, [2]int64{0, m}, false},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52LUQ Z0, Z0, Z9", [2]int64{0, 1<<52 - 1}, [2]int64{-1, m}, false},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z0, Z0, Z9", [2]int64{0, 1<<52 - 1}, [2]int64{0, 1}, true},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z0, Z0, Z9", [2]int64{0, 1 << 52}, [2]int64{0, 1}, false},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z0, Z0, Z9\n\tVPSRLQ $52, Z0, Z3", [2]int64{0, 1 << 52}, [2]int64{0, 1}, true},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z0, Z0, Z9\n\tVPADDQ.BCST constants<>+0(SB), Z0, Z3\n\tVPSRLQ $52, Z3, Z3", [2]int64{0, 1 << 52}, [2]int64{0, 1}, true},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z0, Z0, Z9\n\tVPSRLQ $51, Z0, Z3", [2]int64{0, 1 << 52}, [2]int64{0, 1}, false},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z1, Z0, Z9", [2]int64{-1, 1}, [2]int64{0, 1}, false},
		{"VMOVDQA64 Z1, Z9\n\tVPMADD52HUQ Z1, Z0, Z9\n\tVPMOVQ2M Z0, K1", [2]int64{-1, 1}, [2]int64{0, 1}, true},
		{"VPSRLQ $52, Z0, Z9", [2]int64{-1, 1}, [2]int64{}, false},
		{"VPADDQ Z0, Z0, Z3\n\tVPSRAQ $52, Z3, Z9", [2]int64{0, m}, [2]int64{}, false},
		{"VPMULDQ Z0, Z1, Z9", [2]int64{-1 << 31, 1<<31 - 1}, [2]int64{0, 1}, true},
		{"VPMULDQ Z0, Z1, Z9", [2]int64{0, 1 << 31}, [2]int64{0, 1}, false},
	} {
		b, _, _ := bounded(t, loads+"\t"+c.code+"\n", [][2]int64{c.a, c.b, {}}, nil)
		if c.ok {
			require.Empty(t, b.Problems(), c.code)
		} else {
			require.NotEmpty(t, b.Problems(), c.code)
		}
	}
}

// TestAssumptions: they narrow what is known, they are checked, and one that says nothing new is said to.
func TestAssumptions(t *testing.T) {
	code := loads + "\tVPADDQ Z0, Z1, Z9\n"
	limits := [][2]int64{{3, 4}, {3, 4}, {}}
	for _, c := range []struct {
		lo, hi int64
		ok     bool
	}{{7, 20, false}, {6, 7, false}, {6, 8, false}} {
		b, _, _ := bounded(t, code, limits, func(b *Bounds) { b.Assume("f", 0, 8, big.NewInt(c.lo), big.NewInt(c.hi)) })
		require.NotEmpty(t, b.Problems())
	}
	// The sum is 6 or 8 in all lanes, so that this one is not wrong.
	b, lo, hi := bounded(t, loads+"\tVPSUBQ Z0, Z1, Z9\n", limits, func(b *Bounds) { b.Assume("f", 0, 8, big.NewInt(0), big.NewInt(1)) })
	require.Empty(t, b.Problems())
	require.EqualValues(t, 0, lo.Int64())
	require.EqualValues(t, 1, hi.Int64())
}

// TestNumbersBeside: a number that is not in its interval is found, which it takes a mistake in package plain for.
func TestNumbersBeside(t *testing.T) {
	p, err := Parse("test", "TEXT ·f(SB), NOSPLIT, $0-8\n\tMOVQ v+0(FP), DI\n\tVMOVDQA64 0(DI), Z0\n\tVPADDQ Z0, Z0, Z0\n\tRET\n")
	require.NoError(t, err)
	v := lanes.Make(1)
	v[0][5] = 9
	b := NewBounds(p)
	b.Any = func(unsafe.Pointer, int) (lo, hi *big.Int) { return new(big.Int), big.NewInt(8) }
	b.Call("f", unsafe.Pointer(&v[0]))
	require.Len(t, b.Problems(), 2)
}
