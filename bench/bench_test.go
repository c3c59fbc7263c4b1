package bench_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/bench"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

var items = flag.Int("items", 10_000, "contents of a batch; of 1 MiB a tenth of that")

// size is how large contents are.
type size struct {
	name  string
	bytes int
}

var sizes = []size{{"1KiB", 1 << 10}, {"1MiB", 1 << 20}}

func randomContent(b *testing.B, n int) []byte {
	b.Helper()
	content := make([]byte, n)
	if _, err := rand.Read(content); err != nil {
		b.Fatal(err)
	}
	return content
}

func identity(b *testing.B, a bench.Algorithm) *bench.Identity {
	b.Helper()
	id, err := a.Identity()
	if err != nil {
		b.Fatal(err)
	}
	return id
}

// BenchmarkSign makes detached containers one at a time.
func BenchmarkSign(b *testing.B) {
	for _, a := range bench.Algorithms() {
		b.Run("alg="+a.Name, func(b *testing.B) {
			for _, size := range sizes {
				b.Run("size="+size.name, func(b *testing.B) {
					content := randomContent(b, size.bytes)
					for _, impl := range implementations() {
						b.Run("impl="+impl.name, func(b *testing.B) {
							id := identity(b, a)
							once, err := impl.new(a, id)
							if errors.Is(err, errCannot) {
								b.Skip(impl.name + " has no " + a.Name)
							}
							if err != nil {
								b.Fatal(err)
							}
							b.SetBytes(int64(size.bytes))
							b.ReportAllocs()
							for b.Loop() {
								if err := once(content); err != nil {
									b.Fatal(err)
								}
							}
						})
					}
					for _, impl := range []string{"openssl-floor", "openssl"} {
						b.Run("impl="+impl, func(b *testing.B) { openSSLSign(b, a, content, impl) })
					}
				})
			}
		})
	}
}

// BenchmarkAttached makes containers with the content inside, from memory and as a stream.
func BenchmarkAttached(b *testing.B) {
	a, err := bench.AlgorithmByName("ecdsa-p256")
	if err != nil {
		b.Fatal(err)
	}
	o := &cades.Options{Attached: true}
	for _, size := range sizes {
		b.Run("alg="+a.Name+"/size="+size.name, func(b *testing.B) {
			content := randomContent(b, size.bytes)
			id := identity(b, a)
			for _, way := range []struct {
				name string
				once func() error
			}{
				{"floor", func() error { return a.Floor(id, content) }},
				{"sign", func() error {
					_, err := cades.Sign(b.Context(), id.Signer, sign.Bytes("", content), o)
					return err
				}},
				{"sign-to", func() error {
					return cades.SignTo(b.Context(), io.Discard, id.Signer, sign.Bytes("", content), o)
				}},
				{"sign-to-stream", func() error { // MultiReader hides Seek
					return cades.SignTo(b.Context(), io.Discard, id.Signer, sign.Reader("", io.MultiReader(bytes.NewReader(content))), o)
				}},
			} {
				b.Run("impl="+way.name, func(b *testing.B) {
					b.SetBytes(int64(size.bytes))
					b.ReportAllocs()
					for b.Loop() {
						if err := way.once(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// BenchmarkBatch signs many contents on all processors that -cpu gives it. The peers and the floor, which have no batch
// of their own, are called from as many goroutines.
func BenchmarkBatch(b *testing.B) {
	for _, a := range bench.Algorithms() {
		b.Run("alg="+a.Name, func(b *testing.B) {
			for _, size := range sizes {
				b.Run("size="+size.name, func(b *testing.B) {
					count := *items
					if size.bytes >= 1<<20 {
						count = max(count/10, 1)
					}
					content := randomContent(b, size.bytes)
					b.Run("impl=signet", func(b *testing.B) {
						id := identity(b, a)
						contents := make([]batch.Content, count)
						for i := range contents {
							contents[i] = sign.Bytes(fmt.Sprint(i), content)
						}
						measureBatch(b, count, size.bytes, func() error {
							results, err := batch.Sign(b.Context(), id.Signer, &cades.Options{}, contents, nil)
							for i := range results {
								err = errors.Join(err, results[i].Err)
							}
							return err
						})
					})
					for _, impl := range implementations() {
						if impl.name == "signet" {
							continue
						}
						b.Run("impl="+impl.name, func(b *testing.B) {
							once, err := impl.new(a, identity(b, a))
							if errors.Is(err, errCannot) {
								b.Skip(impl.name + " has no " + a.Name)
							}
							if err != nil {
								b.Fatal(err)
							}
							measureBatch(b, count, size.bytes, func() error {
								return parallel(b.Context(), count, func() error { return once(content) })
							})
						})
					}
				})
			}
		})
	}
}

func measureBatch(b *testing.B, count, bytes int, run func() error) {
	b.Helper()
	b.SetBytes(int64(count) * int64(bytes))
	n := 0
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
		n += count
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
}

// parallel calls a function count times from as many goroutines as there are processors.
func parallel(ctx context.Context, count int, once func() error) error {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed atomic.Pointer[error]
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for next.Add(1) <= int64(count) && ctx.Err() == nil {
				if err := once(); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}
