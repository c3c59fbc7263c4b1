package rsalanes

import (
	"fmt"
	"sync"

	"filippo.io/bigmod"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// kernels are those for numbers of one length.
type kernels struct {
	Mul     func(r, a, b, m, k, t *lanes.Vector)
	Square  func(r, a, m, k, t *lanes.Vector)
	Product func(t, a, b *lanes.Vector)
	Choose  func(r, i, t *lanes.Vector)
}

// lengths are the kernels for so many digits.
type lengths func(digits int) kernels

// kernelsOf are those for so many digits. Only those for primes have all four.
func kernelsOf(digits int) kernels {
	switch digits {
	case 20:
		return kernels{mul20, square20, product20, select20}
	case 30:
		return kernels{mul30, square30, product30, select30}
	case 40:
		return kernels{mul40, square40, product40, select40}
	case 60:
		return kernels{Mul: mul60, Square: square60}
	case 80:
		return kernels{Mul: mul80, Square: square80}
	}
	panic(fmt.Sprintf("rsalanes: no kernels for %d digits", digits))
}

// digitsFor is how many hold a number of so many bits, in whole tiles of the kernels, which leaves at least 16 bits.
func digitsFor(bits int) int {
	switch bits {
	case 1024:
		return 20
	case 1536:
		return 30
	case 2048:
		return 40
	case 3072:
		return 60
	case 4096:
		return 80
	}
	return 0
}

// modulus is a number in each lane, and what multiplications modulo it need.
type modulus struct {
	kernels
	m, k      []lanes.Vector
	powers    [2][]lanes.Vector // R^2 and R^3
	constants []lanes.Vector    // all of these
}

func newModulus(k kernels, digits int) *modulus {
	c := lanes.Make(3*digits + 1)
	return &modulus{k, c[:digits], c[3*digits:], [2][]lanes.Vector{c[digits : 2*digits], c[2*digits : 3*digits]}, c}
}

// modulusOf has the same number in all lanes, odd and of big-endian octets. How long that takes tells the length of the number
// only.
func modulusOf(of lengths, octets []byte) (*modulus, *bigmod.Modulus, error) {
	digits := digitsFor(8 * len(octets))
	m := newModulus(of(digits), digits)
	b, err := bigmod.NewModulus(octets)
	if err != nil {
		return nil, nil, err
	}
	fillLanes(m.m, octets)
	// Newton's iteration doubles the bits of an inverse that are right; an odd number is its own for three.
	x := m.m[0][0]
	inverse := x
	for range 5 {
		inverse *= 2 - x*inverse
	}
	for l := range m.k[0] {
		m.k[0][l] = -inverse & digitMask
	}
	for i, p := range m.powers {
		r := m.power(b, i+2)
		fillLanes(p, r.Bytes(b))
		clear(r.Bits())
	}
	return m, b, nil
}

// power is that of R modulo b.
func (m *modulus) power(b *bigmod.Modulus, n int) *bigmod.Nat {
	e := n * digitBits * len(m.m)
	two := bigmod.NewNat().SetUint(2).ExpandFor(b)
	return bigmod.NewNat().Exp(two, []byte{byte(e >> 8), byte(e)}, b)
}

// halves has the number of a in the lower four lanes and that of b in the upper ones.
func halves(a, b *modulus) *modulus {
	m := newModulus(a.kernels, len(a.m))
	copy(m.constants, a.constants)
	for i := range m.constants {
		copy(m.constants[i][half:], b.constants[i][half:])
	}
	return m
}

// multiply is a kernel: r = a b / R.
func (m *modulus) multiply(w *work, r, a, b []lanes.Vector) {
	m.Mul(&r[0], &a[0], &b[0], &m.m[0], &m.k[0], &w.columns[0])
}

// squared is one as well.
func (m *modulus) squared(w *work, r, a []lanes.Vector) {
	m.Square(&r[0], &a[0], &m.m[0], &m.k[0], &w.columns[0])
}

const (
	half        = lanes.Width / 2
	maxDigits   = 80 // of a modulus
	primeDigits = maxDigits / 2
	entries     = 16 // of a table of powers
)

// work is the memory of one call, some 80 KB.
type work struct {
	all     []lanes.Vector
	table   []lanes.Vector // powers of the number
	columns []lanes.Vector // scratch of the kernels
	message []lanes.Vector
	result  []lanes.Vector
	check   []lanes.Vector
	root    [2][]lanes.Vector // modulo the primes
	x       []lanes.Vector
	one     []lanes.Vector
	room    []lanes.Vector
	index   []lanes.Vector
}

var pool = sync.Pool{New: func() any {
	w := new(work)
	w.all = lanes.Make(entries*primeDigits + 6*maxDigits + 4*primeDigits + 1)
	rest := w.all
	for _, part := range []struct {
		of *[]lanes.Vector
		n  int
	}{
		{&w.table, entries * primeDigits}, {&w.columns, 2 * maxDigits}, {&w.message, maxDigits}, {&w.result, maxDigits}, {&w.check, maxDigits},
		{&w.root[0], primeDigits}, {&w.root[1], primeDigits}, {&w.x, primeDigits}, {&w.one, primeDigits}, {&w.room, maxDigits}, {&w.index, 1},
	} {
		*part.of, rest = rest[:part.n:part.n], rest[part.n:]
	}
	return w
}}

func newWork() *work {
	w := pool.Get().(*work)
	for l := range w.one[0] {
		w.one[0][l] = 1
	}
	return w
}

// done wipes what a call left, and the registers, and gives the memory back.
func (w *work) done() {
	lanes.Wipe(w.all)
	lanes.ClearRegisters()
	pool.Put(w)
}
