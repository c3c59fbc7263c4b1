package rsalanes

import "github.com/seed-116355fd/signet/internal/lanes"

//go:generate sh -c "GOWORK=off go run -C ../gen . rsa > new.s && mv new.s kernels_amd64.s"

// The kernels take numbers of as many digits of 52 bits as their name says, the lowest first, and k of one: -1/m modulo 2^52. t
// is memory for twice the digits, that of a selection a table of 16 numbers. Arrays begin at multiples of 64 octets; r may be a
// or b. R is 2^(52 digits), and m at most R / 2^16. Factors of up to 4m, and any a b < R m, give results below 2m.
//
// What is above 52 bits in a digit of a result is rubbish, which the kernels do not see and all else must mask. One takes at
// most some 8 µs, for nothing interrupts it.

//go:noescape
func mul20(r, a, b, m, k, t *lanes.Vector)

//go:noescape
func square20(r, a, m, k, t *lanes.Vector)

//go:noescape
func product20(t, a, b *lanes.Vector)

//go:noescape
func select20(r, i, t *lanes.Vector)

//go:noescape
func mul30(r, a, b, m, k, t *lanes.Vector)

//go:noescape
func square30(r, a, m, k, t *lanes.Vector)

//go:noescape
func product30(t, a, b *lanes.Vector)

//go:noescape
func select30(r, i, t *lanes.Vector)

//go:noescape
func mul40(r, a, b, m, k, t *lanes.Vector)

//go:noescape
func square40(r, a, m, k, t *lanes.Vector)

//go:noescape
func product40(t, a, b *lanes.Vector)

//go:noescape
func select40(r, i, t *lanes.Vector)

//go:noescape
func mul60(r, a, b, m, k, t *lanes.Vector)

//go:noescape
func square60(r, a, m, k, t *lanes.Vector)

//go:noescape
func mul80(r, a, b, m, k, t *lanes.Vector)

//go:noescape
func square80(r, a, m, k, t *lanes.Vector)
