package main

import "math/big"

// F is a number of five digits of 52 bits, one vector for each digit. Products are in Montgomery form with R = 2^260, and need not be less
// than the modulus: values below 16 times the modulus can be held, and the comments give bounds in units of it. That no sum leaves its word is
// computed from the assembly by TestBounds of the packages that have it.
type F [5]value

const digit = 52

func digitsOf(x *big.Int) (d [5]uint64) {
	m := new(big.Int).SetUint64(1<<digit - 1)
	for i := range d {
		d[i] = new(big.Int).And(new(big.Int).Rsh(x, uint(digit*i)), m).Uint64()
	}
	return d
}

func hex(s string) *big.Int {
	x, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return x
}

// modulus is one of 256 bits, with its way to reduce the lowest column of a product.
type modulus struct {
	m      *big.Int
	d      [5]uint64
	reduce func(k *kernel, m *modulus, t []value, i int)
}

func newModulus(s string, reduce func(k *kernel, m *modulus, t []value, i int)) *modulus {
	m := hex(s)
	return &modulus{m, digitsOf(m), reduce}
}

// times is a multiple of the modulus that has digits of more than 52 bits.
func (m *modulus) times(n, i int) uint64 { return uint64(n) * m.d[i] }

// power is 2^e modulo m.
func (m *modulus) power(e int) *big.Int {
	return new(big.Int).Exp(big.NewInt(2), big.NewInt(int64(e)), m.m)
}

func (k *kernel) number(x *big.Int) (f F) {
	for i, d := range digitsOf(x) {
		f[i] = k.word(d)
	}
	return f
}

func (k *kernel) loadF(pointer string, vector int) (f F) {
	for i := range f {
		f[i] = k.mem(pointer, vector+i)
	}
	return f
}

func (k *kernel) storeF(pointer string, vector int, f F) {
	for i := range f {
		k.store(pointer, vector+i, f[i])
	}
}

// columns are the sums of a product's rows.
func (k *kernel) columns(n int) []value {
	t := make([]value, n)
	for i := range t {
		t[i] = k.word(0)
	}
	return t
}

// row adds a b_i.
func (k *kernel) row(t []value, a F, b value, i int) {
	for j := range a {
		t[i+j] = k.lo(t[i+j], a[j], b)
	}
	for j := range a {
		t[i+j+1] = k.hi(t[i+j+1], a[j], b)
	}
}

// raw is a b / R in columns whose carries are still due. pairs are more factors, whose products are added.
func (k *kernel) raw(m *modulus, pairs ...F) []value {
	t := k.columns(10)
	for i := range 5 {
		for p := 0; p < len(pairs); p += 2 {
			k.row(t, pairs[p], pairs[p+1][i], i)
		}
		m.reduce(k, m, t, i)
	}
	return t[5:]
}

// rawSquare is a^2 / R: products of different digits once, doubled when a column has all of them.
func (k *kernel) rawSquare(m *modulus, a F) []value {
	t := k.squareColumns(a)
	for i := range 5 {
		m.reduce(k, m, t, i)
	}
	return t[5:]
}

func (k *kernel) squareColumns(a F) []value {
	t := k.columns(10)
	cross := func(i, j int) {
		t[i+j] = k.lo(t[i+j], a[i], a[j])
		t[i+j+1] = k.hi(t[i+j+1], a[i], a[j])
	}
	double := func(i int) { t[i] = k.add(t[i], t[i]) }
	square := func(i int) {
		t[2*i] = k.lo(t[2*i], a[i], a[i])
		t[2*i+1] = k.hi(t[2*i+1], a[i], a[i])
	}
	cross(0, 1)
	cross(0, 2)
	cross(0, 3)
	cross(0, 4)
	double(1)
	double(2)
	cross(1, 2)
	cross(1, 3)
	cross(1, 4)
	double(3)
	double(4)
	square(0)
	cross(2, 3)
	square(1)
	cross(2, 4)
	double(5)
	double(6)
	square(2)
	cross(3, 4)
	double(7)
	double(8)
	square(3)
	square(4)
	return t
}

// carry brings columns that are not negative into digits; signed also takes negative ones, if their sum is not.
func (k *kernel) carry(t []value) F  { return k.carried(t, k.srl) }
func (k *kernel) signed(t []value) F { return k.carried(t, k.sra) }

func (k *kernel) carried(t []value, shift func(value, int) value) (f F) {
	m := k.word(1<<digit - 1)
	c := t[0]
	f[0] = k.and(c, m)
	for i := 1; i < 5; i++ {
		c = k.add(t[i], shift(c, digit))
		f[i] = c
		if i < 4 {
			f[i] = k.and(c, m)
		}
	}
	return f
}

func (k *kernel) mul(m *modulus, a, b F) F { return k.carry(k.raw(m, a, b)) }
func (k *kernel) sqr(m *modulus, a F) F    { return k.carry(k.rawSquare(m, a)) }

// less is a - b + n m.
func (k *kernel) less(m *modulus, n int, a, b F) F {
	t := make([]value, 5)
	for i := range t {
		t[i] = k.sub(k.add(a[i], k.word(m.times(n, i))), b[i])
	}
	return k.signed(t)
}

// canonical is the value below m of one below 2 m.
func (k *kernel) canonical(m *modulus, a F) (f F) {
	t := make([]value, 5)
	for i := range t {
		t[i] = k.sub(a[i], k.word(m.d[i]))
	}
	s := k.signed(t)
	negative := k.negative(s[4])
	for i := range f {
		f[i] = k.choose(negative, a[i], s[i])
	}
	return f
}

func (k *kernel) isZero(a F) mask {
	v := k.or(k.or(k.or(a[0], a[1]), k.or(a[2], a[3])), a[4])
	return k.testn(v, v)
}

func (k *kernel) chooseF(m mask, a, b F) (f F) {
	for i := range f {
		f[i] = k.choose(m, a[i], b[i])
	}
	return f
}

// digits takes the digits of a number of four words. Bits above the 52nd stay: products do not see them, and all else must.
func (k *kernel) digits(w [4]value) F {
	return F{w[0], k.shrd(w[0], w[1], 52), k.shrd(w[1], w[2], 40), k.shrd(w[2], w[3], 28), k.srl(w[3], 16)}
}

func (k *kernel) clean(f F) F {
	m := k.word(1<<digit - 1)
	for i := range 4 {
		f[i] = k.and(f[i], m)
	}
	return f
}

// wordsOf is the way back.
func (k *kernel) wordsOf(f F) [4]value {
	return [4]value{
		k.or(f[0], k.sll(f[1], 52)), k.or(k.srl(f[1], 12), k.sll(f[2], 40)),
		k.or(k.srl(f[2], 24), k.sll(f[3], 28)), k.or(k.srl(f[3], 36), k.sll(f[4], 16)),
	}
}

func (k *kernel) loadWords(pointer string, vector int) (w [4]value) {
	for i := range w {
		w[i] = k.mem(pointer, vector+i)
	}
	return w
}

func (k *kernel) storeWords(pointer string, vector int, w [4]value) {
	for i := range w {
		k.store(pointer, vector+i, w[i])
	}
}

// reduceAny is a step of Montgomery's reduction modulo any odd number. The lowest column cancels, and its carry is that of rounding it up.
func reduceAny(k *kernel, m *modulus, t []value, i int) {
	radix := new(big.Int).Lsh(big.NewInt(1), digit)
	inverse := new(big.Int).ModInverse(m.m, radix)
	inverse.Sub(radix, inverse)
	d := m.d
	y := k.lo(k.word(0), t[i], k.word(inverse.Uint64()))
	t[i+1] = k.hi(t[i+1], y, k.word(d[0]))
	t[i+1] = k.add(t[i+1], k.srl(k.add(t[i], k.word(1<<digit-1)), 52))
	for j := 1; j < 5; j++ {
		t[i+j] = k.lo(t[i+j], y, k.word(d[j]))
		t[i+j+1] = k.hi(t[i+j+1], y, k.word(d[j]))
	}
}
