package hsm_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThalesGroup/crypto11"
	miekg "github.com/miekg/pkcs11"

	"github.com/seed-116355fd/signet/bench/hsm"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

var (
	measure  = flag.Bool("measure", false, "run TestInterleaved, which takes six minutes")
	slice    = flag.Duration("slice", 200*time.Millisecond, "how long each implementation runs at a turn")
	turns    = flag.Int("turns", 5, "turns in a repeat")
	repeats  = flag.Int("repeats", 3, "repeats; medians are printed")
	delay    = flag.Duration("delay", time.Millisecond, "of each call of the module that stands for a network HSM")
	sessions = flag.String("sessions", "1,2,4,8", "numbers of sessions and callers")
)

const (
	pin   = "1234"
	label = "bench"
)

// algorithm is a kind of key on the token.
type algorithm struct {
	name, tool string
	mechanism  uint
	size       int
}

var algorithms = []algorithm{{"rsa-2048", "rsa:2048", miekg.CKM_RSA_PKCS, 256}, {"ecdsa-p256", "EC:prime256v1", miekg.CKM_ECDSA, 64}}

// digestInfo is what CKM_RSA_PKCS takes for SHA-256 (RFC 8017 section 9.2).
const digestInfo = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"

func (a algorithm) data(digest []byte) []byte {
	if a.mechanism == miekg.CKM_RSA_PKCS {
		return append([]byte(digestInfo), digest...)
	}
	return digest
}

// makeToken makes a token with a key of each algorithm, and returns the module.
func makeToken(t *testing.T) string {
	t.Helper()
	module := "/usr/lib/softhsm/libsofthsm2.so"
	for _, p := range []string{module, "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(p); err == nil {
			module = p
			break
		}
	}
	for _, need := range []string{"softhsm2-util", "pkcs11-tool", "gcc"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Skipf("SKIPPED: %s is not here (apt-get install softhsm2 opensc gcc)", need)
		}
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	check(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	check(t, os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	run(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", pin)
	for i, a := range algorithms {
		run(t, "pkcs11-tool", "--module", module, "--token-label", label, "--login", "--pin", pin,
			"--keypairgen", "--key-type", a.tool, "--id", fmt.Sprintf("%02x", i+1), "--label", a.name)
	}
	return module
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// front says what stands before the module: nothing, or a module that is as an HSM in a network.
type front struct {
	name      string
	wait      time.Duration // of each call
	elsewhere bool          // the arithmetic takes no time on this machine
}

// instances gives each implementation a module of its own, by copying the file: with a shared one, crypto11 cannot be
// opened beside anybody else.
func instances(t *testing.T, module string, before front) func() string {
	n := 0
	dir := t.TempDir()
	copyOf := func(file, name string) string {
		data, err := os.ReadFile(file)
		check(t, err)
		path := filepath.Join(dir, fmt.Sprintf("%s%d.so", name, n))
		check(t, os.WriteFile(path, data, 0o700))
		return path
	}
	built := filepath.Join(dir, "front.so")
	if before.wait > 0 {
		run(t, "gcc", "-O2", "-shared", "-fPIC", "-o", built, "testdata/network.c", "-ldl", "-lpthread")
	}
	return func() string {
		n++
		path := copyOf(module, "module")
		if before.wait == 0 {
			return path
		}
		elsewhere := 0
		if before.elsewhere {
			elsewhere = 1
		}
		own := copyOf(built, "front")
		check(t, os.WriteFile(own+".ctl", fmt.Appendf(nil, "%s\n%d\n%d\n", path, before.wait.Microseconds(), elsewhere), 0o600))
		return own
	}
}

// implementation makes for n callers a function each that signs once.
type implementation struct {
	name string
	make func(t *testing.T, a algorithm, n int) []func() error
}

func implementations(t *testing.T, next func() string) []implementation {
	digest := sha256.Sum256([]byte("message"))
	ours := func(skip bool, ctx context.Context) func(*testing.T, algorithm, int) []func() error {
		path := next()
		return func(t *testing.T, a algorithm, n int) []func() error {
			p, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: path, TokenLabel: label, PIN: pkcs11.PIN(sign.NewSecret([]byte(pin))), Sessions: n, SkipCheck: skip})
			check(t, err)
			t.Cleanup(func() { check(t, p.Close()) })
			key, err := p.Key(t.Context(), sign.Ref{Label: a.name})
			check(t, err)
			return slices.Repeat([]func() error{func() error {
				_, err := key.SignContext(ctx, digest[:], crypto.SHA256)
				return err
			}}, n)
		}
	}
	miekgPath, cryptoPath := next(), next()
	return []implementation{
		{"raw one call", bareLoops(t, next(), digest[:])},
		{"raw, again", bareLoops(t, next(), digest[:])},
		{"signet", ours(true, context.Background())},
		{"signet, ctx", ours(true, t.Context())},
		{"signet, check", ours(false, context.Background())},
		{"miekg", func(t *testing.T, a algorithm, n int) []func() error {
			return miekgSigners(t, miekgPath, a, n, digest[:])
		}},
		{"crypto11", crypto11Signers(cryptoPath, 0, digest[:])},
		{"crypto11, n+1", crypto11Signers(cryptoPath, 1, digest[:])},
	}
}

// bareLoops call the module without any library, in one transition into C for a signature.
func bareLoops(t *testing.T, path string, digest []byte) func(*testing.T, algorithm, int) []func() error {
	raw, err := hsm.OpenRaw(path, label, pin)
	check(t, err)
	return func(t *testing.T, a algorithm, n int) []func() error {
		fs := make([]func() error, n)
		for i := range fs {
			f, closeIt, err := raw.Signer(a.name, a.mechanism, a.data(digest), a.size)
			check(t, err)
			t.Cleanup(closeIt)
			fs[i] = f
		}
		return fs
	}
}

func miekgSigners(t *testing.T, path string, a algorithm, n int, digest []byte) []func() error {
	ctx := miekg.New(path)
	check(t, ctx.Initialize())
	t.Cleanup(func() { _ = ctx.Finalize() })
	slots, err := ctx.GetSlotList(true)
	check(t, err)
	fs := make([]func() error, 0, n)
	for _, slot := range slots {
		if token, err := ctx.GetTokenInfo(slot); err != nil || strings.TrimSpace(token.Label) != label {
			continue
		}
		for i := range n {
			session, err := ctx.OpenSession(slot, miekg.CKF_SERIAL_SESSION)
			check(t, err)
			if i == 0 {
				check(t, ctx.Login(session, miekg.CKU_USER, pin))
			}
			check(t, ctx.FindObjectsInit(session, []*miekg.Attribute{miekg.NewAttribute(miekg.CKA_CLASS, miekg.CKO_PRIVATE_KEY), miekg.NewAttribute(miekg.CKA_LABEL, a.name)}))
			found, _, err := ctx.FindObjects(session, 1)
			check(t, err)
			check(t, ctx.FindObjectsFinal(session))
			mechanism := []*miekg.Mechanism{miekg.NewMechanism(a.mechanism, nil)}
			data := a.data(digest)
			fs = append(fs, func() error {
				if err := ctx.SignInit(session, mechanism, found[0]); err != nil {
					return err
				}
				_, err := ctx.Sign(session, data)
				return err
			})
		}
	}
	return fs
}

// crypto11Signers is crypto11 with its own number of sessions, or with as many as callers: it keeps one to itself.
func crypto11Signers(path string, more int, digest []byte) func(*testing.T, algorithm, int) []func() error {
	return func(t *testing.T, a algorithm, n int) []func() error {
		config := &crypto11.Config{Path: path, TokenLabel: label, Pin: pin}
		if more > 0 {
			config.MaxSessions = n + more
		}
		ctx, err := crypto11.Configure(config)
		check(t, err)
		t.Cleanup(func() { check(t, ctx.Close()) })
		key, err := ctx.FindKeyPair(nil, []byte(a.name))
		check(t, err)
		return slices.Repeat([]func() error{func() error {
			_, err := key.Sign(nil, digest, crypto.SHA256)
			return err
		}}, n)
	}
}

// rate runs all callers for a slice and returns signatures a second.
func rate(t *testing.T, fs []func() error) float64 {
	t.Helper()
	var wait sync.WaitGroup
	counts := make([]int, len(fs))
	start := time.Now()
	for i, f := range fs {
		wait.Go(func() {
			for time.Since(start) < *slice {
				if err := f(); err != nil {
					t.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	wait.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(start).Seconds()
}

// TestInterleaved measures all implementations in slices that take turns, so that what else the machine does falls on all
// alike, and prints rates and their ratios to the bare calls, as medians of the repeats:
//
//	go test -v -run Interleaved -timeout 1h ./hsm -measure
func TestInterleaved(t *testing.T) {
	if !*measure {
		t.Skip("SKIPPED: set -measure")
	}
	module := makeToken(t)
	for _, m := range []front{{"SoftHSM2", 0, false}, {"network", *delay, true}, {"SoftHSM2 slow", *delay, false}} {
		all := implementations(t, instances(t, module, m))
		for _, a := range algorithms {
			for _, text := range strings.Split(*sessions, ",") {
				var n int
				if _, err := fmt.Sscan(text, &n); err != nil || n < 1 {
					t.Fatalf("-sessions %q", *sessions)
				}
				t.Run(fmt.Sprintf("%s/%s/%d", m.name, a.name, n), func(t *testing.T) { compare(t, all, a, n) })
			}
		}
	}
}

func compare(t *testing.T, all []implementation, a algorithm, n int) {
	signers := make([][]func() error, len(all))
	for i, impl := range all {
		signers[i] = impl.make(t, a, n)
	}
	rates, ratios := make([][]float64, len(all)), make([][]float64, len(all))
	for range *repeats {
		sums := make([]float64, len(all))
		for range *turns {
			for _, i := range rand.Perm(len(all)) { // who comes after whom makes a difference
				sums[i] += rate(t, signers[i])
			}
		}
		bare := (sums[0] + sums[1]) / 2 // there are two of them, which shows what a difference is worth
		for i, sum := range sums {
			rates[i] = append(rates[i], sum/float64(*turns))
			ratios[i] = append(ratios[i], sum/bare)
		}
	}
	for i, impl := range all {
		slices.Sort(rates[i])
		slices.Sort(ratios[i])
		mid := *repeats / 2
		t.Logf("%-14s %8.0f/s  %.3f of raw [%.3f..%.3f]", impl.name, rates[i][mid], ratios[i][mid], ratios[i][0], ratios[i][*repeats-1])
	}
}
