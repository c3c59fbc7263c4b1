package p256verify

// affine is a point of the curve that is not the point at infinity.
type affine struct{ x, y element }

// extended is the point (x/zz, y/zzz) with zz^3 = zzz^2. It is never the point at infinity: operations that would lead there
// report that they did not work.
type extended struct{ x, y, zz, zzz element }

func (p *extended) set(a *affine) { *p = extended{a.x, a.y, one, one} }

// add adds a, or -a if the mask has all bits set, and reports whether that worked: it does not when both points have the same
// abscissa, so that one would have to double or the sum is infinity. Formulas: madd-2008-s of the Explicit-Formulas Database.
func (p *extended) add(a *affine, negative uint64) bool {
	var h, r, hh, hhh, v, t element
	h.mul(&a.x, &p.zz)
	h.sub(&h, &p.x)
	if h.isZero() {
		return false
	}
	t.negateIf(&a.y, negative)
	r.mul(&t, &p.zzz)
	r.sub(&r, &p.y)
	hh.sqr(&h)
	hhh.mul(&h, &hh)
	v.mul(&p.x, &hh)
	p.zz.mul(&p.zz, &hh)
	p.zzz.mul(&p.zzz, &hhh)
	p.x.sqr(&r)
	p.x.sub(&p.x, &hhh)
	p.x.sub(&p.x, &v)
	p.x.sub(&p.x, &v)
	v.sub(&v, &p.x)
	v.mul(&v, &r)
	t.mul(&p.y, &hhh)
	p.y.sub(&v, &t)
	return true
}

// double doubles. No point has the ordinate 0, since the order of the curve is odd. Formulas: dbl-2008-s-1 with a = -3.
func (p *extended) double() {
	var u, v, w, s, m, t element
	u.sub(&t, &p.y)
	u.sub(&p.y, &u) // 2 y
	v.sqr(&u)
	w.mul(&u, &v)
	s.mul(&p.x, &v)
	// m = 3 (x - zz) (x + zz)
	m.sub(&t, &p.zz)
	m.sub(&p.x, &m)
	t.sub(&p.x, &p.zz)
	m.mul(&m, &t)
	t.sub(&element{}, &m)
	t.sub(&t, &m) // -2 m
	m.sub(&m, &t)
	p.x.sqr(&m)
	p.x.sub(&p.x, &s)
	p.x.sub(&p.x, &s)
	s.sub(&s, &p.x)
	s.mul(&s, &m)
	p.y.mul(&p.y, &w)
	p.y.sub(&s, &p.y)
	p.zz.mul(&p.zz, &v)
	p.zzz.mul(&p.zzz, &w)
}

// hasAbscissa reports whether x is the abscissa of the point, a number less than p and not in Montgomery form.
func (p *extended) hasAbscissa(x [4]uint64) bool {
	e := element(x)
	e.mul(&e, &square)
	e.mul(&e, &p.zz)
	return e == p.x
}
