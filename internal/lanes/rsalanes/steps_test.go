//go:build linux && amd64

package rsalanes

import (
	"crypto/rsa"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// TestMain is for scripts/steps.sh.
func TestMain(m *testing.M) { lanestest.Main(m, steps) }

// differentKeys has large and small primes.
func differentKeys() []*rsa.PrivateKey {
	top := func(n int64) *big.Int { return new(big.Int).Sub(power2(1024), big.NewInt(n)) }
	bottom := new(big.Int).Add(power2(1023), big.NewInt(1155))
	text, err := os.ReadFile("testdata/rsa2048.pem")
	if err != nil {
		panic(err)
	}
	return []*rsa.PrivateKey{parsed(text), keyOf(top(105), top(179)), keyOf(bottom, top(105)), keyOf(top(105), bottom)}
}

// steps makes signatures by several keys between marks, all in the same memory; with SIGNET_STEPS=short by two octets of their exponents.
// Without lanes only what is in Go is run.
func steps(mark func()) {
	r := mathrand.New(mathrand.NewPCG(9, 10))
	w := newWork()
	var own *Key
	for _, key := range differentKeys() {
		if lanes.Available() {
			k, err := NewKey(key)
			if err != nil {
				panic(err)
			}
			if lanestest.Short() {
				k.exponents = [2][]byte{k.exponents[0][:2], k.exponents[1][:2]}
			}
			if own == nil {
				own = k
			}
			become(own, k)
		}
		for _, marked := range []bool{false, true} { // the first call makes the stack large enough
			for l := range lanes.Width {
				setLane(w.message[:40], l, power2(2000+l).FillBytes(make([]byte, 256)))
				for i := range w.x {
					w.x[i][l], w.root[0][i][l] = r.Uint64(), r.Uint64()>>12
				}
			}
			if marked {
				mark()
			}
			carried(w.x)
			canonical(w.x, w.root[0], w.room)
			if own != nil {
				own.rootsOfHalf(w)
				own.recombine(w)
			}
			if lanestest.Leaky() {
				runtime.KeepAlive(lanestest.Leak(w.x, 0))
			}
			if marked {
				mark()
			}
		}
	}
}

// become copies the numbers of a key to where another one has its.
func become(to, from *Key) {
	for _, m := range [][2]*modulus{{to.primes[0], from.primes[0]}, {to.primes[1], from.primes[1]}, {to.both, from.both}} {
		copy(m[0].constants, m[1].constants)
	}
	copy(to.twice, from.twice)
	copy(to.inverse, from.inverse)
	for i := range to.exponents {
		copy(to.exponents[i], from.exponents[i])
	}
}

// TestTimes: how long signing takes does not depend on keys. The fixed one has large primes.
func TestTimes(t *testing.T) {
	n := min(lanestest.Measurements(t), 5000) // a millisecond each
	var keys []*Key
	for _, key := range differentKeys() {
		k, err := NewKey(key)
		require.NoError(t, err)
		keys = append(keys, k)
	}
	own, err := NewKey(differentKeys()[0])
	require.NoError(t, err)
	r := mathrand.New(mathrand.NewPCG(11, 12))
	w := newWork()
	lanestest.Same(t, n, "keys of 2048 bits", func(any bool) {
		which, other := 1, r.IntN(len(keys))
		if any {
			which = other
		}
		become(own, keys[which])
		for l := range lanes.Width {
			setLane(w.message[:40], l, random(r, 2047).FillBytes(make([]byte, 256)))
		}
	}, func() {
		own.rootsOfHalf(w)
		own.recombine(w)
	})
}
