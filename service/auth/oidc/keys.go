package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-116355fd/signet/service/auth"
)

// Bounds on what an issuer is asked, and on what it may answer.
const (
	issuerTimeout = 10 * time.Second
	issuerAnswer  = 1 << 20
	issuerKeyMax  = 100

	keysFresh = time.Hour      // then they are fetched again, while they are used
	keysStale = 24 * time.Hour // then they are not used any more: the issuer may have withdrawn one

	// Tokens with unknown keys may be of strangers, who must not make this service a hammer: they lead to fetchBurst
	// fetches, and one more for each fetchEvery.
	fetchBurst = 3
	fetchEvery = 20 * time.Second
	// After a fetch that failed, there is none for a second, then two, and so on.
	backOffMost = time.Minute
)

// issuerKeys are the public keys of an issuer, fetched when they are needed.
type issuerKeys struct {
	issuer string
	client *http.Client
	config *Config

	mu       sync.Mutex
	url      string // of the keys; empty when it has to be found out
	keys     []jose.JSONWebKey
	fetched  time.Time
	under    *fetch // nil when there is none
	failures int
	err      error
	rest     time.Time // no fetch before
	tokens   float64   // of the bucket
	filled   time.Time
	repeated time.Time // the last fetch for a signature of no known key
}

type fetch struct {
	done chan struct{}
	err  error
}

func newIssuerKeys(c *Config) *issuerKeys {
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	if client.Timeout <= 0 {
		client.Timeout = issuerTimeout
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = bounded{client.Transport}
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("it leads elsewhere again and again")
		}
		return checkURL(r.URL.String())
	}
	return &issuerKeys{issuer: c.Issuer, client: &client, config: c, tokens: fetchBurst, filled: c.Clock()}
}

// bounded is a transport whose answers have an end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, issuerAnswer), answer.Body}
	}
	return answer, err
}

// find returns the keys that a signature may be of. The error is auth.ErrRefused for a key that the issuer does not have, or one
// that says why that cannot be found out now.
func (k *issuerKeys) find(ctx context.Context, id, algorithm string) ([]crypto.PublicKey, error) {
	k.mu.Lock()
	now := k.config.Clock()
	age := now.Sub(k.fetched)
	have := len(k.keys) != 0 && age < keysStale
	if found := k.among(id, algorithm); have && len(found) != 0 {
		if age >= keysFresh && k.under == nil && !now.Before(k.rest) {
			k.begin()
		}
		k.mu.Unlock()
		return found, nil
	}
	f, err := k.fetch(now, have)
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if f.err != nil {
		return nil, f.err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if found := k.among(id, algorithm); len(found) != 0 {
		return found, nil
	}
	return nil, fmt.Errorf("%w: the issuer has no key that the token says it was signed with", auth.ErrRefused)
}

// again fetches the keys once more for a signature that none of the known ones has made, and returns those that it may be of.
// Anybody can make such a signature: the issuer is asked for one at most once in fetchEvery, and callers whose tokens name
// keys that are not known lose nothing by it.
func (k *issuerKeys) again(ctx context.Context, id, algorithm string) []crypto.PublicKey {
	k.mu.Lock()
	if now := k.config.Clock(); k.under == nil {
		if now.Before(k.rest) || !k.repeated.IsZero() && now.Sub(k.repeated) < fetchEvery {
			k.mu.Unlock()
			return nil
		}
		k.repeated = now
		k.begin()
	}
	f := k.under
	k.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.among(id, algorithm)
}

// fetch begins to fetch the keys, or joins those who do, or says why not now.
func (k *issuerKeys) fetch(now time.Time, have bool) (*fetch, error) {
	if k.under != nil {
		return k.under, nil
	}
	if now.Before(k.rest) {
		return nil, k.err
	}
	if have { // only the key is not known
		k.tokens = min(fetchBurst, k.tokens+max(0, now.Sub(k.filled).Seconds())/fetchEvery.Seconds())
		k.filled = now
		if k.tokens < 1 {
			return nil, errors.New("the token is signed with a key that is not known here, and the issuer was asked for its keys just now; try again in a moment")
		}
		k.tokens--
	}
	k.begin()
	return k.under, nil
}

// begin fetches the keys in the background: a caller that goes away does not stop it for the others.
func (k *issuerKeys) begin() {
	f := &fetch{done: make(chan struct{})}
	k.under = f
	from := k.url
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*k.client.Timeout)
		defer cancel()
		at, keys, err := k.get(ctx, from)
		k.mu.Lock()
		defer k.mu.Unlock()
		defer close(f.done)
		k.under = nil
		now := k.config.Clock()
		if err != nil {
			f.err = fmt.Errorf("the keys of the issuer %s cannot be had now: %w", k.issuer, err)
			k.err, k.url = f.err, ""
			k.rest = now.Add(min(backOffMost, time.Second<<min(k.failures, 10)))
			k.failures++
			k.config.Log.Warn("keys of the issuer of tokens could not be fetched", "issuer", k.issuer, "error", err.Error(), "until", k.rest)
			return
		}
		k.url, k.keys, k.fetched, k.failures, k.err, k.rest = at, keys, now, 0, nil, time.Time{}
		k.config.Log.Info("keys of the issuer of tokens fetched", "issuer", k.issuer, "keys", len(keys))
	}()
}

// get asks the issuer where its keys are, when that is not known, and for them.
func (k *issuerKeys) get(ctx context.Context, at string) (string, []jose.JSONWebKey, error) {
	if at == "" {
		provider, err := goidc.NewProvider(goidc.ClientContext(ctx, k.client), k.issuer)
		if err != nil {
			return "", nil, fmt.Errorf("%.500s", err.Error()) // it may have the whole answer in it
		}
		var claims struct {
			Keys string `json:"jwks_uri"`
		}
		if err := provider.Claims(&claims); err != nil {
			return "", nil, err
		}
		if err := checkURL(claims.Keys); err != nil {
			return "", nil, fmt.Errorf("the address of its keys %.100q %w", claims.Keys, err)
		}
		at = claims.Keys
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return "", nil, err
	}
	answer, err := k.client.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("%s answers %s", at, answer.Status)
	}
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", nil, err
	}
	keys, err := parseKeys(data)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", at, err)
	}
	return at, keys, nil
}

// parseKeys reads a JWK set (RFC 7517). What cannot be used for signatures with public keys is passed over.
func parseKeys(data []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("it is no set of keys")
	}
	if len(set.Keys) > issuerKeyMax {
		return nil, fmt.Errorf("there are more than %d keys", issuerKeyMax)
	}
	var all []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil || key.Use != "" && key.Use != "sig" || !key.Valid() {
			continue
		}
		switch public := key.Key.(type) { // no secrets of HMAC, and no private keys, which are no secret any more
		case *rsa.PublicKey:
			if public.N.BitLen() < 2048 {
				continue
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			continue
		}
		all = append(all, key)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no key in it that can be used")
	}
	return all, nil
}

// among returns the keys with an id, all when it is empty, that may be used with an algorithm.
func (k *issuerKeys) among(id, algorithm string) []crypto.PublicKey {
	var found []crypto.PublicKey
	for i := range k.keys {
		key := &k.keys[i]
		if (id == "" || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == algorithm) && fits(key.Key, algorithm) {
			found = append(found, key.Key)
		}
	}
	return found
}

// fits reports whether an algorithm is one of the kind of key.
func fits(key any, algorithm string) bool {
	switch key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(algorithm, "ES")
	}
	return algorithm == goidc.EdDSA
}

// ready fetches the keys when there are none.
func (k *issuerKeys) ready(ctx context.Context) error {
	k.mu.Lock()
	now := k.config.Clock()
	if len(k.keys) != 0 && now.Sub(k.fetched) < keysStale {
		k.mu.Unlock()
		return nil
	}
	f, err := k.fetch(now, false)
	k.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
