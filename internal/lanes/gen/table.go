package main

// choice is of the entries of one window, for each lane its own.
type choice struct {
	negative   mask
	index      value
	k4, k5, k6 mask
}

// choice begins to select by a digit. Digits from 128 to 255 stand for 1, 3, …, 255, and those from 127 down to 0 for the opposites.
func (k *kernel) choice(digit value) (c choice) {
	c.negative = k.testn(digit, k.word(128))
	c.index = k.xorWhere(c.negative, digit, digit, k.word(127))
	c.k4, c.k5, c.k6 = k.test(c.index, k.word(16)), k.test(c.index, k.word(32)), k.test(c.index, k.word(64))
	return c
}

// chosen is one word of the entry. All 128 are read, whatever the digits are: a window has those of the first word, then of the second.
func (k *kernel) chosen(c choice, q int) value {
	pair := func(i int) value {
		return k.permute(k.mem("DX", 16*q+2*i), c.index, k.mem("DX", 16*q+2*i+1))
	}
	four := func(i int) value {
		a := k.choose(c.k4, pair(i+1), pair(i))
		b := k.choose(c.k4, pair(i+3), pair(i+2))
		return k.choose(c.k5, b, a)
	}
	low := four(0)
	return k.choose(c.k6, four(4), low)
}

// selected is the entry of a digit, x and then y in the eight words.
func (k *kernel) selected(digit value) (x, y F, negative mask) {
	c := k.choice(digit)
	var w [8]value
	for q := range w {
		w[q] = k.chosen(c, q)
	}
	return k.digits([4]value(w[:4])), k.digits([4]value(w[4:])), c.negative
}

// transposed is the words of eight lines of public tables, one for each lane, whose addresses are in registers.
func (k *kernel) transposed(lines [8]string) (x, y [4]value) {
	var a, b, w [8]value
	for i := range 4 {
		first, second := k.mem(lines[2*i], 0), k.mem(lines[2*i+1], 0)
		a[2*i], a[2*i+1] = k.unpackLow(first, second), k.unpackHigh(first, second)
	}
	for h := range 2 {
		b[h], b[2+h] = k.shuffle(a[h], a[2+h], 0x88), k.shuffle(a[h], a[2+h], 0xdd)
		b[4+h], b[6+h] = k.shuffle(a[4+h], a[6+h], 0x88), k.shuffle(a[4+h], a[6+h], 0xdd)
	}
	for h := range 2 {
		w[h], w[4+h] = k.shuffle(b[h], b[4+h], 0x88), k.shuffle(b[h], b[4+h], 0xdd)
		w[2+h], w[6+h] = k.shuffle(b[2+h], b[6+h], 0x88), k.shuffle(b[2+h], b[6+h], 0xdd)
	}
	return [4]value(w[:4]), [4]value(w[4:])
}

// recode writes the digits of a nonce: k or m - k, which of them is odd, is the sum of (2 d_i - 255) 256^i. From the third one on every other is
// the complement, which means the opposite: the sum has the other sign there.
func (k *kernel) recode(m *modulus) {
	words := k.loadWords("DI", groupNonce)
	nonce := k.clean(k.digits(words))
	odd := k.test(words[0], k.word(1))
	t := make([]value, 5)
	for i := range t {
		t[i] = k.choose(odd, nonce[i], k.sub(k.word(m.d[i]), nonce[i]))
	}
	w := k.wordsOf(k.signed(t))
	half := [4]value{k.shrd(w[0], w[1], 1), k.shrd(w[1], w[2], 1), k.shrd(w[2], w[3], 1), k.or(k.srl(w[3], 1), k.word(1<<63))}
	for i := range 32 {
		d := k.and(k.srl(half[i/8], 8*(i%8)), k.word(255))
		if i != 0 && i%2 == 0 {
			d = k.xor(d, k.word(255))
		}
		k.store("DI", groupDigits+i, d)
	}
}

// lines are the registers with the addresses of the lines, at the offsets n of a table t.
var lines = [8]string{"R8", "R9", "R10", "R11", "R12", "R13", "R15", "BX"}

// lines loads the addresses, asks for the lines, and returns the mask at p.
func (k *kernel) lines() mask {
	k.line("MOVBQZX (R8), AX")
	for i, l := range lines {
		k.line("MOVQ %d(CX), %s", 8*i, l)
		k.line("ADDQ DX, %s", l)
	}
	for _, l := range lines {
		k.line("PREFETCHT0 (%s)", l)
	}
	return k.maskOf("AX")
}
