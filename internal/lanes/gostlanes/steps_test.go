//go:build linux && amd64

package gostlanes

import (
	"testing"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// TestMain is for scripts/steps.sh.
func TestMain(m *testing.M) {
	lanestest.Main(m, func(mark func()) {
		var v *lanes.Verifier
		if lanes.Available() {
			var err error
			if v, err = NewVerifier(base(), pointsOf(&point{baseX, baseY})); err != nil {
				panic(err)
			}
		}
		lanestest.CurveSteps(mark, &curve, q, v)
	})
}
