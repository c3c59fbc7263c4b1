package plain

import (
	"fmt"
	"math/big"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Bounds runs a program with intervals, and beside it with the numbers that are there, each of which must lie in its interval. It finds:
//
//   - sums and differences that could leave 64 bits, taken for unsigned numbers or for signed ones;
//   - shifts of columns that could have the sign that the shift does not mean;
//   - factors of the upper half of a product that could have more than 52 bits, unless what is above is carried on by a shift, stands in the
//     next digit as well (parts of words), or is a sign that is asked for;
//   - factors of signed products of 32 bits that could have more.
//
// What is in memory and was not written by a program or given to [Bounds.Set] is any word. An interval does not know what is related: what
// it cannot show is said by [Bounds.Assume], and checked with the numbers.
type Bounds struct {
	machine
	// Any says what is known of a word that nobody set, if it is less than any word.
	Any func(p unsafe.Pointer, lane int) (lo, hi *big.Int)

	values   [32]eight
	signs    [8]sign
	memory   map[uintptr]*eight
	assumed  []*assumption
	problems map[string]int
	order    []string
	factors  []factor // that wait for the end of a function
	name     string
	largest  map[string]*big.Int
}

// eight is what is known of the lanes.
type eight [lanes.Width]*value

// sign is a mask of lanes: where these values are negative, if it is known.
type sign struct{ of eight }

type factor struct {
	v    *value
	line int
}

type assumption struct {
	name     string
	argument int
	vector   int
	lo, hi   *big.Int
	used     bool
}

// NewBounds begins with nothing known.
func NewBounds(p *Program) *Bounds {
	return &Bounds{machine: machine{program: p}, memory: map[uintptr]*eight{}, problems: map[string]int{}, largest: map[string]*big.Int{}}
}

// Set says that all lanes of a vector lie in an interval.
func (b *Bounds) Set(p unsafe.Pointer, lo, hi *big.Int) {
	b.memory[uintptr(p)] = b.same(between(lo, hi))
}

// Known says whether a vector was set or written.
func (b *Bounds) Known(p unsafe.Pointer) bool { return b.memory[uintptr(p)] != nil }

// Of is the interval of all lanes of a vector.
func (b *Bounds) Of(p unsafe.Pointer) (lo, hi *big.Int) {
	all := b.memory[uintptr(p)]
	if all == nil {
		return zero, most
	}
	v := all[0].all()
	for _, x := range all[1:] {
		v = join(v, x)
	}
	return v.lo, v.hi
}

// Assume says that what a function writes into a vector of an argument lies in an interval, for a reason that intervals do not know.
func (b *Bounds) Assume(name string, argument, vector int, lo, hi *big.Int) {
	b.assumed = append(b.assumed, &assumption{name, argument, vector, lo, hi, false})
}

// Problems are what was found, and assumptions that were not needed.
func (b *Bounds) Problems() []string {
	all := b.order
	for _, a := range b.assumed {
		if !a.used {
			all = append(all, fmt.Sprintf("%s: what is assumed of vector %d of argument %d is known without", a.name, a.vector, a.argument))
		}
	}
	return all
}

// Largest are the largest sums of functions, without their signs.
func (b *Bounds) Largest() map[string]*big.Int { return b.largest }

func (b *Bounds) problem(in *instruction, format string, args ...any) {
	p := fmt.Sprintf("%s, line %d, %s: %s", b.name, in.line, in.name, fmt.Sprintf(format, args...))
	if b.problems[p]++; b.problems[p] == 1 {
		b.order = append(b.order, p)
	}
}

// Call is [Program.Call].
func (b *Bounds) Call(name string, args ...unsafe.Pointer) {
	b.args, b.name, b.factors = args, name, nil
	b.runBoth(b.program.code(name))
	for _, f := range b.factors {
		if v := f.v; !v.carried && !v.signed && v.name != "VPSHRDQ" && v.name != "word" {
			b.problem(&instruction{line: f.line, name: "factor"}, "from %x to %x", v.lo, v.hi)
		}
	}
}

func (b *Bounds) runBoth(code []instruction) {
	for i := range code {
		in := &code[i]
		if in.name == "CALL" {
			b.runBoth(in.called)
			continue
		}
		b.know(in) // first, for it reads registers that the other overwrites
		b.step(in)
		if last := len(in.operands) - 1; last >= 0 && in.operands[last].kind == vector {
			r := in.operands[last].n
			for l, v := range b.values[r] {
				if !v.contains(b.z[r][l]) {
					b.problem(in, "%x is not from %x to %x", b.z[r][l], v.lo, v.hi)
				}
			}
		}
	}
}

func (b *Bounds) same(v *value) *eight {
	return &eight{v, v, v, v, v, v, v, v}
}

// load is what is known of a vector in memory.
func (b *Bounds) load(p unsafe.Pointer) *eight {
	now := (*lanes.Vector)(p)
	if all := b.memory[uintptr(p)]; all != nil {
		changed := false
		for l, v := range all {
			changed = changed || !v.contains(now[l])
		}
		if !changed {
			return all
		}
	}
	all := new(eight)
	for l := range all {
		lo, hi := zero, most
		if b.Any != nil {
			lo, hi = b.Any(p, l)
		}
		all[l] = &value{lo: lo, hi: hi, name: "word"}
		if l != 0 && all[l].lo == all[0].lo && all[l].hi == all[0].hi {
			all[l] = all[0]
		}
	}
	b.memory[uintptr(p)] = all
	return all
}

func (b *Bounds) known(o *operand, each bool) *eight {
	switch {
	case o.kind == vector:
		if b.values[o.n][0] == nil {
			b.values[o.n] = *b.same(between(zero, most))
		}
		return &b.values[o.n]
	case o.kind == constant:
		return b.same(constantOf(b.program.constants[o.at]))
	case o.kind == memory && !each:
		return b.load(b.address(o))
	}
	panic("plain: an operand that no instruction has")
}

// know is an instruction over intervals.
func (b *Bounds) know(in *instruction) {
	o := in.operands
	if len(o) == 0 || in.name == "VZEROUPPER" {
		return
	}
	last := &o[len(o)-1]
	switch {
	case in.name == "KMOVB" && last.kind == memory:
		p := uintptr(b.address(last)) &^ 63
		b.memory[p] = b.same(&value{lo: zero, hi: most, name: "word"})
		return
	case last.kind == mask:
		b.signs[last.n] = sign{}
		if in.name == "VPMOVQ2M" {
			b.signs[last.n].of = *b.known(&o[0], false)
			for _, v := range b.signs[last.n].of {
				v.signed = true
			}
		}
		return
	case in.name == "VMOVDQA64" && last.kind == memory:
		b.store(in, last)
		return
	case last.kind != vector:
		return
	}
	n := 0
	if o[0].kind == number {
		n, o = o[0].n, o[1:]
	}
	if in.name == "VPMOVM2Q" {
		b.values[last.n] = *b.same(between(big.NewInt(-1), zero))
		return
	}
	var where *sign
	if len(o) >= 2 && o[len(o)-2].kind == mask {
		where = &b.signs[o[len(o)-2].n]
		o = append(append(make([]operand, 0, 4), o[:len(o)-2]...), *last)
	}
	old := *b.known(last, false)
	y := b.known(&o[0], in.each)
	x := y
	if len(o) > 2 {
		x = b.known(&o[1], false)
	}
	var r eight
	switch in.name {
	case "VPERMT2Q":
		v := &value{lo: old[0].lo, hi: old[0].hi, name: old[0].name}
		for l := range r {
			for _, w := range []*value{old[l], y[l]} {
				j := join(v, w)
				v = &value{lo: j.lo, hi: j.hi, name: v.name} // a new one, for lanes are not each other's
			}
		}
		r = *b.same(v)
	case "VPUNPCKLQDQ", "VPUNPCKHQDQ", "VSHUFI64X2":
		for l := range r {
			from := source(in.name, n, l, nil)
			v := x[from%8]
			if from >= 2*lanes.Width {
				v = y[from%8]
			}
			c := *v
			r[l] = &c
		}
	default:
		for l := range r {
			if l != 0 && old[l] == old[0] && x[l] == x[0] && y[l] == y[0] && (where == nil || where.of[l] == where.of[0]) {
				r[l] = r[0]
				continue
			}
			r[l] = b.one(in, n, old[l], x[l], y[l])
			if where != nil {
				r[l] = under(in, where.of[l], old[l], x[l], y[l], r[l])
			}
		}
	}
	b.values[last.n] = r
}

// under is the result of an instruction under a mask, which may be that of the negative lanes of a value.
func under(in *instruction, of, old, x, y, r *value) *value {
	if of != nil && in.name == "VPSUBQ" && old == x {
		for i, d := range old.due {
			if d.u == of && d.x == y { // what was due is done
				c := *old
				c.due = append(append([]due(nil), old.due[:i]...), old.due[i+1:]...)
				c.carried, c.signed = false, false
				return &c
			}
		}
	}
	if of != nil && in.name == "VMOVDQA64" && of == old && old.hi.Sign() >= 0 {
		return join(r, between(maxOf(old.lo, zero), old.hi))
	}
	return join(r, old)
}

func (b *Bounds) store(in *instruction, to *operand) {
	p := b.address(to)
	all := *b.known(&in.operands[0], false)
	for _, a := range b.assumed {
		if a.name != b.name || unsafe.Add(b.args[a.argument], 64*a.vector) != p {
			continue
		}
		for l, v := range all {
			v = v.all()
			a.used = a.used || !v.within(a.lo, a.hi)
			c := *v
			c.lo, c.hi = a.lo, a.hi // of what is only bits so far
			if v.hi.Cmp(half) < 0 {
				c.lo, c.hi = maxOf(v.lo, a.lo), minOf(v.hi, a.hi)
			}
			all[l] = &c
			if l != 0 && all[l].lo == all[0].lo && all[l].hi == all[0].hi {
				all[l] = all[0]
			}
			if !all[l].contains(b.z[in.operands[0].n][l]) {
				b.problem(in, "%x is not what is assumed, from %x to %x", b.z[in.operands[0].n][l], a.lo, a.hi)
			}
		}
	}
	b.memory[uintptr(p)] = &all
}

// one is a lane of an instruction.
func (b *Bounds) one(in *instruction, n int, old, x, y *value) *value {
	r, ok := between(zero, most), true
	switch in.name {
	case "VMOVDQA64", "VPBROADCASTQ":
		return y
	case "VPADDQ", "VPSUBQ":
		if in.name == "VPSUBQ" {
			if v := residue(x, y); v != nil {
				r = v
				break
			}
		}
		core := *x
		core.due = nil
		if r, ok = sum(&core, y, in.name == "VPSUBQ"); ok && len(x.due) != 0 {
			r.due = x.due
			ok = r.all().fits()
		}
		b.sized(in, r, ok)
	case "VPMADD52LUQ", "VPMADD52HUQ":
		r = b.multiplyAdd(in, old, x, y)
	case "VPMULDQ":
		if r, ok = multiplied(x, y); !ok {
			b.problem(in, "factors from %x to %x and from %x to %x", x.lo, x.hi, y.lo, y.hi)
		}
	case "VPANDQ":
		r = and(x, y)
	case "VPORQ":
		r = or(x, y, false)
	case "VPXORQ":
		if x == y {
			return constantOf(0)
		}
		r = or(x, y, true)
	case "VPTERNLOGQ", "VPTERNLOGD":
		if r = ternary(n, old, x, y); r == nil {
			b.problem(in, "the table %#x is not known", n)
			r = between(zero, most)
		}
		if r.name == "constant" {
			return r
		}
	case "VPSLLQ":
		r = shiftLeft(y, n)
	case "VPSRLQ", "VPSRAQ":
		r = b.shiftRight(in, n, y)
	case "VPSHRDQ":
	default:
		panic("plain: nothing is known of " + in.name)
	}
	r.name, r.a, r.b, r.n = in.name, x, y, n
	if in.name == "VPSUBQ" && x.name == "constant" && y.name == "word" { // of the opposite, word by word
		r.name = y.name
	}
	return r
}

// sized notes a sum.
func (b *Bounds) sized(in *instruction, r *value, ok bool) {
	v := r.all()
	if !ok {
		b.problem(in, "the sum is from %x to %x", v.lo, v.hi)
		r.lo, r.hi, r.due = zero, most, nil
		return
	}
	for _, x := range []*big.Int{v.hi, new(big.Int).Neg(v.lo)} {
		if before := b.largest[b.name]; before == nil || x.Cmp(before) > 0 {
			b.largest[b.name] = x
		}
	}
}

func (b *Bounds) multiplyAdd(in *instruction, old, x, y *value) *value {
	high := in.name == "VPMADD52HUQ"
	more, after := (*value)(nil), []due(nil)
	for _, pair := range [2][2]*value{{x, y}, {y, x}} {
		u, f := pair[0].all(), pair[1].all()
		if high && u.negative() && u.within(new(big.Int).Neg(power(51)), ones(51)) && f.within(zero, clean) {
			more, after = signedProduct(u, f), []due{{pair[0], pair[1]}}
		}
	}
	if more == nil {
		more, _ = product(x, y, high)
	}
	if high {
		for _, v := range []*value{x, y} {
			if !v.all().within(zero, clean) {
				b.factors = append(b.factors, factor{v, in.line})
			}
		}
	}
	core := *old
	core.due = nil
	r, ok := sum(&core, more, false)
	r.due = append(append([]due(nil), old.due...), after...)
	b.sized(in, r, ok && r.all().fits())
	return r
}

func (b *Bounds) shiftRight(in *instruction, n int, y *value) *value {
	v := y.all()
	if n == 52 {
		y.carried = true
		for _, pair := range [2][2]*value{{y.a, y.b}, {y.b, y.a}} { // what was rounded up before
			if y.name == "VPADDQ" && pair[1].name == "constant" {
				pair[0].carried = true
			}
		}
	}
	shifted := func(x *big.Int) *big.Int { return new(big.Int).Rsh(x, uint(n)) }
	switch {
	case in.name == "VPSRLQ" && !v.negative(), in.name == "VPSRAQ" && v.hi.Cmp(half) < 0:
		return between(shifted(v.lo), shifted(v.hi))
	case in.name == "VPSRLQ" && v.name == "constant":
		return shiftedConstant(v, n)
	case in.name == "VPSRAQ" && v.name == "VPSLLQ" && v.n == n: // the lower bits with their sign
		return between(new(big.Int).Neg(power(uint(63-n))), ones(uint(63-n)))
	case in.name == "VPSRLQ":
		b.problem(in, "from %x to %x, which may be negative", v.lo, v.hi)
		return between(zero, ones(uint(64-n)))
	}
	b.problem(in, "from %x to %x, which is no signed number", v.lo, v.hi)
	return between(new(big.Int).Neg(power(uint(63-n))), ones(uint(63-n)))
}
