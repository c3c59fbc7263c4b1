// Package providertest is the conformance suite of [sign.Provider]: the promises of package sign, checked. A provider
// runs it in its tests, ours and other people's, as testing/fstest does for file systems:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Config{
//			Open: func(t testing.TB) sign.Provider { … },
//			Keys: []providertest.Key{{Label: "seal", Certificate: cert}},
//		})
//	}
//
// Run it with -race, too. It imports the standard library and package sign only. What it verifies, it verifies with the
// standard library, not with the checks of package sign.
package providertest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-116355fd/signet/sign"
)

// Config says how the provider is opened and what it must hold.
type Config struct {
	// Open opens the provider. It is called once for each group of checks, which closes what it was given.
	Open func(t testing.TB) sign.Provider
	// Keys must be there, at least one.
	Keys []Key
	// Others says that the provider may hold keys beyond Keys, so that the zero Ref and the length of the listing tell
	// nothing.
	Others bool
	// Ambiguous are references that more than one key matches. The zero Ref is tried anyway.
	Ambiguous []sign.Ref
	// Secrets are PINs and passwords, which must not be in any error.
	Secrets []string
	// OpenRefused opens the provider, and a key if it takes one, with a wrong PIN or password, and returns the error,
	// which must be of class [sign.ErrPIN]. Nil skips the check.
	OpenRefused func(t testing.TB) error
	// Busy keeps the provider from making signatures until release is called, so that the next call has to wait. Nil
	// skips the check of a context that ends while waiting for a place; one that ends during work is checked anyway.
	Busy func(t testing.TB, p sign.Provider) (release func())
	// Skip names groups of checks that cannot hold for the provider, each with the reason: a key that signs nothing but drafts of
	// a format of its own, for instance, does not sign the messages of this suite.
	Skip map[string]string
	// Workers is how many goroutines use the provider at once; 0 means 8.
	Workers int
	// Rounds is how many signatures each of them makes with each key; 0 means 4.
	Rounds int
}

// Key is a key that the provider must hold. A reference of a kind that is left out here is not tried.
type Key struct {
	ID    []byte
	Label string
	// Certificate is the one that belongs to the key.
	Certificate *x509.Certificate
	// Public is the public key, when there is no certificate, or when it has one that the standard library does not read and the provider
	// does. One of a kind that nobody reads is a [sign.PublicKey], or is taken from the certificate.
	Public crypto.PublicKey
	// Bare says that the provider does not hold the certificate: it cannot be asked for thumbprints and chains.
	Bare bool
	// Chain is what the provider must know, the certificate first; nil is not compared.
	Chain []*x509.Certificate
	// Schemes are the schemes to try; nil means those of the key, else those of the kind of the public key.
	Schemes []sign.Scheme
}

// Run checks a provider.
func Run(t *testing.T, config Config) {
	t.Helper()
	if config.Open == nil || len(config.Keys) == 0 {
		t.Fatal("providertest: Config.Open and Config.Keys must be set")
	}
	if config.Workers <= 0 {
		config.Workers = 8
	}
	if config.Rounds <= 0 {
		config.Rounds = 4
	}
	for _, group := range []struct {
		name  string
		check func(*suite)
	}{
		{"Lookup", (*suite).lookup},
		{"NotFound", (*suite).notFound},
		{"Ambiguous", (*suite).ambiguous},
		{"Listing", (*suite).listing},
		{"Chain", (*suite).chain},
		{"Ping", (*suite).ping},
		{"Schemes", (*suite).schemes},
		{"SignOpen", (*suite).signOpen},
		{"Bulk", (*suite).bulk},
		{"Refusals", (*suite).refusals},
		{"ContextBefore", (*suite).contextBefore},
		{"ContextDuring", (*suite).contextDuring},
		{"ContextWaiting", (*suite).contextWaiting},
		{"Concurrency", (*suite).concurrency},
		{"ManyCallers", (*suite).manyCallers},
		{"TwoProviders", (*suite).twoProviders},
		{"CloseDuring", (*suite).closeDuring},
		{"Close", (*suite).close},
		{"WrongSecret", (*suite).wrongSecret},
		{"Wrapped", (*suite).wrapped},
		{"Unwrap", (*suite).unwrap},
	} {
		t.Run(group.name, func(t *testing.T) {
			if why := config.Skip[group.name]; why != "" {
				t.Skip(why)
			}
			s := &suite{T: t, config: config}
			defer s.recovered(nil)
			if group.name != "WrongSecret" {
				s.provider = config.Open(t)
				if s.provider == nil {
					t.Fatal("Open returned nil")
				}
				t.Cleanup(func() {
					defer s.recovered(nil)
					_ = s.provider.Close()
				})
			}
			group.check(s)
		})
	}
}

// suite is one group of checks. Its methods may be called from many goroutines, but for Fatal.
type suite struct {
	*testing.T
	config   Config
	provider sign.Provider
	turn     atomic.Int64 // of the ways to sign
	stack    sync.Once    // one is enough
}

// recovered is deferred around code of the provider: that it panicked fails its group, and the others are run. It then calls on, if
// that is set.
func (s *suite) recovered(on func()) {
	if p := recover(); p != nil {
		s.Errorf("the provider panicked: %v", p)
		s.stack.Do(func() { s.Logf("%s", debug.Stack()) })
	}
	if on != nil {
		on()
	}
}

// background runs a check in a goroutine. When it has ended, however it did, one value is put into ended, if that has room.
func (s *suite) background(wait *sync.WaitGroup, ended chan<- struct{}, check func()) {
	wait.Go(func() {
		defer s.recovered(func() {
			select {
			case ended <- struct{}{}:
			default:
			}
		})
		check()
	})
}

// refused checks an error that must be: its class, that it says where, and that it tells no secret.
func (s *suite) refused(what string, err error, class error) {
	s.Helper()
	switch {
	case err == nil:
		s.Errorf("%s: no error, want one of class %q", what, class)
		return
	case class != nil && !errors.Is(err, class):
		s.Errorf("%s: the error is not of class %q: %v", what, class, err)
	}
	e, ok := errors.AsType[*sign.Error](err)
	if !ok {
		s.Errorf("%s: the error is a %T, not a *sign.Error: %v", what, err, err)
	} else if e.Op == "" {
		s.Errorf("%s: the error does not say what was done: %v", what, err)
	}
	s.quiet(what, err)
}

// cancelled checks the error of a context that was cancelled.
func (s *suite) cancelled(what string, err error) {
	s.Helper()
	if !errors.Is(err, context.Canceled) {
		s.Errorf("%s: the context was cancelled and the error is %v", what, err)
	}
	s.quiet(what, err)
}

// fine checks that there is no error.
func (s *suite) fine(what string, err error) bool {
	s.Helper()
	if err != nil {
		s.quiet(what, err)
		s.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// quiet checks that an error tells no secret.
func (s *suite) quiet(what string, err error) {
	s.Helper()
	for _, secret := range s.config.Secrets {
		if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
			s.Errorf("%s: the error tells a secret", what) // and this line does not
		}
	}
}

// must opens a key of the config.
func (s *suite) must(k Key) sign.Key {
	s.Helper()
	key, err := s.provider.Key(s.Context(), k.ref())
	if err != nil {
		s.quiet("Key", err)
		s.Fatalf("Key(%s): %v", k.ref(), err)
	}
	if key == nil {
		s.Fatalf("Key(%s): neither a key nor an error", k.ref())
	}
	return key
}

// ref names the key by all that is known.
func (k Key) ref() sign.Ref {
	r := sign.Ref{ID: k.ID, Label: k.Label, Certificate: k.Certificate}
	if k.thumbprint() {
		r.Thumbprint = sign.Thumbprint(k.Certificate)
	}
	return r
}

func (k Key) thumbprint() bool { return k.Certificate != nil && !k.Bare }

// name is for subtests and messages.
func (k Key) name() string {
	switch {
	case k.Label != "":
		return k.Label
	case k.Certificate != nil:
		return k.Certificate.Subject.CommonName
	}
	return k.ref().String()
}

// is reports whether a key that was found is the one that is meant.
func (k Key) is(key sign.Key) bool {
	if key == nil {
		return false
	}
	if spki := k.spki(); spki != nil {
		own, ok := sign.As[sign.SPKIKey](key)
		return ok && bytes.Equal(own.SubjectPublicKeyInfo(), spki)
	}
	return samePublic(k.public(), key.Public())
}

// spki is the public key of a kind that the standard library does not have, or that it has in some releases; else nil.
func (k Key) spki() []byte {
	if own, ok := k.Public.(sign.PublicKey); ok {
		return own
	}
	if k.Public != nil || k.Certificate == nil {
		return nil
	}
	switch k.Certificate.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return k.Certificate.RawSubjectPublicKeyInfo
}

func (k Key) public() crypto.PublicKey {
	if k.Public != nil {
		return k.Public
	}
	return k.Certificate.PublicKey
}

func (k Key) schemes(key sign.Key) []sign.Scheme {
	if k.Schemes != nil {
		return k.Schemes
	}
	if s, ok := sign.As[sign.Schemer](key); ok {
		return s.Schemes()
	}
	return sign.Schemes(key.Public())
}

func samePublic(a, b crypto.PublicKey) bool {
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}
