//go:build amd64

package p256lanes

import (
	"math/big"
	"testing"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
	"github.com/seed-116355fd/signet/internal/lanes/plain"
)

// TestBounds: no sum overflows, whatever the numbers are.
func TestBounds(t *testing.T) {
	top := new(big.Int).Rsh(params.P, 192) // coordinates are less than p
	c := &lanestest.Bounds{
		Curve: curve,
		Signer: func(c *lanes.Curve) (*lanes.Signer, error) {
			_, key := testSigner(t)
			return newSigner(c, key)
		},
		Coordinate: func(word int) *big.Int {
			if word%4 == 3 {
				return top
			}
			return lanestest.Ones(64)
		},
	}
	// The opposite of y, which is less than p, is not negative: nor is its top digit.
	first := func(b *plain.Bounds) { b.Assume("first", 0, 9, new(big.Int), top) }
	c.Sign = func(b *plain.Bounds) {
		first(b)
		lanestest.AssumeInversion(b, "invertRound", lanestest.InversionP)
		lanestest.AssumeInversion(b, "invertRound", lanestest.InversionN)
	}
	c.Verify = func(b *plain.Bounds) {
		first(b)
		lanestest.AssumeInversion(b, "invertRoundS", lanestest.InversionN)
	}
	c.Check(t)
}
