// Package keys is the set of keys that a service signs with: each has a name, a place where it lives (any
// [sign.Provider]), and the format of the containers that are made with it. Callers name a key by its name, by its
// thumbprint or by its certificate.
//
//	set, err := keys.New([]keys.Key{{Name: "seal", Store: &keys.Store{Name: "seal.p12", Open: open}, Options: cades.Options{}}}, nil)
//	defer set.Close()
//	lease, err := set.Acquire(ctx, keys.Query{Thumbprint: "9F A1 …", Allowed: principal.MayUse})
//	defer lease.Release()
//
// # When stores are opened
//
// A store is opened when the first of its keys is needed, once for all who wait for it. A failure is told to all who ask
// within [Options.Rest]; then the next one who asks tries again. A PIN or password that was refused is not tried again,
// by nobody, before the files of the store or its configuration are others.
//
// # When they are reloaded
//
// [Set.Reload] opens anew what is not the same any more, and takes it up when it could be opened; what could not stays as
// it was. Requests that have a key keep it until they release it, and nothing is closed before.
package keys

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
)

// Defaults of Options.
const (
	DefaultRest = 5 * time.Second
	DefaultSoon = 30 * 24 * time.Hour
)

// Store is a place where keys live. Keys that share a *Store share the provider, and so its sessions.
type Store struct {
	Name string // for people, unique among the stores of a set: "hsm", "seal.p12"
	// Open opens the provider. It is called when the first of its keys is needed, and again by [Set.Reload] when a
	// file changed; what it returned before is closed when nobody uses it any more.
	Open func(ctx context.Context) (sign.Provider, error)
	// Files are what the provider was made of: key files, PIN files, folders. A change of what is in one is a reason to
	// open it anew.
	Files []string
	// Identity is what the store was made of, in any form that differs when the configuration differs, and never with a
	// secret in it. Two stores of the same name and identity are the same, so that a new configuration leaves open what
	// it does not change. Empty means that a store is the same as itself only.
	Identity string
}

// Key is one key of a set, as it is configured.
type Key struct {
	Name   string // unique in the set
	Store  *Store
	Ref    sign.Ref // which key of the store; zero means the only one
	Scheme string   // as in sign.SchemeByName, or ml-dsa-44, -65, -87, gost3410-2012-256, -512; empty means the best of the key
	// Gather has the calls of many requests become groups of the key, where it signs groups; nil means that it does not.
	Gather *sign.Gathering
	// Options are the format of the containers: level, attached or detached, sources of time-stamps and revocation.
	Options cades.Options
}

// Query names a key as callers do. What is set must all match, and something must be set. When several keys that
// the caller may use have the same certificate, the first of the configuration that is open is meant.
type Query struct {
	Name        string
	Thumbprint  string // SHA-1 of the certificate in hexadecimal, or its SHA-256; case, colons and spaces do not matter
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
	if l != nil && l.release != nil {
		l.release()
	}
}

// Options say how a set behaves. The zero value, and nil, works.
type Options struct {
	// Log is told of what was opened, reloaded and lost; nil means nobody.
	Log *slog.Logger
	// Rest is how long a store that could not be opened is left alone; 0 means DefaultRest.
	Rest time.Duration
	// Soon is how long before its end a certificate is said to expire soon; 0 means DefaultSoon.
	Soon time.Duration
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// Validity is what the clock says of a certificate.
type Validity int

// What the clock can say. The zero value is of a certificate that is not known.
const (
	ValidityUnknown Validity = iota
	Valid
	ExpiresSoon
	Expired
	NotYetValid
)

// String is the validity in words.
func (v Validity) String() string {
	switch v {
	case Valid:
		return "valid"
	case ExpiresSoon:
		return "expires soon"
	case Expired:
		return "expired"
	case NotYetValid:
		return "not yet valid"
	}
	return "unknown"
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
	// Validity of the certificate now. It is not an error: a key whose certificate has expired still signs, and who reads
	// the signatures refuses them.
	Validity Validity
	Err      error // why the key cannot be used now
}

// New makes a set. Nothing is opened yet. The error says all that is wrong with the list.
func New(all []Key, o *Options) (*Set, error) {
	if err := check(all); err != nil {
		return nil, err
	}
	s := &Set{reloading: make(chan struct{}, 1)}
	if o != nil {
		s.options = *o
	}
	if s.options.Log == nil {
		s.options.Log = slog.New(slog.DiscardHandler)
	}
	if s.options.Rest <= 0 {
		s.options.Rest = DefaultRest
	}
	if s.options.Soon <= 0 {
		s.options.Soon = DefaultSoon
	}
	if s.options.Clock == nil {
		s.options.Clock = time.Now
	}
	s.quiet.L = &s.mu
	s.life, s.end = context.WithCancel(context.Background())
	g := &generation{places: make(map[*Store]*place)}
	for _, k := range all {
		p := g.places[k.Store]
		if p == nil {
			p = s.newPlace(k.Store)
			g.places[k.Store] = p
		}
		g.entries = append(g.entries, newEntry(k, p))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = g
	s.hold(g)
	return s, nil
}

// check says what is wrong with a list of keys.
func check(all []Key) error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, &sign.Error{Op: "keys: configuration", Class: sign.ErrInput, Err: fmt.Errorf(format, args...)})
	}
	names := make(map[string]bool)
	stores := make(map[string]*Store)
	for i := range all {
		k := &all[i]
		if err := checkName(k.Name); err != nil {
			wrong("key number %d: its name %w", i+1, err)
			continue
		}
		if names[k.Name] {
			wrong("two keys have the name %q; give one of them another", k.Name)
		}
		names[k.Name] = true
		switch st := k.Store; {
		case st == nil || st.Open == nil:
			wrong("key %q has no store to be opened; say where it lives", k.Name)
		case st.Name == "":
			wrong("the store of key %q has no name; give it one", k.Name)
		case stores[st.Name] == nil:
			stores[st.Name] = st
		case stores[st.Name] != st:
			wrong("two stores have the name %q; let their keys share one, or give one of them another name", st.Name)
		}
		if err := k.Ref.Check(); err != nil {
			wrong("key %q: %w", k.Name, err)
		}
		if k.Scheme != "" {
			if _, err := schemes.ByName(k.Scheme); err != nil {
				wrong("key %q: %w", k.Name, err)
			}
		}
		if err := k.Options.Check(); err != nil {
			wrong("key %q: %w", k.Name, err)
		}
	}
	return errors.Join(errs...)
}

// checkName refuses names that lists of allowed keys could not hold, or that would mean something else there.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty; give it one")
	case len(name) > 200:
		return errors.New("is longer than 200 octets; give it a shorter one")
	case strings.ContainsAny(name, "*,"):
		return fmt.Errorf("%q has an asterisk or a comma, which mean something else where keys are allowed; leave them out", name)
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }), strings.TrimSpace(name) != name:
		return fmt.Errorf("%q has characters that cannot be seen; leave them out", name)
	}
	return nil
}
