//go:build linux

// The program gost times signatures and digests of this module and of the GOST engine of OpenSSL in turn, in processor time of one thread,
// and prints the medians and their ratio:
//
//	go run ./gost [-rounds 7] [-ms 150] [-only 'sign CryptoPro']
//
// It needs a C compiler, the headers of OpenSSL and its engine (Debian: libssl-dev, libengine-gost-openssl).
package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/gost/streebog"
)

// pair is one line: what the engine is asked, and the same here.
type pair struct {
	name   string
	engine []string
	here   func()
}

func main() {
	rounds := flag.Int("rounds", 7, "how often each is measured")
	ms := flag.Int("ms", 150, "processor time of a measurement")
	only := flag.String("only", ".", "regular expression of lines")
	flag.Parse()
	if err := run(*rounds, *ms, *only); err != nil {
		fmt.Fprintln(os.Stderr, "gost:", err)
		os.Exit(1)
	}
}

func run(rounds, ms int, only string) error {
	folder, err := os.MkdirTemp("", "gost")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := filepath.Join(folder, "engine")
	if out, err := exec.Command("cc", "-O2", "-o", program, "openssl/gostengine.c", "-lcrypto").CombinedOutput(); err != nil {
		return fmt.Errorf("openssl/gostengine.c cannot be compiled: %w: %s; run it in the folder bench", err, out)
	}
	pairs, err := pairs(program)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	pairs = slices.DeleteFunc(pairs, func(p pair) bool { return !wanted.MatchString(p.name) })
	runtime.LockOSThread()
	theirs, ours := make([][]float64, len(pairs)), make([][]float64, len(pairs))
	for range rounds {
		for i, p := range pairs {
			out, err := exec.Command(program, append(p.engine, strconv.Itoa(ms))...).Output()
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			if err != nil {
				return err
			}
			theirs[i] = append(theirs[i], ns)
			ours[i] = append(ours[i], measure(p.here, time.Duration(ms)*time.Millisecond))
		}
	}
	fmt.Printf("%-24s %12s %12s %7s\n", "µs of processor time", "engine", "here", "ratio")
	for i, p := range pairs {
		a, b := median(theirs[i]), median(ours[i])
		fmt.Printf("%-24s %12.2f %12.2f %6.2fx\n", p.name, a/1000, b/1000, a/b)
	}
	return nil
}

func pairs(program string) ([]pair, error) {
	var all []pair
	for _, s := range []struct{ oid, kind, set string }{
		{"1.2.643.2.2.35.1", "256", "A"}, {"1.2.643.2.2.35.2", "256", "B"}, {"1.2.643.2.2.35.3", "256", "C"}, {"1.2.643.7.1.2.1.1.1", "256", "TCA"},
		{"1.2.643.7.1.2.1.2.1", "512", "A"}, {"1.2.643.7.1.2.1.2.2", "512", "B"}, {"1.2.643.7.1.2.1.2.3", "512", "C"},
	} {
		curve, ok := gost3410.CurveByOID(s.oid)
		if !ok {
			return nil, errors.New("there is no curve " + s.oid)
		}
		public, digest, signature, err := sample(program, curve, s.kind, s.set)
		if err != nil {
			return nil, err
		}
		key, err := gost3410.GenerateKey(curve)
		if err != nil {
			return nil, err
		}
		all = append(all,
			pair{"sign " + curve.Name(), []string{"sign", s.kind, s.set}, func() { _, _ = key.Sign(nil, digest, nil) }},
			pair{"verify " + curve.Name(), []string{"verify", s.kind, s.set}, func() { public.Verify(digest, signature) }})
	}
	for _, n := range []int{300, 65536} {
		data := make([]byte, n)
		all = append(all, pair{fmt.Sprintf("Streebog-256, %d octets", n), []string{"hash", "256", strconv.Itoa(n)}, func() { streebog.Sum256(data) }})
	}
	return all, nil
}

// sample has the engine make a key and sign, and verifies that.
func sample(program string, curve *gost3410.Curve, kind, set string) (public *gost3410.PublicKey, digest, signature []byte, err error) {
	out, err := exec.Command(program, "sample", kind, set).Output()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the engine does not sign on %s: %w", curve.Name(), err)
	}
	var fields [][]byte
	for _, line := range bytes.Fields(out) {
		b, err := hex.DecodeString(string(line))
		if err != nil {
			return nil, nil, nil, err
		}
		fields = append(fields, b)
	}
	if len(fields) != 3 {
		return nil, nil, nil, errors.New("the engine printed something else")
	}
	public, err = gost3410.ParsePublicKey(curve, fields[0])
	if err != nil {
		return nil, nil, nil, err
	}
	if !public.Verify(fields[1], fields[2]) {
		return nil, nil, nil, fmt.Errorf("a signature of the engine on %s is not accepted", curve.Name())
	}
	return public, fields[1], fields[2], nil
}

// measure returns the nanoseconds of one call.
func measure(f func(), atLeast time.Duration) float64 {
	for range 3 {
		f()
	}
	start := cpu()
	for n := 1; ; n++ {
		f()
		if n%8 == 0 {
			if used := cpu() - start; used >= atLeast {
				return float64(used) / float64(n)
			}
		}
	}
}

// cpu is the processor time of this thread.
func cpu() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
