package gost3410

import "math/big"

// Verify reports whether s and r, each with the highest octet first, are a signature of a digest by the key (RFC 7091 section 6.2). It
// refuses digests and signatures of another length, and numbers that are 0 or not less than the order: a signature has one form.
func (k *PublicKey) Verify(digest, signature []byte) bool { return k.verify(digest, signature, nil) }

// verify uses a table of the key if there is one.
func (k *PublicKey) verify(digest, signature []byte, table prepared) bool {
	c := k.curve
	if len(digest) != c.size || len(signature) != 2*c.size {
		return false
	}
	s, r := bigEndian(signature[:c.size]), bigEndian(signature[c.size:])
	if !c.inRange(&s) || !c.inRange(&r) {
		return false
	}
	// z1 = s / e, z2 = -r / e
	e := c.hashed(digest)
	var v, z1, z2 words
	v = c.inverse(&e)
	c.q.enter(&v, &v)
	c.q.mul(&z1, &v, &s)
	c.q.mul(&z2, &v, &r)
	c.q.sub(&z2, &words{}, &z2)
	if c.fast == nil {
		return k.verifyComplete(&z1, &z2, &r)
	}
	var yes, certain bool
	if table != nil {
		yes, certain = table.verify(&z1, &z2, &r)
	} else {
		x, y := k.plain()
		yes, certain = c.fast.verify(&x, &y, &z1, &z2, &r)
	}
	if !certain {
		return k.verifyComplete(&z1, &z2, &r)
	}
	return yes
}

// plain are the coordinates of the key.
func (k *PublicKey) plain() (x, y words) {
	size := k.curve.size
	return littleEndian(k.xy[:size]), littleEndian(k.xy[size:])
}

// verifyComplete is the end of verification with formulas that have no exceptions.
func (k *PublicKey) verifyComplete(z1, z2, r *words) bool {
	c := k.curve
	var p1, p2 point
	c.multiply(&p1, &c.base, z1)
	c.multiply(&p2, &k.point, z2)
	c.add(&p1, &p1, &p2)
	if p1.z == (words{}) {
		return false
	}
	x, _ := c.affine(&p1)
	c.q.reduce(&x, &x)
	return x == *r
}

// inverse is 1/e modulo q, of what everybody may know.
func (c *Curve) inverse(e *words) words {
	var b [64]byte
	var x, q big.Int
	x.SetBytes(e.appendBig(b[:0], c.size))
	q.SetBytes(c.q.m.appendBig(b[:0], c.size))
	x.ModInverse(&x, &q).FillBytes(b[:c.size])
	return bigEndian(b[:c.size])
}
