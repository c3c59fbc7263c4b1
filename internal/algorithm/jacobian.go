package algorithm

import "math/big"

// jacobian is a point (X/Z², Y/Z³); Z is 0 for the one at infinity.
type jacobian struct{ x, y, z *big.Int }

func newJacobian() *jacobian { return &jacobian{new(big.Int), new(big.Int), new(big.Int)} }

func (a affine) jacobian() *jacobian { return &jacobian{a.x, a.y, big.NewInt(1)} }

// scratch is what one computation writes its intermediate values into.
type scratch struct {
	c                 *curve
	t                 [8]big.Int
	quotient, product big.Int
}

func (s *scratch) mul(z, x, y *big.Int) {
	s.product.Mul(x, y)
	s.quotient.QuoRem(&s.product, s.c.p, z)
}

// sub sets z to x - y, all of them below p.
func (s *scratch) sub(z, x, y *big.Int) {
	if z.Sub(x, y); z.Sign() < 0 {
		z.Add(z, s.c.p)
	}
}

func (s *scratch) add(z, x, y *big.Int) {
	if z.Add(x, y); z.Cmp(s.c.p) >= 0 {
		z.Sub(z, s.c.p)
	}
}

// double sets r to 2r: "dbl-2007-bl" of the Explicit-Formulas Database, with a by its kind.
func (s *scratch) double(r *jacobian) {
	if r.z.Sign() == 0 {
		return
	}
	xx, yy, yyyy, zz, m, u := &s.t[0], &s.t[1], &s.t[2], &s.t[3], &s.t[4], &s.t[5]
	s.mul(yy, r.y, r.y)
	s.mul(zz, r.z, r.z)
	s.mul(yyyy, yy, yy)
	switch s.c.kind {
	case -3: // 3(X - Z²)(X + Z²)
		s.sub(m, r.x, zz)
		s.add(u, r.x, zz)
		s.mul(m, m, u)
		s.add(u, m, m)
		s.add(m, u, m)
	default: // 3X² + aZ⁴
		s.mul(xx, r.x, r.x)
		s.add(m, xx, xx)
		s.add(m, m, xx)
		if s.c.kind != 0 {
			s.mul(u, zz, zz)
			s.mul(u, u, s.c.a)
			s.add(m, m, u)
		}
	}
	s.mul(r.z, r.y, r.z) // Z' = 2YZ
	s.add(r.z, r.z, r.z)
	s.mul(u, r.x, yy) // S = 4XY²
	s.add(u, u, u)
	s.add(u, u, u)
	s.mul(r.x, m, m) // X' = M² - 2S
	s.sub(r.x, r.x, u)
	s.sub(r.x, r.x, u)
	s.sub(u, u, r.x) // Y' = M(S - X') - 8Y⁴
	s.mul(r.y, m, u)
	s.add(yyyy, yyyy, yyyy)
	s.add(yyyy, yyyy, yyyy)
	s.add(yyyy, yyyy, yyyy)
	s.sub(r.y, r.y, yyyy)
}

// sum sets r to r + q; q is not r itself.
func (s *scratch) sum(r, q *jacobian) {
	if q.z.Sign() == 0 {
		return
	}
	if r.z.Sign() == 0 {
		r.x.Set(q.x)
		r.y.Set(q.y)
		r.z.Set(q.z)
		return
	}
	z1z1, z2z2, u1, u2, s1, s2, h, v := &s.t[0], &s.t[1], &s.t[2], &s.t[3], &s.t[4], &s.t[5], &s.t[6], &s.t[7]
	s.mul(z1z1, r.z, r.z)
	s.mul(z2z2, q.z, q.z)
	s.mul(u1, r.x, z2z2)
	s.mul(u2, q.x, z1z1)
	s.mul(s1, r.y, q.z)
	s.mul(s1, s1, z2z2)
	s.mul(s2, q.y, r.z)
	s.mul(s2, s2, z1z1)
	s.sub(h, u2, u1)
	s.sub(s2, s2, s1) // R
	if h.Sign() == 0 {
		if s2.Sign() == 0 {
			s.double(r)
			return
		}
		r.z.SetInt64(0)
		return
	}
	s.mul(r.z, r.z, q.z)
	s.mul(r.z, r.z, h)
	s.mul(v, h, h)     // H²
	s.mul(h, h, v)     // H³
	s.mul(u1, u1, v)   // V = U1 H²
	s.mul(r.x, s2, s2) // X' = R² - H³ - 2V
	s.sub(r.x, r.x, h)
	s.sub(r.x, r.x, u1)
	s.sub(r.x, r.x, u1)
	s.sub(u1, u1, r.x) // Y' = R(V - X') - S1 H³
	s.mul(r.y, s2, u1)
	s.mul(s1, s1, h)
	s.sub(r.y, r.y, s1)
}

// combine returns u1·G + u2·Q by Shamir's trick over two bits of each at a time; infinity is nil.
func (c *curve) combine(u1, u2 *big.Int, q affine) *affine {
	s := &scratch{c: c}
	// table[4i+j] = i·G + j·Q
	var table [16]*jacobian
	table[0] = newJacobian()
	for i := range 4 {
		for j := range 4 {
			if i == 0 && j == 0 {
				continue
			}
			t := newJacobian()
			if j == 0 {
				s.sum(t, table[4*(i-1)])
				s.sum(t, c.g.jacobian())
			} else {
				s.sum(t, table[4*i+j-1])
				s.sum(t, q.jacobian())
			}
			table[4*i+j] = t
		}
	}
	r := newJacobian()
	bits := max(u1.BitLen(), u2.BitLen())
	for i := (bits+1)/2*2 - 2; i >= 0; i -= 2 {
		s.double(r)
		s.double(r)
		k := u1.Bit(i+1)<<3 | u1.Bit(i)<<2 | u2.Bit(i+1)<<1 | u2.Bit(i)
		s.sum(r, table[k])
	}
	if r.z.Sign() == 0 {
		return nil
	}
	inverse := new(big.Int).ModInverse(r.z, c.p)
	square := new(big.Int)
	s.mul(square, inverse, inverse)
	s.mul(r.x, r.x, square)
	s.mul(square, square, inverse)
	s.mul(r.y, r.y, square)
	return &affine{r.x, r.y}
}

// verify checks r and s over a digest (FIPS 186-5 section 6.4.2).
func (c *curve) verify(q affine, digest []byte, r, s *big.Int) bool {
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(c.n) >= 0 || s.Cmp(c.n) >= 0 {
		return false
	}
	w := new(big.Int).ModInverse(s, c.n)
	u1 := new(big.Int).Mul(leftmost(digest, c.n.BitLen()), w)
	u2 := w.Mul(r, w)
	point := c.combine(u1.Mod(u1, c.n), u2.Mod(u2, c.n), q)
	return point != nil && point.x.Mod(point.x, c.n).Cmp(r) == 0
}

// leftmost takes so many bits of a digest at most.
func leftmost(digest []byte, bits int) *big.Int {
	n := new(big.Int).SetBytes(digest)
	if excess := len(digest)*8 - bits; excess > 0 {
		n.Rsh(n, uint(excess))
	}
	return n
}
