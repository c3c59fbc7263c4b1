//go:build linux && amd64

package p256lanes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
	mathrand "math/rand/v2"
	"testing"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// TestMain is for scripts/steps.sh.
func TestMain(m *testing.M) { lanestest.Main(m, steps) }

// steps makes signatures with keys and nonces that are small, large, any, and one that is no nonce. All is in the same memory each time.
func steps(mark func()) {
	r := mathrand.New(mathrand.NewPCG(7, 8))
	numbers := lanestest.Operands(r, params.N, 400)
	less, one := new(big.Int).Sub(params.N, big.NewInt(1)), big.NewInt(1)
	w := lanes.NewGroups(lanes.Width, curve.One, curve.OneOrder)
	var signer lanes.Signer
	for i, d := range []*big.Int{big.NewInt(12345), one, less, numbers[300], numbers[301]} {
		if lanes.Available() {
			key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.Mod(d, params.N).FillBytes(make([]byte, 32)))
			if err != nil {
				panic(err)
			}
			s, err := NewSigner(key)
			if err != nil {
				panic(err)
			}
			signer = *s
		}
		for _, marked := range []bool{false, true} { // the first call makes the stack large enough
			for l := range lanes.Width {
				k := new(big.Int).Set([]*big.Int{one, one, less, numbers[100+8*i+l], numbers[l]}[i])
				if i == 3 && l == 5 {
					k.SetInt64(0)
				}
				lanes.Set(w.Group(0)[lanes.GroupNonce:], l, k.Mod(k, params.N).FillBytes(make([]byte, 32)))
				lanes.Set(w.Group(0)[lanes.GroupDigest:], l, numbers[200+l].FillBytes(make([]byte, 33))[1:])
			}
			if marked {
				mark()
			}
			call(w, &signer)
			if marked {
				mark()
			}
		}
	}
}

var sink bool

func call(w *lanes.Groups, s *lanes.Signer) {
	for l := range lanes.Width {
		sink = lanes.InOrder(w.Group(0)[lanes.GroupNonce:], l, &curve.Order)
	}
	if lanes.Available() {
		s.Compute(w)
	}
	if lanestest.Leaky() {
		leak(w)
	}
}

// leak has an address that depends on a secret.
func leak(w *lanes.Groups) {
	g := w.Group(0)
	sink = g[g[lanes.GroupNonce][0]%64][1] == 0
}
