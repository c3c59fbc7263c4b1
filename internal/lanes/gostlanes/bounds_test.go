//go:build amd64

package gostlanes

import (
	"math/big"
	"testing"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
	"github.com/seed-116355fd/signet/internal/lanes/plain"
)

// TestBounds: no sum overflows, whatever the numbers are.
func TestBounds(t *testing.T) {
	lowest := new(big.Int).SetUint64(field[0]) // what opposites looks at
	c := &lanestest.Bounds{
		Curve: curve,
		Signer: func(c *lanes.Curve) (*lanes.Signer, error) {
			d := big.NewInt(12345)
			v, err := newVerifier(c, base(), pointsOf(multiply(d, &point{baseX, baseY})))
			return lanes.NewSigner(d.FillBytes(make([]byte, 32)), v), err
		},
		Coordinate: func(word int) *big.Int {
			if word == 4 {
				return lowest
			}
			return lanestest.Ones(64)
		},
	}
	// What the first point is taken from p for is less than p, so that nothing is negative: nor are the top digits.
	first := func(b *plain.Bounds) {
		b.Assume("first", 0, 4, new(big.Int), lanestest.Ones(48))
		b.Assume("first", 0, 9, new(big.Int), lanestest.Ones(48))
	}
	c.Sign = func(b *plain.Bounds) {
		first(b)
		lanestest.AssumeInversion(b, "invertRound", lanestest.InversionP)
	}
	c.Verify = func(b *plain.Bounds) {
		first(b)
		lanestest.AssumeInversion(b, "invertRoundE", lanestest.InversionN)
	}
	c.Check(t)
}
