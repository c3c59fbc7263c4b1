package main

import (
	"fmt"
	"slices"
	"strings"
)

// A kernel is one function without branches over vector registers. It is written as a list of steps over values, each of which is set
// once; this file chooses registers for them and says where in memory the rest waits.

// value is a vector, mask a register of one bit for each lane.
type (
	value int
	mask  int
)

// place is a vector in memory: a pointer that the function was given and an offset in octets. With each it is one word for all lanes.
type place struct {
	pointer string
	offset  int
	each    bool
}

func (p place) String() string {
	if p.pointer == "const" {
		return fmt.Sprintf("constants<>+%d(SB)", p.offset)
	}
	return fmt.Sprintf("%d(%s)", p.offset, p.pointer)
}

// step is one instruction.
type step struct {
	name   string
	imm    string  // before the operands
	into   bool    // the first source is overwritten by the result
	src    []value // in the order of the manuals; the last one may be in memory
	dst    value   // -1: none
	under  mask    // the mask that it works under; -1: none
	masks  []mask  // sources
	sets   mask    // result; -1: none
	either bool    // the last two sources may change places
	store  *place
	text   string // as it is, instead of all this
}

// kernel collects steps.
type kernel struct {
	name, doc string
	args      []string // names of arguments, which are registers too
	steps     []step
	homes     map[value]*place
	zeros     map[value]bool
	values    int
	maskCount int
	consts    *constants
	spill     place // where vectors wait that do not fit
	spills    int
}

// constants are the words that kernels of a file read.
type constants struct{ words []uint64 }

func (c *constants) at(w uint64) place {
	i := slices.Index(c.words, w)
	if i < 0 {
		i = len(c.words)
		c.words = append(c.words, w)
	}
	return place{"const", 8 * i, true}
}

func (c *constants) text() string {
	var b strings.Builder
	for i, w := range c.words {
		fmt.Fprintf(&b, "DATA constants<>+%d(SB)/8, $%#016x\n", 8*i, w)
	}
	fmt.Fprintf(&b, "GLOBL constants<>(SB), RODATA|NOPTR, $%d\n", 8*len(c.words))
	return b.String()
}

func newKernel(c *constants, spill place, name, doc string, args ...string) *kernel {
	return &kernel{name: name, doc: doc, args: args, homes: map[value]*place{}, zeros: map[value]bool{}, consts: c, spill: spill}
}

func (k *kernel) value() value { k.values++; return value(k.values - 1) }
func (k *kernel) mask() mask   { k.maskCount++; return mask(k.maskCount - 1) }

// mem is what is in memory.
func (k *kernel) mem(pointer string, vector int) value {
	return k.at(place{pointer, 64 * vector, false})
}

func (k *kernel) at(p place) value {
	v := k.value()
	k.homes[v] = &p
	return v
}

// word is the same word in all lanes.
func (k *kernel) word(w uint64) value {
	if w == 0 {
		v := k.value()
		k.zeros[v] = true
		return v
	}
	return k.at(k.consts.at(w))
}

func (k *kernel) add1(s step) value {
	s.dst = k.value()
	k.steps = append(k.steps, s)
	return s.dst
}

func (k *kernel) op(name string, either bool, src ...value) value {
	return k.add1(step{name: name, src: src, either: either, under: -1, sets: -1})
}

func (k *kernel) shift(name string, v value, n int) value {
	return k.add1(step{name: name, imm: fmt.Sprintf("$%d", n), src: []value{v}, under: -1, sets: -1})
}

func (k *kernel) lo(t, a, b value) value {
	return k.add1(step{name: "VPMADD52LUQ", into: true, src: []value{t, a, b}, either: true, under: -1, sets: -1})
}

func (k *kernel) hi(t, a, b value) value {
	return k.add1(step{name: "VPMADD52HUQ", into: true, src: []value{t, a, b}, either: true, under: -1, sets: -1})
}
func (k *kernel) add(a, b value) value        { return k.op("VPADDQ", true, a, b) }
func (k *kernel) sub(a, b value) value        { return k.op("VPSUBQ", false, a, b) }
func (k *kernel) and(a, b value) value        { return k.op("VPANDQ", true, a, b) }
func (k *kernel) or(a, b value) value         { return k.op("VPORQ", true, a, b) }
func (k *kernel) xor(a, b value) value        { return k.op("VPXORQ", true, a, b) }
func (k *kernel) muldq(a, b value) value      { return k.op("VPMULDQ", true, a, b) }
func (k *kernel) srl(v value, n int) value    { return k.shift("VPSRLQ", v, n) }
func (k *kernel) sra(v value, n int) value    { return k.shift("VPSRAQ", v, n) }
func (k *kernel) sll(v value, n int) value    { return k.shift("VPSLLQ", v, n) }
func (k *kernel) unpackLow(a, b value) value  { return k.op("VPUNPCKLQDQ", false, a, b) }
func (k *kernel) unpackHigh(a, b value) value { return k.op("VPUNPCKHQDQ", false, a, b) }

func (k *kernel) shuffle(a, b value, imm int) value {
	return k.add1(step{name: "VSHUFI64X2", imm: fmt.Sprintf("$%#x", imm), src: []value{a, b}, under: -1, sets: -1})
}

// shrd shifts two words to the right and takes the low one.
func (k *kernel) shrd(low, high value, n int) value {
	return k.add1(step{name: "VPSHRDQ", imm: fmt.Sprintf("$%d", n), src: []value{low, high}, under: -1, sets: -1})
}

// tern is a function of three bits by its table of truth.
func (k *kernel) tern(a, b, c value, table int) value {
	return k.add1(step{name: "VPTERNLOGQ", imm: fmt.Sprintf("$%#x", table), into: true, src: []value{a, b, c}, under: -1, sets: -1})
}

// permute takes words of two vectors by the low four bits of each lane's index.
func (k *kernel) permute(low, index, high value) value {
	return k.add1(step{name: "VPERMT2Q", into: true, src: []value{low, index, high}, under: -1, sets: -1})
}

// test is set where a and b have a bit in common, testn where they have none.
func (k *kernel) test(a, b value) mask  { return k.toMask("VPTESTMQ", true, a, b) }
func (k *kernel) testn(a, b value) mask { return k.toMask("VPTESTNMQ", true, a, b) }

// negative is set where the top bit is.
func (k *kernel) negative(a value) mask { return k.toMask("VPMOVQ2M", false, a) }

func (k *kernel) toMask(name string, either bool, src ...value) mask {
	m := k.mask()
	k.steps = append(k.steps, step{name: name, src: src, either: either, dst: -1, under: -1, sets: m})
	return m
}

func (k *kernel) masks(name string, src ...mask) mask {
	m := k.mask()
	k.steps = append(k.steps, step{name: name, masks: src, dst: -1, under: -1, sets: m})
	return m
}

// choose is a where the mask is set, and b elsewhere.
func (k *kernel) choose(m mask, a, b value) value {
	return k.add1(step{name: "VMOVDQA64", into: true, src: []value{b, a}, under: m, sets: -1})
}

// addWhere is a + b where the mask is set, and base elsewhere.
func (k *kernel) addWhere(m mask, base, a, b value) value {
	return k.add1(step{name: "VPADDQ", into: true, src: []value{base, a, b}, under: m, sets: -1, either: true})
}

func (k *kernel) subWhere(m mask, base, a, b value) value {
	return k.add1(step{name: "VPSUBQ", into: true, src: []value{base, a, b}, under: m, sets: -1})
}

func (k *kernel) xorWhere(m mask, base, a, b value) value {
	return k.add1(step{name: "VPXORQ", into: true, src: []value{base, a, b}, under: m, sets: -1, either: true})
}

// store writes a vector.
func (k *kernel) store(pointer string, vector int, v value) {
	k.steps = append(k.steps, step{name: "store", src: []value{v}, dst: -1, under: -1, sets: -1, store: &place{pointer, 64 * vector, false}})
}

// storeMask writes the octet of a mask into the first one of a vector.
func (k *kernel) storeMask(pointer string, vector int, m mask) {
	k.steps = append(k.steps, step{name: "storeMask", masks: []mask{m}, dst: -1, under: -1, sets: -1, store: &place{pointer, 64 * vector, false}})
}

func (k *kernel) loadMask(pointer string, vector int) mask {
	m := k.mask()
	k.steps = append(k.steps, step{name: "loadMask", imm: fmt.Sprintf("%d(%s)", 64*vector, pointer), dst: -1, under: -1, sets: m})
	return m
}

// maskOf takes a mask from the low octet of a general register.
func (k *kernel) maskOf(register string) mask {
	m := k.mask()
	k.steps = append(k.steps, step{name: "loadMask", imm: register, dst: -1, under: -1, sets: m})
	return m
}

// line is an instruction that touches no vector register.
func (k *kernel) line(format string, a ...any) {
	k.steps = append(k.steps, step{text: fmt.Sprintf(format, a...), dst: -1, under: -1, sets: -1})
}
