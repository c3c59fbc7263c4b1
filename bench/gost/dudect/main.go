//go:build ctgrind

// The program dudect measures whether the time of a step of signing differs between a fixed secret and random ones; see package
// dudect. scripts/dudect.sh builds and runs it.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/big"
	"os"

	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/internal/dudect"
)

var sink [8]uint64

// number is less than the order of every curve of so many words.
func number(n int) (k [8]uint64) {
	var b [64]byte
	_, _ = rand.Read(b[:8*n])
	for i := range n {
		k[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	k[n-1] >>= 3
	return k
}

func main() {
	count := flag.Int("n", 20000, "measurements of a step")
	flag.Parse()
	failed := false
	measure := func(name string, wanted bool, words int, fixed [8]uint64, f func(k [8]uint64)) {
		var secret [8]uint64
		value := dudect.Measure(*count, func(random bool) {
			secret = fixed
			if other := number(words); random {
				secret = other
			}
		}, func() { f(secret) })
		fmt.Printf("%-44s |t| %8.2f\n", name, value)
		if (value > dudect.Limit) != wanted {
			failed = true
		}
	}
	measure("calibration: an inverse by math/big", true, 4, [8]uint64{1}, func(k [8]uint64) {
		var b []byte
		for i := 3; i >= 0; i-- {
			b = binary.BigEndian.AppendUint64(b, k[i])
		}
		p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(617))
		sink[0] += uint64(new(big.Int).ModInverse(new(big.Int).SetBytes(b), p).BitLen())
	})
	for _, c := range gost3410.Curves()[:7] { // the others are for examples
		s, n := gost3410.Secrets{Curve: c}, c.Size()/8
		measure(c.Name()+": k P, k = 1", false, n, [8]uint64{1}, func(k [8]uint64) { sink, _ = s.Base(k) })
		measure(c.Name()+": k P, k of ones", false, n, [8]uint64{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64 >> 3}, func(k [8]uint64) { sink, _ = s.Base(k) })
		d, r, e := number(n), number(n), number(n)
		measure(c.Name()+": r d + k e, by k", false, n, [8]uint64{1}, func(k [8]uint64) { sink = s.Response(d, k, r, e) })
		measure(c.Name()+": r d + k e, by d", false, n, [8]uint64{1}, func(k [8]uint64) { sink = s.Response(k, d, r, e) })
	}
	if failed {
		fmt.Println("FAILED")
		os.Exit(1)
	}
	fmt.Printf("no difference: |t| is at most %d\n", dudect.Limit)
}
