package gost3410

// Verify reports whether s and r, each with the highest octet first, are a signature of a digest by the key (RFC 7091 section 6.2). It
// refuses digests and signatures of another length, and numbers that are 0 or not less than the order: a signature has one form.
func (k *PublicKey) Verify(digest, signature []byte) bool {
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
	c.q.enter(&v, &e)
	c.q.invert(&v, &v)
	c.q.mul(&z1, &v, &s)
	c.q.mul(&z2, &v, &r)
	c.q.sub(&z2, &words{}, &z2)
	var p1, p2 point
	c.multiply(&p1, &c.base, &z1)
	c.multiply(&p2, &k.point, &z2)
	c.add(&p1, &p1, &p2)
	if p1.z == (words{}) {
		return false
	}
	x, _ := c.affine(&p1)
	c.q.reduce(&x, &x)
	return x == r
}
