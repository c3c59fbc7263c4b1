//go:build ctgrind

// The program dudect measures whether the time of a step of signing differs between a fixed secret and random ones, after Reparaz, Balasch
// and Verbauwhede, "Dude, is my code constant time?" (2017). scripts/dudect.sh builds and runs it.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/gost/gost3410"
)

// limit of |t|: dudect holds 4.5 for a sign of a difference, and 10 for a certain one.
const limit = 10

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

type sample struct {
	ns     float64
	random bool
}

// t is the largest |t| of Welch's test over the samples below some percentiles: interruptions make the upper ones useless.
func t(all []sample) float64 {
	sorted := make([]float64, len(all))
	for i, s := range all {
		sorted[i] = s.ns
	}
	slices.Sort(sorted)
	worst := 0.0
	for _, percentile := range []int{50, 75, 90, 95} {
		most := sorted[len(sorted)*percentile/100]
		var n, mean, square [2]float64
		for _, s := range all {
			if s.ns > most {
				continue
			}
			class := 0
			if s.random {
				class = 1
			}
			n[class]++
			delta := s.ns - mean[class]
			mean[class] += delta / n[class]
			square[class] += delta * (s.ns - mean[class])
		}
		v := square[0]/(n[0]-1)/n[0] + square[1]/(n[1]-1)/n[1]
		if v > 0 {
			worst = max(worst, math.Abs(mean[0]-mean[1])/math.Sqrt(v))
		}
	}
	return worst
}

func main() {
	count := flag.Int("n", 20000, "measurements of a step")
	flag.Parse()
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	failed := false
	measure := func(name string, wanted bool, words int, fixed [8]uint64, f func(k [8]uint64)) {
		all := make([]sample, *count)
		secrets := make([][8]uint64, *count)
		for i := range all {
			all[i].random = mathrand.N(2) == 1
			secrets[i] = fixed
			if other := number(words); all[i].random {
				secrets[i] = other
			}
		}
		for range 200 {
			f(fixed)
		}
		for i := range all {
			start := time.Now()
			f(secrets[i])
			all[i].ns = float64(time.Since(start))
		}
		value := t(all)
		fmt.Printf("%-44s |t| %8.2f\n", name, value)
		if (value > limit) != wanted {
			failed = true
		}
		runtime.GC()
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
	fmt.Printf("no difference: |t| is at most %d\n", limit)
}
