//go:build linux && amd64

package p256lanes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"testing"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// TestMain is for scripts/steps.sh.
func TestMain(m *testing.M) {
	lanestest.Main(m, func(mark func()) {
		var v *lanes.Verifier
		if lanes.Available() {
			g, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), 1))
			if err != nil {
				panic(err)
			}
			if v, err = NewVerifier(&g.PublicKey); err != nil {
				panic(err)
			}
		}
		lanestest.CurveSteps(mark, &curve, params.N, v)
	})
}
