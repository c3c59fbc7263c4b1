// Package keys is the set of keys that a service signs with: each has a name, a place where it lives (any
// [sign.Provider]), and the format of the containers that are made with it. Callers name a key by its thumbprint or by
// its certificate.
//
//	set, err := keys.New([]keys.Key{{Name: "seal", Store: &keys.Store{Name: "seal.p12", Open: open}, Options: cades.Options{}}}, nil)
//	defer set.Close()
//	lease, err := set.Acquire(ctx, keys.Query{Thumbprint: "9F A1 …"})
//	defer lease.Release()
package keys

import (
	"context"
	"crypto/x509"
	"log/slog"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// Store is a place where keys live. Keys that share a *Store share the provider, and so its sessions.
type Store struct {
	Name string // for people: "hsm", "seal.p12"
	// Open opens the provider. It is called when the first of its keys is needed, and again by [Set.Reload] when a
	// file changed; what it returned before is closed when nobody uses it any more.
	Open func(ctx context.Context) (sign.Provider, error)
	// Files are what the provider was made of: key files, PIN files. A change of one is a reason to open it anew.
	Files []string
}

// Key is one key of a set, as it is configured.
type Key struct {
	Name   string // unique in the set
	Store  *Store
	Ref    sign.Ref // which key of the store; zero means the only one
	Scheme string   // as in sign.SchemeByName; empty means the best of the key
	// Options are the format of the containers: level, attached or detached, sources of time-stamps and revocation.
	Options cades.Options
}

// Query names a key as callers do. What is set must all match.
type Query struct {
	Name        string
	Thumbprint  string // SHA-1 of the certificate in hexadecimal; case, colons and spaces do not matter
	Certificate []byte // DER
	// Allowed says which keys the caller may use; one that it may not is not found. Nil allows none.
	Allowed func(name string) bool
}

// Lease is a key in use. It stays usable until Release, whatever is reloaded meanwhile.
type Lease struct {
	Name    string
	Signer  *sign.Signer
	Options *cades.Options // not to be modified
	release func()
}

// Release gives the key back. It may be called more than once.
func (l *Lease) Release() {
	if l.release != nil {
		l.release()
	}
}

// Options say how a set behaves. The zero value, and nil, works.
type Options struct {
	// Log is told of what was opened, reloaded and lost; nil means nobody.
	Log *slog.Logger
	// Rest is how long a store that could not be opened is left alone; 0 means 5 s. One whose PIN or password was
	// refused is left alone until a reload.
	Rest time.Duration
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// Status is what a set knows of one key.
type Status struct {
	Name        string
	Store       string
	Certificate *x509.Certificate // nil when the key was not opened
	Chain       []*x509.Certificate
	Scheme      string
	Level       cades.Level
	Attached    bool
	Err         error // why the key cannot be used now
}

// Set is a set of keys. It is safe for concurrent use.
type Set struct{}

// New makes a set. Nothing is opened yet.
func New(all []Key, o *Options) (*Set, error) { return nil, sign.ErrUnsupported }

// Acquire finds the one key that is meant and opens it if need be.
func (s *Set) Acquire(ctx context.Context, q Query) (*Lease, error) { return nil, sign.ErrUnsupported }

// Status opens what is not open and asks every store whether it is there (sign.Pinger). There is one for each key, in the
// order of the configuration.
func (s *Set) Status(ctx context.Context) []Status { return nil }

// Reload takes up a new configuration, or opens anew what it has when all is nil.
func (s *Set) Reload(ctx context.Context, all []Key) error { return sign.ErrUnsupported }

// Watch reloads stores whose files change, until ctx ends.
func (s *Set) Watch(ctx context.Context) error { return sign.ErrUnsupported }

// Close closes the set; leases stay usable until they are released.
func (s *Set) Close() error { return nil }
