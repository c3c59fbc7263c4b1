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
					require.EqualError(t, p, "batch: panic: the driver is broken")
					require.Contains(t, string(p.Stack), "panic_test.go")
					require.Nil(t, r.Signature)
				}
			})
		})
	}
}
