package gost3410

// point is a point of a curve in the form of Weierstrass, y^2 z = x^3 + a x z^2 + b z^3, with coordinates in Montgomery form. (0, 1, 0)
// is infinity.
type point struct{ x, y, z words }

// add sets r = p + q by algorithm 1 of Renes, Costello and Batina, "Complete addition formulas for prime order elliptic curves"
// (2016): it has no exceptions among points whose order is odd.
func (c *Curve) add(r, p, q *point) {
	f := c.p
	var t0, t1, t2, t3, t4, t5, x3, y3, z3 words
	f.mul(&t0, &p.x, &q.x)
	f.mul(&t1, &p.y, &q.y)
	f.mul(&t2, &p.z, &q.z)
	f.add(&t3, &p.x, &p.y)
	f.add(&t4, &q.x, &q.y)
	f.mul(&t3, &t3, &t4)
	f.add(&t4, &t0, &t1)
	f.sub(&t3, &t3, &t4)
	f.add(&t4, &p.x, &p.z)
	f.add(&t5, &q.x, &q.z)
	f.mul(&t4, &t4, &t5)
	f.add(&t5, &t0, &t2)
	f.sub(&t4, &t4, &t5)
	f.add(&t5, &p.y, &p.z)
	f.add(&x3, &q.y, &q.z)
	f.mul(&t5, &t5, &x3)
	f.add(&x3, &t1, &t2)
	f.sub(&t5, &t5, &x3)
	f.mul(&z3, &c.a, &t4)
	f.mul(&x3, &c.b3, &t2)
	f.add(&z3, &x3, &z3)
	f.sub(&x3, &t1, &z3)
	f.add(&z3, &t1, &z3)
	f.mul(&y3, &x3, &z3)
	f.add(&t1, &t0, &t0)
	f.add(&t1, &t1, &t0)
	f.mul(&t2, &c.a, &t2)
	f.mul(&t4, &c.b3, &t4)
	f.add(&t1, &t1, &t2)
	f.sub(&t2, &t0, &t2)
	f.mul(&t2, &c.a, &t2)
	f.add(&t4, &t4, &t2)
	f.mul(&t0, &t1, &t4)
	f.add(&y3, &y3, &t0)
	f.mul(&t0, &t5, &t4)
	f.mul(&x3, &t3, &x3)
	f.sub(&x3, &x3, &t0)
	f.mul(&t0, &t3, &t1)
	f.mul(&z3, &t5, &z3)
	f.add(&z3, &z3, &t0)
	r.x, r.y, r.z = x3, y3, z3
}

func (p *point) choose(q *point, mask uint64) {
	p.x.choose(&q.x, mask)
	p.y.choose(&q.y, mask)
	p.z.choose(&q.z, mask)
}

// multiply sets r = k p for a k of as many words as the modulus, in a time that depends on neither: four bits at a time, from a table
// that is read whole.
func (c *Curve) multiply(r, p *point, k *words) {
	var table [16]point
	table[0] = point{y: c.p.one}
	for i := 1; i < 16; i++ {
		c.add(&table[i], &table[i-1], p)
	}
	sum := table[0]
	for i := 16*c.p.n - 1; i >= 0; i-- {
		for range 4 {
			c.add(&sum, &sum, &sum)
		}
		digit := k[i/16] >> (i % 16 * 4) & 15
		var term point
		for j := range table {
			x := uint64(j) ^ digit
			term.choose(&table[j], -((x - 1) >> 63))
		}
		c.add(&sum, &sum, &term)
	}
	*r = sum
}

// affine returns x and y as plain numbers, of a point other than infinity.
func (c *Curve) affine(p *point) (x, y words) {
	var i words
	c.p.invert(&i, &p.z)
	c.p.mul(&x, &p.x, &i)
	c.p.mul(&y, &p.y, &i)
	c.p.leave(&x, &x)
	c.p.leave(&y, &y)
	return x, y
}

// on reports whether a point is on the curve, and not infinity.
func (c *Curve) on(p *point) bool {
	f := c.p
	var left, right words
	f.mul(&left, &p.y, &p.y)
	f.mul(&right, &p.x, &p.x)
	f.add(&right, &right, &c.a)
	f.mul(&right, &right, &p.x)
	f.add(&right, &right, &c.b)
	return p.z == f.one && left == right
}
