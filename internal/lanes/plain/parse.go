// Package plain runs the assembly of the lanes without vector registers, for tests: on any processor, some thousand times slower. It reads
// the text that is assembled, so that what it shows is true of the choice of registers as well.
//
// [Program.Call] computes. [Bounds] computes with intervals instead of numbers, and says where a word could overflow.
package plain

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// kind is that of an operand.
type kind int

const (
	number   kind = iota // $1
	vector               // Z1
	mask                 // K1
	general              // DI
	memory               // 64(DI)
	constant             // constants<>+8(SB)
	argument             // v+0(FP)
	function             // f<>(SB)
)

type operand struct {
	kind kind
	n    int    // the number, or that of the register
	at   int    // the offset of what is in memory
	name string // of the function
}

// instruction is one, with the operands in the order of Go's assembler: the result is the last one.
type instruction struct {
	name     string
	each     bool // the first operand after the number is one word for all lanes
	operands []operand
	line     int
	called   []instruction
	often    often
}

// often are the instructions that nearly all of a kernel is made of, and that work under no mask.
type often int

const (
	seldom often = iota
	fetch
	keep
	addition
	lowProduct
	highProduct
)

func oftenOf(in *instruction) often {
	o := in.operands
	switch {
	case in.name == "VMOVDQA64" && len(o) == 2 && o[1].kind == memory:
		return keep
	case in.name == "VMOVDQA64" && len(o) == 2:
		return fetch
	case len(o) != 3:
	case in.name == "VPADDQ":
		return addition
	case in.name == "VPMADD52LUQ":
		return lowProduct
	case in.name == "VPMADD52HUQ":
		return highProduct
	}
	return seldom
}

// Program is the functions of a file of assembly.
type Program struct {
	functions map[string][]instruction
	constants []uint64
	each      []lanes.Vector // the constants, in all lanes
}

var generals = []string{"AX", "BX", "CX", "DX", "SI", "DI", "R8", "R9", "R10", "R11", "R12", "R13", "R15"}

var (
	header    = regexp.MustCompile(`^TEXT ·?(\w+)(?:<>)?\(SB\)`)
	datum     = regexp.MustCompile(`^DATA constants<>\+(\d+)\(SB\)/8, \$(0x[0-9a-f]+)$`)
	inMemory  = regexp.MustCompile(`^(-?\d*)\((\w+)\)$`)
	ofFrame   = regexp.MustCompile(`^\w+\+(\d+)\(FP\)$`)
	inFile    = regexp.MustCompile(`^constants<>\+(\d+)\(SB\)$`)
	otherText = regexp.MustCompile(`^(\w+)<>\(SB\)$`)
	register  = regexp.MustCompile(`^([ZK])(\d+)$`)
)

// Read parses a file of assembly. Whatever it does not know is an error.
func Read(file string) (*Program, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, string(text))
}

// Parse is Read of a text; file is what errors call it.
func Parse(file, text string) (*Program, error) {
	p := &Program{functions: map[string][]instruction{}}
	name := ""
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "//")
		if m := header.FindStringSubmatch(line); m != nil {
			name = m[1]
			continue
		}
		if m := datum.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			w, err := strconv.ParseUint(m[2], 0, 64)
			if at, _ := strconv.Atoi(m[1]); err != nil || at != 8*len(p.constants) {
				return nil, fmt.Errorf("%s:%d: no constant: %s", file, i+1, line)
			}
			p.constants = append(p.constants, w)
			continue
		}
		if !strings.HasPrefix(line, "\t") {
			continue
		}
		in, err := parse(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		in.line = i + 1
		p.functions[name] = append(p.functions[name], in)
	}
	for _, w := range p.constants {
		p.each = append(p.each, lanes.Vector{w, w, w, w, w, w, w, w})
	}
	for name, all := range p.functions {
		for i := range all {
			if all[i].name != "CALL" {
				continue
			}
			all[i].called = p.functions[all[i].operands[0].name]
			if all[i].called == nil {
				return nil, fmt.Errorf("%s: %s calls what is not there", file, name)
			}
		}
	}
	return p, nil
}

func parse(line string) (in instruction, err error) {
	name, rest, _ := strings.Cut(line, " ")
	in.name, in.each = strings.CutSuffix(name, ".BCST")
	if in.count() < 0 {
		return in, fmt.Errorf("unknown instruction %s", line)
	}
	for text := range strings.SplitSeq(rest, ", ") {
		if text == "" {
			continue
		}
		o, err := parseOperand(text)
		if err != nil {
			return in, err
		}
		in.operands = append(in.operands, o)
	}
	if n := len(in.operands); n != in.count() && !(n == in.count()+1 && in.operands[n-2].kind == mask && in.operands[n-1].kind == vector) {
		return in, fmt.Errorf("%d operands: %s", n, line)
	}
	in.often = oftenOf(&in)
	return in, nil
}

// counts is of the operands without the mask that an instruction may work under.
var counts = map[string]int{
	"RET": 0, "VZEROUPPER": 0, "CALL": 1, "PREFETCHT0": 1, "MOVQ": 2, "MOVBQZX": 2, "ADDQ": 2, "LEAQ": 2, "KMOVB": 2, "KORB": 3, "KANDB": 3,
	"VMOVDQA64": 2, "VPBROADCASTQ": 2, "VPMOVQ2M": 2, "VPMOVM2Q": 2, "VPCMPEQQ": 3, "VPTESTMQ": 3, "VPTESTNMQ": 3,
	"VPADDQ": 3, "VPSUBQ": 3, "VPANDQ": 3, "VPORQ": 3, "VPXORQ": 3, "VPMULDQ": 3, "VPMADD52LUQ": 3, "VPMADD52HUQ": 3,
	"VPSRLQ": 3, "VPSRAQ": 3, "VPSLLQ": 3, "VPUNPCKLQDQ": 3, "VPUNPCKHQDQ": 3, "VPERMT2Q": 3, "VPSHRDQ": 4, "VSHUFI64X2": 4, "VPTERNLOGQ": 4, "VPTERNLOGD": 4,
}

func (in *instruction) count() int {
	if n, ok := counts[in.name]; ok {
		return n
	}
	return -1
}

func parseOperand(text string) (o operand, err error) {
	if n, ok := strings.CutPrefix(text, "$"); ok {
		x, err := strconv.ParseInt(n, 0, 32)
		return operand{kind: number, n: int(x)}, err
	}
	if m := register.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[2])
		switch {
		case m[1] == "Z" && n < 32:
			return operand{kind: vector, n: n}, nil
		case m[1] == "K" && n < 8:
			return operand{kind: mask, n: n}, nil
		}
	}
	if m := ofFrame.FindStringSubmatch(text); m != nil {
		at, _ := strconv.Atoi(m[1])
		return operand{kind: argument, at: at / 8}, nil
	}
	if m := inFile.FindStringSubmatch(text); m != nil {
		at, _ := strconv.Atoi(m[1])
		return operand{kind: constant, at: at / 8}, nil
	}
	if m := otherText.FindStringSubmatch(text); m != nil {
		return operand{kind: function, name: m[1]}, nil
	}
	if m := inMemory.FindStringSubmatch(text); m != nil {
		at, _ := strconv.Atoi(m[1])
		n, err := generalOf(m[2])
		return operand{kind: memory, n: n, at: at}, err
	}
	n, err := generalOf(text)
	return operand{kind: general, n: n}, err
}

func generalOf(name string) (int, error) {
	for i, g := range generals {
		if g == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown operand %s", name)
}

// Functions are the names of those that Go calls, and of those that they call.
func (p *Program) Functions() []string {
	var all []string
	for name := range p.functions {
		all = append(all, name)
	}
	return all
}
