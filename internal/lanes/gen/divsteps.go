package main

// Inversion by the division steps of Bernstein and Yang ("Fast constant-time gcd computation and modular inversion", 2019), in the variant
// that starts at one half: 590 steps are enough for 256 bits, and 15 rounds do 40 each. f and g have five digits with a sign in the top
// one; d and e are not negative, below 2.01 times the modulus, and smaller by 2^12 a round than in the paper, which the value makes good
// that e starts with.

// matrix is what some steps do to f and g.
type matrix struct{ u, v, q, r value }

// inversion is the state of one, and where it is in memory: f, g, d, e of five vectors each, and the counter.
type inversion struct {
	m  *modulus
	at int
	f  F
	g  F
	d  F
	e  F
	z  value
}

const inversionSize = 21

func (k *kernel) loadInversion(m *modulus, at int) *inversion {
	return &inversion{m, at, k.loadF("SI", at), k.loadF("SI", at+5), k.loadF("SI", at+10), k.loadF("SI", at+15), k.mem("SI", at+20)}
}

func (k *kernel) storeInversion(s *inversion) {
	k.storeF("SI", s.at, s.f)
	k.storeF("SI", s.at+5, s.g)
	k.storeF("SI", s.at+10, s.d)
	k.storeF("SI", s.at+15, s.e)
	k.store("SI", s.at+20, s.z)
}

// startInversion begins the inversion of x, which is canonical. e starts with a power of two: 2^700 makes a R into R / a, and 2^180 a into 1 / a.
func (k *kernel) startInversion(m *modulus, at, power int, x F) {
	zero := F{}
	for i := range zero {
		zero[i] = k.word(0)
	}
	k.storeInversion(&inversion{m, at, k.number(m.m), x, zero, k.number(m.power(power)), k.word(^uint64(0))})
}

// pack puts the low 20 bits of f and g with the matrix of no steps into a word each: the number, u and v by 21 bits.
func (k *kernel) pack(f, g value) (F, G value) {
	low := k.word(1<<20 - 1)
	return k.add(k.and(f, low), k.word(1<<41)), k.add(k.and(g, low), k.word(1<<62))
}

func (k *kernel) unpack(w value) (u, v value) {
	y := k.sra(k.add(w, k.word(1<<20)), 21)
	v = k.sra(k.add(y, k.word(1<<20-1)), 21)
	return k.sub(y, k.sll(v, 21)), v
}

// divstep is one step without a branch: if g is odd and the counter negative, f and g change places.
func (k *kernel) divstep(f, g, z value) (value, value, value) {
	odd := k.sub(k.word(0), k.and(g, k.word(1)))
	negative := k.sra(z, 63)
	swap := k.and(negative, odd)
	x := k.tern(f, negative, odd, 0x28) // (f ^ negative) & odd
	h := k.sub(g, swap)
	f2 := k.tern(swap, g, f, 0xca) // swap ? g : f
	g2 := k.sra(k.add(h, x), 1)
	z2 := k.add(k.xor(z, swap), k.word(^uint64(0)))
	return f2, g2, z2
}

// twenty does 20 steps of several inversions side by side.
func (k *kernel) twenty(s []*inversion, low [][2]value) []matrix {
	f, g := make([]value, len(s)), make([]value, len(s))
	for i := range s {
		f[i], g[i] = k.pack(low[i][0], low[i][1])
	}
	for range 20 {
		for i := range s {
			f[i], g[i], s[i].z = k.divstep(f[i], g[i], s[i].z)
		}
	}
	all := make([]matrix, len(s))
	for i := range s {
		all[i].u, all[i].v = k.unpack(f[i])
		all[i].q, all[i].r = k.unpack(g[i])
	}
	return all
}

// lowAfter is (u f + v g) / 2^20, its low 20 bits.
func (k *kernel) lowAfter(u, f, v, g value) value {
	return k.srl(k.lo(k.lo(k.word(0), u, f), v, g), 20)
}

// after is the matrix of first and then second.
func (k *kernel) after(first, second matrix) matrix {
	sum := func(a, b, c, d value) value { return k.add(k.muldq(a, b), k.muldq(c, d)) }
	return matrix{
		sum(second.u, first.u, second.v, first.q), sum(second.u, first.v, second.v, first.r),
		sum(second.q, first.u, second.r, first.q), sum(second.q, first.v, second.r, first.r),
	}
}

// round does 40 steps of several inversions.
func (k *kernel) round(s ...*inversion) {
	low := make([][2]value, len(s))
	for i := range s {
		low[i] = [2]value{s[i].f[0], s[i].g[0]}
	}
	one := k.twenty(s, low)
	for i := range s {
		m := one[i]
		low[i] = [2]value{k.lowAfter(m.u, s[i].f[0], m.v, s[i].g[0]), k.lowAfter(m.q, s[i].f[0], m.r, s[i].g[0])}
	}
	two := k.twenty(s, low)
	for i := range s {
		x, m := s[i], k.after(one[i], two[i])
		f, g := k.updateSigned(x, m.u, m.v), k.updateSigned(x, m.q, m.r)
		d, e := k.updateModular(x, m.u, m.v), k.updateModular(x, m.q, m.r)
		x.f, x.g, x.d, x.e = f, g, d, e
		k.storeInversion(x)
	}
}

// updateSigned is (u f + v g) / 2^40 in two's complement. A factor that is negative counts as its 52 bits less 2^52.
func (k *kernel) updateSigned(x *inversion, u, v value) (o F) {
	t := k.columns(6)
	ku, kv, kf, kg := k.negative(u), k.negative(v), k.negative(x.f[4]), k.negative(x.g[4])
	for i := range 5 {
		t[i] = k.lo(t[i], u, x.f[i])
		t[i] = k.lo(t[i], v, x.g[i])
		t[i+1] = k.hi(t[i+1], u, x.f[i])
		t[i+1] = k.hi(t[i+1], v, x.g[i])
		t[i+1] = k.subWhere(ku, t[i+1], t[i+1], x.f[i])
		t[i+1] = k.subWhere(kv, t[i+1], t[i+1], x.g[i])
	}
	t[5] = k.subWhere(kf, t[5], t[5], u)
	t[5] = k.subWhere(kg, t[5], t[5], v)
	m := k.word(1<<digit - 1)
	for i := range 5 {
		t[i+1] = k.add(t[i+1], k.sra(t[i], digit))
		t[i] = k.and(t[i], m)
	}
	t[5] = k.sra(k.sll(t[5], 12), 12)
	for i := range 4 {
		o[i] = k.or(k.srl(t[i], 40), k.and(k.sll(t[i+1], 12), m))
	}
	o[4] = k.or(k.srl(t[4], 40), k.sll(t[5], 12))
	return o
}

// updateModular is (u d + v e + y m) / 2^52 + m.
func (k *kernel) updateModular(x *inversion, u, v value) F {
	t := k.columns(1)
	for i := range 5 {
		t = append(t, k.word(x.m.d[i]))
	}
	ku, kv := k.negative(u), k.negative(v)
	for i := range 5 {
		t[i] = k.lo(t[i], u, x.d[i])
		t[i] = k.lo(t[i], v, x.e[i])
		t[i+1] = k.hi(t[i+1], u, x.d[i])
		t[i+1] = k.hi(t[i+1], v, x.e[i])
		t[i+1] = k.subWhere(ku, t[i+1], t[i+1], x.d[i])
		t[i+1] = k.subWhere(kv, t[i+1], t[i+1], x.e[i])
	}
	x.m.reduce(k, x.m, t, 0)
	return k.signed(t[1:])
}

// result is the inverse, below 3 times the modulus.
func (k *kernel) inverse(x *inversion) F {
	negative := k.negative(x.f[4])
	t := make([]value, 5)
	for i := range t {
		t[i] = k.subWhere(negative, x.d[i], k.word(x.m.times(3, i)), x.d[i])
	}
	return k.signed(t)
}
