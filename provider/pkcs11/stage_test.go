//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// stage is a token behind a shim, with one key: P-256, or RSA on a token that was given and has nothing else.
type stage struct {
	*shim
	label  string
	name   string // label of the key
	public crypto.PublicKey
	id     testpki.Identity // none on a token that was given
	given  *pkcs11.Config

	slowest atomic.Int64 // call, nanoseconds
}

func newStage(t testing.TB) *stage {
	t.Helper()
	if os.Getenv("SIGNET_TEST_MODULE") != "" {
		return givenStage(t)
	}
	return softStage(t)
}

// softStage is for tests that do what other modules than SoftHSM2 cannot have done to them.
func softStage(t testing.TB) *stage {
	t.Helper()
	if os.Getenv("SIGNET_TEST_MODULE") != "" {
		t.Skip("SKIPPED: not for a module that was given")
	}
	module, label := newToken(t)
	id := testpki.New(t).Leaf(testpki.P256)
	importKey(t, module, label, id, "01", "seal")
	return &stage{shim: newShim(t, module), label: label, name: "seal", public: id.Key.Public(), id: id}
}

func (s *stage) config() pkcs11.Config {
	if s.given != nil {
		return *s.given
	}
	return pkcs11.Config{Module: s.path, TokenLabel: s.label, PIN: pin(goodPIN), Sessions: 4, Recover: 20 * time.Second}
}

func (s *stage) open(t testing.TB, bend ...func(*pkcs11.Config)) (*pkcs11.Provider, sign.Key) {
	t.Helper()
	config := s.config()
	for _, b := range bend {
		b(&config)
	}
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	key, err := p.Key(t.Context(), sign.Ref{Label: s.name})
	require.NoError(t, err)
	return p, key
}

// one makes a signature and verifies it with the standard library.
func (s *stage) one(ctx context.Context, key sign.Key, message string) error {
	digest := sha256.Sum256([]byte(message))
	start := time.Now()
	signature, err := key.SignContext(ctx, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	for took := int64(time.Since(start)); ; {
		slowest := s.slowest.Load()
		if took <= slowest || s.slowest.CompareAndSwap(slowest, took) {
			break
		}
	}
	return verifyWith(s.public, digest[:], signature)
}

// verifyWith verifies a signature over a SHA-256 digest with the standard library.
func verifyWith(public crypto.PublicKey, digest, signature []byte) error {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(public, digest, signature) {
			return errors.New("the signature is not good")
		}
		return nil
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature)
	}
	return fmt.Errorf("a public key of type %T", public)
}

// many makes signatures from several goroutines and returns the errors. Every second caller has a context that cannot end,
// and signs on its own goroutine if it can.
func (s *stage) many(ctx context.Context, key sign.Key, callers, each int) []error {
	return s.manyUnder([2]context.Context{ctx, context.WithoutCancel(ctx)}, key, callers, each)
}

func (s *stage) manyUnder(ctx [2]context.Context, key sign.Key, callers, each int) []error {
	var mu sync.Mutex
	var failures []error
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for i := range each {
				if err := s.one(ctx[caller%2], key, fmt.Sprintf("%d/%d", caller, i)); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return failures
}

// leakFree closes the provider and checks that neither goroutines nor sessions are left.
func leakFree(t testing.TB, s *shim, goroutines int, closers ...interface{ Close() error }) {
	t.Helper()
	for _, c := range closers {
		err := c.Close()
		if s == nil && err != nil && strings.Contains(err.Error(), "has not returned") {
			t.Log(err) // see below
			continue
		}
		require.NoError(t, err)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			buffer := make([]byte, 1<<20)
			stacks := string(buffer[:runtime.Stack(buffer, true)])
			if hung := strings.Count(stacks, "._Cfunc_sg_sign("); s == nil && hung > 0 && runtime.NumGoroutine()-hung <= goroutines {
				t.Logf("%d calls never came back from the module", hung) // and a goroutine cannot leave C
				return
			}
			t.Fatalf("%d goroutines are left, there were %d\n%s", runtime.NumGoroutine(), goroutines, stacks)
		}
	}
	if s != nil {
		require.Zero(t, s.sessions(), "sessions are left")
	}
}

// givenStage puts the shim before a module that was given.
func givenStage(t testing.TB) *stage {
	t.Helper()
	config := given(t)
	s := &stage{shim: makeShim(t, config.Module, false), given: &config}
	config.Module, config.Sessions, config.Recover = s.path, 4, 20*time.Second
	s.label, s.name = config.TokenLabel, "signet test "+testLabel()
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	if name := os.Getenv("SIGNET_TEST_KEY"); name != "" {
		for e, err := range p.Keys(t.Context()) {
			if err != nil || name != "*" && name != e.Label {
				continue
			}
			key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
			require.NoError(t, err)
			if limited, ok := key.(sign.Limiter); ok && limited.Limit() == 1 && name == "*" {
				continue // each signature wants the PIN, which these tests count
			}
			s.name, s.public = e.Label, e.Public
			return s
		}
		t.Fatalf("no key %s", name)
	}
	e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256, Label: s.name})
	if errors.Is(err, sign.ErrUnsupported) {
		e, err = p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.RSA2048, Label: s.name})
	}
	require.NoError(t, err)
	s.public = e.Public
	return s
}

// goodPIN and wrongPIN are those of the token of a stage.
func (s *stage) goodPIN(t testing.TB) string {
	t.Helper()
	if s.given == nil {
		return goodPIN
	}
	secret, err := s.given.PIN(t.Context(), pkcs11.PINRequest{})
	require.NoError(t, err)
	return string(secret.Bytes())
}

func (s *stage) wrongPIN(t testing.TB) string {
	t.Helper()
	if s.given == nil {
		return wrongPIN
	}
	wrong := os.Getenv("SIGNET_TEST_WRONG_PIN")
	if wrong == "" {
		t.Skip("SKIPPED: the token that was given is not asked to refuse a PIN (SIGNET_TEST_WRONG_PIN)")
	}
	return wrong
}
