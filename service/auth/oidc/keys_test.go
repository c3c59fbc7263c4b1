package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/auth/oidc"
)

func TestOIDCKindsOfKeys(t *testing.T) {
	o := newOIDC(t)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil { // the standard library refuses to make it
		small = nil
	}
	secret := []byte(strings.Repeat("s", 32))
	o.issuer.set(func() {
		o.issuer.keys = append(o.issuer.keys, publicKey(p256, "p256"), publicKey(ed, "ed"), jose.JSONWebKey{Key: secret, KeyID: "oct", Use: "sig"},
			jose.JSONWebKey{Key: p256.Public(), KeyID: "enc", Use: "enc"}, jose.JSONWebKey{Key: p256, KeyID: "private", Use: "sig"}, jose.JSONWebKey{Key: p256.Public(), KeyID: "es512", Algorithm: "ES512"})
		if small != nil {
			o.issuer.keys = append(o.issuer.keys, publicKey(small, "small"))
		}
	})
	for id, token := range map[string]string{
		"p256": signed(t, p256, jose.ES256, "p256", nil, o.claims()), "ed": signed(t, ed, jose.EdDSA, "ed", nil, o.claims()), "pss": signed(t, o.rsa, jose.PS384, "k1", nil, o.claims()),
		"no kid": signed(t, o.rsa, jose.RS256, "", nil, o.claims()),
	} {
		_, err := o.ask(token)
		require.NoError(t, err, id)
	}
	for id, token := range map[string]string{
		"oct": signed(t, secret, jose.HS256, "oct", nil, o.claims()), "enc": signed(t, p256, jose.ES256, "enc", nil, o.claims()), "private": signed(t, p256, jose.ES256, "private", nil, o.claims()),
		"es512": signed(t, p256, jose.ES256, "es512", nil, o.claims()), "kid of another": signed(t, p256, jose.ES256, "ed", nil, o.claims()),
	} {
		_, err := o.ask(token)
		require.Error(t, err, id)
		require.NotErrorIs(t, err, auth.ErrNone, id)
		o.clock.pass(time.Minute)
	}
}

// TestOIDCRotation: new keys of the issuer are fetched when a token needs them, and strangers cannot make the service fetch
// them all the time.
func TestOIDCRotation(t *testing.T) {
	o := newOIDC(t)
	_, err := o.ask(o.token())
	require.NoError(t, err)
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	o.issuer.set(func() { o.issuer.keys = []jose.JSONWebKey{publicKey(next, "k2")} })
	_, err = o.ask(signed(t, next, jose.RS256, "k2", nil, o.claims()))
	require.NoError(t, err)
	_, err = o.ask(o.token())
	require.ErrorIs(t, err, auth.ErrRefused, "the old key was withdrawn")
	fetches, discovers := o.issuer.count()
	require.Equal(t, []int{3, 1}, []int{fetches, discovers})

	good := signed(t, next, jose.RS256, "k2", nil, o.claims())
	refused, later := 0, 0
	for i := range 300 {
		_, err := o.ask(signed(t, next, jose.RS256, fmt.Sprint("stranger", i), nil, o.claims()))
		require.Error(t, err)
		switch {
		case isRefused(err):
			refused++
		default:
			require.NotErrorIs(t, err, auth.ErrNone)
			later++
		}
		_, err = o.ask(good)
		require.NoError(t, err, "those whose key is known are not disturbed")
	}
	now, _ := o.issuer.count()
	require.Equal(t, 4, now, "one was left of three at once")
	require.Equal(t, []int{1, 299}, []int{refused, later})
	o.clock.pass(time.Minute)
	good = signed(t, next, jose.RS256, "k2", nil, o.claims())
	for i := range 10 {
		_, _ = o.ask(signed(t, next, jose.RS256, fmt.Sprint("later", i), nil, o.claims()))
	}
	now, _ = o.issuer.count()
	require.Equal(t, 7, now, "and one more for each 20 s, three at most")
	// A known key whose signature is wrong costs one fetch in 20 s, and one that is right but of another audience none.
	parts := strings.Split(good, ".")
	for range 5 {
		_, err = o.ask(parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])))
		require.ErrorIs(t, err, auth.ErrRefused)
		claims := o.claims()
		claims["aud"] = "somebody else"
		_, err = o.ask(signed(t, next, jose.RS256, "k2", nil, claims))
		require.ErrorIs(t, err, auth.ErrRefused)
	}
	now, _ = o.issuer.count()
	require.Equal(t, 8, now)
	o.clock.pass(time.Minute)
	claims := o.claims()
	claims["aud"] = "somebody else"
	_, err = o.ask(signed(t, next, jose.RS256, "k2", nil, claims))
	require.ErrorIs(t, err, auth.ErrRefused)
	now, _ = o.issuer.count()
	require.Equal(t, 8, now)
}

// TestOIDCSameName is an issuer that changes its key and keeps its name, or gives it none.
func TestOIDCSameName(t *testing.T) {
	for _, id := range []string{"k1", ""} {
		o := newOIDC(t)
		first, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		o.issuer.set(func() { o.issuer.keys = []jose.JSONWebKey{publicKey(first, id)} })
		_, err = o.ask(signed(t, first, jose.RS256, id, nil, o.claims()))
		require.NoError(t, err)
		next, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		o.issuer.set(func() { o.issuer.keys = []jose.JSONWebKey{publicKey(next, id)} })
		_, err = o.ask(signed(t, next, jose.RS256, id, nil, o.claims()))
		require.NoError(t, err)
		_, err = o.ask(signed(t, first, jose.RS256, id, nil, o.claims()))
		require.ErrorIs(t, err, auth.ErrRefused, "the old key was withdrawn")
	}
}

func isRefused(err error) bool { return strings.HasPrefix(err.Error(), auth.ErrRefused.Error()) }

// TestOIDCDown: an issuer that is down keeps nobody from starting; callers are told to come again, and it is asked ever more
// seldom. Keys that are there are used for a day.
func TestOIDCDown(t *testing.T) {
	o := newOIDC(t)
	o.issuer.set(func() { o.issuer.down = true })
	unavailable := func() {
		t.Helper()
		_, err := o.ask(o.token())
		require.Error(t, err)
		require.NotErrorIs(t, err, auth.ErrNone)
		require.NotErrorIs(t, err, auth.ErrRefused)
		require.ErrorContains(t, err, o.issuer.URL)
	}
	asked := 0
	for i, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		unavailable()
		_, asked = o.issuer.count()
		require.Equal(t, i+1, asked)
		o.clock.pass(pause*time.Second - 1)
		unavailable()
		_, asked = o.issuer.count()
		require.Equal(t, i+1, asked, "it rests")
		o.clock.pass(1)
	}
	o.issuer.set(func() { o.issuer.down = false })
	require.NoError(t, o.auth.Ready(t.Context()))
	_, err := o.ask(o.token())
	require.NoError(t, err)

	o.issuer.set(func() { o.issuer.down = true })
	o.clock.pass(23 * time.Hour)
	_, err = o.ask(o.token())
	require.NoError(t, err)
	o.clock.pass(2 * time.Hour)
	require.Eventually(t, func() bool { _, err := o.ask(o.token()); return err != nil && !isRefused(err) }, 10*time.Second, time.Millisecond, "the issuer may have withdrawn a key meanwhile")
	o.clock.pass(time.Hour)
	o.issuer.set(func() { o.issuer.down = false })
	_, err = o.ask(o.token())
	require.NoError(t, err)
}

// TestOIDCRefresh: keys are fetched again after an hour, while they are used.
func TestOIDCRefresh(t *testing.T) {
	o := newOIDC(t)
	require.NoError(t, o.auth.Ready(t.Context()))
	o.issuer.set(func() { o.issuer.keys = []jose.JSONWebKey{publicKey(testpki.NewKey(t, testpki.P256), "other")} })
	o.clock.pass(time.Hour)
	require.Eventually(t, func() bool { _, err := o.ask(o.token()); return err != nil }, 10*time.Second, time.Millisecond)
}

func TestOIDCBadIssuers(t *testing.T) {
	for name, answer := range map[string]func(o *oidcTest) func(w http.ResponseWriter, r *http.Request) bool{
		"another issuer": func(*oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = w.Write([]byte(`{"issuer":"https://evil.example","jwks_uri":"https://evil.example/keys"}`))
				return true
			}
		},
		"keys over http": func(o *oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://evil.example/keys"}`, o.issuer.URL)
				return true
			}
		},
		"no address of keys": func(o *oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = fmt.Fprintf(w, `{"issuer":%q}`, o.issuer.URL)
				return true
			}
		},
		"endless": func(*oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				for _, err := w.Write([]byte(`{"issuer":"`)); err == nil; {
					_, err = w.Write(make([]byte, 64<<10))
				}
				return true
			}
		},
		"leads elsewhere": func(o *oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(r.Host, "0.0.0.0") { // not this machine by its name, and it answers as if all were well
					return false
				}
				http.Redirect(w, r, strings.Replace(o.issuer.URL, "127.0.0.1", "0.0.0.0", 1)+r.URL.Path, http.StatusFound)
				return true
			}
		},
		"leads in a circle": func(*oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, r.URL.Path, http.StatusFound)
				return true
			}
		},
		"no keys": func(o *oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/keys" {
					return false
				}
				_, _ = w.Write([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"?"},5]}`))
				return true
			}
		},
		"too many keys": func(o *oidcTest) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/keys" {
					return false
				}
				_, _ = w.Write([]byte(`{"keys":[` + strings.Repeat("{},", 200) + `{}]}`))
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOIDC(t)
			o.issuer.answer = answer(o)
			_, err := o.ask(o.token())
			require.Error(t, err)
			require.NotErrorIs(t, err, auth.ErrNone)
			require.NotErrorIs(t, err, auth.ErrRefused)
			require.Less(t, len(err.Error()), 1000)
			require.Error(t, o.auth.Ready(t.Context()))
		})
	}
}

// TestOIDCKeysMoved: when the keys are not where they were, the issuer is asked again where they are.
func TestOIDCKeysMoved(t *testing.T) {
	o := newOIDC(t)
	_, err := o.ask(o.token())
	require.NoError(t, err)
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	o.issuer.set(func() {
		o.issuer.answer = func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/keys":
				http.NotFound(w, r)
			case "/moved/keys":
				_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey(next, "k2")}})
			default:
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%s/moved/keys"}`, o.issuer.URL, o.issuer.URL)
			}
			return true
		}
	})
	token := signed(t, next, jose.RS256, "k2", nil, o.claims())
	_, err = o.ask(token)
	require.ErrorContains(t, err, "404")
	require.NotErrorIs(t, err, auth.ErrRefused)
	_, err = o.ask(o.token())
	require.NoError(t, err, "what is known is used meanwhile")
	o.clock.pass(time.Second)
	_, err = o.ask(token)
	require.NoError(t, err)
}

// TestOIDCHangs: who asks gives up with its context, and all share one question.
func TestOIDCHangs(t *testing.T) {
	o := newOIDC(t)
	token := o.token()
	release := make(chan struct{})
	arrived := make(chan struct{}, 100)
	o.issuer.answer = nil
	hang := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		o.issuer.ServeHTTP(w, r)
	}))
	defer hang.Close()
	slow, err := oidc.New(oidc.Config{Issuer: o.issuer.URL, Audience: "signet", Clock: o.clock.Now, Client: &http.Client{Transport: through(hang.URL)}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			_, err := slow.Authenticate(request("Bearer " + token).WithContext(ctx))
			errs <- err
		}()
	}
	<-arrived
	cancel()
	for range cap(errs) {
		require.ErrorIs(t, <-errs, context.Canceled)
	}
	require.Empty(t, arrived)
	close(release)
	_, err = slow.Authenticate(request("Bearer " + token))
	require.NoError(t, err)
	fetches, discovers := o.issuer.count()
	require.Equal(t, []int{1, 1}, []int{fetches, discovers})
}

// through sends all requests to one server.
func through(url string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Host = strings.TrimPrefix(url, "http://")
		return http.DefaultTransport.RoundTrip(r)
	})
}

type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
