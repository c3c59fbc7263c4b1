package batch_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

var errDriver = errors.New("the driver is broken")

type panickyOutput struct{}

func (panickyOutput) Write([]byte) (int, error) { panic(errDriver) }
func (panickyOutput) Commit() error             { return nil }
func (panickyOutput) Abort()                    {}

// TestPanic makes of a panic of others the error of the content that met it; the others are signed.
func TestPanic(t *testing.T) {
	pki := testpki.New(t)
	panics := func(name string) error {
		if name == "5" {
			panic(errDriver)
		}
		return nil
	}
	for where, c := range map[string]struct {
		key     func(digest []byte) error
		format  *fakeFormat
		content func() (io.ReadCloser, error)
		output  bool
		bulk    int
	}{
		"key":     {key: func(digest []byte) error { return panics(string(digest[len(digest)-1:])) }},
		"bulk":    {key: func(digest []byte) error { return panics(string(digest[len(digest)-1:])) }, bulk: 1},
		"prepare": {format: &fakeFormat{failPrep: panics}},
		"finish":  {format: &fakeFormat{failFin: panics}},
		"content": {content: func() (io.ReadCloser, error) { panic(errDriver) }},
		"output":  {output: true},
	} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeKey{limit: 3}
				if c.key != nil {
					fake.fails = func(_ int64, digest []byte) error { return c.key(digest) }
				}
				s := signerOf(t, pki, func(k crypto.Signer) sign.Key {
					fake.Signer = k
					if c.bulk > 0 {
						return &bulkKey{fakeKey: fake, size: 2}
					}
					return fake
				})
				contents := named(10)
				if c.content != nil {
					contents[5] = sign.Opener("5", c.content)
				}
				format := c.format
				if format == nil {
					format = &fakeFormat{}
				}
				var o batch.Options
				if c.output {
					o.Output = func(_ context.Context, index int, _ *batch.Content) (batch.Output, error) {
						if index == 5 {
							return panickyOutput{}, nil
						}
						return &memory{}, nil
					}
				}
				results, err := batch.Sign(t.Context(), s, format, contents, &o)
				require.NoError(t, err)
				require.Len(t, results, 10)
				for i, r := range results {
					if i != 5 {
						if where != "bulk" { // its group has the same error
							require.NoError(t, r.Err)
						}
						continue
					}
					p, ok := errors.AsType[*batch.PanicError](r.Err)
					require.True(t, ok, "%v", r.Err)
					require.ErrorIs(t, r.Err, errDriver)
					require.EqualError(t, p, "panic: the driver is broken")
					require.Contains(t, string(p.Stack), "panic_test.go")
					require.Nil(t, r.Signature)
				}
			})
		})
	}
}

// hooks panic at one index.
type hooks struct{ at batch.Step }

func (h hooks) Observe(_ context.Context, o batch.Observation) {
	if o.Step == h.at && o.Index == 5 {
		panic(errDriver)
	}
}

type panickyWrite struct{ memory }

func (*panickyWrite) Write([]byte) (int, error) { panic(errDriver) }

// nothing gives neither drafts nor errors.
type nothing struct{}

func (nothing) Prepare(context.Context, *sign.Signer, sign.Content) (sign.Draft, error) {
	return nil, nil
}

// TestHooksPanic makes the error of one content of what hooks do, and of what is not there.
func TestHooksPanic(t *testing.T) {
	pki := testpki.New(t)
	panicky := &panickyWrite{}
	for name, c := range map[string]struct {
		o      batch.Options
		format sign.Format
		bulk   bool
		says   string
	}{
		"observer of prepare": {o: batch.Options{Observer: hooks{batch.StepPrepare}}},
		"observer of key":     {o: batch.Options{Observer: hooks{batch.StepKey}}},
		"observer of finish":  {o: batch.Options{Observer: hooks{batch.StepFinish}}},
		"progress": {o: batch.Options{Progress: func(p batch.Progress) {
			if p.Done == 6 {
				panic(errDriver)
			}
		}}},
		"write": {o: batch.Options{Output: func(_ context.Context, index int, _ *batch.Content) (batch.Output, error) {
			if index == 5 {
				return panicky, nil
			}
			return &memory{}, nil
		}}},
		"no output": {says: "neither an Output nor an error", o: batch.Options{Output: func(_ context.Context, index int, _ *batch.Content) (batch.Output, error) {
			if index == 5 {
				return nil, nil
			}
			return &memory{}, nil
		}}},
		"no draft": {says: "neither a draft nor an error", format: nothing{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeKey{limit: 3}
				s := signerOf(t, pki, func(k crypto.Signer) sign.Key { fake.Signer = k; return fake })
				contents := named(10)
				contents[5].Format = c.format
				results, err := batch.Sign(t.Context(), s, &fakeFormat{}, contents, &c.o)
				require.NoError(t, err)
				require.Len(t, results, 10)
				for i, r := range results {
					switch {
					case i != 5:
						require.NoError(t, r.Err)
					case c.says != "":
						require.ErrorContains(t, r.Err, c.says)
						require.ErrorIs(t, r.Err, sign.ErrInput)
					default:
						require.ErrorIs(t, r.Err, errDriver)
						require.ErrorContains(t, r.Err, "panic: the driver is broken")
						require.Nil(t, r.Signature)
					}
				}
			})
		})
	}
	require.True(t, panicky.aborted, "what could not be written is taken away")
	require.False(t, panicky.committed)
}

// TestNoFormat tells of a signer, a format and contents that are nil.
func TestNoFormat(t *testing.T) {
	pki := testpki.New(t)
	s := signerOf(t, pki, func(k crypto.Signer) sign.Key { return &fakeKey{Signer: k} })
	results, err := batch.Sign(t.Context(), s, nil, named(3), nil)
	require.NoError(t, err)
	for _, r := range results {
		require.ErrorIs(t, r.Err, sign.ErrInput)
		require.ErrorContains(t, r.Err, "the format is nil")
	}
	results, err = batch.Sign(t.Context(), nil, &fakeFormat{}, named(3), nil)
	require.ErrorIs(t, err, sign.ErrInput)
	require.Len(t, results, 3)
	require.ErrorContains(t, results[2].Err, "the signer is nil")

	var all []batch.Result
	for r := range batch.Stream(t.Context(), s, &fakeFormat{}, nil, nil) {
		all = append(all, r)
	}
	require.Len(t, all, 1)
	require.Error(t, all[0].Err)

	all = nil
	for r := range batch.Stream(t.Context(), s, &fakeFormat{}, func(yield func(batch.Content) bool) {
		yield(named(1)[0])
		panic(errDriver)
	}, nil) {
		all = append(all, r)
	}
	require.Len(t, all, 2)
	requireSigned(t, 0, all[0])
	require.Equal(t, 1, all[1].Index)
	require.ErrorIs(t, all[1].Err, errDriver)
}
