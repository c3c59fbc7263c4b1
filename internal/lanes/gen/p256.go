package main

// P-256. Vectors of a group of eight, from its pointer g (DI); see package p256lanes, which has the same numbers.
const (
	groupX       = 0  // Jacobian coordinates of the sum so far
	groupY       = 5  //
	groupZ       = 10 //
	groupZZ      = 15 // Z^2
	groupNextX   = 20 // the affine point that comes next
	groupNextY   = 25 //
	groupNextNeg = 30 // a mask: its opposite is meant
	groupScalar  = 31 // the nonce, or s, in Montgomery form modulo n
	groupProdZ   = 36 // the product of all Z of the groups up to this one
	groupProdK   = 41 // that of the scalars
	groupNonce   = 46 // words of the nonce
	groupDigest  = 50 // words of the digest
	groupR       = 54 // words of the signature
	groupS       = 58 //
	groupBad     = 62 // a mask of lanes without a result
	groupDigits  = 64 // 32 digits of the nonce; for verification words of u1 and u2
	groupSize    = 96
)

// Vectors that all groups share, from the pointer c (SI).
const (
	commonKey    = 0 // the private key in Montgomery form modulo n
	commonInvZ   = 5 // the inverse of the product of all Z of the groups not finished yet
	commonInvK   = 10
	commonModP   = 15 // two inversions under way
	commonModN   = commonModP + inversionSize
	commonSpill  = 64
	commonVector = 64 // of each
)

var (
	p256P = newModulus("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", reduceP256)
	p256N = newModulus("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", reduceAny)
)

// reduceP256 adds y p for y = t_i modulo 2^52, which makes column i a multiple of 2^52: p is -1 modulo 2^96, so that no product is needed to
// find y, and the lowest digit cancels. y p = y 2^96 + y 2^192 + y 2^224 (2^32 - 1) - y.
func reduceP256(k *kernel, _ *modulus, t []value, i int) {
	y := t[i]
	t[i+1] = k.add(t[i+1], k.srl(y, 52))
	t[i+1] = k.lo(t[i+1], y, k.word(1<<44))
	t[i+2] = k.hi(t[i+2], y, k.word(1<<44))
	t[i+3] = k.lo(t[i+3], y, k.word(1<<36))
	t[i+4] = k.hi(t[i+4], y, k.word(1<<36))
	t[i+4] = k.lo(t[i+4], y, k.word(0xffffffff0000))
	t[i+5] = k.hi(t[i+5], y, k.word(0xffffffff0000))
}

// small reduces a sum below 15 p of signed columns to one below 1.001 p: q is not more than its quotient by 2^256, for the carry that is
// still due from column 3 is smaller than the 256 that are taken off.
func (k *kernel) small(t []value) F {
	q := k.sra(k.sub(t[4], k.word(256)), 48)
	t[0] = k.add(t[0], q)
	t[1] = k.sub(t[1], k.sll(q, 44))
	t[3] = k.sub(t[3], k.sll(q, 36))
	t[4] = k.sub(t[4], k.sub(k.sll(q, 48), k.sll(q, 16)))
	return k.signed(t)
}

// point is the sum so far, and what is added to it next.
type point struct{ x, y, z, zz F }

// opposite is p - y under a mask, of digits that are clean.
func (k *kernel) oppositeWhere(negative mask, y F) F {
	t := make([]value, 5)
	for i := range t {
		t[i] = k.subWhere(negative, y[i], k.word(p256P.d[i]), y[i])
	}
	return k.signed(t)
}

// sum is the opposite of s + P (or of s - P), for an affine P: the signs are chosen so that only sums occur, and the opposites alternate,
// which whoever gives the signs knows. Jacobian coordinates, s.x < 1.01 p, s.y < 2.2 p, s.z < 2.41 p, and the same of the result. For
// s = P and s = -P the result has Z = 0, and keeps it: Z != 0 in the end proves that it never happened. while is called five times: the
// last time when there is room for the point that comes next.
func (k *kernel) sum(s point, x2, y2 F, negative mask, while func(stage int)) (r point) {
	m := p256P
	zzz := k.mul(m, s.z, s.zz)
	t := k.raw(m, x2, s.zz)
	for i := range t {
		t[i] = k.sub(k.add(s.x[i], k.word(m.times(2, i))), t[i])
	}
	h := k.signed(t)
	while(0)
	t = k.raw(m, y2, zzz)
	for i := range t {
		b := k.add(s.y[i], k.word(m.times(2, i)))
		t[i] = k.addWhere(negative, k.sub(b, t[i]), b, t[i])
	}
	slope := k.signed(t)
	hh := k.sqr(m, h)
	while(1)
	r.z = k.mul(m, s.z, h)
	hhh := k.mul(m, h, hh)
	v := k.raw(m, s.x, hh)
	while(2)
	t = k.rawSquare(m, slope)
	for i := range t {
		t[i] = k.sub(k.add(k.add(t[i], k.word(m.times(3, i))), hhh[i]), k.add(v[i], v[i]))
	}
	r.x = k.small(t)
	w := make([]value, 5)
	for i := range w {
		w[i] = k.add(k.sub(r.x[i], v[i]), k.word(m.times(2, i)))
	}
	k.storeF("DI", groupZ, r.z)
	k.storeF("DI", groupX, r.x)
	wf := k.signed(w)
	while(3)
	r.zz = k.sqr(m, r.z)
	k.storeF("DI", groupZZ, r.zz)
	while(4)
	r.y = k.carry(k.raw(m, s.y, hhh, slope, wf))
	k.storeF("DI", groupY, r.y)
	return r
}

func (k *kernel) loadPoint() point {
	return point{k.loadF("DI", groupX), k.loadF("DI", groupY), k.loadF("DI", groupZ), k.loadF("DI", groupZZ)}
}

// begin stores the first point, affine, and Z = 1.
func (k *kernel) begin(x, y F, negative mask) {
	one := k.number(p256P.power(260))
	k.storeF("DI", groupX, k.clean(x))
	k.storeF("DI", groupY, k.oppositeWhere(negative, k.clean(y)))
	k.storeF("DI", groupZ, one)
	k.storeF("DI", groupZZ, one)
}

func (k *kernel) storeNext(x, y F, negative mask) {
	k.storeF("DI", groupNextX, x)
	k.storeF("DI", groupNextY, y)
	k.storeMask("DI", groupNextNeg, negative)
}

func p256() string {
	c := &constants{}
	var all []*kernel
	start := func(name, doc string, args ...string) *kernel {
		k := newKernel(c, place{"SI", 64 * commonSpill, false}, name, doc, args...)
		all = append(all, k)
		return k
	}
	m, n := p256P, p256N
	one := func(k *kernel) F { return k.number(m.power(260)) }

	k := start("recode", "recode makes the digits of nonces, the opposite ones where the sum has the other sign.", "DI", "SI")
	k.storeF("DI", groupScalar, k.mul(n, k.clean(k.digits(k.loadWords("DI", groupNonce))), k.number(n.power(520))))
	k.recode(n)

	k = start("first", "first begins with the point of digit n from the window t.", "DI", "SI", "DX", "CX")
	x, y, negative := k.selected(k.mem("CX", 0))
	k.begin(x, y, negative)

	k = start("next", "next takes the point of digit n from the window t.", "DI", "SI", "DX", "CX")
	x, y, negative = k.selected(k.mem("CX", 0))
	k.storeNext(x, y, negative)

	k = start("advance", "advance adds the next point and is next. It has no branch, and no address that depends on a secret.", "DI", "SI", "DX", "CX")
	s := k.loadPoint()
	negative = k.loadMask("DI", groupNextNeg)
	k.sum(s, k.loadF("DI", groupNextX), k.loadF("DI", groupNextY), negative, func(stage int) {
		if stage < 4 { // of the window after
			for i := range 32 {
				k.line("PREFETCHT0 %d(DX)", 64*(128+32*stage+i))
			}
			return
		}
		x, y, negative = k.selected(k.mem("CX", 0))
		k.storeNext(x, y, negative)
	})

	k = start("addLast", "addLast adds the next point.", "DI", "SI")
	k.sum(k.loadPoint(), k.loadF("DI", groupNextX), k.loadF("DI", groupNextY), k.loadMask("DI", groupNextNeg), func(int) {})

	k = start("collect", "collect multiplies Z and the nonce to those of the groups before, after 1 has taken the place of zeros.", "DI", "SI")
	z := k.canonical(m, k.loadF("DI", groupZ))
	zeroZ := k.isZero(z)
	z = k.chooseF(zeroZ, one(k), z)
	k.storeF("DI", groupZ, z)
	scalar := k.canonical(n, k.loadF("DI", groupScalar))
	zeroK := k.isZero(scalar)
	scalar = k.chooseF(zeroK, k.number(n.power(260)), scalar)
	k.storeF("DI", groupScalar, scalar)
	k.storeMask("DI", groupBad, k.masks("KORB", zeroZ, zeroK))
	k.storeF("DI", groupProdZ, k.mul(m, k.loadF("DI", groupProdZ-groupSize), z))
	k.storeF("DI", groupProdK, k.mul(n, k.loadF("DI", groupProdK-groupSize), scalar))

	k = start("invert", "invert begins to invert both products of the last group v.", "DI", "SI")
	k.startInversion(m, commonModP, 700, k.canonical(m, k.loadF("DI", groupProdZ)))
	k.startInversion(n, commonModN, 700, k.canonical(n, k.loadF("DI", groupProdK)))

	k = start("invertRound", "invertRound does 40 steps of both; 15 rounds are enough.", "SI")
	k.round(k.loadInversion(m, commonModP), k.loadInversion(n, commonModN))

	k = start("inverted", "inverted takes the results.", "SI")
	k.storeF("SI", commonInvZ, k.inverse(k.loadInversion(m, commonModP)))
	k.storeF("SI", commonInvK, k.inverse(k.loadInversion(n, commonModN)))

	k = start("finish", "finish makes the signatures of a group: the last one first.", "DI", "SI")
	inverse, product := k.loadF("SI", commonInvZ), k.loadF("DI", groupProdZ-groupSize)
	z = k.mul(m, inverse, product)
	k.storeF("SI", commonInvZ, k.mul(m, inverse, k.loadF("DI", groupZ)))
	z = k.sqr(m, z)
	x = k.mul(m, k.loadF("DI", groupX), z)
	r := k.canonical(n, k.canonical(m, k.plain(m, x)))
	inverse = k.loadF("SI", commonInvK)
	kv := k.mul(n, inverse, k.loadF("DI", groupProdK-groupSize))
	k.storeF("SI", commonInvK, k.mul(n, inverse, k.loadF("DI", groupScalar)))
	rd := k.mul(n, r, k.loadF("SI", commonKey))
	e := k.clean(k.digits(k.loadWords("DI", groupDigest)))
	t := make([]value, 5)
	for i := range t {
		t[i] = k.add(rd[i], e[i])
	}
	sf := k.canonical(n, k.mul(n, k.carry(t), kv))
	bad := k.masks("KORB", k.masks("KORB", k.isZero(r), k.isZero(sf)), k.loadMask("DI", groupBad))
	k.storeMask("DI", groupBad, bad)
	k.storeWords("DI", groupR, k.wordsOf(r))
	k.storeWords("DI", groupS, k.wordsOf(sf))

	k = start("collectS", "collectS multiplies s to those of the groups before.", "DI", "SI")
	scalar = k.mul(n, k.clean(k.digits(k.loadWords("DI", groupS))), k.number(n.power(520)))
	k.storeF("DI", groupScalar, scalar)
	k.storeF("DI", groupProdK, k.mul(n, k.loadF("DI", groupProdK-groupSize), scalar))

	k = start("invertS", "invertS begins to invert the product of the last group v.", "DI", "SI")
	k.startInversion(n, commonModN, 700, k.canonical(n, k.loadF("DI", groupProdK)))

	k = start("invertRoundS", "invertRoundS does 40 steps.", "SI")
	k.round(k.loadInversion(n, commonModN))

	k = start("invertedS", "invertedS takes the result.", "SI")
	k.storeF("SI", commonInvK, k.inverse(k.loadInversion(n, commonModN)))

	k = start("scalars", "scalars makes the words of u1 = e/s and u2 = r/s; the last group first.", "DI", "SI")
	inverse = k.loadF("SI", commonInvK)
	w1 := k.mul(n, inverse, k.loadF("DI", groupProdK-groupSize))
	k.storeF("SI", commonInvK, k.mul(n, inverse, k.loadF("DI", groupScalar)))
	e = k.clean(k.digits(k.loadWords("DI", groupDigest)))
	k.storeWords("DI", groupDigits, k.wordsOf(k.canonical(n, k.mul(n, e, w1))))
	rf := k.clean(k.digits(k.loadWords("DI", groupR)))
	k.storeWords("DI", groupDigits+4, k.wordsOf(k.canonical(n, k.mul(n, rf, w1))))

	k = start("nextLines", "nextLines takes the points of lines at the offsets n of a table t, and their opposites by the mask at p.", "DI", "SI", "DX", "CX", "R8")
	opposites := k.lines()
	xw, yw := k.transposed(lines)
	k.storeNext(k.digits(xw), k.digits(yw), opposites)

	k = start("advanceLines", "advanceLines adds the next point and is nextLines.", "DI", "SI", "DX", "CX", "R8")
	opposites = k.lines()
	s = k.loadPoint()
	negative = k.loadMask("DI", groupNextNeg)
	k.sum(s, k.loadF("DI", groupNextX), k.loadF("DI", groupNextY), negative, func(stage int) {
		if stage == 4 {
			xw, yw := k.transposed(lines)
			k.storeNext(k.digits(xw), k.digits(yw), opposites)
		}
	})

	k = start("compare", "compare leaves a mask of lanes where x is r modulo n in groupR, and one of those with Z = 0 in groupBad.", "DI", "SI")
	z = k.canonical(m, k.loadF("DI", groupZ))
	k.storeMask("DI", groupBad, k.isZero(z))
	x = k.canonical(m, k.loadF("DI", groupX))
	zz := k.loadF("DI", groupZZ)
	rf = k.clean(k.digits(k.loadWords("DI", groupR)))
	toP := k.number(m.power(520))
	equal := func(r F) mask {
		c := k.canonical(m, k.mul(m, k.mul(m, r, toP), zz))
		d := k.xor(c[0], x[0])
		for i := 1; i < 5; i++ {
			d = k.or(d, k.xor(c[i], x[i]))
		}
		return k.testn(d, d)
	}
	good := equal(rf)
	t = make([]value, 5)
	for i := range t {
		t[i] = k.add(rf[i], k.word(n.d[i]))
	}
	above := k.carry(t) // r + n, which is an abscissa too if it is less than p
	for i := range t {
		t[i] = k.sub(above[i], k.word(m.d[i]))
	}
	less := k.negative(k.signed(t)[4])
	good = k.masks("KORB", good, k.masks("KANDB", less, equal(above)))
	k.storeMask("DI", groupR, good)

	for _, test := range []struct {
		name string
		f    func(k *kernel, a, b F) F
	}{
		{"mulField", func(k *kernel, a, b F) F { return k.canonical(m, k.mul(m, a, b)) }},
		{"sqrField", func(k *kernel, a, _ F) F { return k.canonical(m, k.sqr(m, a)) }},
		{"mulOrder", func(k *kernel, a, b F) F { return k.canonical(n, k.mul(n, a, b)) }},
	} {
		k = start(test.name, test.name+" is a product of digits at g and t, canonical, into v; the carries of operands have been done.", "DI", "SI", "DX")
		k.storeF("DI", 0, test.f(k, k.loadF("DI", 0), k.loadF("DX", 0)))
	}

	return written(c, all)
}

// plain takes a number out of Montgomery form.
func (k *kernel) plain(m *modulus, a F) F {
	one := F{k.word(1), k.word(0), k.word(0), k.word(0), k.word(0)}
	return k.mul(m, a, one)
}
