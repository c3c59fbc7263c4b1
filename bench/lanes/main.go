//go:build linux

// The program lanes times signatures and verifications that are made several at once, those of the standard library and of peers in turn, in
// processor time of one thread, and prints medians, ranges and ratios:
//
//	go run ./lanes [-rounds 6] [-ms 200] [-only p256] [-peer 'PROGRAM ARGUMENTS' …]
//
// On a processor without AVX-512 IFMA the lines of lanes are left out. A peer is a program that prints lines "NAME RATE", with the names of
// lines here before a colon, such as "p256 sign: crypto_mb"; the folder peers has two. It is run once a round.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/p256lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// line is one thing that is measured: what f does, n times at once.
type line struct {
	name  string
	n     int
	f     func()
	rates []float64 // a second
}

type peers []string

func (p *peers) String() string     { return strings.Join(*p, ", ") }
func (p *peers) Set(s string) error { *p = append(*p, s); return nil }

func main() {
	rounds := flag.Int("rounds", 6, "how often each is measured")
	ms := flag.Int("ms", 200, "processor time of a measurement")
	only := flag.String("only", ".", "regular expression of lines")
	var programs peers
	flag.Var(&programs, "peer", "a program that measures others")
	flag.Parse()
	if err := run(*rounds, *ms, *only, programs); err != nil {
		fmt.Fprintln(os.Stderr, "lanes:", err)
		os.Exit(1)
	}
}

func run(rounds, ms int, only string, programs []string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := lines()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(l *line) bool { return !wanted.MatchString(l.name) })
	runtime.LockOSThread()
	for range rounds {
		for _, l := range all {
			if l.f != nil {
				l.rates = append(l.rates, float64(l.n)*1e9/measure(l.f, time.Duration(ms)*time.Millisecond))
			}
		}
		for _, p := range programs {
			if all, err = peer(all, p, wanted); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *line) int { return strings.Compare(group(a.name), group(b.name)) })
	floor := map[string]float64{}
	fmt.Printf("%-34s %12s %25s %8s\n", "a second", "median", "range", "of Go")
	for _, l := range all {
		slices.Sort(l.rates)
		m := l.rates[len(l.rates)/2]
		if _, ok := floor[group(l.name)]; !ok {
			floor[group(l.name)] = m
		}
		fmt.Printf("%-34s %12.0f %12.0f-%-12.0f %7.2fx\n", l.name, m, l.rates[0], l.rates[len(l.rates)-1], m/floor[group(l.name)])
	}
	return nil
}

// group is what lines with the same one are compared with: the first of them.
func group(name string) string { before, _, _ := strings.Cut(name, ":"); return before }

// peer runs a program and adds what it prints.
func peer(all []*line, command string, wanted *regexp.Regexp) ([]*line, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return all, nil
	}
	out, err := exec.Command(words[0], words[1:]...).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		i := strings.LastIndexByte(s.Text(), ' ')
		if i < 0 {
			continue
		}
		rate, err := strconv.ParseFloat(s.Text()[i+1:], 64)
		name := strings.TrimSpace(s.Text()[:i])
		if err != nil || !wanted.MatchString(name) {
			continue
		}
		at := slices.IndexFunc(all, func(l *line) bool { return l.name == name })
		if at < 0 {
			at = len(all)
			all = append(all, &line{name: name})
		}
		all[at].rates = append(all[at].rates, rate)
	}
	return all, nil
}

func lines() (all []*line, err error) {
	digests := make([][]byte, 64)
	for i := range digests {
		d := sha256.Sum256([]byte{byte(i)})
		digests[i] = d[:]
	}
	add := func(name string, n int, f func()) { all = append(all, &line{name: name, n: n, f: f}) }
	// bulk measures groups of a key, whose tables are made before.
	bulk := func(name string, key sign.Key, opts crypto.SignerOpts, sizes ...int) {
		k, ok := key.(sign.BulkKey)
		if !ok || k.BulkSize() < 2 {
			return
		}
		for range 8 {
			k.SignBulk(context.Background(), digests[:min(64, k.BulkSize())], opts)
		}
		for _, n := range sizes {
			add(fmt.Sprintf("%s: here, %d at once", name, n), n, func() { k.SignBulk(context.Background(), digests[:n], opts) })
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	add("p256 sign: crypto/ecdsa", 1, func() { _, _ = key.Sign(rand.Reader, digests[0], crypto.SHA256) })
	soft256, err := soft.NewKey(key, 0)
	if err != nil {
		return nil, err
	}
	bulk("p256 sign", soft256, crypto.SHA256, 8, 64)
	signature, err := key.Sign(rand.Reader, digests[0], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	add("p256 verify: crypto/ecdsa", 1, func() { ecdsa.VerifyASN1(&key.PublicKey, digests[0], signature) })
	one := p256verify.New(&key.PublicKey, nil)
	for range 16 {
		one.Verify(digests[0], signature)
	}
	add("p256 verify: here, one", 1, func() { one.Verify(digests[0], signature) })
	if lanes.Available() {
		if err := unchecked(add, key, digests); err != nil {
			return nil, err
		}
	}
	for _, bits := range []int{2048, 3072, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("rsa%d sign", bits)
		add(name+": crypto/rsa", 1, func() { _, _ = key.Sign(rand.Reader, digests[0], crypto.SHA256) })
		softRSA, err := soft.NewKey(key, 0)
		if err != nil {
			return nil, err
		}
		bulk(name, softRSA, crypto.SHA256, 4, 8)
	}
	cryptoPro, err := gost.GenerateNamed("1.2.643.2.2.35.1")
	if err != nil {
		return nil, err
	}
	add("CryptoPro-A sign: here, one", 1, func() { _, _ = cryptoPro.Sign(nil, digests[0], gost.Streebog256) })
	bulk("CryptoPro-A sign", cryptoPro, gost.Streebog256, 8, 64)
	return all, nil
}

// unchecked has the lines of package p256lanes alone.
func unchecked(add func(string, int, func()), key *ecdsa.PrivateKey, digests [][]byte) error {
	s, err := p256lanes.NewSigner(key)
	if err != nil {
		return err
	}
	v, err := p256lanes.NewVerifier(&key.PublicKey)
	if err != nil {
		return err
	}
	signatures := make([][64]byte, len(digests))
	if s.Sign(signatures, digests) != 0 {
		return fmt.Errorf("a signature is missing")
	}
	for _, n := range []int{8, 64} {
		add(fmt.Sprintf("p256 verify: here, %d at once", n), n, func() { v.Verify(digests[:n], signatures[:n]) })
	}
	return nil
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
