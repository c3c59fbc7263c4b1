package lanes

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Kernels whose addresses come from public numbers.
var public = []string{"nextLines", "advanceLines"}

var (
	text   = regexp.MustCompile(`^TEXT (·?\w+)(<>)?\(SB\)`)
	memory = regexp.MustCompile(`(-?\d*)\((\w+)\)(\((\w+)\*\d\))?`)
	// Instructions whose time does not depend on what is in their registers; none of them reads where a vector says.
	constant = regexp.MustCompile(`^(V(PMADD52[LH]UQ|P(ADD|SUB|AND|OR|XOR|MULD)Q|P(SRL|SRA|SLL)Q|PTERNLOG[DQ]|PERMT2Q|PSHRDQ|PTESTN?MQ|PMOVQ2M|PMOVM2Q|PCMPEQQ|MOVDQ[AU]64|PBROADCASTQ|SHUFI64X2|PUNPCK[LH]QDQ|PANDND?Q?|ZEROUPPER)(\.BCST)?|K(MOVB|ORB|ANDB|XORQ)|PREFETCHT0)$`)
)

// TestKernelsAreConstant reads the assembly: no kernel has a branch or a conditional move, and addresses are those that it was given, with
// offsets that are written there. So neither time nor memory depends on what it computes with.
func TestKernelsAreConstant(t *testing.T) {
	files, err := filepath.Glob("*/kernels_amd64.s")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Empty(t, unsteady(string(source)), file)
	}
}

// unsteady lists the lines of assembly that are not known to be constant.
func unsteady(source string) (bad []string) {
	var name string
	pointers := map[string]bool{}
	for _, line := range strings.Split(source, "\n") {
		if m := text.FindStringSubmatch(line); m != nil {
			name = strings.TrimPrefix(m[1], "·")
			pointers = map[string]bool{}
			if m[2] != "" { // a part of kernels, whose arguments are in these registers
				for _, r := range []string{"DI", "SI", "DX", "CX", "R8", "R9", "R10", "R11"} {
					pointers[r] = true
				}
			}
			continue
		}
		line, _, _ = strings.Cut(line, "//")
		words := strings.SplitN(strings.TrimSpace(line), " ", 2)
		if !strings.HasPrefix(line, "\t") || words[0] == "" || words[0] == "RET" {
			continue
		}
		operands := ""
		if len(words) == 2 {
			operands = words[1]
		}
		ok := constant.MatchString(words[0])
		switch words[0] {
		case "MOVQ":
			from, to, _ := strings.Cut(operands, ", ")
			if strings.HasSuffix(from, "(FP)") {
				pointers[to] = true
				continue
			}
			ok = slices.Contains(public, name)
			pointers[to] = true
		case "ADDQ", "MOVBQZX":
			ok = slices.Contains(public, name)
		case "LEAQ":
			from, to, _ := strings.Cut(operands, ", ")
			m := memory.FindStringSubmatch(from)
			ok = m != nil && m[3] == "" && pointers[m[2]]
			pointers[to] = true
		case "CALL":
			ok = strings.HasSuffix(operands, "<>(SB)")
		}
		for _, m := range memory.FindAllStringSubmatch(operands, -1) {
			if m[2] != "SB" && (m[3] != "" || !pointers[m[2]]) {
				ok = false
			}
		}
		if !ok {
			bad = append(bad, name+": "+strings.TrimSpace(line))
		}
	}
	return bad
}

// TestUnsteady: what the test above looks for is found.
func TestUnsteady(t *testing.T) {
	const head = "TEXT ·k(SB), NOSPLIT, $0-8\n\tMOVQ v+0(FP), DI\n\tVMOVDQA64 64(DI), Z1\n"
	require.Empty(t, unsteady(head+"\tVPADDQ.BCST constants<>+8(SB), Z1, Z2\n\tRET\n"))
	for _, line := range []string{
		"JNE there", "CMOVQEQ AX, BX", "VPGATHERQQ (DI)(Z1*8), K1, Z2", "VMOVDQA64 (AX), Z1", "VMOVDQA64 (DI)(AX*8), Z1", "MOVQ 8(DI), DI", "VPSLLVQ Z1, Z2, Z3", "CALL ·f(SB)", "ADDQ AX, DI", "DIVQ BX",
	} {
		require.Len(t, unsteady(head+"\t"+line+"\n"), 1, line)
	}
}

// TestMake: vectors begin where a line of the cache does.
func TestMake(t *testing.T) {
	for n := range 20 {
		v := Make(n + 1)
		require.Len(t, v, n+1)
		require.Zero(t, address(v)%64)
		v[n][7] = 1
		Wipe(v)
		require.Zero(t, v[n])
	}
}

// TestOff: the switch of the environment turns lanes off.
func TestOff(t *testing.T) {
	t.Setenv(Off, "1")
	require.False(t, Available())
}
