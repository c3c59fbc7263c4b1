package batch_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// exits ends the goroutine for content 5, as t.FailNow in a fake does.
func exits(name string) error {
	if name == "5" {
		runtime.Goexit()
	}
	return nil
}

// exitingObserver keeps what it is told of content 5, and ends the goroutine at one step of it.
type exitingObserver struct {
	at  batch.Step
	mu  sync.Mutex
	all []batch.Observation
}

func (e *exitingObserver) Observe(_ context.Context, o batch.Observation) {
	if o.Index != 5 {
		return
	}
	e.mu.Lock()
	e.all = append(e.all, o)
	e.mu.Unlock()
	if o.Step == e.at {
		runtime.Goexit()
	}
}

type exitingOutput struct {
	memory
	commit bool
}

func (e *exitingOutput) Write(b []byte) (int, error) {
	if !e.commit {
		runtime.Goexit()
	}
	return e.memory.Write(b)
}

func (e *exitingOutput) Commit() error {
	runtime.Goexit()
	return nil
}

// TestGoexit makes of the end of a goroutine the error of the content that met it; the others are signed. What hangs is found by
// synctest.
func TestGoexit(t *testing.T) {
	pki := testpki.New(t)
	none := batch.Step(-1)
	for where, c := range map[string]struct {
		key     bool
		format  sign.Format
		content bool
		output  func() (batch.Output, error)
		at      batch.Step // of the observer
		step    batch.Step // that has the error
		only    int        // 2 for groups only, 1 for single ones
	}{
		"key":                 {key: true, at: none, step: batch.StepKey},
		"prepare":             {format: &fakeFormat{failPrep: exits}, at: none, step: batch.StepPrepare},
		"finish":              {format: &fakeFormat{failFin: exits}, at: none, step: batch.StepFinish},
		"raise":               {format: &raisingFormat{fails: exits}, at: none, step: batch.StepRaise},
		"finish base":         {format: &raisingFormat{fakeFormat: fakeFormat{failFin: exits}}, at: none, step: batch.StepFinish},
		"content":             {content: true, at: none, step: batch.StepPrepare},
		"output":              {output: func() (batch.Output, error) { runtime.Goexit(); return nil, nil }, at: none, step: batch.StepFinish},
		"write":               {output: func() (batch.Output, error) { return &exitingOutput{}, nil }, at: none, step: batch.StepFinish},
		"commit":              {output: func() (batch.Output, error) { return &exitingOutput{commit: true}, nil }, at: none, step: batch.StepFinish},
		"observer of prepare": {at: batch.StepPrepare, step: none},
		"observer of key":     {at: batch.StepKey, step: none},
		"observer of finish":  {at: batch.StepFinish, step: none},
		"observer of raise":   {format: &raisingFormat{}, at: batch.StepRaise, step: none},
		"key and observer":    {key: true, at: batch.StepKey, step: batch.StepKey},
	} {
		for _, bulk := range []int{0, 1, 4, -4} { // less than 0: one that computes; 1 digest in a group of 1 is a key that signs one by one
			for _, workers := range []int{1, 3} {
				synctest.Test(t, func(t *testing.T) {
					fake := &fakeKey{limit: workers} // 1: what is not given back is missed
					if c.key {
						fake.fails = func(_ int64, digest []byte) error { return exits(string(digest[len(digest)-1:])) }
					}
					s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
						fake.Signer = k
						if bulk != 0 {
							return groupsOf(fake, bulk)
						}
						return fake
					})
					contents := named(10)
					if c.content {
						contents[5] = sign.Opener("5", func() (io.ReadCloser, error) { runtime.Goexit(); return nil, nil })
					}
					var format sign.Format = &fakeFormat{}
					if c.format != nil {
						format = c.format
					}
					told := &exitingObserver{at: c.at}
					o := batch.Options{Observer: told, Workers: workers}
					var out batch.Output
					if c.output != nil {
						o.Output = func(_ context.Context, index int, _ *batch.Content) (_ batch.Output, err error) {
							if index == 5 {
								out, err = c.output()
								return out, err
							}
							return &memory{}, nil
						}
					}
					results, err := batch.Sign(t.Context(), s, format, contents, &o)
					require.NoError(t, err)
					require.Len(t, results, 10)
					ended := 0
					for i, r := range results {
						if i != 5 && (r.Err == nil || bulk == 0 || bulk == 1 || c.step != batch.StepKey && c.at != batch.StepKey) { // a group has one error
							require.NoError(t, r.Err, "%s %d %d: %d", where, bulk, workers, i)
							continue
						}
						if r.Err == nil { // the observer is told of the first of a group only
							require.True(t, bulk != 0 && bulk != 1 && c.at == batch.StepKey, where)
							continue
						}
						ended++
						p, ok := errors.AsType[*batch.PanicError](r.Err)
						require.True(t, ok, "%s: %v", where, r.Err)
						require.ErrorIs(t, r.Err, sign.ErrGoexit)
						require.EqualError(t, p, "runtime.Goexit was called, as testing.T.FailNow does")
						require.Contains(t, string(p.Stack), "goexit_test.go", "where it was called")
						require.Nil(t, r.Signature)
					}
					if bulk == 0 || bulk == 1 {
						require.Equal(t, 1, ended, where)
						if c.step >= 0 { // the step that ended so is told of, once
							last := told.all[len(told.all)-1]
							require.Equal(t, c.step, last.Step, where)
							require.ErrorIs(t, last.Err, sign.ErrGoexit)
						}
						for i, x := range told.all {
							require.Equal(t, batch.Step(i), x.Step, where)
						}
					}
					if e, ok := out.(*exitingOutput); ok {
						require.Equal(t, !e.commit, e.aborted)
					}
				})
			}
		}
	}
}

// TestGoexitOfContents makes of contents that end their goroutine the last result, never a batch that looks whole.
func TestGoexitOfContents(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &fakeKey{Signer: k} })
		var all []batch.Result
		for r := range batch.Stream(t.Context(), s, &fakeFormat{}, func(yield func(batch.Content) bool) {
			yield(named(1)[0])
			runtime.Goexit()
		}, nil) {
			all = append(all, r)
		}
		require.Len(t, all, 2)
		requireSigned(t, 0, all[0])
		require.Equal(t, 1, all[1].Index)
		require.ErrorIs(t, all[1].Err, sign.ErrGoexit)
	})
}

// TestGoexitOfCaller ends the goroutine of the caller in what runs there; nothing of the batch is left behind.
func TestGoexitOfCaller(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) { // which fails when goroutines are left
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &fakeKey{Signer: k} })
		var wg sync.WaitGroup
		var went atomic.Bool
		wg.Go(func() {
			_, _ = batch.Sign(t.Context(), s, &fakeFormat{}, named(100), &batch.Options{Progress: func(p batch.Progress) {
				if p.Done == 3 {
					runtime.Goexit()
				}
			}})
			went.Store(true)
		})
		wg.Wait()
		require.False(t, went.Load())
	})
}

// TestGoexitKeepsLower keeps the container at the level below, as with any other failure of what raises it.
func TestGoexitKeepsLower(t *testing.T) {
	pki := testpki.New(t)
	for _, output := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &fakeKey{Signer: k} })
			o := &batch.Options{KeepLower: true, RaiseLimit: 1}
			if output {
				o.Output = func(context.Context, int, *batch.Content) (batch.Output, error) { return &memory{}, nil }
			}
			results, err := batch.Sign(t.Context(), s, &raisingFormat{fails: exits}, named(10), o)
			require.NoError(t, err)
			require.ErrorIs(t, results[5].Err, sign.ErrGoexit)
			require.Equal(t, output, results[5].Signature == nil)
			if !output {
				require.Equal(t, "5: signed content 5", string(results[5].Signature))
			}
		})
	}
}

// TestGoexitWhileHanding ends a worker while it finishes a content with another one in its hand, for which the key has no room yet.
func TestGoexitWhileHanding(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeKey{limit: 1, takes: func() time.Duration { return time.Second }}
		s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return &bulkKey{fakeKey: fake, size: 2} })
		f := &fakeFormat{failFin: func(name string) error {
			if strings.HasSuffix(name, "3") {
				runtime.Goexit()
			}
			return nil
		}}
		told := &exitingObserver{at: -1}
		results, err := batch.Sign(t.Context(), s, f, named(60), &batch.Options{Workers: 1, Observer: told})
		require.NoError(t, err)
		for i, r := range results {
			if i%10 == 3 {
				require.ErrorIs(t, r.Err, sign.ErrGoexit)
				continue
			}
			requireSigned(t, i, r)
		}
	})
}
