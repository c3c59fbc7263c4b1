package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// missEvery is between two tries of tokens of groups that were not there when the group was opened.
const missEvery = 30 * time.Second

// opened remembers the provider of each store that was opened last, for metrics, and the tokens of groups that were not
// there then: a service starts with those that are, and takes up the others when they come.
type opened struct {
	log  *slog.Logger
	tell func(sign.Event)

	mu      sync.Mutex
	by      map[string]sign.Provider
	missing map[string][]pkcs11.Config
	turn    map[string]int // how often a store was to be opened anew since a token came
	known   map[string][]*x509.Certificate
	failed  map[string]bool // stores whose last opening failed
}

func newOpened() *opened {
	return &opened{by: map[string]sign.Provider{}, missing: map[string][]pkcs11.Config{}, turn: map[string]int{}, known: map[string][]*x509.Certificate{}, failed: map[string]bool{}}
}

// ended remembers how the opening of a store ended, and tells of one that had failed and is open now.
func (o *opened) ended(name string, p sign.Provider, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.failed[name] = true
		return
	}
	o.by[name] = p
	if o.failed[name] {
		delete(o.failed, name)
		o.log.Info("a store that could not be opened can be used now", "store", name)
	}
}

func (o *opened) each(f func(name string, p sign.Provider)) {
	o.mu.Lock()
	all := maps.Clone(o.by)
	o.mu.Unlock()
	for name, p := range all {
		f(name, p)
	}
}

// keep returns keys whose stores are remembered when they are opened.
func (o *opened) keep(all []keys.Key) []keys.Key {
	kept, stores := slices.Clone(all), map[*keys.Store]*keys.Store{}
	for i := range kept {
		given := kept[i].Store
		if given == nil || given.Open == nil {
			continue // package keys says what is wrong with it
		}
		if stores[given] == nil {
			s := *given
			s.Open = func(ctx context.Context) (sign.Provider, error) {
				p, err := given.Open(ctx)
				o.ended(s.Name, p, err)
				return p, err
			}
			stores[given] = &s
		}
		kept[i].Store = stores[given]
	}
	return kept
}

func (o *opened) miss(store string, members []pkcs11.Config) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(members) == 0 {
		delete(o.missing, store)
	} else {
		o.missing[store] = members
	}
}

// turns is part of the identity of a store: one that is to be opened anew is another one.
func (o *opened) turns(store string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.turn[store]
}

// back tries the tokens that were missing, and reports whether a store can be opened anew with more of them.
func (o *opened) back(ctx context.Context) bool {
	o.mu.Lock()
	missing := maps.Clone(o.missing)
	o.mu.Unlock()
	found := false
	for store, members := range missing {
		for _, config := range members {
			p, err := pkcs11.Open(ctx, config)
			if err != nil {
				continue
			}
			_ = p.Close()
			o.mu.Lock()
			o.turn[store]++
			o.mu.Unlock()
			found = true
			break
		}
	}
	return found
}

// openToken opens one token, or those of a group that are there. A PIN that was refused is not tried again, but by no
// fault of the others.
func (s *Store) openToken(ctx context.Context, uris []pkcs11.URI, o *opened) (sign.Provider, error) {
	more, err := certificates(s.Certificates...)
	if err != nil {
		return nil, err
	}
	o.know("store "+s.Name, more)
	var members []*pkcs11.Provider
	var errs []error
	var missing []pkcs11.Config
	for _, u := range uris {
		config := pkcs11.Config{Schemes: schemes.All(), Events: o.tell, Sessions: s.Sessions, Recover: s.Recover, Certificates: more}
		if !s.PIN.IsZero() {
			config.PIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) { return s.PIN.Read() }
		}
		if !s.KeyPIN.IsZero() {
			config.KeyPIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) { return s.KeyPIN.Read() }
		}
		if config, err = u.Config(config); err != nil {
			errs = append(errs, err)
			continue
		}
		p, err := pkcs11.Open(ctx, config)
		if err != nil {
			errs = append(errs, forOperators(err))
			if !errors.Is(err, sign.ErrPIN) && !errors.Is(err, sign.ErrInput) {
				missing = append(missing, config)
			}
			continue
		}
		members = append(members, p)
	}
	if len(members) == 0 {
		return nil, errors.Join(errs...)
	}
	o.miss(s.Name, missing)
	if len(errs) != 0 {
		o.log.Warn("a group of tokens is opened without those that are not there", "store", s.Name, "there", len(members), "error", errors.Join(errs...).Error())
	}
	if len(uris) == 1 {
		return members[0], nil
	}
	g, err := pkcs11.NewGroup(members...)
	if err != nil {
		for _, m := range members {
			_ = m.Close()
		}
		return nil, fmt.Errorf("the group of tokens: %w", err)
	}
	return g, nil
}

// watchMembers takes up tokens of groups that come later.
func (s *Server) watchMembers(ctx context.Context) {
	ticker := time.NewTicker(missEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.takeUp(ctx)
	}
}

// takeUp opens groups anew of which a token has come.
func (s *Server) takeUp(ctx context.Context) {
	if !s.opened.back(ctx) {
		return
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	all, err := s.allKeys(s.config.Load())
	if err == nil {
		err = s.keys.Reload(ctx, all)
	}
	if err != nil {
		s.log.Warn("a token came back and could not be taken up", "error", err.Error())
	} else {
		s.log.Info("a token that was missing was taken up")
	}
	s.health.stale()
}
