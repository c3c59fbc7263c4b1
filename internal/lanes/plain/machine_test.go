package plain

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// run assembles a function over the vectors at DI, and runs it.
func run(t *testing.T, code string, v []lanes.Vector) {
	t.Helper()
	p, err := Parse("test", "TEXT ·f(SB), NOSPLIT, $0-8\n\tMOVQ v+0(FP), DI\n"+code+"\tRET\n\nDATA constants<>+0(SB)/8, $0x000fffffffffffff\nDATA constants<>+8(SB)/8, $0x0000000000000001\n")
	require.NoError(t, err)
	p.Call("f", unsafe.Pointer(&v[0]))
}

// TestInstructions has results that were worked out by hand from the descriptions of the instructions (Intel SDM volume 2).
func TestInstructions(t *testing.T) {
	const top = 1 << 63
	a := lanes.Vector{0, 1, 2, 3, 4, 5, 6, 7}
	b := lanes.Vector{10, 11, 12, 13, 14, 15, 16, 17}
	each := func(w uint64) (v lanes.Vector) {
		for l := range v {
			v[l] = w
		}
		return v
	}
	for _, c := range []struct {
		line    string // Z0 and Z1 are a and b, Z2 is the result, and 7 in all lanes before
		a, b    lanes.Vector
		want    lanes.Vector
		masked  bool // K1 has lanes 0 and 7
		another string
	}{
		{line: "VPADDQ Z1, Z0, Z2", a: a, b: each(^uint64(0)), want: lanes.Vector{^uint64(0), 0, 1, 2, 3, 4, 5, 6}},
		{line: "VPSUBQ Z1, Z0, Z2", a: a, b: each(1), want: lanes.Vector{^uint64(0), 0, 1, 2, 3, 4, 5, 6}},
		{line: "VPSUBQ Z1, Z0, K1, Z2", a: a, b: each(1), masked: true, want: lanes.Vector{^uint64(0), 7, 7, 7, 7, 7, 7, 6}},
		{line: "VPSUBQ.BCST constants<>+8(SB), Z0, Z2", a: each(9), want: each(8)},
		{line: "VPSUBQ 64(DI), Z0, Z2", a: each(9), b: a, want: lanes.Vector{9, 8, 7, 6, 5, 4, 3, 2}},
		{line: "VPMADD52LUQ Z1, Z0, Z2", a: each(1<<52 | 3), b: each(1<<51 + 5), want: each(1<<51 + 15 + 7)},
		{line: "VPMADD52HUQ Z1, Z0, Z2", a: each(1<<63 | 1<<51), b: each(1<<51 | 1<<52), want: each(1<<50 + 7)},
		{line: "VPMADD52HUQ Z1, Z0, Z2", a: each(1<<52 - 1), b: each(1<<52 - 1), want: each(1<<52 - 2 + 7)},
		{line: "VPMULDQ Z1, Z0, Z2", a: each(5<<32 | 0xffffffff), b: each(3), want: each(^uint64(2))},
		{line: "VPANDQ Z1, Z0, Z2", a: each(12), b: each(10), want: each(8)},
		{line: "VPORQ Z1, Z0, Z2", a: each(12), b: each(10), want: each(14)},
		{line: "VPXORQ Z1, Z0, Z2", a: each(12), b: each(10), want: each(6)},
		{line: "VPSRLQ $4, Z0, Z2", a: each(top), want: each(1 << 59)},
		{line: "VPSRAQ $4, Z0, Z2", a: each(top), want: each(0xf8 << 56)},
		{line: "VPSLLQ $4, Z0, Z2", a: each(top | 1), want: each(16)},
		{line: "VPSHRDQ $52, Z1, Z0, Z2", a: each(0xabc << 52), b: each(1), want: each(0xabc | 1<<12)}, // Z0 is the low word
		{line: "VPTERNLOGQ $0xca, Z1, Z0, Z2", a: each(9), b: each(12), want: each(9)},                 // 7 ? 9 : 12
		{line: "VPTERNLOGQ $0xf8, Z1, Z0, Z2", a: each(12), b: each(9), want: each(15)},
		{line: "VPTERNLOGD $255, Z2, Z2, Z2", want: each(^uint64(0))},
		{line: "VMOVDQA64 Z0, K1, Z2", a: a, masked: true, want: lanes.Vector{0, 7, 7, 7, 7, 7, 7, 7}},
		{line: "VMOVDQA64 64(DI), Z2", b: a, want: a},
		{line: "VPBROADCASTQ constants<>+0(SB), Z2", want: each(1<<52 - 1)},
		{line: "VPUNPCKLQDQ Z1, Z0, Z2", a: a, b: b, want: lanes.Vector{0, 10, 2, 12, 4, 14, 6, 16}},
		{line: "VPUNPCKHQDQ Z1, Z0, Z2", a: a, b: b, want: lanes.Vector{1, 11, 3, 13, 5, 15, 7, 17}},
		{line: "VSHUFI64X2 $0x88, Z1, Z0, Z2", a: a, b: b, want: lanes.Vector{0, 1, 4, 5, 10, 11, 14, 15}},
		{line: "VSHUFI64X2 $0xdd, Z1, Z0, Z2", a: a, b: b, want: lanes.Vector{2, 3, 6, 7, 12, 13, 16, 17}},
		{line: "VPERMT2Q Z1, Z0, Z2", a: lanes.Vector{0, 8, 15, 7, 16, 24, 9, 10}, b: b, want: lanes.Vector{7, 10, 17, 7, 7, 10, 11, 12}},
		{line: "VPTESTMQ Z1, Z0, K2", a: a, b: each(4), another: "VPMOVM2Q K2, Z2", want: lanes.Vector{0, 0, 0, 0, ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}},
		{line: "VPTESTNMQ.BCST constants<>+8(SB), Z0, K2", a: a, another: "VPMOVM2Q K2, Z2", want: lanes.Vector{^uint64(0), 0, ^uint64(0), 0, ^uint64(0), 0, ^uint64(0), 0}},
		{line: "VPCMPEQQ Z1, Z0, K2", a: a, b: each(3), another: "VPMOVM2Q K2, Z2", want: lanes.Vector{3: ^uint64(0)}},
		{line: "VPMOVQ2M Z0, K2", a: lanes.Vector{top, 1, ^uint64(0), top - 1}, another: "VPMOVM2Q K2, Z2", want: lanes.Vector{0: ^uint64(0), 2: ^uint64(0)}},
		{line: "KORB K1, K0, K2", another: "VPMOVM2Q K2, Z2", masked: true, want: lanes.Vector{0: ^uint64(0), 7: ^uint64(0)}},
		{line: "KANDB K1, K0, K2", another: "VPMOVM2Q K2, Z2", masked: true, want: lanes.Vector{}},
		{line: "VZEROUPPER", a: a, another: "VMOVDQA64 Z0, Z2", want: lanes.Vector{0, 1}},
	} {
		v := lanes.Make(4)
		v[0], v[1], v[2] = c.a, c.b, each(7)
		v[3][0] = 0x81
		code := "\tVMOVDQA64 0(DI), Z0\n\tVMOVDQA64 64(DI), Z1\n\tVMOVDQA64 128(DI), Z2\n"
		if c.masked {
			code += "\tKMOVB 192(DI), K1\n"
		}
		code += "\t" + c.line + "\n"
		if c.another != "" {
			code += "\t" + c.another + "\n"
		}
		run(t, code+"\tVMOVDQA64 Z2, 128(DI)\n", v)
		require.Equal(t, c.want, v[2], c.line)
	}
}

// TestAddresses: lines of a table by offsets, octets of masks, and the neighbours of what is written.
func TestAddresses(t *testing.T) {
	v := lanes.Make(6)
	v[0] = lanes.Vector{128, 0x1ff}
	v[1] = lanes.Vector{^uint64(0)}
	v[4] = lanes.Vector{1, 2, 3}
	run(t, "\tLEAQ 128(DI), DX\n\tMOVQ 0(DI), R8\n\tADDQ DX, R8\n\tVMOVDQA64 0(R8), Z5\n\tVMOVDQA64 Z5, 320(DI)\n\tMOVBQZX (DI), AX\n\tKMOVB AX, K3\n\tKMOVB K3, 65(DI)\n", v)
	require.Equal(t, v[4], v[5])
	require.Equal(t, ^uint64(0)&^0xff00|128<<8, v[1][0])
}

// TestParse: what is not understood is not run.
func TestParse(t *testing.T) {
	for _, line := range []string{"VPADDD Z1, Z2, Z3", "VPADDQ Z1, Z2", "VPADDQ Z1, Z2, Z32", "VPADDQ Z1, Z2, K9, Z3", "VPADDQ (DI)(AX*8), Z1, Z2", "VPSRLQ $x, Z1, Z2", "JMP there", "CALL g<>(SB)"} {
		_, err := Parse("test", "TEXT ·f(SB), NOSPLIT, $0-8\n\t"+line+"\n")
		require.Error(t, err, line)
	}
	require.Panics(t, func() { (&Program{}).Call("none") })
	_, err := Read("none")
	require.Error(t, err)
}
