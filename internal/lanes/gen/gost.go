package main

import "strings"

// GOST R 34.10-2012 on CryptoPro-A (RFC 4357 section 11.4): p = 2^256 - 617. Numbers modulo p are plain: products are folded by
// 2^260 = 16 617 modulo p, and every number that was carried is below 2^256 + 2^217, whatever came in. Numbers modulo q are in Montgomery form.
// The vectors of a group are where those of P-256 are.
var (
	gostP = newModulus("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd97", reduceGOST)
	gostQ = newModulus("ffffffffffffffffffffffffffffffff6c611070995ad10045841b09b761b893", reduceAny)
	gost2 = newModulus("1fffffffffffffffffffffffffffffffed8c220e132b5a2008b0836136ec37126", nil) // 2 q
)

const fold617 = 617

// reduceGOST is a step of Montgomery's reduction modulo p, which only inversions use: y = t_i / 617, and p = -617 modulo 2^256.
func reduceGOST(k *kernel, _ *modulus, t []value, i int) {
	const inverse = 0x3234475d5add9 // 1/617 modulo 2^52
	y := k.lo(k.word(0), t[i], k.word(inverse))
	h := k.hi(k.word(0), y, k.word(fold617))
	t[i+1] = k.add(t[i+1], k.sub(k.srl(t[i], 52), h))
	t[i+4] = k.lo(t[i+4], y, k.word(1<<48))
	t[i+5] = k.hi(t[i+5], y, k.word(1<<48))
}

// folded brings ten columns into five that are not negative. Bits above the 52nd are not seen by products, and go up by shifts meanwhile; the
// product of the last column fits a word.
func (k *kernel) folded(t []value) []value {
	f := k.word(16 * fold617)
	for i := 5; i < 9; i++ {
		t[i-5] = k.lo(t[i-5], t[i], f)
		t[i-4] = k.hi(t[i-4], t[i], f)
		t[i+1] = k.add(t[i+1], k.srl(t[i], 52))
	}
	t[4] = k.lo(t[4], t[9], f)
	t[4] = k.add(t[4], k.sll(k.hi(k.word(0), t[9], f), 52))
	return t[:5]
}

// plainRaw is start + a b + … in columns whose carries are still due; start may be nil.
func (k *kernel) plainRaw(start []value, pairs ...F) []value {
	t := k.columns(10)
	copy(t, start)
	for p := 0; p < len(pairs); p += 2 {
		for i := range 5 {
			k.row(t, pairs[p], pairs[p+1][i], i)
		}
	}
	return k.folded(t)
}

func (k *kernel) plainSquare(start []value, a F) []value {
	t := k.squareColumns(a)
	for i := range start {
		t[i] = k.add(t[i], start[i])
	}
	return k.folded(t)
}

// reduced carries columns that are not negative, and takes off p as often as the top one says before its carry comes in.
func (k *kernel) reduced(t []value) F { return k.carry(k.lowered(t)) }

// loose is reduced with bits above the 52nd of digits, which products do not see.
func (k *kernel) loose(t []value) (f F) {
	t = k.lowered(t)
	c := t[0]
	f[0] = c
	for i := 1; i < 5; i++ {
		c = k.add(t[i], k.srl(c, digit))
		f[i] = c
	}
	return f
}

func (k *kernel) lowered(t []value) []value {
	q := k.srl(t[4], 48)
	return []value{k.lo(t[0], q, k.word(fold617)), t[1], t[2], t[3], k.and(t[4], k.word(1<<48-1))}
}

func (k *kernel) plainMul(a, b F) F { return k.reduced(k.plainRaw(nil, a, b)) }

// opposedWords is p - y under a mask, word by word: the lowest one of tables of opposites is at most 2^64 - 617, so that nothing is borrowed.
func (k *kernel) opposedWords(negative mask, w [4]value) [4]value {
	w[0] = k.subWhere(negative, w[0], k.word(^uint64(fold617-1)), w[0])
	for i := 1; i < 4; i++ {
		w[i] = k.subWhere(negative, w[i], k.word(^uint64(0)), w[i])
	}
	return w
}

// fromP is p - a of digits that need not be clean.
func (k *kernel) fromP(a F) F {
	a = k.clean(a)
	t := make([]value, 5)
	for i := range t {
		t[i] = k.sub(k.word(gostP.d[i]), a[i])
	}
	return k.signed(t)
}

// plainSum is the opposite of s + P, as [kernel.sum] is. Tables hold -x and -y, so that the differences are sums whose columns start with
// the other number. 4096 p in large columns starts those of h^3 and keeps what follows from being negative. while is called eight times.
func (k *kernel) plainSum(s point, x2, y2 F, while func(stage int)) (r point) {
	zzz := k.loose(k.plainRaw(nil, s.z, s.zz))
	while(0)
	h := k.loose(k.plainRaw(s.x[:], x2, s.zz))
	while(1)
	slope := k.loose(k.plainRaw(s.y[:], y2, zzz))
	while(2)
	hh := k.loose(k.plainSquare(nil, h))
	while(3)
	r.z = k.loose(k.plainRaw(nil, s.z, h))
	k.storeF("DI", groupZ, r.z)
	while(4)
	const top, bottom = 1<<60 - 64, 1<<58 - 64
	large := []value{k.word(1<<58 - fold617<<12), k.word(bottom), k.word(bottom), k.word(bottom), k.word(top)}
	hhhRaw := k.plainRaw(large, h, hh)
	hhh := k.loose(hhhRaw)
	while(5)
	v := k.plainRaw(nil, s.x, hh)
	while(6)
	t := k.plainSquare(hhhRaw, slope)
	w := make([]value, 5)
	for i := range t {
		t[i] = k.sub(t[i], k.add(v[i], v[i]))
		w[i] = k.sub(t[i], v[i])
	}
	r.x = k.reduced(t)
	k.storeF("DI", groupX, r.x)
	wf := k.loose(w)
	while(7)
	r.zz = k.loose(k.plainSquare(nil, r.z))
	k.storeF("DI", groupZZ, r.zz)
	r.y = k.reduced(k.plainRaw(nil, s.y, hhh, slope, wf))
	k.storeF("DI", groupY, r.y)
	return r
}

// hashed is e, from the words of a digest whose lowest one is first: 0 becomes 1 (RFC 7091 section 6.1 step 3).
func (k *kernel) hashed() F {
	e := k.canonical(gostQ, k.clean(k.digits(k.loadWords("DI", groupDigest))))
	e[0] = k.choose(k.isZero(e), k.word(1), e[0])
	return e
}

func gost() string {
	c := &constants{}
	var all []*kernel
	start := func(name, doc string, args ...string) *kernel {
		k := newKernel(c, place{"SI", 64 * commonSpill, false}, name, doc, args...)
		all = append(all, k)
		return k
	}
	p, q := gostP, gostQ
	begin := func(k *kernel, x, y F) {
		one := F{k.word(1), k.word(0), k.word(0), k.word(0), k.word(0)}
		k.storeF("DI", groupX, k.fromP(x))
		k.storeF("DI", groupY, k.fromP(y))
		k.storeF("DI", groupZ, one)
		k.storeF("DI", groupZZ, one)
	}
	storeNext := func(k *kernel, w [8]value, negative mask) {
		k.storeF("DI", groupNextX, k.digits([4]value(w[:4])))
		k.storeF("DI", groupNextY, k.digits(k.opposedWords(negative, [4]value(w[4:]))))
	}
	chosen := func(k *kernel, digit value) (w [8]value, negative mask) {
		c := k.choice(digit)
		for i := range w {
			w[i] = k.chosen(c, i)
		}
		return w, c.negative
	}

	k := start("recode", "recode makes the digits of nonces, the opposite ones where the sum has the other sign.", "DI", "SI")
	k.recode(q)

	k = start("first", "first begins with the point of digit n from the window t.", "DI", "SI", "DX", "CX")
	w, negative := chosen(k, k.mem("CX", 0))
	begin(k, k.digits([4]value(w[:4])), k.digits(k.opposedWords(negative, [4]value(w[4:]))))

	k = start("next", "next takes the point of digit n from the window t.", "DI", "SI", "DX", "CX")
	w, negative = chosen(k, k.mem("CX", 0))
	storeNext(k, w, negative)

	k = start("advance", "advance adds the next point and is next. It has no branch, and no address that depends on a secret.", "DI", "SI", "DX", "CX")
	ch := k.choice(k.mem("CX", 0))
	k.plainSum(k.loadPoint(), k.loadF("DI", groupNextX), k.loadF("DI", groupNextY), func(stage int) {
		w[stage] = k.chosen(ch, stage)
		for i := range 16 { // of the window after
			k.line("PREFETCHT0 %d(DX)", 64*(128+16*stage+i))
		}
		if stage == 7 {
			storeNext(k, w, ch.negative)
		}
	})

	k = start("addLast", "addLast adds the next point.", "DI", "SI")
	k.plainSum(k.loadPoint(), k.loadF("DI", groupNextX), k.loadF("DI", groupNextY), func(int) {})

	k = start("collect", "collect multiplies Z to those of the groups before, after 1 has taken the place of zeros.", "DI", "SI")
	z := k.canonical(p, k.clean(k.loadF("DI", groupZ)))
	zero := k.isZero(z)
	z[0] = k.choose(zero, k.word(1), z[0])
	k.storeF("DI", groupZ, z)
	k.storeMask("DI", groupBad, zero)
	k.storeF("DI", groupProdZ, k.plainMul(k.loadF("DI", groupProdZ-groupSize), z))

	k = start("invert", "invert begins to invert the product of the last group v.", "DI", "SI")
	k.startInversion(p, commonModP, 180, k.canonical(p, k.loadF("DI", groupProdZ)))

	k = start("invertRound", "invertRound does 40 steps; 15 rounds are enough.", "SI")
	k.round(k.loadInversion(p, commonModP))

	k = start("inverted", "inverted takes the result.", "SI")
	k.storeF("SI", commonInvZ, k.inverse(k.loadInversion(p, commonModP)))

	k = start("finish", "finish makes the signatures of a group: the last one first.", "DI", "SI")
	inverse := k.loadF("SI", commonInvZ)
	z = k.plainMul(inverse, k.loadF("DI", groupProdZ-groupSize))
	k.storeF("SI", commonInvZ, k.plainMul(inverse, k.loadF("DI", groupZ)))
	z = k.plainMul(z, z)
	r := k.canonical(q, k.canonical(p, k.plainMul(k.loadF("DI", groupX), z)))
	nonce := k.clean(k.digits(k.loadWords("DI", groupNonce)))
	ke := k.mul(q, k.mul(q, k.hashed(), k.number(q.power(520))), nonce)
	rd := k.mul(q, r, k.loadF("SI", commonKey))
	t := make([]value, 5)
	for i := range t {
		t[i] = k.add(rd[i], ke[i])
	}
	s := k.canonical(q, k.canonical(gost2, k.carry(t)))
	k.storeMask("DI", groupBad, k.masks("KORB", k.masks("KORB", k.isZero(r), k.isZero(s)), k.loadMask("DI", groupBad)))
	k.storeWords("DI", groupR, k.wordsOf(r))
	k.storeWords("DI", groupS, k.wordsOf(s))

	k = start("collectE", "collectE multiplies e to those of the groups before.", "DI", "SI")
	e := k.mul(q, k.hashed(), k.number(q.power(520)))
	k.storeF("DI", groupScalar, e)
	k.storeF("DI", groupProdK, k.mul(q, k.loadF("DI", groupProdK-groupSize), e))

	k = start("invertE", "invertE begins to invert the product of the last group v.", "DI", "SI")
	k.startInversion(q, commonModN, 700, k.canonical(q, k.loadF("DI", groupProdK)))

	k = start("invertRoundE", "invertRoundE does 40 steps.", "SI")
	k.round(k.loadInversion(q, commonModN))

	k = start("invertedE", "invertedE takes the result.", "SI")
	k.storeF("SI", commonInvK, k.inverse(k.loadInversion(q, commonModN)))

	k = start("scalars", "scalars makes the words of z1 = s/e and of r/e, which is -z2; the last group first.", "DI", "SI")
	inverse = k.loadF("SI", commonInvK)
	v := k.mul(q, inverse, k.loadF("DI", groupProdK-groupSize))
	k.storeF("SI", commonInvK, k.mul(q, inverse, k.loadF("DI", groupScalar)))
	s = k.clean(k.digits(k.loadWords("DI", groupS)))
	k.storeWords("DI", groupDigits, k.wordsOf(k.canonical(q, k.mul(q, s, v))))
	r = k.clean(k.digits(k.loadWords("DI", groupR)))
	k.storeWords("DI", groupDigits+4, k.wordsOf(k.canonical(q, k.mul(q, r, v))))

	k = start("nextLines", "nextLines takes the points of lines at the offsets n of a table t, and their opposites by the mask at p.", "DI", "SI", "DX", "CX", "R8")
	opposites := k.lines()
	x, y := k.transposed(lines)
	storeNext(k, [8]value(append(x[:], y[:]...)), opposites)

	k = start("advanceLines", "advanceLines adds the next point and is nextLines.", "DI", "SI", "DX", "CX", "R8")
	opposites = k.lines()
	k.plainSum(k.loadPoint(), k.loadF("DI", groupNextX), k.loadF("DI", groupNextY), func(stage int) {
		if stage == 7 {
			x, y = k.transposed(lines)
			storeNext(k, [8]value(append(x[:], y[:]...)), opposites)
		}
	})

	k = start("compare", "compare leaves a mask of lanes where x is r modulo q in groupR, and one of those with Z = 0 in groupBad.", "DI", "SI")
	k.storeMask("DI", groupBad, k.isZero(k.canonical(p, k.clean(k.loadF("DI", groupZ)))))
	abscissa := k.canonical(p, k.loadF("DI", groupX))
	zz := k.loadF("DI", groupZZ)
	r = k.clean(k.digits(k.loadWords("DI", groupR)))
	equal := func(r F) mask {
		c := k.canonical(p, k.plainMul(r, zz))
		d := k.xor(c[0], abscissa[0])
		for i := 1; i < 5; i++ {
			d = k.or(d, k.xor(c[i], abscissa[i]))
		}
		return k.testn(d, d)
	}
	good := equal(r)
	for i := range t {
		t[i] = k.add(r[i], k.word(q.d[i]))
	}
	above := k.carry(t) // r + q, which is an abscissa too if it is less than p
	for i := range t {
		t[i] = k.sub(above[i], k.word(p.d[i]))
	}
	less := k.negative(k.signed(t)[4])
	k.storeMask("DI", groupR, k.masks("KORB", good, k.masks("KANDB", less, equal(above))))

	for _, test := range []struct {
		name string
		f    func(k *kernel, a, b F) F
	}{
		{"mulField", func(k *kernel, a, b F) F { return k.canonical(p, k.plainMul(a, b)) }},
		{"sqrField", func(k *kernel, a, _ F) F { return k.canonical(p, k.reduced(k.plainSquare(nil, a))) }},
		{"mulOrder", func(k *kernel, a, b F) F { return k.canonical(q, k.mul(q, a, b)) }},
	} {
		k = start(test.name, test.name+" is a product of digits at v and t, canonical, into v; the carries of operands have been done.", "DI", "SI", "DX")
		k.storeF("DI", 0, test.f(k, k.loadF("DI", 0), k.loadF("DX", 0)))
	}
	return written(c, all)
}

// written is the file of kernels.
func written(c *constants, all []*kernel) string {
	var b strings.Builder
	b.WriteString("// Code generated by internal/lanes/gen. DO NOT EDIT.\n\n#include \"textflag.h\"\n")
	for _, k := range all {
		b.WriteString(k.emit())
		if k.spills > commonVector {
			panic(k.name + ": more waits in memory than there is room for")
		}
	}
	b.WriteString("\n" + c.text())
	return b.String()
}
