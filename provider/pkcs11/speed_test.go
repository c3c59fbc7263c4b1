//go:build cgo && unix

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// rawLoop is the floor: one session and one goroutine, one call of C for each signature, nothing else.
func rawLoop(t testing.TB, m *p11.Module, slot, object uint, rounds int) {
	s, err := m.OpenSession(slot, false)
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	digest := sha256.Sum256([]byte("message"))
	c := p11.SignCall{Mechanism: p11.MechECDSA, Object: object, Data: digest[:], Out: make([]byte, 64)}
	for range rounds {
		if _, err := s.Sign(&c); err != nil {
			t.Error(err)
			return
		}
	}
}

// TestSpeed measures in slices that take turns, so that what else the machine does falls on both alike. It only logs:
// figures belong to a machine that is quiet.
func TestSpeed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	module, label := newToken(t)
	importKey(t, module, label, testpki.New(t).Leaf(testpki.P256), "01", "seal")
	for _, n := range []int{1, 2, 8} {
		p := open(t, pkcs11.Config{Module: module, TokenLabel: label, Sessions: n, SkipCheck: true})
		checked := open(t, pkcs11.Config{Module: module, TokenLabel: label, Sessions: n})
		key, err := p.Key(t.Context(), sign.Ref{})
		require.NoError(t, err)
		checkedKey, err := checked.Key(t.Context(), sign.Ref{})
		require.NoError(t, err)
		m, err := p11.Open(module, "")
		require.NoError(t, err)
		slot, object := locate(t, m, label)
		each := 800 / n
		ours := func(ctx context.Context, key sign.Key) func() {
			return func() {
				parallel(n, func() {
					digest := sha256.Sum256([]byte("message"))
					for range each {
						if _, err := key.SignContext(ctx, digest[:], crypto.SHA256); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
		}
		ways := []func(){
			func() { parallel(n, func() { rawLoop(t, m, slot, object, each) }) },
			ours(context.Background(), key),
			ours(t.Context(), key), // one that can end
			ours(context.Background(), checkedKey),
		}
		var took [4]time.Duration
		const turns = 12
		for range turns {
			for i, f := range ways {
				start := time.Now()
				f()
				took[i] += time.Since(start)
			}
		}
		of := func(i int) float64 { return took[0].Seconds() / took[i].Seconds() }
		t.Logf("P-256, %d sessions: raw %.0f/s, ours %.3f of it, with a context that can end %.3f, with the check %.3f",
			n, float64(turns*each*n)/took[0].Seconds(), of(1), of(2), of(3))
		require.NoError(t, m.Close())
		require.NoError(t, p.Close())
		require.NoError(t, checked.Close())
	}
}

func parallel(n int, f func()) {
	var wait sync.WaitGroup
	for range n {
		wait.Go(f)
	}
	wait.Wait()
}

func locate(t testing.TB, m *p11.Module, label string) (slot, object uint) {
	t.Helper()
	slots, err := m.Slots(true)
	require.NoError(t, err)
	for _, id := range slots {
		token, err := m.Token(id)
		require.NoError(t, err)
		if token.Label != label {
			continue
		}
		s, err := m.OpenSession(id, false)
		require.NoError(t, err)
		defer func() { _ = s.Close() }()
		found, err := s.Find(p11.Ulong(p11.AttrClass, p11.ClassPrivateKey))
		require.NoError(t, err)
		require.Len(t, found, 1)
		return id, found[0]
	}
	t.Fatal("no token " + label)
	return 0, 0
}

func TestAllocations(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	importKey(t, module, label, pki.Leaf(testpki.P256), "01", "p256")
	importKey(t, module, label, pki.Leaf(testpki.RSA2048), "02", "rsa")
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label, SkipCheck: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, c := range []struct {
		label string
		opts  crypto.SignerOpts
	}{{"p256", crypto.SHA256}, {"rsa", crypto.SHA256}, {"rsa", sign.PSS(crypto.SHA256).Opts}} {
		key, err := p.Key(ctx, sign.Ref{Label: c.label})
		require.NoError(t, err)
		digest := sha256.Sum256([]byte("message"))
		n := testing.AllocsPerRun(200, func() {
			if _, err := key.SignContext(ctx, digest[:], c.opts); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%s %T: %.0f allocations", c.label, c.opts, n)
		require.LessOrEqual(t, n, 6.0)
	}
}
