//go:build !purego

package p256verify

import "golang.org/x/sys/cpu"

// adx reports whether the processor has MULX, ADCX and ADOX, as nearly all have.
var adx = cpu.X86.HasADX && cpu.X86.HasBMI2

//go:noescape
func mulADX(z, x, y *element)

//go:noescape
func sqrADX(z, x *element)

// mul sets z = x y / 2^256 mod p.
func (z *element) mul(x, y *element) {
	if adx {
		mulADX(z, x, y)
		return
	}
	z.mulGo(x, y)
}

// sqr sets z = x x / 2^256 mod p.
func (z *element) sqr(x *element) {
	if adx {
		sqrADX(z, x)
		return
	}
	z.sqrGo(x)
}
