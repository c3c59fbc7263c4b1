package keys_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// holder is a store in memory that counts what is done with it.
type holder struct {
	*keys.Store
	ids                    []testpki.Identity
	opened, closed, pinged atomic.Int32
	err                    atomic.Pointer[error] // of opening
	gate                   chan struct{}         // when set, opening waits for it, or for its context
	ping                   func(ctx context.Context) error
	renewed                atomic.Pointer[[]*x509.Certificate] // what the open store has instead of the first chain
}

func newHolder(name string, ids ...testpki.Identity) *holder {
	h := &holder{ids: ids}
	h.Store = &keys.Store{Name: name, Open: h.open}
	return h
}

func (h *holder) fail(err error) { h.err.Store(&err) }

func (h *holder) open(ctx context.Context) (sign.Provider, error) {
	h.opened.Add(1)
	if h.gate != nil {
		select {
		case <-h.gate:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := h.err.Load(); err != nil && *err != nil {
		return nil, *err
	}
	var pem []byte
	for _, id := range h.ids {
		der, err := x509.MarshalPKCS8PrivateKey(id.Key)
		if err != nil {
			return nil, err
		}
		pem = append(pem, block("PRIVATE KEY", der)...)
		pem = append(pem, testpki.CertPEM(id.Chain...)...)
	}
	p, err := soft.Parse(ctx, h.Name, pem, soft.Config{})
	if err != nil {
		return nil, err
	}
	return &counted{p, h}, nil
}

type counted struct {
	*soft.Provider
	h *holder
}

func (c *counted) Ping(ctx context.Context) error {
	c.h.pinged.Add(1)
	if c.h.ping != nil {
		return c.h.ping(ctx)
	}
	return c.Provider.Ping(ctx)
}

func (c *counted) Chain(ctx context.Context, key sign.Key) ([]*x509.Certificate, error) {
	if chain := c.h.renewed.Load(); chain != nil {
		return *chain, nil
	}
	return c.Provider.Chain(ctx, key)
}

func (c *counted) Close() error {
	c.h.closed.Add(1)
	return c.Provider.Close()
}

func all(string) bool { return true }

func only(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func newSet(t testing.TB, o *keys.Options, list ...keys.Key) *keys.Set {
	t.Helper()
	s, err := keys.New(list, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// signs makes a signature with a lease.
func signs(t testing.TB, l *keys.Lease) {
	t.Helper()
	options := *l.Options
	options.AnyCertificate = true // the clock of a bubble of synctest begins in 2000
	der, err := cades.Sign(t.Context(), l.Signer, sign.Bytes("", []byte("content")), &options)
	require.NoError(t, err)
	require.NotEmpty(t, der)
}

func acquire(t testing.TB, s *keys.Set, q keys.Query) *keys.Lease {
	t.Helper()
	if q.Allowed == nil {
		q.Allowed = all
	}
	l, err := s.Acquire(t.Context(), q)
	require.NoError(t, err)
	t.Cleanup(l.Release)
	return l
}

func hex256(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func TestFound(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	renewed := pki.LeafOf(a.Key, "renewed")
	ha, hb := newHolder("a", a), newHolder("b", b)
	s := newSet(t, nil, keys.Key{Name: "a", Store: ha.Store}, keys.Key{Name: "b", Store: hb.Store, Options: cades.Options{Attached: true}})
	thumb := sign.Thumbprint(b.Certificate())
	long := hex256(b.Certificate())
	for name, q := range map[string]keys.Query{
		"name":             {Name: "b"},
		"upper case":       {Thumbprint: thumb},
		"lower case":       {Thumbprint: strings.ToLower(thumb)},
		"spaces":           {Thumbprint: " " + thumb[:20] + " " + thumb[20:] + "\n"},
		"colons":           {Thumbprint: thumb[:2] + ":" + thumb[2:]},
		"sha256":           {Thumbprint: long},
		"sha256 upper":     {Thumbprint: strings.ToUpper(long[:32]) + ":" + long[32:]},
		"certificate":      {Certificate: b.Certificate().Raw},
		"all at once":      {Name: "b", Thumbprint: thumb, Certificate: b.Certificate().Raw},
		"allowed by name":  {Thumbprint: thumb, Allowed: only("b")},
		"sha256 and a DER": {Thumbprint: long, Certificate: b.Certificate().Raw},
	} {
		t.Run(name, func(t *testing.T) {
			l := acquire(t, s, q)
			require.Equal(t, "b", l.Name)
			require.True(t, l.Signer.Certificate().Equal(b.Certificate()))
			require.True(t, l.Options.Attached)
			signs(t, l)
		})
	}
	other := sign.Thumbprint(a.Certificate())
	for name, q := range map[string]keys.Query{
		"no such name":                 {Name: "c", Allowed: all},
		"no such thumbprint":           {Thumbprint: strings.Repeat("0", 40), Allowed: all},
		"no such sha256":               {Thumbprint: strings.Repeat("0", 64), Allowed: all},
		"same key, other certificate":  {Certificate: renewed.Certificate().Raw, Allowed: all},
		"no certificate":               {Certificate: []byte("x"), Allowed: all},
		"name and thumbprint differ":   {Name: "b", Thumbprint: other, Allowed: all},
		"thumbprint and DER differ":    {Thumbprint: thumb, Certificate: a.Certificate().Raw, Allowed: all},
		"nobody may":                   {Name: "b"},
		"may not, by name":             {Name: "b", Allowed: only("a")},
		"may not, by thumbprint":       {Thumbprint: thumb, Allowed: only("a")},
		"may not, by SHA-256":          {Thumbprint: long, Allowed: only("a")},
		"may not, by certificate":      {Certificate: b.Certificate().Raw, Allowed: only("a")},
		"may nothing, by certificate":  {Certificate: b.Certificate().Raw, Allowed: only()},
		"may none, of one that is not": {Certificate: renewed.Certificate().Raw, Allowed: only()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Acquire(t.Context(), q)
			require.ErrorIs(t, err, sign.ErrKeyNotFound)
			require.EqualError(t, err, "keys: find: no such key; ask for the list of keys that you may use", "one that may not be used is not told from one that is not there")
		})
	}
	for name, q := range map[string]keys.Query{
		"nothing": {Allowed: all}, "no thumbprint": {Thumbprint: "xyz", Allowed: all}, "half a thumbprint": {Thumbprint: thumb[:20], Allowed: all},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Acquire(t.Context(), q)
			require.ErrorIs(t, err, sign.ErrInput)
		})
	}
}

// TestOthersKeysAreLeftAlone looks at what is opened: nothing for somebody who may not use it.
func TestOthersKeysAreLeftAlone(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	ha, hb := newHolder("a", a), newHolder("b", b)
	s := newSet(t, nil, keys.Key{Name: "a", Store: ha.Store}, keys.Key{Name: "b", Store: hb.Store})
	for _, q := range []keys.Query{{Name: "b"}, {Thumbprint: sign.Thumbprint(b.Certificate())}, {Certificate: b.Certificate().Raw}} {
		q.Allowed = only("a")
		_, err := s.Acquire(t.Context(), q)
		require.ErrorIs(t, err, sign.ErrKeyNotFound)
	}
	require.EqualValues(t, 1, ha.opened.Load(), "to learn its certificate")
	require.Zero(t, hb.opened.Load())
	require.Len(t, s.List(t.Context(), only("a")), 1)
	require.Empty(t, s.List(t.Context(), nil))
	require.Zero(t, hb.opened.Load())
}

// TestNothingIsOpenedToKnow: certificates that are configured need no store.
func TestNothingIsOpenedToKnow(t *testing.T) {
	pki := testpki.New(t)
	a, b, c := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	ha, hb, hc, unsaid := newHolder("a", a), newHolder("b", b), newHolder("c", c), newHolder("unsaid", a)
	s := newSet(t, nil, keys.Key{Name: "unsaid", Store: unsaid.Store}, keys.Key{Name: "a", Store: ha.Store, Ref: sign.Ref{Thumbprint: sign.Thumbprint(a.Certificate())}},
		keys.Key{Name: "b", Store: hb.Store, Ref: sign.Ref{Certificate: b.Certificate()}},
		keys.Key{Name: "c", Store: hc.Store, Ref: sign.Ref{Thumbprint: sign.Thumbprint(c.Certificate())}})
	require.Equal(t, "c", acquire(t, s, keys.Query{Thumbprint: sign.Thumbprint(c.Certificate())}).Name)
	require.Equal(t, "b", acquire(t, s, keys.Query{Certificate: b.Certificate().Raw}).Name)
	require.Zero(t, unsaid.opened.Load(), "another one is known to be meant")
	allowed := only("a", "b", "c")
	_, err := s.Acquire(t.Context(), keys.Query{Thumbprint: strings.Repeat("7", 40), Allowed: allowed})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.Zero(t, ha.opened.Load())
	require.EqualValues(t, 1, hb.opened.Load())
	require.EqualValues(t, 1, hc.opened.Load())
	// The SHA-256 of a key that is configured by its SHA-1 is not known.
	require.Equal(t, "a", acquire(t, s, keys.Query{Thumbprint: hex256(a.Certificate()), Allowed: allowed}).Name)
}

// TestOtherHash: a key that is configured by a thumbprint of the other hash than is asked for may be meant, and is opened only when none is
// known to be.
func TestOtherHash(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	short := func(c *x509.Certificate) string { return sign.Thumbprint(c) }
	for _, hash := range []struct {
		configured, asked func(*x509.Certificate) string
	}{{short, hex256}, {hex256, short}} {
		ha, hb := newHolder("a", a), newHolder("b", b)
		s := newSet(t, nil, keys.Key{Name: "a", Store: ha.Store, Ref: sign.Ref{Thumbprint: hash.configured(a.Certificate())}},
			keys.Key{Name: "b", Store: hb.Store, Ref: sign.Ref{Certificate: b.Certificate()}})
		require.Equal(t, "b", acquire(t, s, keys.Query{Thumbprint: hash.asked(b.Certificate())}).Name)
		require.Zero(t, ha.opened.Load())
		require.Equal(t, "a", acquire(t, s, keys.Query{Thumbprint: hash.asked(a.Certificate())}).Name)
	}
}

// TestConfiguredCertificate is signed with, even when the store has another one of the same key.
func TestConfiguredCertificate(t *testing.T) {
	pki := testpki.New(t)
	old := pki.Leaf(testpki.P256)
	renewed := pki.LeafOf(old.Key, "renewed")
	h := newHolder("a", old)
	s := newSet(t, nil, keys.Key{Name: "a", Store: h.Store, Ref: sign.Ref{Certificate: renewed.Certificate()}})
	l := acquire(t, s, keys.Query{Certificate: renewed.Certificate().Raw})
	require.True(t, l.Signer.Certificate().Equal(renewed.Certificate()))
	require.Len(t, l.Signer.Chain(), 2, "with its issuer")
	signs(t, l)
	_, err := s.Acquire(t.Context(), keys.Query{Certificate: old.Certificate().Raw, Allowed: all})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
}

// TestSameCertificate: the first of the configuration is meant, among those that the caller may use.
func TestSameCertificate(t *testing.T) {
	pki := testpki.New(t)
	a := pki.Leaf(testpki.P256)
	h := newHolder("a", a)
	s := newSet(t, nil, keys.Key{Name: "plain", Store: h.Store}, keys.Key{Name: "attached", Store: h.Store, Options: cades.Options{Attached: true}})
	require.Len(t, s.Status(t.Context()), 2)
	q := keys.Query{Certificate: a.Certificate().Raw}
	require.Equal(t, "plain", acquire(t, s, q).Name)
	q.Allowed = only("attached")
	require.Equal(t, "attached", acquire(t, s, q).Name)
	require.EqualValues(t, 1, h.opened.Load(), "one store for both")
}

func TestWrongConfiguration(t *testing.T) {
	pki := testpki.New(t)
	h, twin := newHolder("a", pki.Leaf(testpki.P256)), newHolder("a")
	for says, list := range map[string][]keys.Key{
		`two keys have the name "x"`:     {{Name: "x", Store: h.Store}, {Name: "x", Store: h.Store}},
		`two stores have the name "a"`:   {{Name: "x", Store: h.Store}, {Name: "y", Store: twin.Store}},
		"its name is empty":              {{Store: h.Store}},
		"asterisk":                       {{Name: "*", Store: h.Store}},
		"cannot be seen":                 {{Name: "a\x1b", Store: h.Store}},
		"longer than 200":                {{Name: strings.Repeat("a", 201), Store: h.Store}},
		`key "x" has no store`:           {{Name: "x"}},
		`key "y" has no store`:           {{Name: "y", Store: &keys.Store{Name: "y"}}},
		`the store of key "x" has no`:    {{Name: "x", Store: &keys.Store{Open: h.open}}},
		"40 hexadecimal digits":          {{Name: "x", Store: h.Store, Ref: sign.Ref{Thumbprint: "12"}}},
		"rsa-md5":                        {{Name: "x", Store: h.Store, Scheme: "rsa-md5"}},
		"needs the signer's certificate": {{Name: "x", Store: h.Store, Options: cades.Options{Certificates: cades.NoCertificates}}},
	} {
		t.Run(says, func(t *testing.T) {
			_, err := keys.New(list, nil)
			require.ErrorContains(t, err, says)
			require.ErrorIs(t, err, sign.ErrInput)
			s := newSet(t, nil)
			require.ErrorContains(t, s.Reload(t.Context(), list), says)
		})
	}
	_, err := keys.New([]keys.Key{{Name: ""}, {Name: "x"}}, nil)
	require.ErrorContains(t, err, "name is empty")
	require.ErrorContains(t, err, "has no store", "all that is wrong is told at once")
	require.Zero(t, h.opened.Load())
}

// TestManyWaiters: a store is opened once for all, and a waiter that goes away does not stop it for the others.
func TestManyWaiters(t *testing.T) {
	pki := testpki.New(t)
	h := newHolder("a", pki.Leaf(testpki.P256))
	synctest.Test(t, func(t *testing.T) {
		h.gate = make(chan struct{})
		s := newSet(t, nil, keys.Key{Name: "a", Store: h.Store})
		impatient, leave := context.WithCancelCause(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := s.Acquire(impatient, keys.Query{Name: "a", Allowed: all})
			gone <- err
		}()
		synctest.Wait()
		errs := make(chan error, 50)
		for range cap(errs) {
			go func() {
				l, err := s.Acquire(t.Context(), keys.Query{Name: "a", Allowed: all})
				l.Release()
				errs <- err
			}()
		}
		synctest.Wait()
		cause := errors.New("the client went away")
		leave(cause)
		require.Equal(t, cause, <-gone)
		close(h.gate)
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
		require.EqualValues(t, 1, h.opened.Load())
		require.NoError(t, s.Close())
		require.EqualValues(t, 1, h.closed.Load())
	})
}

// TestRest: a failure is told to all for a while, and then it is tried again; a refused password is not.
func TestRest(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		down, locked := newHolder("down", id), newHolder("locked", id)
		down.fail(errors.New("no route to the token"))
		locked.fail(&sign.Error{Op: "soft: open", Place: "seal.p12", Class: sign.ErrPIN})
		s := newSet(t, &keys.Options{Rest: 10 * time.Second}, keys.Key{Name: "down", Store: down.Store}, keys.Key{Name: "locked", Store: locked.Store})
		try := func(name string) error {
			l, err := s.Acquire(t.Context(), keys.Query{Name: name, Allowed: all})
			l.Release()
			return err
		}
		for range 3 {
			err := try("down")
			require.ErrorIs(t, err, sign.ErrUnavailable)
			require.ErrorContains(t, err, "no route to the token")
			require.ErrorIs(t, try("locked"), sign.ErrPIN)
		}
		require.EqualValues(t, 1, down.opened.Load())
		time.Sleep(10*time.Second - 1)
		require.Error(t, try("down"))
		require.EqualValues(t, 1, down.opened.Load(), "left alone")
		time.Sleep(time.Nanosecond)
		require.Error(t, try("down"))
		require.EqualValues(t, 2, down.opened.Load())
		down.fail(nil)
		locked.fail(nil)
		time.Sleep(24 * time.Hour)
		require.NoError(t, try("down"))
		require.ErrorIs(t, try("locked"), sign.ErrPIN)
		require.EqualValues(t, 1, locked.opened.Load(), "never tried again")
		// Nothing has changed that it could be right now.
		require.ErrorIs(t, s.Reload(t.Context(), nil), sign.ErrPIN)
		require.EqualValues(t, 1, locked.opened.Load())
		require.EqualValues(t, 3, down.opened.Load(), "it was open")
		// Another configuration is another try.
		next := newHolder("locked", id)
		require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "down", Store: down.Store}, {Name: "locked", Store: next.Store}}))
		require.NoError(t, try("locked"))
	})
}

// TestFaultsOfStores: what is wrong with the store is not told as a wrong question of the caller.
func TestFaultsOfStores(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	nothing := &keys.Store{Name: "nothing", Open: func(context.Context) (sign.Provider, error) { return nil, nil }}
	bursts := &keys.Store{Name: "bursts", Open: func(context.Context) (sign.Provider, error) { panic("boom") }}
	two := newHolder("two", a, b)
	s := newSet(t, nil, keys.Key{Name: "missing", Store: two.Store, Ref: sign.Ref{Label: "nobody"}}, keys.Key{Name: "ambiguous", Store: two.Store},
		keys.Key{Name: "nothing", Store: nothing}, keys.Key{Name: "bursts", Store: bursts},
		keys.Key{Name: "scheme", Store: two.Store, Ref: sign.Ref{Certificate: a.Certificate()}, Scheme: "rsa-pss-sha256"})
	for name, says := range map[string]string{"missing": "nobody", "ambiguous": "more than one", "nothing": "neither a provider nor an error", "bursts": "panic: boom"} {
		_, err := s.Acquire(t.Context(), keys.Query{Name: name, Allowed: all})
		require.ErrorIs(t, err, sign.ErrUnavailable, name)
		require.NotErrorIs(t, err, sign.ErrKeyNotFound, name)
		require.NotErrorIs(t, err, sign.ErrKeyAmbiguous, name)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, name, "which key")
	}
	_, err := s.Acquire(t.Context(), keys.Query{Name: "scheme", Allowed: all})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	// A thumbprint that nobody is known to have may be of one of those.
	_, err = s.Acquire(t.Context(), keys.Query{Thumbprint: strings.Repeat("1", 40), Allowed: only("bursts")})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.NotErrorIs(t, err, sign.ErrKeyNotFound)
}

// TestOneHangs: a store that does not answer holds neither the others nor those who give up.
func TestOneHangs(t *testing.T) {
	pki := testpki.New(t)
	good, bad := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		h, hangs := newHolder("good", good), newHolder("hangs", bad)
		hangs.gate = make(chan struct{})
		s := newSet(t, nil, keys.Key{Name: "hangs", Store: hangs.Store}, keys.Key{Name: "good", Store: h.Store})
		start := time.Now()
		l := acquire(t, s, keys.Query{Thumbprint: sign.Thumbprint(good.Certificate())})
		require.Equal(t, "good", l.Name)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Acquire(ctx, keys.Query{Certificate: bad.Certificate().Raw, Allowed: all})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		// An opening has an end of its own, after which there is another try.
		_, err = s.Acquire(t.Context(), keys.Query{Name: "hangs", Allowed: all})
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.Equal(t, 2*time.Minute, time.Since(start))
		synctest.Wait() // until that has ended as well
		close(hangs.gate)
		time.Sleep(keys.DefaultRest)
		acquire(t, s, keys.Query{Name: "hangs"})
		require.EqualValues(t, 2, hangs.opened.Load())
	})
}
