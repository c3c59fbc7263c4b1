package lanestest

import (
	"math/big"
	"testing"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/plain"
)

// Where vectors are; internal/lanes/gen has the same numbers.
const (
	groupSize  = 96
	groupProdZ = 36
	groupProdK = 41

	// InversionP and InversionN are where the inversions under way are among the vectors that groups share.
	InversionP = 15
	InversionN = 36
)

// Bounds says that no sum of a signature or a verification leaves its word, by [plain.Bounds] over all kernels as they follow each other in a
// call of two groups, so that what a kernel leaves is what the next one begins with, as often as it does. More groups have nothing
// new: the products that a group takes over from the one before it are not larger than those that the first one is given here.
type Bounds struct {
	Curve  lanes.Curve
	Signer func(c *lanes.Curve) (*lanes.Signer, error)
	// Coordinate is the largest word of this index among the eight of a point in a table.
	Coordinate func(word int) *big.Int
	// Sign and Verify say what is assumed of either.
	Sign, Verify func(b *plain.Bounds)

	products map[unsafe.Pointer]bool // that groups take over
}

// AssumeInversion says what intervals cannot know of the division steps of an inversion: f and g never grow (Bernstein and Yang, "Fast
// constant-time gcd computation and modular inversion", 2019, section 8), so that their top digits stay below 2^48, of either sign.
func AssumeInversion(b *plain.Bounds, kernel string, at int) {
	for _, vector := range []int{at + 4, at + 9} {
		b.Assume(kernel, 0, vector, new(big.Int).Not(Ones(48)), Ones(48))
	}
}

// Check runs both.
func (c *Bounds) Check(t *testing.T) {
	t.Helper()
	NotEmulated(t)
	var b *plain.Bounds
	curve := c.Curve
	plain.Replace(&curve, func(name string, args ...unsafe.Pointer) {
		if b == nil { // a key is made
			Program().Call(name, args...)
			return
		}
		c.inputs(b, args)
		b.Call(name, args...)
	})
	s, err := c.Signer(&curve)
	if err != nil {
		t.Fatal(err)
	}
	digests, signatures := RandomDigests(2*lanes.Width), make([][64]byte, 2*lanes.Width)
	s.Sign(signatures, digests)

	b = plain.NewBounds(Program())
	c.products = map[unsafe.Pointer]bool{}
	c.Sign(b)
	w := lanes.NewGroups(len(digests), c.Curve.One, c.Curve.OneOrder)
	for i := range digests {
		w.SetDigest(i, digests[i])
		lanes.Set(w.Group(i / lanes.Width)[lanes.GroupNonce:], i%lanes.Width, digests[i])
	}
	number(b, w.Shared(), 48) // the key
	s.Compute(w)
	c.report(t, b)
	w.Done()

	b = plain.NewBounds(Program())
	c.products = map[unsafe.Pointer]bool{}
	c.Verify(b)
	if good, _ := s.Verify(digests, signatures); good != All(len(digests)) {
		t.Fatalf("of good signatures only %x", good)
	}
	c.report(t, b)
}

// inputs says what kernels find that Go wrote.
func (c *Bounds) inputs(b *plain.Bounds, args []unsafe.Pointer) {
	switch len(args) {
	case 2: // the products of the group before the first one
		for _, v := range []int{groupProdZ, groupProdK} {
			if p := unsafe.Add(args[0], 64*(v-groupSize)); !b.Known(p) {
				number(b, p, productBits)
			}
			c.products[unsafe.Add(args[0], 64*v)] = true
		}
	case 4: // a window, of one word of all points after the other
		b.Any = c.table(args[2], 128, func(p uintptr, _ int) int { return int(p / 64 / 16) })
	case 5: // lines of words
		b.Any = c.table(args[2], 32*128, func(_ uintptr, lane int) int { return lane })
	}
}

func (c *Bounds) table(t unsafe.Pointer, size uintptr, word func(p uintptr, lane int) int) func(p unsafe.Pointer, lane int) (lo, hi *big.Int) {
	return func(p unsafe.Pointer, lane int) (lo, hi *big.Int) {
		if uintptr(p) < uintptr(t) || uintptr(p)-uintptr(t) >= 64*size {
			return new(big.Int), Ones(64)
		}
		return new(big.Int), c.Coordinate(word(uintptr(p)-uintptr(t), lane))
	}
}

// productBits are those of the top digit of the products that a call begins with: they may be about twice the modulus.
const productBits = 49

// number is one of five digits, of which the top one has so many bits.
func number(b *plain.Bounds, p unsafe.Pointer, top uint) {
	for i := range 4 {
		b.Set(unsafe.Add(p, 64*i), new(big.Int), Ones(52))
	}
	b.Set(unsafe.Add(p, 64*4), new(big.Int), Ones(top))
}

func (c *Bounds) report(t *testing.T, b *plain.Bounds) {
	t.Helper()
	for _, p := range b.Problems() {
		t.Error(p)
	}
	known := 0
	for p := range c.products {
		if !b.Known(p) { // kernels of signing and of verification do not make the same ones
			continue
		}
		known++
		if _, hi := b.Of(unsafe.Add(p, 64*4)); hi.BitLen() > productBits {
			t.Errorf("a product is up to %x in its top digit: more than what the first group was given", hi)
		}
	}
	if known < 2 {
		t.Errorf("there are %d products of groups", known)
	}
	for name, sum := range b.Largest() {
		t.Logf("%s: sums of up to %d bits", name, sum.BitLen())
	}
}

// Ones is 2^n - 1.
func Ones(n uint) *big.Int {
	x := new(big.Int).Lsh(big.NewInt(1), n)
	return x.Sub(x, big.NewInt(1))
}
