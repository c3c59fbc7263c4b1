package sign_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

var (
	errThrottled = errors.New("kms: throttled")
	errDenied    = errors.New("kms: access denied")
)

// kms is a key of a service: each call takes 80 ms, and more than 20 that begin within a second are refused.
type kms struct {
	crypto.Signer
	fails func(call int64) error

	calls   atomic.Int64
	inside  atomic.Int64
	highest atomic.Int64
	refused atomic.Int64
	mu      sync.Mutex
	begun   []time.Time
}

func (k *kms) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	call := k.calls.Add(1)
	now := k.inside.Add(1)
	defer k.inside.Add(-1)
	for old := k.highest.Load(); now > old && !k.highest.CompareAndSwap(old, now); old = k.highest.Load() {
	}
	if k.full() {
		k.refused.Add(1)
		return nil, errThrottled
	}
	select {
	case <-time.After(80 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k.fails != nil {
		if err := k.fails(call); err != nil {
			return nil, err
		}
	}
	return k.Sign(nil, digest, opts)
}

func (k *kms) full() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.begun) > 0 && time.Since(k.begun[0]) >= time.Second {
		k.begun = k.begun[1:]
	}
	if len(k.begun) >= 20 {
		return true
	}
	k.begun = append(k.begun, time.Now())
	return false
}

func isThrottled(err error) bool { return errors.Is(err, errThrottled) }

func contents(n int) (all []sign.Content) {
	for i := range n {
		all = append(all, sign.Bytes(fmt.Sprint(i), fmt.Appendf(nil, "content %d", i)))
	}
	return all
}

// signAll signs contents with a key in a batch and says how long it took.
func signAll(t *testing.T, id testpki.Identity, key sign.Key, n int) ([]batch.Result, time.Duration, error) {
	t.Helper()
	signer, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	began := time.Now()
	results, err := batch.Sign(t.Context(), signer, &cades.Options{Clock: testpki.Now}, contents(n), nil)
	return results, time.Since(began), err
}

// TestQuota signs 100 of 100 in the time that 20 a second allow.
func TestQuota(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	for name, q := range map[string]sign.Quota{
		"even":               {Rate: 20, Temporary: isThrottled},
		"few at once":        {Rate: 20, Concurrency: 2, Temporary: isThrottled},
		"a burst":            {Rate: 20, Burst: 5, Temporary: isThrottled},
		"no rate, but tries": {Concurrency: 2, Tries: 50, Temporary: isThrottled, MaxWait: 400 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &kms{Signer: id.Key}
				results, took, err := signAll(t, id, sign.Limited(service, q), 100)
				require.NoError(t, err)
				for _, r := range results {
					require.NoError(t, r.Err)
				}
				if q.Rate != 0 { // without, how long is the fortune of the draw
					require.LessOrEqual(t, took, 5500*time.Millisecond, "100 at 20 a second are 5 s")
				}
				if q.Rate != 0 && q.Burst == 0 {
					require.EqualValues(t, 100, service.calls.Load(), "nothing was refused")
				}
				if q.Concurrency != 0 {
					require.LessOrEqual(t, service.highest.Load(), int64(q.Concurrency))
				}
			})
		})
	}
}

// TestQuotaTries tries again what is temporary, and nothing else.
func TestQuotaTries(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	for name, c := range map[string]struct {
		q         sign.Quota
		fails     func(int64) error
		calls     int64
		err       error
		temporary bool
		within    [2]time.Duration // of the waits
	}{
		"denied":         {fails: func(int64) error { return errDenied }, calls: 1, err: errDenied},
		"plain":          {q: sign.Quota{}, fails: func(int64) error { return errThrottled }, calls: 1, err: errThrottled},
		"for ever":       {q: sign.Quota{Temporary: isThrottled}, fails: func(int64) error { return errThrottled }, calls: 5, err: errThrottled, temporary: true, within: [2]time.Duration{1500 * time.Millisecond, 3 * time.Second}},
		"once is enough": {q: sign.Quota{Temporary: isThrottled, Tries: 1}, fails: func(int64) error { return errThrottled }, calls: 1, err: errThrottled, temporary: true},
		"longest wait":   {q: sign.Quota{Temporary: isThrottled, MaxWait: 200 * time.Millisecond}, fails: func(int64) error { return errThrottled }, calls: 5, err: errThrottled, temporary: true, within: [2]time.Duration{400 * time.Millisecond, 800 * time.Millisecond}},
		"a moment": {fails: func(call int64) error {
			return firstFails(call, &sign.Error{Op: "kms", Err: errThrottled, Temporary: true})
		}, calls: 3, within: [2]time.Duration{300 * time.Millisecond, 600 * time.Millisecond}},
		"then says no": {q: sign.Quota{Temporary: isThrottled}, fails: func(call int64) error { return errors.Join(firstFails(call, errThrottled), lastFails(call, errDenied)) }, calls: 3, err: errDenied, within: [2]time.Duration{300 * time.Millisecond, 600 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &kms{Signer: id.Key, fails: c.fails}
				key := sign.Limited(service, c.q)
				began := time.Now()
				signature, err := key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
				waited := time.Since(began) - time.Duration(c.calls)*80*time.Millisecond
				require.Equal(t, c.calls, service.calls.Load())
				require.GreaterOrEqual(t, waited, c.within[0])
				require.LessOrEqual(t, waited, c.within[1])
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.err != nil, signature == nil)
				require.Equal(t, c.temporary, sign.IsTemporary(err))
			})
		})
	}
}

func firstFails(call int64, err error) error {
	if call <= 2 {
		return err
	}
	return nil
}

func lastFails(call int64, err error) error {
	if call > 2 {
		return err
	}
	return nil
}

// TestQuotaContext gives up with the context, whatever a call waits for, and gives its place back.
func TestQuotaContext(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	digest := make([]byte, 32)
	synctest.Test(t, func(t *testing.T) {
		service := &kms{Signer: id.Key}
		key := sign.Limited(service, sign.Quota{Rate: 0.1, Concurrency: 2, Temporary: isThrottled})
		_, err := key.SignContext(t.Context(), digest, crypto.SHA256)
		require.NoError(t, err)
		var wait sync.WaitGroup
		for range 5 { // two wait for their turn, three for a place
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := key.SignContext(ctx, digest, crypto.SHA256)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		wait.Wait()
		require.EqualValues(t, 1, service.calls.Load())
		_, err = key.SignContext(t.Context(), digest, crypto.SHA256)
		require.NoError(t, err)

		// A call does not wait beyond its deadline, and says what kept it.
		service.fails = func(int64) error { return errThrottled }
		key = sign.Limited(service, sign.Quota{Temporary: isThrottled, Wait: time.Minute, MaxWait: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		_, err = key.SignContext(ctx, digest, crypto.SHA256)
		require.ErrorIs(t, err, errThrottled)
		require.Equal(t, 80*time.Millisecond, time.Since(began))

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = key.SignContext(ctx, digest, crypto.SHA256)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errThrottled)
	})
}

// TestDeniedStopsABatch asks a foreign key that says no once, and not once for each content.
func TestDeniedStopsABatch(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		service := &kms{Signer: id.Key, fails: func(int64) error {
			return &sign.Error{Op: "kms", Class: sign.ErrUnavailable, Err: errDenied}
		}}
		results, _, err := signAll(t, id, sign.Limited(service, sign.Quota{Rate: 20}), 50)
		require.ErrorIs(t, err, errDenied)
		require.Len(t, results, 50)
		require.EqualValues(t, 1, service.calls.Load())
	})
}

// fullKey is a key with every optional interface.
type fullKey struct {
	kms
	trusted bool
	groups  [][][]byte
}

func (k *fullKey) Trusted() bool { return k.trusted }
func (k *fullKey) Limit() int    { return 3 }
func (k *fullKey) Queues() bool  { return false }
func (k *fullKey) Schemes() []sign.Scheme {
	return []sign.Scheme{testpki.Must(sign.ECDSA(crypto.SHA384))}
}
func (k *fullKey) ExplainSchemes() string       { return "SHA-384 only" }
func (k *fullKey) BulkSize() int                { return 4 }
func (k *fullKey) BulkWait() time.Duration      { return time.Second }
func (k *fullKey) SubjectPublicKeyInfo() []byte { return []byte("spki") }

func (k *fullKey) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignMessageContext(context.Background(), message, opts)
}

func (k *fullKey) SignMessageContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	h := opts.HashFunc().New()
	h.Write(message)
	return k.SignContext(ctx, h.Sum(nil), opts)
}

func (k *fullKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	k.groups = append(k.groups, digests)
	all := make([]sign.Outcome, len(digests))
	for i, d := range digests {
		all[i].Signature, all[i].Err = k.SignContext(ctx, d, opts)
	}
	return all
}

// TestQuotaKeepsInterfaces has the methods of the key that it limits, and no others.
func TestQuotaKeepsInterfaces(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	full := &fullKey{kms: kms{Signer: id.Key}, trusted: true}
	key := sign.Limited(full, sign.Quota{})
	require.Implements(t, (*sign.MessageKey)(nil), key)
	require.Implements(t, (*sign.BulkKey)(nil), key)
	require.True(t, key.(sign.TrustedKey).Trusted())
	require.Equal(t, 3, key.(sign.Limiter).Limit(), "that of the key")
	require.True(t, key.(sign.Queuer).Queues())
	_, ok := key.(sign.Schemer)
	require.False(t, ok)
	schemer, ok := sign.As[sign.Schemer](key)
	require.True(t, ok)
	require.Equal(t, "ecdsa-sha384", schemer.Schemes()[0].Name)

	key = sign.Limited(&kms{Signer: id.Key}, sign.Quota{})
	_, takesMessages := key.(sign.MessageKey)
	_, takesGroups := key.(sign.BulkKey)
	require.False(t, takesMessages || takesGroups)
	require.False(t, key.(sign.TrustedKey).Trusted(), "its signatures are checked")
	require.Nil(t, sign.Limited(nil, sign.Quota{}))
}

// TestQuotaOfGroups asks again for what failed for a moment, and for that alone.
func TestQuotaOfGroups(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		full := &fullKey{kms: kms{Signer: id.Key}}
		full.fails = func(call int64) error {
			switch call {
			case 2, 3:
				return errThrottled
			case 4:
				return errDenied
			}
			return nil
		}
		key := sign.Limited(full, sign.Quota{Temporary: isThrottled}).(sign.BulkKey)
		digests := [][]byte{make([]byte, 32), {31: 1}, {31: 2}, {31: 3}}
		outcomes := key.SignBulk(t.Context(), digests, crypto.SHA256)
		require.Len(t, outcomes, 4)
		require.NoError(t, outcomes[0].Err)
		require.NoError(t, outcomes[1].Err)
		require.NoError(t, outcomes[2].Err)
		require.ErrorIs(t, outcomes[3].Err, errDenied)
		require.Equal(t, [][][]byte{digests, digests[1:3]}, full.groups)

		full.groups, full.fails = nil, func(int64) error { return errThrottled }
		outcomes = key.SignBulk(t.Context(), digests[:1], crypto.SHA256)
		require.ErrorIs(t, outcomes[0].Err, errThrottled)
		require.True(t, sign.IsTemporary(outcomes[0].Err))
		require.Len(t, full.groups, sign.DefaultTries)
	})
}

// TestIsTemporary believes the outermost that says something.
func TestIsTemporary(t *testing.T) {
	yes, no := &sign.Error{Op: "y", Temporary: true}, &sign.Error{Op: "n"}
	for _, err := range []error{yes, fmt.Errorf("a: %w", yes), errors.Join(errDenied, yes), &sign.Error{Temporary: true, Err: no}, context.DeadlineExceeded} {
		require.True(t, sign.IsTemporary(err), "%v", err)
	}
	for _, err := range []error{nil, errDenied, no, &sign.Error{Err: yes}, fmt.Errorf("a: %w", no), context.Canceled} {
		require.False(t, sign.IsTemporary(err), "%v", err)
	}
}
