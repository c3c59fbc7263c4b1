package main

import (
	"fmt"
	"strings"
)

// The kernels of RSA work on numbers of 20 to 80 digits of 52 bits, a vector each, the lowest first: far more than registers
// hold. So all is made of tiles of ten digits by ten. A tile has twenty sums in registers, which are columns of the product,
// ten digits that stay, and two registers beside: 32 as the processor has. Columns of all tiles wait in a scratch memory of
// twice the digits.
//
// The registers are chosen here and not by the allocator of the curves, since a tile uses all of them in a fixed way.
const (
	tile  = 10
	spare = 30 // and 31
)

// sums are the registers of the columns. From a tile to the one on its right the upper ten become the lower ten, and nothing is
// moved: there are two copies of each tile, which have them in either order.
var sums = [2][2 * tile]int{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19},
	{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
}

// kept are the registers of the digits that stay.
var kept = [tile]int{20, 21, 22, 23, 24, 25, 26, 27, 28, 29}

// rsaText is the assembly as it grows. Pointers are in the registers of the arguments r, a, b, m, k and t; besides, R10 has the
// digits that a tile goes through, and R11 where it stores.
type rsaText struct{ strings.Builder }

var rsaPointers = map[string]string{"r": "DI", "a": "SI", "b": "DX", "m": "CX", "k": "R8", "t": "R9", "i": "SI"}

const (
	through = "R10"
	stored  = "R11"
)

func (g *rsaText) line(format string, args ...any) { fmt.Fprintf(g, "\t"+format+"\n", args...) }

// at is vector i of the array that a register or an argument points to.
func at(pointer string, i int) string {
	if register, ok := rsaPointers[pointer]; ok {
		pointer = register
	}
	return fmt.Sprintf("%d(%s)", 64*i, pointer)
}

func (g *rsaText) load(register int, pointer string, i int) {
	g.line("VMOVDQA64 %s, Z%d", at(pointer, i), register)
}

func (g *rsaText) store(pointer string, i, register int) {
	g.line("VMOVDQA64 Z%d, %s", register, at(pointer, i))
}

func (g *rsaText) zero(register int) {
	g.line("VPXORQ Z%[1]d, Z%[1]d, Z%[1]d", register)
}

func (g *rsaText) add(sum, x int) { g.line("VPADDQ Z%d, Z%[2]d, Z%[2]d", x, sum) }

func (g *rsaText) carry(from, to int) { g.line("VPSRLQ $52, Z%d, Z%d", from, to) }

// low and high add a half of the product of 52 bits by 52 to a sum. The processor takes only the lower 52 bits of either
// factor, so what is above them in a digit does no harm here; whoever does anything else with digits masks them first.
func (g *rsaText) low(sum, x int, y string)  { g.line("VPMADD52LUQ %s, Z%d, Z%d", y, x, sum) }
func (g *rsaText) high(sum, x int, y string) { g.line("VPMADD52HUQ %s, Z%d, Z%d", y, x, sum) }

func zmm(register int) string { return fmt.Sprintf("Z%d", register) }

// mulTile adds the product of the digits that stay and ten more. All halves of one digit follow each other, so that a sum comes
// again only after ten instructions, when the first one is through.
func (g *rsaText) mulTile(sum [2 * tile]int) {
	for j := range tile {
		g.mulStep(sum, j, spare+j%2)
	}
}

func (g *rsaText) mulStep(sum [2 * tile]int, j, digit int) {
	g.load(digit, through, j)
	for i := range tile {
		g.low(sum[i+j], kept[i], zmm(digit))
	}
	for i := range tile {
		g.high(sum[i+j+1], kept[i], zmm(digit))
	}
}

// lastTile is mulTile in the last row of a reduction, where a column is finished with its digit: the carry is passed on at
// once, from tile to tile in the second of the registers that are left.
func (g *rsaText) lastTile(sum [2 * tile]int) {
	for j := range tile {
		g.mulStep(sum, j, spare)
		g.lastColumn(sum, j)
		g.store(stored, j, sum[j])
	}
}

func (g *rsaText) lastColumn(sum [2 * tile]int, j int) {
	g.add(sum[j], spare+1)
	g.carry(sum[j], spare+1)
}

// squareTile adds the products of different digits among those that stay, once each: by diagonals, whose sums are different.
func (g *rsaText) squareTile(sum [2 * tile]int) {
	for d := 1; d < tile; d++ {
		for i := range tile - d {
			g.low(sum[2*i+d], kept[i], zmm(kept[i+d]))
		}
		for i := range tile - d {
			g.high(sum[2*i+d+1], kept[i], zmm(kept[i+d]))
		}
	}
}

// doubled finishes columns of a square: twice what different digits made, and the squares of the digits.
func (g *rsaText) doubled(columns, digits []int) {
	for _, c := range columns {
		g.add(c, c)
	}
	for i, d := range digits {
		g.low(columns[2*i], d, zmm(d))
		g.high(columns[2*i+1], d, zmm(d))
	}
}

// reduceTile finds ten digits whose product with the modulus makes the lowest ten columns zero, and adds what they give with
// its lowest ten digits. They stay for the tiles on the right.
func (g *rsaText) reduceTile(sum [2 * tile]int) {
	digit := func(i int) {
		g.zero(kept[i])
		g.low(kept[i], sum[i], at("k", 0))
	}
	g.line("VPTERNLOGD $255, Z%[1]d, Z%[1]d, Z%[1]d", spare)
	g.line("VPSRLQ $12, Z%[1]d, Z%[1]d", spare)
	digit(0)
	for i := range tile {
		y := kept[i]
		// The column will be a multiple of 2^52, so what it carries is itself rounded up, without its product.
		g.line("VPADDQ Z%d, Z%d, Z%d", spare, sum[i], spare+1)
		g.carry(spare+1, spare+1)
		g.high(sum[i+1], y, at("m", 0))
		g.low(sum[i+1], y, at("m", 1))
		g.add(sum[i+1], spare+1)
		for j := 2; j < tile; j++ {
			g.low(sum[i+j], y, at("m", j))
		}
		for j := 1; j < tile; j++ {
			// The next digit needs only the next column. It is begun here, so that the rest hides how long it takes.
			if j == 3 && i < tile-1 {
				digit(i + 1)
			}
			g.high(sum[i+j+1], y, at("m", j))
		}
	}
}

// tileNames are the shared tiles, which the kernels call: unrolled they would not fit into the memory for instructions.
var tileNames = []struct {
	name, doc string
	write     func(g *rsaText, sum [2 * tile]int)
}{
	{"mulTile", "adds ten digits by ten to twenty columns", (*rsaText).mulTile},
	{"lastTile", "is mulTile, and passes carries on and stores", (*rsaText).lastTile},
	{"squareTile", "adds the products of different digits of ten", (*rsaText).squareTile},
	{"reduceTile", "makes ten columns zero", (*rsaText).reduceTile},
}

func (g *rsaText) call(name string, half int) { g.line("CALL %s%d<>(SB)", name, half) }

// mulCall calls mulTile with ten digits from the i-th of an array on.
func (g *rsaText) mulCall(half int, array string, i int) {
	g.line("LEAQ %s, %s", at(array, i), through)
	g.call("mulTile", half)
}

// product leaves the columns of a times b in t.
func (g *rsaText) product(blocks int) {
	for row := range blocks {
		for n := range tile {
			g.load(kept[n], "b", tile*row+n)
			g.column(sums[0][n], tile*row+n, row == 0)
		}
		for i := range blocks {
			half, last := i%2, i == blocks-1
			for n := tile; n < 2*tile; n++ {
				g.column(sums[half][n], tile*(row+i)+n, row == 0 || last)
			}
			g.mulCall(half, "a", tile*i)
			g.columns(sums[half], tile*(row+i), last)
		}
	}
}

// column fetches a column, or begins it.
func (g *rsaText) column(register, i int, first bool) {
	if first {
		g.zero(register)
	} else {
		g.load(register, "t", i)
	}
}

// columns stores those that the next tile on the right does not go on with.
func (g *rsaText) columns(sum [2 * tile]int, from int, last bool) {
	n := tile
	if last {
		n = 2 * tile
	}
	for i := range n {
		g.store("t", from+i, sum[i])
	}
}

// square leaves the columns of a times a in t: different digits once and doubled, where the last of them has been added.
func (g *rsaText) square(blocks int) {
	for row := range blocks {
		for n := range tile {
			g.load(kept[n], "a", tile*row+n)
		}
		for i := row; i < blocks; i++ {
			half, last := (i-row)%2, i == blocks-1
			sum, from := sums[half], tile*(row+i)
			n := tile
			if i == row {
				n = 0
			}
			for ; n < 2*tile; n++ {
				g.column(sum[n], from+n, row == 0 || from+n >= tile*(row+blocks))
			}
			if i == row {
				g.call("squareTile", half)
			} else {
				g.mulCall(half, "a", tile*i)
			}
			switch {
			case i == row && last:
				g.doubled(sum[:], kept[:])
			case i == row:
				g.doubled(sum[:tile], kept[:tile/2])
			case i == row+1:
				g.doubled(sum[:tile], kept[tile/2:])
			}
			g.columns(sum, from, last)
		}
	}
}

// reduce writes t / 2^(52 n) modulo m into r, with carries done, below 2m where t < 2^(52 n) m.
func (g *rsaText) reduce(blocks int) {
	for row := range blocks {
		for n := range tile {
			g.load(sums[0][n], "t", tile*row+n)
		}
		for i := range blocks {
			half, last := i%2, i == blocks-1
			for n := tile; n < 2*tile; n++ {
				g.load(sums[half][n], "t", tile*(row+i)+n)
			}
			switch {
			case i == 0:
				g.call("reduceTile", half)
			case row < blocks-1:
				g.mulCall(half, "m", tile*i)
				g.columns(sums[half], tile*(row+i), last)
			default:
				if i == 1 {
					g.zero(spare + 1)
				}
				g.line("LEAQ %s, %s", at("m", tile*i), through)
				g.line("LEAQ %s, %s", at("r", tile*(i-1)), stored)
				g.call("lastTile", half)
			}
		}
	}
	sum := sums[(blocks-1)%2]
	for n := tile; n < 2*tile; n++ {
		g.lastColumn(sum, n)
		g.store("r", tile*(blocks-2)+n, sum[n])
	}
}

// entries is how many powers a window of four bits chooses from.
const entries = 16

// selection writes the entry of the table t that i says into r, for each lane its own. Every entry is loaded whole by plain
// instructions, and joined under a mask, so that the number of the entry is neither an address nor a branch.
func (g *rsaText) selection(digits int) {
	const chosen, entry, minusOne, equal = 29, 28, 27, 30
	step := 15
	if digits%20 == 0 {
		step = 20
	}
	for from := 0; from < digits; from += step {
		for n := range step {
			g.zero(n)
		}
		g.load(chosen, "i", 0)
		g.zero(entry)
		g.line("VPTERNLOGD $255, Z%[1]d, Z%[1]d, Z%[1]d", minusOne)
		for e := range entries {
			g.line("VPCMPEQQ Z%d, Z%d, K1", entry, chosen)
			g.line("VPMOVM2Q K1, Z%d", equal)
			for n := range step {
				g.line("VPTERNLOGQ $0xf8, %s, Z%d, Z%d", at("t", e*digits+from+n), equal, n)
			}
			if e != entries-1 {
				g.line("VPSUBQ Z%d, Z%[2]d, Z%[2]d", minusOne, entry)
			}
		}
		for n := range step {
			g.store("r", from+n, n)
		}
	}
}

// kernel begins a function; frame says that it calls tiles, which have no frame of their own.
func (g *rsaText) kernel(doc, name string, frame bool, args ...string) {
	flags, size := "NOSPLIT", 0
	if frame {
		flags, size = "0", 8
	}
	fmt.Fprintf(g, "\n// %s %s\n// func %[1]s(%[3]s *lanes.Vector)\nTEXT ·%[1]s(SB), %[4]s, $%d-%d\n", name, doc, strings.Join(args, ", "), flags, size, 8*len(args))
	for i, a := range args {
		pointer := rsaPointers[a]
		g.line("MOVQ %s+%d(FP), %s", a, 8*i, pointer)
	}
}

func (g *rsaText) end() {
	g.line("VZEROUPPER")
	g.line("RET")
}

// rsa writes the kernels for primes of 1024, 1536 and 2048 bits and their products.
func rsa() string {
	g := new(rsaText)
	g.WriteString("// Code generated by internal/lanes/gen. DO NOT EDIT.\n\n#include \"textflag.h\"\n")
	for _, t := range tileNames {
		for half := range sums {
			fmt.Fprintf(g, "\n// %s%d %s.\nTEXT %[1]s%[2]d<>(SB), NOSPLIT, $0-0\n", t.name, half, t.doc)
			t.write(g, sums[half])
			g.line("RET")
		}
	}
	for _, digits := range []int{20, 30, 40, 60, 80} {
		name := func(f string) string { return fmt.Sprintf("%s%d", f, digits) }
		blocks := digits / tile
		g.kernel("is a b / R modulo m, below 2m.", name("mul"), true, "r", "a", "b", "m", "k", "t")
		g.product(blocks)
		g.reduce(blocks)
		g.end()
		g.kernel("is a a / R modulo m, below 2m.", name("square"), true, "r", "a", "m", "k", "t")
		g.square(blocks)
		g.reduce(blocks)
		g.end()
		if digits > 40 {
			continue
		}
		g.kernel("leaves the columns of a b in t, with no carries done.", name("product"), true, "t", "a", "b")
		g.product(blocks)
		g.end()
		g.kernel("is the entry of the table t that i says.", name("select"), false, "r", "i", "t")
		g.selection(digits)
		g.end()
	}
	return g.String()
}
