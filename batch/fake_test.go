package batch_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// fakeKey signs by repeating the message behind a prefix, takes a while, and counts.
type fakeKey struct {
	crypto.Signer
	limit int
	takes func() time.Duration
	fails func(call int64, digest []byte) error

	calls   atomic.Int64
	inside  atomic.Int64
	highest atomic.Int64
}

func (k *fakeKey) Trusted() bool { return true }
func (k *fakeKey) Limit() int    { return k.limit }

func (k *fakeKey) SignContext(ctx context.Context, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	call := k.calls.Add(1)
	now := k.inside.Add(1)
	defer k.inside.Add(-1)
	for old := k.highest.Load(); now > old && !k.highest.CompareAndSwap(old, now); old = k.highest.Load() {
	}
	if k.takes != nil {
		if err := wait(ctx, k.takes()); err != nil {
			return nil, err
		}
	}
	if k.fails != nil {
		if err := k.fails(call, digest); err != nil {
			return nil, err
		}
	}
	return append([]byte("signed "), digest...), nil
}

// queueKey has a queue.
type queueKey struct{ fakeKey }

func (k *queueKey) Queues() bool { return true }

// bulkKey signs groups.
type bulkKey struct {
	*fakeKey
	size int

	mu     sync.Mutex
	groups []int
}

func (k *bulkKey) BulkSize() int { return k.size }

// computingKey is a bulkKey that computes in this process.
type computingKey struct{ *bulkKey }

func (*computingKey) Computes() bool { return true }

// groupsOf makes a key that signs groups of so many; of less than 0, one that computes.
func groupsOf(fake *fakeKey, size int) sign.Key {
	if size < 0 {
		return &computingKey{&bulkKey{fakeKey: fake, size: -size}}
	}
	return &bulkKey{fakeKey: fake, size: size}
}

// groupsIn is what a key of groupsOf has counted, or nil.
func groupsIn(key sign.Key) *bulkKey {
	switch k := key.(type) {
	case *bulkKey:
		return k
	case *computingKey:
		return k.bulkKey
	}
	return nil
}

func (k *bulkKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	k.mu.Lock()
	k.groups = append(k.groups, len(digests))
	k.mu.Unlock()
	k.inside.Add(1)
	defer k.inside.Add(-1)
	outcomes := make([]sign.Outcome, len(digests))
	var waited error
	if k.takes != nil {
		waited = wait(ctx, k.takes())
	}
	for i, d := range digests {
		outcomes[i].Err = waited
		if waited == nil && k.fails != nil {
			outcomes[i].Err = k.fails(k.calls.Add(1), d)
		}
		if outcomes[i].Err == nil {
			outcomes[i].Signature = append([]byte("signed "), d...)
		}
	}
	return outcomes
}

// wait waits on the clock of the test.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signerOf makes a signer whose scheme signs the whole message, so that results can be read.
func signerOf(t testing.TB, pki *testpki.PKI, key func(crypto.Signer) sign.Key) *sign.Signer {
	t.Helper()
	id := pki.Leaf(testpki.Ed25519)
	s, err := sign.New(key(id.Key), id.Chain, sign.Ed25519())
	require.NoError(t, err)
	return s
}

// fakeFormat makes containers of the content and its signature.
type fakeFormat struct {
	takes    func() time.Duration
	prepared atomic.Int64
	finished atomic.Int64
	failPrep func(name string) error
	failFin  func(name string) error
}

type fakeDraft struct {
	f    *fakeFormat
	name string
	tbs  []byte
}

func (f *fakeFormat) Prepare(ctx context.Context, _ *sign.Signer, c sign.Content) (sign.Draft, error) {
	f.prepared.Add(1)
	if f.takes != nil {
		if err := wait(ctx, f.takes()); err != nil {
			return nil, err
		}
	}
	if f.failPrep != nil {
		if err := f.failPrep(c.Name); err != nil {
			return nil, err
		}
	}
	r, err := c.Source().Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	tbs, err := io.ReadAll(r)
	return &fakeDraft{f, c.Name, tbs}, err
}

func (d *fakeDraft) ToBeSigned() []byte { return d.tbs }

func (d *fakeDraft) Finish(_ context.Context, signature []byte) ([]byte, error) {
	d.f.finished.Add(1)
	if d.f.failFin != nil {
		if err := d.f.failFin(d.name); err != nil {
			return nil, err
		}
	}
	return append([]byte(d.name+": "), signature...), nil
}

func named(n int) (contents []batch.Content) {
	for i := range n {
		contents = append(contents, sign.Bytes(fmt.Sprint(i), fmt.Appendf(nil, "content %d", i)))
	}
	return contents
}

// requireSigned checks that a result is the one of its content.
func requireSigned(t testing.TB, i int, r batch.Result) {
	t.Helper()
	require.NoError(t, r.Err)
	require.Equal(t, i, r.Index)
	require.Equal(t, fmt.Sprint(i), r.Name)
	require.Equal(t, fmt.Sprintf("%d: signed content %d", i, i), string(r.Signature))
}

func anyTime() time.Duration { return time.Duration(rand.IntN(100)) * time.Millisecond }

var errContent = errors.New("this content is bad")

// memory is an Output.
type memory struct {
	bytes.Buffer
	fail               error
	committed, aborted bool
}

func (m *memory) Write(p []byte) (int, error) {
	if m.fail != nil {
		return 0, m.fail
	}
	return m.Buffer.Write(p)
}
func (m *memory) Commit() error { m.committed = true; return nil }
func (m *memory) Abort()        { m.aborted = true }
