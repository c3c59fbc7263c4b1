// The program resources measures time and memory of work that is too large for a Go benchmark, and prints its findings in
// the format of benchmarks, so that benchstat reads them:
//
//	resources file    one large file, detached and attached, beside plain SHA-256 of the same file
//	resources stream  very many small contents through batch.Stream, with the heap after a part of them
//
// Each measurement of a file is a process of its own, since the peak of memory is that of a process.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/bench"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

func main() {
	count := flag.Int("count", 1, "how often each measurement is made")
	mib := flag.Int("mib", 1024, "size of the file in MiB")
	contents := flag.Int("contents", 1_000_000, "contents of the stream, of 1 KiB each")
	dir := flag.String("dir", "", "where files are made; the default is the system's folder for temporary files")
	algorithm := flag.String("alg", "ecdsa-p256", "kind of key")
	flag.Parse()
	a, err := bench.AlgorithmByName(*algorithm)
	if err == nil {
		switch flag.Arg(0) {
		case "file":
			err = file(a, *dir, *mib, *count)
		case "stream":
			for range *count {
				err = errors.Join(err, stream(a, *contents))
			}
		case "child":
			err = child(a, flag.Arg(1), flag.Arg(2), flag.Arg(3))
		default:
			err = errors.New("say file or stream")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "resources:", err)
		os.Exit(1)
	}
}

// modes are the ways to treat a file, in the order of the measurements.
var modes = []struct {
	name string
	run  func(ctx context.Context, s *sign.Signer, in, out string) error
}{
	{"sha256", func(_ context.Context, _ *sign.Signer, in, _ string) error {
		f, err := os.Open(in)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(sha256.New(), f)
		return err
	}},
	{"detached", func(ctx context.Context, s *sign.Signer, in, _ string) error {
		f, err := os.Open(in)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = cades.Sign(ctx, s, sign.Reader("", f), nil)
		return err
	}},
	{"attached", func(ctx context.Context, s *sign.Signer, in, out string) error {
		return attached(ctx, s, in, out, func(f *os.File) io.Reader { return f })
	}},
	{"attached-stream", func(ctx context.Context, s *sign.Signer, in, out string) error {
		return attached(ctx, s, in, out, func(f *os.File) io.Reader { return struct{ io.Reader }{f} })
	}},
	{"batch-detached", func(ctx context.Context, s *sign.Signer, in, _ string) error {
		return signBatch(ctx, s, in, &cades.Options{}, nil)
	}},
	{"batch-attached", func(ctx context.Context, s *sign.Signer, in, out string) error {
		return signBatch(ctx, s, in, &cades.Options{Attached: true}, &batch.Options{
			Output: func(context.Context, int, *batch.Content) (batch.Output, error) {
				f, err := os.Create(out)
				return output{f}, err
			},
		})
	}},
}

func attached(ctx context.Context, s *sign.Signer, in, out string, reader func(*os.File) io.Reader) error {
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	dst, err := os.Create(out)
	if err != nil {
		return err
	}
	err = cades.SignTo(ctx, dst, s, sign.Reader("", reader(f)), &cades.Options{Attached: true})
	return errors.Join(err, dst.Close())
}

func signBatch(ctx context.Context, s *sign.Signer, in string, o *cades.Options, b *batch.Options) error {
	results, err := batch.Sign(ctx, s, o, []batch.Content{sign.File(in)}, b)
	if err != nil {
		return err
	}
	return results[0].Err
}

// output is a file that a container goes to.
type output struct{ *os.File }

func (o output) Commit() error { return o.Close() }
func (o output) Abort()        { _ = o.Close() }

// file measures every mode in turn, count times, so that a machine that gets slower does so for all of them.
func file(a bench.Algorithm, dir string, mib, count int) error {
	dir, err := os.MkdirTemp(dir, "signet-resources-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "content"), filepath.Join(dir, "container")
	if err := makeFile(in, mib); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	took := map[string][]float64{}
	for range count {
		for _, m := range modes {
			text, err := exec.Command(self, "-alg", a.Name, "child", m.name, in, out).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w: %s", m.name, err, text)
			}
			_ = os.Remove(out)
			var ns float64
			var peak int64
			if _, err := fmt.Sscan(string(text), &ns, &peak); err != nil {
				return fmt.Errorf("%s: %w: %s", m.name, err, text)
			}
			took[m.name] = append(took[m.name], ns)
			fmt.Printf("BenchmarkFile/alg=%s/size=%dMiB/mode=%s\t1\t%.0f ns/op\t%.2f MB/s\t%d peak-B\n", a.Name, mib, m.name, ns, float64(mib)*(1<<20)*1e3/ns, peak)
		}
	}
	for _, m := range modes[1:] {
		fmt.Fprintf(os.Stderr, "%s: %.3f of the speed of plain SHA-256, medians of %d\n", m.name, median(took["sha256"])/median(took[m.name]), count)
	}
	return nil
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/2]
}

// child is one measurement: it prints nanoseconds and the peak of memory.
func child(a bench.Algorithm, mode, in, out string) error {
	id, err := a.Identity()
	if err != nil {
		return err
	}
	for _, m := range modes {
		if m.name != mode {
			continue
		}
		start := time.Now()
		if err := m.run(context.Background(), id.Signer, in, out); err != nil {
			return err
		}
		took := time.Since(start)
		peak, err := peakMemory()
		if err != nil {
			return err
		}
		fmt.Println(took.Nanoseconds(), peak)
		return nil
	}
	return fmt.Errorf("no mode is called %q", mode)
}

// makeFile writes octets that no file system compresses.
func makeFile(path string, mib int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, 1<<20)
	for range mib {
		_, _ = random.Read(buf) // never fails
		if _, err := f.Write(buf); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	// On the disk before the clock starts: writing back would take its time from the measurements.
	return errors.Join(f.Sync(), f.Close())
}

// stream signs many contents, and takes the live heap after a tenth, a half and all of them.
func stream(a bench.Algorithm, n int) error {
	id, err := a.Identity()
	if err != nil {
		return err
	}
	var (
		results int
		heap    []uint64
		marks   = []int{n / 10, n / 2, n}
		start   = time.Now()
	)
	for r := range batch.Stream(context.Background(), id.Signer, &cades.Options{}, smallContents(n), nil) {
		if r.Err != nil {
			return r.Err
		}
		results++
		for _, mark := range marks {
			if results == mark {
				heap = append(heap, liveHeap())
			}
		}
	}
	took := time.Since(start)
	if results != n || len(heap) != len(marks) {
		return fmt.Errorf("%d results of %d contents", results, n)
	}
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	fmt.Printf("BenchmarkStream/alg=%s/size=1KiB/contents=%d-%d\t1\t%d ns/op\t%.0f items/s\t%d heap10-B\t%d heap50-B\t%d heap100-B\t%d peak-B\n",
		a.Name, n, runtime.GOMAXPROCS(0), took.Nanoseconds(), float64(n)/took.Seconds(), heap[0], heap[1], heap[2], peak)
	return nil
}

// smallContents makes each content when it is asked for, and keeps none.
func smallContents(n int) iter.Seq[batch.Content] {
	return func(yield func(batch.Content) bool) {
		for i := range n {
			content := make([]byte, 1024)
			copy(content, strconv.Itoa(i))
			if !yield(sign.Bytes(strconv.Itoa(i), content)) {
				return
			}
		}
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// peakMemory is the largest resident memory of this process so far, 0 where the system does not tell.
func peakMemory() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, lines.Err()
}
