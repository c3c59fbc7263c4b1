package gost3410

import (
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
)

// PublicKey is a point of a curve, of the order of the base point. It is made by [ParsePublicKey].
type PublicKey struct {
	curve *Curve
	point point
	xy    []byte
}

// ParsePublicKey reads x and y, each with the lowest octet first (RFC 9215 section 4.3). It refuses what is no point of the curve, and
// a point whose order is not that of the base point.
func ParsePublicKey(c *Curve, xy []byte) (*PublicKey, error) {
	if c == nil {
		return nil, errors.New("gost3410: a public key needs its curve; give one of Curves")
	}
	if len(xy) != 2*c.size {
		return nil, fmt.Errorf("gost3410: a public key on %s has %d octets and not %d; give x and y, the lowest octet first", c.name, 2*c.size, len(xy))
	}
	x, y := littleEndian(xy[:c.size]), littleEndian(xy[c.size:])
	if c.p.less(&x)&c.p.less(&y) == 0 {
		return nil, fmt.Errorf("gost3410: the coordinates of this public key are too large for %s; its octets are in another order, or it is on another curve", c.name)
	}
	k := &PublicKey{curve: c, xy: append([]byte(nil), xy...)}
	c.p.enter(&k.point.x, &x)
	c.p.enter(&k.point.y, &y)
	k.point.z = c.p.one
	if !c.on(&k.point) {
		return nil, fmt.Errorf("gost3410: this public key is no point of %s; its octets are in another order, or it is on another curve", c.name)
	}
	if c.fast != nil && !c.fast.ofOrder(&x, &y) {
		return nil, fmt.Errorf("gost3410: this public key is a point of %s of another order than the base point, which no signer makes; do not trust it", c.name)
	}
	return k, nil
}

// Bytes is the point as [ParsePublicKey] reads it.
func (k *PublicKey) Bytes() []byte { return append([]byte(nil), k.xy...) }

// Curve is the curve of the key.
func (k *PublicKey) Curve() *Curve { return k.curve }

// Equal reports whether other is the same key, a *PublicKey.
func (k *PublicKey) Equal(other crypto.PublicKey) bool {
	o, ok := other.(*PublicKey)
	return ok && o != nil && k.curve == o.curve && string(k.xy) == string(o.xy)
}

// PrivateKey is a private key with its public one. It is made by [NewPrivateKey] or [GenerateKey], and is a [crypto.Signer].
type PrivateKey struct {
	public *PublicKey
	d      words
	group  *group // nil: several are signed one by one
}

var _ crypto.Signer = (*PrivateKey)(nil)

// NewPrivateKey makes a key of its number, the lowest octet first, from 1 to q-1.
func NewPrivateKey(c *Curve, d []byte) (*PrivateKey, error) {
	if c == nil {
		return nil, errors.New("gost3410: a private key needs its curve; give one of Curves")
	}
	if len(d) != c.size {
		return nil, fmt.Errorf("gost3410: a private key on %s has %d octets and not %d", c.name, c.size, len(d))
	}
	k := &PrivateKey{d: littleEndian(d)}
	if c.q.less(&k.d)&^k.d.zero() == 0 {
		return nil, fmt.Errorf("gost3410: this is no private key on %s: it is 0, or not less than the order of the base point; see whether its octets are in another order", c.name)
	}
	x, y := c.multiplyBase(&k.d)
	xy := y.appendLittle(x.appendLittle(make([]byte, 0, 2*c.size), c.size), c.size)
	p := &PublicKey{curve: c, xy: xy}
	c.p.enter(&p.point.x, &x)
	c.p.enter(&p.point.y, &y)
	p.point.z = c.p.one
	k.public, k.group = p, newGroup(c)
	return k, nil
}

// GenerateKey makes a new key with randomness of the system.
func GenerateKey(c *Curve) (*PrivateKey, error) {
	if c == nil {
		return nil, errors.New("gost3410: a private key needs its curve; give one of Curves")
	}
	b := make([]byte, c.size)
	defer clear(b)
	for {
		_, _ = rand.Read(b) // it does not return if it fails
		if d := c.candidate(b); c.inRange(&d) {
			d.appendLittle(b[:0], c.size)
			return NewPrivateKey(c, b)
		}
	}
}

// candidate is a number with as many bits as q, of random octets.
func (c *Curve) candidate(b []byte) words {
	k := littleEndian(b[:c.size])
	top := &k[c.p.n-1]
	highest := c.q.m[c.p.n-1]
	*top &= mask(highest)
	return k
}

// inRange reports whether a number is from 1 to q-1. Numbers that are not are thrown away, so that it may be known of them.
func (c *Curve) inRange(k *words) bool { return c.q.less(k)&^k.zero() == 1 }

// Format makes package fmt, and what logs with it, say what the key is and not its number, whatever the verb.
func (k PrivateKey) Format(s fmt.State, _ rune) {
	if k.public == nil {
		_, _ = s.Write([]byte("no private key"))
		return
	}
	_, _ = s.Write([]byte("private key on " + k.public.curve.name))
}

// Bytes is the number of the key, the lowest octet first: a secret.
func (k *PrivateKey) Bytes() []byte { return k.d.appendLittle(nil, k.public.curve.size) }

// Public is the public key, a *PublicKey.
func (k *PrivateKey) Public() crypto.PublicKey { return k.public }

// PublicKey is the public key.
func (k *PrivateKey) PublicKey() *PublicKey { return k.public }

// Curve is the curve of the key.
func (k *PrivateKey) Curve() *Curve { return k.public.curve }

// Equal reports whether other is the same key, a *PrivateKey.
func (k *PrivateKey) Equal(other crypto.PrivateKey) bool {
	o, ok := other.(*PrivateKey)
	return ok && o != nil && k.public.curve == o.public.curve && subtle.ConstantTimeCompare(k.Bytes(), o.Bytes()) == 1
}

// multiplyBase returns the point of a private key or nonce.
func (c *Curve) multiplyBase(k *words) (x, y words) {
	if c.fast != nil {
		return c.fast.base(k)
	}
	var r point
	c.multiply(&r, &c.base, k)
	return c.affine(&r)
}
