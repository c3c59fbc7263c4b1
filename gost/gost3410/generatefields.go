//go:build ignore

package main

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
)

// field is a prime of n words: 2^(64 n) - fold, or any odd one in Montgomery form if fold is 0.
type field struct {
	name string
	n    int
	fold uint64
	p    *big.Int
}

func hexadecimal(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return n
}

func power(bits uint, plus int64) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits)
	return n.Add(n, big.NewInt(plus))
}

var fields = []field{
	{"fold256", 4, 617, power(256, -617)},
	{"fold512", 8, 569, power(512, -569)},
	{"mont256b", 4, 0, power(255, 3225)},
	{"mont256c", 4, 0, hexadecimal("9b9f605f5a858107ab1ec85e6b41c8aacf846e86789051d37998f7b9022d759b")},
	{"mont512b", 8, 0, power(511, 111)},
}

type printer struct{ bytes.Buffer }

func (w *printer) line(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }

// list is names with numbers: list("r", 0, 3) is "r0, r1, r2".
func list(name string, from, to int) string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("%s%d", name, i))
	}
	return strings.Join(all, ", ")
}

func (f *field) word(x *big.Int, i int) uint64 {
	return new(big.Int).And(new(big.Int).Rsh(x, uint(64*i)), new(big.Int).SetUint64(^uint64(0))).Uint64()
}

func (f *field) literal(x *big.Int) string {
	var all []string
	for i := range f.n {
		all = append(all, fmt.Sprintf("%#x", f.word(x, i)))
	}
	return f.name + "{" + strings.Join(all, ", ") + "}"
}

// product makes r = x y of 2 n words.
func (f *field) product(w *printer) {
	n := f.n
	w.line("%s := %s", list("x", 0, n), list2("x[%d]", n))
	w.line("var c, l uint64")
	w.line("var %s, %s, %s uint64", list("r", 0, 2*n), list("h", 0, n), list("t", 0, n+1))
	for i := range n {
		w.line("y%d := y[%d]", i, i)
		to := "t"
		if i == 0 {
			to = "r"
		}
		w.line("h0, %s0 = bits.Mul64(x0, y%d)", to, i)
		carry := "0"
		for j := 1; j < n; j++ {
			w.line("h%d, l = bits.Mul64(x%d, y%d)", j, j, i)
			w.line("%s%d, c = bits.Add64(l, h%d, %s)", to, j, j-1, carry)
			carry = "c"
		}
		w.line("%s%d = h%d + c", to, n, n-1)
		if i == 0 {
			continue
		}
		carry = "0"
		for j := range n {
			w.line("r%d, c = bits.Add64(r%d, t%d, %s)", i+j, i+j, j, carry)
			carry = "c"
		}
		w.line("r%d = t%d + c", i+n, n)
	}
}

// square makes r = x^2 of 2 n words: what is beside the diagonal, twice, and the diagonal.
func (f *field) square(w *printer) {
	n := f.n
	w.line("%s := %s", list("x", 0, n), list2("x[%d]", n))
	w.line("var c, l uint64")
	used := n - 1
	if f.fold != 0 {
		used = n
	}
	w.line("var %s, %s, %s uint64", list("r", 0, 2*n), list("h", 0, used), list("t", 0, n-1))
	for i := range n - 1 {
		to, at := "t", 0
		if i == 0 {
			to, at = "r", 1
		}
		// x_i times x_{i+1} and above, into places 2i+1 and above
		m := n - 1 - i
		w.line("h0, %s%d = bits.Mul64(x%d, x%d)", to, at, i, i+1)
		carry := "0"
		for j := 1; j < m; j++ {
			w.line("h%d, l = bits.Mul64(x%d, x%d)", j, i, i+1+j)
			w.line("%s%d, c = bits.Add64(l, h%d, %s)", to, at+j, j-1, carry)
			carry = "c"
		}
		if m == 1 {
			w.line("%s%d = h0", to, at+1)
		} else {
			w.line("%s%d = h%d + c", to, at+m, m-1)
		}
		if i == 0 {
			continue
		}
		carry = "0"
		for j := range m {
			w.line("r%d, c = bits.Add64(r%d, t%d, %s)", 2*i+1+j, 2*i+1+j, j, carry)
			carry = "c"
		}
		w.line("r%d = t%d + c", 2*i+1+m, m)
	}
	carry := "0"
	for i := 1; i < 2*n-1; i++ {
		w.line("r%d, c = bits.Add64(r%d, r%d, %s)", i, i, i, carry)
		carry = "c"
	}
	w.line("r%d = c", 2*n-1)
	carry = "0"
	for i := range n {
		if i == 0 {
			w.line("h0, r0 = bits.Mul64(x0, x0)")
			w.line("r1, c = bits.Add64(r1, h0, 0)")
		} else {
			w.line("h0, l = bits.Mul64(x%d, x%d)", i, i)
			w.line("r%d, c = bits.Add64(r%d, l, c)", 2*i, 2*i)
			at := "c"
			if i == n-1 {
				at = "_"
			}
			w.line("r%d, %s = bits.Add64(r%d, h0, c)", 2*i+1, at, 2*i+1)
		}
	}
}

func list2(format string, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return strings.Join(all, ", ")
}

// reduce makes z of r.
func (f *field) reduce(w *printer) {
	n := f.n
	if f.fold != 0 {
		// The upper half counts fold times, what overflows then again, and its carry again.
		carry := "0"
		for i := range n {
			w.line("h%d, l = bits.Mul64(r%d, %d)", i, n+i, f.fold)
			w.line("r%d, c = bits.Add64(r%d, l, %s)", i, i, carry)
			carry = "c"
		}
		w.line("top := h%d + c", n-1)
		carry = "0"
		for i := 1; i < n; i++ {
			w.line("r%d, c = bits.Add64(r%d, h%d, %s)", i, i, i-1, carry)
			carry = "c"
		}
		w.line("top += c")
		f.foldTop(w, fmt.Sprintf("top*%d", f.fold))
		return
	}
	inverse := new(big.Int).ModInverse(f.p, power(64, 0))
	inverse.Sub(power(64, 0), inverse)
	w.line("var k, carry, d uint64")
	for i := range n {
		// r += k p 2^(64 i), with k such that word i becomes 0. Words of p that are 0 or 2^63 need no multiplication.
		if inverse.IsUint64() && inverse.Uint64() == ^uint64(0) {
			w.line("k = -r%d", i)
		} else {
			w.line("k = r%d * %#x", i, inverse)
		}
		low, high := make([]string, n), make([]string, n)
		for j := range n {
			switch m := f.word(f.p, j); m {
			case 0:
				low[j], high[j] = "0", "0"
			case 1 << 63:
				low[j], high[j] = "k<<63", "k>>1"
			default:
				low[j], high[j] = fmt.Sprintf("l%d", j), fmt.Sprintf("h%d", j)
				if i == 0 {
					w.line("h%d, l%d := bits.Mul64(k, %#x)", j, j, m)
				} else {
					w.line("h%d, l%d = bits.Mul64(k, %#x)", j, j, m)
				}
			}
		}
		w.line("_, c = bits.Add64(r%d, %s, 0)", i, low[0])
		for j := 1; j < n; j++ {
			w.line("r%d, c = bits.Add64(r%d, %s, c)", i+j, i+j, low[j])
		}
		w.line("r%d, c = bits.Add64(r%d, carry, c)", i+n, i+n)
		w.line("carry = c")
		carry := "0"
		for j := range n {
			w.line("r%d, d = bits.Add64(r%d, %s, %s)", i+j+1, i+j+1, high[j], carry)
			carry = "d"
		}
		w.line("carry += d")
	}
	for i := range n {
		w.line("r%d = r%d", i, n+i)
	}
	f.settle(w, "carry")
}

// foldTop adds a word to r and writes z. If that overflows, r is small and the last addition does not.
func (f *field) foldTop(w *printer, top string) {
	w.line("r0, c = bits.Add64(r0, %s, 0)", top)
	for i := 1; i < f.n; i++ {
		w.line("r%d, c = bits.Add64(r%d, 0, c)", i, i)
	}
	w.line("r0 += -c & %d", f.fold)
	w.line("*z = %s{%s}", f.name, list("r", 0, f.n))
}

// settle writes z, which is r + carry 2^(64 n) less p, if it is not less than p.
func (f *field) settle(w *printer, carry string) {
	w.line("var b uint64")
	for i := range f.n {
		from := "b"
		if i == 0 {
			from = "0"
		}
		w.line("s%d, b := bits.Sub64(r%d, %#x, %s)", i, i, f.word(f.p, i), from)
	}
	w.line("_, b = bits.Sub64(%s, 0, b)", carry)
	w.line("b = -b")
	for i := range f.n {
		w.line("z[%d] = s%d ^ b&(s%d^r%d)", i, i, i, i)
	}
}

func (f *field) write(w *printer) {
	n := f.n
	if f.fold != 0 {
		w.line("// %s is a number modulo 2^%d - %d. Any number of %d bits stands for what it is modulo that.", f.name, 64*n, f.fold, 64*n)
	} else {
		w.line("// %s is a number modulo the prime of this name, in Montgomery form and less than it.", f.name)
	}
	w.line("type %s [%d]uint64\n", f.name, n)
	r := power(uint(64*n), 0)
	one, square := big.NewInt(1), big.NewInt(1)
	if f.fold == 0 {
		one.Mod(r, f.p)
		square.Mod(square.Mul(r, r), f.p)
	}
	w.line("var %sOne = %s\n", f.name, f.literal(one))

	w.line("func (z *%s) mul(x, y *%s) {", f.name, f.name)
	f.product(w)
	f.reduce(w)
	w.line("}\n")
	w.line("func (z *%s) sqr(x *%s) {", f.name, f.name)
	f.square(w)
	f.reduce(w)
	w.line("}\n")

	w.line("func (z *%s) add(x, y *%s) {", f.name, f.name)
	w.line("var c uint64")
	for i := range n {
		carry := "c"
		if i == 0 {
			carry = "0"
		}
		w.line("r%d, c := bits.Add64(x[%d], y[%d], %s)", i, i, i, carry)
	}
	if f.fold != 0 {
		f.foldTop(w, fmt.Sprintf("-c & %d", f.fold))
	} else {
		f.settle(w, "c")
	}
	w.line("}\n")
	w.line("func (z *%s) sub(x, y *%s) {", f.name, f.name)
	w.line("var c uint64")
	for i := range n {
		carry := "c"
		if i == 0 {
			carry = "0"
		}
		w.line("r%d, c := bits.Sub64(x[%d], y[%d], %s)", i, i, i, carry)
	}
	if f.fold != 0 {
		w.line("r0, c = bits.Sub64(r0, -c&%d, 0)", f.fold)
		for i := 1; i < n; i++ {
			w.line("r%d, c = bits.Sub64(r%d, 0, c)", i, i)
		}
		w.line("r0 -= -c & %d", f.fold)
		w.line("*z = %s{%s}", f.name, list("r", 0, n))
	} else {
		w.line("m := -c")
		for i := range n {
			carry := "c"
			if i == 0 {
				carry = "0"
			}
			at := "c"
			if i == n-1 {
				at = "_"
			}
			more := "0"
			if word := f.word(f.p, i); word != 0 {
				more = fmt.Sprintf("m&%#x", word)
			}
			w.line("z[%d], %s = bits.Add64(r%d, %s, %s)", i, at, i, more, carry)
		}
	}
	w.line("}\n")

	w.line("// choose sets z = x if all bits of the mask are set, and leaves it if none is.")
	w.line("func (z *%s) choose(x *%s, mask uint64) {", f.name, f.name)
	for i := range n {
		w.line("z[%d] ^= mask & (z[%d] ^ x[%d])", i, i, i)
	}
	w.line("}\n")

	w.line("// set takes a number less than the prime.")
	w.line("func (z *%s) set(x *words) {", f.name)
	w.line("*z = %s(x[:%d])", f.name, n)
	if f.fold == 0 {
		w.line("z.mul(z, &%s)", f.literal(square))
	}
	w.line("}\n")
	w.line("// get returns a number less than the prime.")
	w.line("func (z *%s) get() (x words) {", f.name)
	if f.fold == 0 {
		w.line("var t %s", f.name)
		w.line("t.mul(z, &%s{1})", f.name)
		w.line("copy(x[:], t[:])")
	} else {
		w.line("var b uint64")
		for i := range n {
			from := "b"
			if i == 0 {
				from = "0"
			}
			w.line("s%d, b := bits.Sub64(z[%d], %#x, %s)", i, i, f.word(f.p, i), from)
		}
		w.line("b = -b")
		for i := range n {
			w.line("x[%d] = s%d ^ b&(s%d^z[%d])", i, i, i, i)
		}
	}
	w.line("return x")
	w.line("}\n")
	w.line("// isZero takes a time that depends on the number.")
	w.line("func (z *%s) isZero() bool {", f.name)
	if f.fold != 0 {
		w.line("return *z == %s{} || *z == %s", f.name, f.literal(f.p))
	} else {
		w.line("return *z == %s{}", f.name)
	}
	w.line("}\n")
	f.invert(w)
}

// invert is x^(p-2).
func (f *field) invert(w *printer) {
	e := new(big.Int).Sub(f.p, big.NewInt(2))
	w.line("// invert sets z = 1/x, and 0 for 0.")
	w.line("func (z *%s) invert(x *%s) {", f.name, f.name)
	ones := 0
	for i := 0; i < e.BitLen(); i++ {
		ones += int(e.Bit(i))
	}
	switch {
	case f.fold != 0:
		// All bits above the lowest ten are set: powers with 1, 2, 4, 8 … bits that are.
		upper := 64*f.n - 10
		w.line("var t %s", f.name)
		w.line("x1 := *x")
		last := 1
		for have := 1; 2*have <= upper; have *= 2 {
			w.line("t.sqr(&x%d)", have)
			if have > 1 {
				w.line("for range %d {\nt.sqr(&t)\n}", have-1)
			}
			w.line("var x%d %s", 2*have, f.name)
			w.line("x%d.mul(&t, &x%d)", 2*have, have)
			last = 2 * have
		}
		w.line("t = x%d", last)
		for rest, bits := upper-last, last/2; bits > 0; bits /= 2 {
			if rest >= bits {
				w.line("for range %d {\nt.sqr(&t)\n}", bits)
				w.line("t.mul(&t, &x%d)", bits)
				rest -= bits
			}
		}
		for i := 9; i >= 0; i-- {
			w.line("t.sqr(&t)")
			if e.Bit(i) == 1 {
				w.line("t.mul(&t, &x1)")
			}
		}
	case ones < 20:
		w.line("t, x1 := *x, *x")
		run := 0
		for i := e.BitLen() - 2; i >= 0; i-- {
			run++
			if e.Bit(i) == 1 || i == 0 {
				w.line("for range %d {\nt.sqr(&t)\n}", run)
				run = 0
				if e.Bit(i) == 1 {
					w.line("t.mul(&t, &x1)")
				}
			}
		}
	default:
		w.line("// Four bits at a time, by a table that digits of a constant look up.")
		w.line("var table [16]%s", f.name)
		w.line("table[0] = %sOne", f.name)
		w.line("for i := 1; i < 16; i++ {\ntable[i].mul(&table[i-1], x)\n}")
		w.line("t := %sOne", f.name)
		w.line("for _, digit := range []byte(%q) {", e.Text(16))
		w.line("for range 4 {\nt.sqr(&t)\n}")
		w.line("if digit >= 'a' {\ndigit -= 'a' - '0' - 10\n}")
		w.line("t.mul(&t, &table[digit-'0'])")
		w.line("}")
	}
	w.line("*z = t")
	w.line("}\n")
}
