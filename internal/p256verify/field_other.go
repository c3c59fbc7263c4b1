//go:build !amd64 || purego

package p256verify

// mul sets z = x y / 2^256 mod p.
func (z *element) mul(x, y *element) { z.mulGo(x, y) }

// sqr sets z = x x / 2^256 mod p.
func (z *element) sqr(x *element) { z.sqrGo(x) }
