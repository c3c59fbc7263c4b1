package lanestest

import (
	"crypto/rand"
	"math/big"
	"os"
	"strconv"
	"testing"

	"github.com/seed-116355fd/signet/internal/dudect"
	"github.com/seed-116355fd/signet/internal/lanes"
)

// Times is the name of an environment variable with the number of measurements; scripts/dudect.sh sets it.
const Times = "SIGNET_DUDECT"

// Measurements is that number. The test is skipped without it, and where times would not be those of a processor with lanes.
func Measurements(t *testing.T) int {
	t.Helper()
	s := os.Getenv(Times)
	if s == "" {
		t.Skip("SKIPPED: times are measured by scripts/dudect.sh only")
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, and no number of measurements", Times, s)
	}
	if !Processor() {
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA, so that there are no times to measure")
	}
	return n
}

// Same fails where the times of f differ between a fixed secret and random ones.
func Same(t *testing.T, n int, name string, prepare func(random bool), f func()) {
	t.Helper()
	value := dudect.Measure(n, prepare, f)
	t.Logf("%-32s |t| %8.2f", name, value)
	if value > dudect.Limit {
		t.Errorf("the time of %s depends on a secret", name)
	}
}

// CurveTimes measures eight signatures: with the same nonce or key, 1 and the largest one, and with random ones.
func CurveTimes(t *testing.T, curve *lanes.Curve, order *big.Int, v *lanes.Verifier) {
	t.Helper()
	n := Measurements(t)
	w := lanes.NewGroups(lanes.Width, curve.One, curve.OneOrder)
	random := func() []byte {
		x, err := rand.Int(rand.Reader, order)
		if err != nil {
			t.Fatal(err)
		}
		return x.FillBytes(make([]byte, 32))
	}
	nonces := func(fixed []byte) {
		for l := range lanes.Width {
			k := random()
			if fixed != nil {
				k = fixed
			}
			lanes.Set(w.Group(0)[lanes.GroupNonce:], l, k)
			lanes.Set(w.Group(0)[lanes.GroupDigest:], l, random())
		}
	}
	var signer lanes.Signer
	for name, fixed := range map[string]*big.Int{"1": big.NewInt(1), "the largest": new(big.Int).Sub(order, big.NewInt(1))} {
		same := fixed.FillBytes(make([]byte, 32))
		signer = *lanes.NewSigner(random(), v)
		Same(t, n, "nonces, "+name, func(any bool) {
			if any {
				nonces(nil)
			} else {
				nonces(same)
			}
		}, func() { signer.Compute(w) })
		Same(t, n, "keys, "+name, func(any bool) {
			d := random()
			if !any {
				d = same
			}
			signer = *lanes.NewSigner(d, v)
			nonces(nil)
		}, func() { signer.Compute(w) })
	}
}
