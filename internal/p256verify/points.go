package p256verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Points computes those of a public key on P-256 for package p256lanes, in Montgomery form with R = 2^260, less than p; nil when it is none.
func Points(public *ecdsa.PublicKey) *lanes.Points {
	v := New(public, nil)
	if v.public.Curve != elliptic.P256() {
		return nil
	}
	b, err := v.public.Bytes()
	if err != nil {
		return nil
	}
	return pointsOf(affine{fromOctets((*[32]byte)(b[1:33])), fromOctets((*[32]byte)(b[33:65]))})
}

// BasePoints computes those of the base point.
func BasePoints() *lanes.Points { return pointsOf(generator()) }

func pointsOf(a affine) *lanes.Points {
	even := newTable(&a)
	// The windows between are those of 256 A.
	var p extended
	p.set(&a)
	for range 8 {
		p.double()
	}
	inverse := invert(&p.zzz)
	var b affine
	b.x.mul(&p.zz, &inverse) // 1/zz = (zz/zzz)^2
	b.x.sqr(&b.x)
	b.x.mul(&b.x, &p.x)
	b.y.mul(&p.y, &inverse)
	odd := newTable(&b)
	if even == nil || odd == nil {
		return nil
	}
	sixteen := element{16}
	sixteen.mul(&sixteen, &square)
	l := new(lanes.Points)
	for i := range l {
		t := even
		if i%2 == 1 {
			t = odd
		}
		for j := range l[i] {
			from, to := &t[i/2][j], &l[i][j]
			x, y := from.x, from.y
			x.mul(&x, &sixteen)
			y.mul(&y, &sixteen)
			copy(to[:4], x[:])
			copy(to[4:], y[:])
		}
	}
	return l
}
