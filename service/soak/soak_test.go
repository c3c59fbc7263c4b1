//go:build cgo && unix

package soak

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	duration    = flag.Duration("duration", 12*time.Second, "how long the soak takes, without its beginning and its end")
	seed        = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the dice")
	raceProgram = flag.Bool("race-program", false, "build the program with the race detector")
)

// What may be more at the end than after warming up, and how much memory may have grown between the second and the last
// quarter: caches and pools are filled by chance.
const (
	moreGoroutines  = 8 // a member of a group that came late has some of its own
	moreDescriptors = 2
	growth          = 0.15
	growthMiB       = 16
)

// TestSoak is what this package is for.
func TestSoak(t *testing.T) {
	w := newWorld(t, *raceProgram)
	t.Logf("seed %d, %s", *seed, *duration)
	before := w.load(t, min(*duration/4, 10*time.Second), false, nil)
	s := &sampler{w: w, start: time.Now()}
	after := w.load(t, *duration, true, s)

	require.LessOrEqual(t, after.goroutines, before.goroutines+moreGoroutines, "goroutines are left over")
	require.LessOrEqual(t, after.fds, before.fds+moreDescriptors, "descriptors are left over")
	require.LessOrEqual(t, after.open, float64(3*sessionLimit), "there are more sessions than there may be")
	real := w.single.sessions() + w.group[0].sessions() + w.group[1].sessions()
	require.LessOrEqual(t, float64(real), after.open, "sessions of the tokens are not known to anybody")
	fmt.Printf("sessions in the tokens: %d, known to the service: %.0f; logins %d, %d, %d; calls refused %d, %d, %d\n", real, after.open,
		w.single.logins(), w.group[0].logins(), w.group[1].logins(), w.single.refused(), w.group[0].refused(), w.group[1].refused())
	fmt.Printf("\n%s\n%s\n", s.table(before, after), w.judge.tally())
	for name, of := range map[string]func(sample) float64{"RSS": rss, "heap": heap} {
		second, last := median(s.quarter(1), of), median(s.quarter(3), of)
		require.LessOrEqual(t, last, second*(1+growth)+growthMiB, "%s grows: %.0f MiB, then %.0f", name, second, last)
	}
	w.stop()
	w.compareAudit(t)
	require.Zero(t, w.single.sessions()+w.group[0].sessions()+w.group[1].sessions(), "sessions are left in the tokens after the end")
	require.Empty(t, w.judge.faults)
}

// load has clients work for a time, and returns what the process is like when they have gone and all is quiet.
func (w *world) load(t *testing.T, long time.Duration, storm bool, s *sampler) sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	events := ctx
	ctx, end := context.WithCancel(t.Context()) // clients go on until the last event has ended
	defer end()
	var all, storms sync.WaitGroup
	for i := range 8 {
		c := w.newCaller(*seed+uint64(i), i%2 == 0)
		all.Go(func() { c.run(ctx, c.batch, c.batch, c.stream) })
	}
	c := w.newCaller(*seed+50, true)
	all.Go(func() { c.run(ctx, c.look) })
	sampling, stop := context.WithCancel(t.Context())
	defer stop()
	if storm {
		breath := min(max(long/40, 200*time.Millisecond), 10*time.Second)
		for i := range 4 {
			r := w.newRude(*seed + 100 + uint64(i))
			all.Go(func() { r.run(ctx) })
		}
		storms.Go(func() { w.operate(events, rand.New(rand.NewPCG(*seed, 3)), breath) })
		storms.Go(func() { w.handle(events, rand.New(rand.NewPCG(*seed, 4)), breath) })
		all.Go(func() { s.run(sampling, min(max(long/200, 250*time.Millisecond), 5*time.Second)) })
	}
	<-events.Done()
	storms.Wait()
	stop()
	end()
	all.Wait()
	w.client.CloseIdleConnections()
	return w.quiet(t)
}

// quiet waits until nothing is under way, and for connections and keys of before to be given up.
func (w *world) quiet(t *testing.T) sample {
	t.Helper()
	var least sample
	steady := 0
	require.Eventually(t, func() bool {
		now, err := w.sample(time.Now())
		require.NoError(t, err)
		switch {
		case now.requests != 0 || now.contents != 0 || now.busy != 0:
			steady = 0
		case steady == 0 || now.goroutines < least.goroutines || now.fds < least.fds:
			least, steady = now, 1
		default:
			steady++ // it does not become less any more
		}
		return steady > 12
	}, 2*patience, 250*time.Millisecond, "requests, contents or calls of tokens are left over")
	return least
}

// compareAudit verifies the audit log by the program, and finds every signature that was handed out in it, exactly once.
func (w *world) compareAudit(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(w.path("audit.log*"))
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Ext(name) == ".lock" })
	out, err := exec.Command(w.signet, append([]string{"audit", "verify", "--key-file", w.path("audit.key")}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	fmt.Printf("%d files: %s", len(files), out)
	var entered []uint64
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			var record struct {
				Event string
				Items []struct{ Digest, Error string }
			}
			require.NoError(t, json.Unmarshal(lines.Bytes(), &record))
			for _, item := range record.Items {
				if record.Event == "sign" && item.Error == "" {
					digest, err := hex.DecodeString(item.Digest)
					require.NoError(t, err)
					require.Len(t, digest, 32)
					entered = append(entered, binary.BigEndian.Uint64(digest))
				}
			}
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
	}
	handed := w.judge.handed
	slices.Sort(entered)
	slices.Sort(handed)
	require.Len(t, slices.Compact(slices.Clone(entered)), len(entered), "something was signed twice")
	require.Len(t, slices.Compact(slices.Clone(handed)), len(handed), "something was handed out twice")
	missing, at := 0, 0
	for _, h := range handed {
		for at < len(entered) && entered[at] < h {
			at++
		}
		if at == len(entered) || entered[at] != h {
			missing++
		}
	}
	require.Zero(t, missing, "signatures were handed out that are not in the audit log")
	fmt.Printf("%d signatures in the audit log, of which %d were handed out whole to clients that waited for them\n", len(entered), len(handed))
}
