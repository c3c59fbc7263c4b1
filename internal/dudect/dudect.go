// Package dudect measures whether the time of something differs between a fixed secret and random ones, after Reparaz, Balasch and
// Verbauwhede, "Dude, is my code constant time?" (2017). Only programs and tests use it.
package dudect

import (
	"math"
	mathrand "math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// Limit of |t|: dudect holds 4.5 for a sign of a difference, and 10 for a certain one.
const Limit = 10

type sample struct {
	ns     float64
	random bool
}

// Measure calls f so many times, after prepare has been told whether the secret is to be a random one, and returns the largest |t| of Welch's
// test. The garbage collector is off meanwhile.
func Measure(count int, prepare func(random bool), f func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 200 {
		prepare(false)
		f()
	}
	all := make([]sample, count)
	for i := range all {
		all[i].random = mathrand.N(2) == 1
		prepare(all[i].random)
		start := time.Now()
		f()
		all[i].ns = float64(time.Since(start))
	}
	return welch(all)
}

// welch is the largest |t| over the samples below some percentiles: interruptions make the upper ones useless.
func welch(all []sample) float64 {
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
