package keys_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
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

// filed is a store of a key file, with the content of a second file as its "PIN".
type filed struct {
	*keys.Store
	dir            string
	opened, closed atomic.Int32
	pins           atomic.Pointer[[]string] // that were tried
}

const rightPIN = "right"

func newFiled(t testing.TB, name string, id testpki.Identity) *filed {
	t.Helper()
	f := &filed{dir: t.TempDir()}
	f.pins.Store(new([]string))
	f.put(t, id)
	f.putPIN(t, rightPIN)
	f.Store = &keys.Store{Name: name, Open: f.open, Files: []string{f.path("key.pem"), f.path("pin")}}
	return f
}

func (f *filed) path(name string) string { return filepath.Join(f.dir, name) }

// write replaces a file as programs do that care.
func write(t testing.TB, path string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", data, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func (f *filed) put(t testing.TB, id testpki.Identity) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(id.Key)
	require.NoError(t, err)
	write(t, f.path("key.pem"), append(block("PRIVATE KEY", der), testpki.CertPEM(id.Chain...)...))
}

func (f *filed) putPIN(t testing.TB, pin string) { write(t, f.path("pin"), []byte(pin)) }

func (f *filed) open(ctx context.Context) (sign.Provider, error) {
	f.opened.Add(1)
	pin, err := os.ReadFile(f.path("pin"))
	if err != nil {
		return nil, err
	}
	tried := append(append([]string{}, *f.pins.Load()...), string(pin))
	f.pins.Store(&tried)
	if string(pin) != rightPIN {
		return nil, &sign.Error{Op: "token: log in", Class: sign.ErrPIN}
	}
	p, err := soft.Open(ctx, f.path("key.pem"), soft.Config{})
	if err != nil {
		return nil, err
	}
	return &countedFile{p, f}, nil
}

type countedFile struct {
	*soft.Provider
	f *filed
}

func (c *countedFile) Close() error {
	c.f.closed.Add(1)
	return c.Provider.Close()
}

// closes waits for what is closed in the background.
func closes(t testing.TB, n int32, counter *atomic.Int32) {
	t.Helper()
	require.Eventually(t, func() bool { return counter.Load() == n }, 10*time.Second, time.Millisecond)
}

func certificateOf(t testing.TB, s *keys.Set, name string) *x509.Certificate {
	t.Helper()
	l := acquire(t, s, keys.Query{Name: name})
	defer l.Release()
	signs(t, l)
	return l.Signer.Certificate()
}

func TestReloadOfFiles(t *testing.T) {
	pki := testpki.New(t)
	first, second, third := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	f := newFiled(t, "seal", first)
	s := newSet(t, nil, keys.Key{Name: "seal", Store: f.Store})
	reload := func() error { return s.Reload(t.Context(), nil) }

	require.NoError(t, reload())
	require.Zero(t, f.opened.Load(), "nobody needs it")
	require.True(t, certificateOf(t, s, "seal").Equal(first.Certificate()))

	before := acquire(t, s, keys.Query{Name: "seal"})
	now := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(f.path("key.pem"), now, now))
	f.putPIN(t, rightPIN)
	require.NoError(t, reload())
	require.EqualValues(t, 1, f.opened.Load(), "written again with the same content")
	again := acquire(t, s, keys.Query{Name: "seal"})
	require.Same(t, before.Signer, again.Signer)
	again.Release()

	f.put(t, second)
	require.NoError(t, reload())
	require.True(t, certificateOf(t, s, "seal").Equal(second.Certificate()))
	require.Zero(t, f.closed.Load(), "a lease is out")
	signs(t, before)
	before.Release()
	before.Release()
	closes(t, 1, &f.closed)

	write(t, f.path("key.pem"), []byte("no key"))
	err := reload()
	require.ErrorContains(t, err, "seal")
	require.ErrorContains(t, err, "key.pem")
	require.True(t, certificateOf(t, s, "seal").Equal(second.Certificate()), "what there was stays")
	require.Error(t, reload(), "and it is said as long as it is so")
	require.NoError(t, os.Remove(f.path("key.pem")))
	require.Error(t, reload())
	require.True(t, certificateOf(t, s, "seal").Equal(second.Certificate()))

	f.put(t, third)
	require.NoError(t, reload())
	require.True(t, certificateOf(t, s, "seal").Equal(third.Certificate()))
	closes(t, 2, &f.closed)
	require.NoError(t, s.Close())
	require.EqualValues(t, 3, f.closed.Load())
	require.ErrorIs(t, reload(), sign.ErrUnavailable)
	_, err = s.Acquire(t.Context(), keys.Query{Name: "seal", Allowed: all})
	require.ErrorIs(t, err, sign.ErrUnavailable)
}

// TestRefusedPIN: each PIN is tried once, whatever happens.
func TestRefusedPIN(t *testing.T) {
	pki := testpki.New(t)
	f := newFiled(t, "seal", pki.Leaf(testpki.P256))
	f.putPIN(t, "wrong")
	s := newSet(t, nil, keys.Key{Name: "seal", Store: f.Store}, keys.Key{Name: "other", Store: f.Store})
	for range 3 {
		for _, st := range s.Status(t.Context()) {
			require.ErrorIs(t, st.Err, sign.ErrPIN)
		}
		err := s.Reload(t.Context(), nil)
		require.ErrorIs(t, err, sign.ErrPIN)
		require.Equal(t, 1, strings.Count(err.Error(), "\n")+1, "once for the store, not for each key")
	}
	require.Equal(t, []string{"wrong"}, *f.pins.Load())
	f.putPIN(t, rightPIN)
	require.NoError(t, s.Reload(t.Context(), nil))
	certificateOf(t, s, "seal")

	// A new PIN that is wrong leaves the open store alone.
	f.putPIN(t, "also wrong")
	for range 3 {
		require.ErrorIs(t, s.Reload(t.Context(), nil), sign.ErrPIN)
		certificateOf(t, s, "other")
	}
	require.Equal(t, []string{"wrong", rightPIN, "also wrong"}, *f.pins.Load())
	require.Zero(t, f.closed.Load())
	f.putPIN(t, rightPIN)
	require.NoError(t, s.Reload(t.Context(), nil))
	require.Equal(t, []string{"wrong", rightPIN, "also wrong"}, *f.pins.Load(), "it is what the open one was made of")
}

// TestReloadOfConfiguration takes new lists.
func TestReloadOfConfiguration(t *testing.T) {
	pki := testpki.New(t)
	a, b, c := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	ha, hb, hc := newHolder("a", a, c), newHolder("b", b), newHolder("c", c)
	ha.Identity, hb.Identity = "file a", "file b"
	refA, refC := sign.Ref{Certificate: a.Certificate()}, sign.Ref{Certificate: c.Certificate()}
	s := newSet(t, nil, keys.Key{Name: "a", Store: ha.Store, Ref: refA}, keys.Key{Name: "b", Store: hb.Store})
	leaseB := acquire(t, s, keys.Query{Name: "b"})
	acquire(t, s, keys.Query{Name: "a"}).Release()

	// The same store under another pointer; b is gone; another format.
	same := *ha.Store
	require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "a", Store: &same, Ref: refA, Options: cades.Options{Attached: true}}, {Name: "a2", Store: &same, Ref: refC}}))
	require.EqualValues(t, 1, ha.opened.Load(), "its sessions stay")
	l := acquire(t, s, keys.Query{Name: "a"})
	require.True(t, l.Options.Attached)
	l.Release()
	require.True(t, certificateOf(t, s, "a2").Equal(c.Certificate()))
	_, err := s.Acquire(t.Context(), keys.Query{Name: "b", Allowed: all})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	signs(t, leaseB)
	require.Zero(t, hb.closed.Load())
	leaseB.Release()
	closes(t, 1, &hb.closed)

	// Another identity is another store.
	other := *ha.Store
	other.Identity = "file a, with another password"
	require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "a", Store: &other, Ref: refA}}))
	require.EqualValues(t, 2, ha.opened.Load())
	closes(t, 1, &ha.closed)

	// No identity: only the pointer tells.
	hc2 := *hc.Store
	require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "c", Store: hc.Store}}))
	require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "c", Store: hc.Store}}))
	require.EqualValues(t, 1, hc.opened.Load())
	require.NoError(t, s.Reload(t.Context(), []keys.Key{{Name: "c", Store: &hc2}}))
	require.EqualValues(t, 2, hc.opened.Load())

	// A list that is wrong changes nothing.
	require.ErrorIs(t, s.Reload(t.Context(), []keys.Key{{Name: "", Store: hc.Store}}), sign.ErrInput)
	certificateOf(t, s, "c")
	require.NoError(t, s.Reload(t.Context(), []keys.Key{}))
	require.Empty(t, s.Status(t.Context()))
	closes(t, 2, &hc.closed)
	require.NoError(t, s.Close())
	require.EqualValues(t, ha.opened.Load(), ha.closed.Load())
}

// TestReloadInPart: what could be opened is taken up, the rest stays, and all errors are told.
func TestReloadInPart(t *testing.T) {
	pki := testpki.New(t)
	a, b, c := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		oldA, oldB := newHolder("a", a), newHolder("b", b)
		s := newSet(t, nil, keys.Key{Name: "a", Store: oldA.Store}, keys.Key{Name: "b", Store: oldB.Store})
		require.Len(t, s.Status(t.Context()), 2)
		newA, newB, newC := newHolder("a", c), newHolder("b", c), newHolder("c", c)
		newB.fail(errors.New("b burns"))
		newC.fail(errors.New("c burns"))
		list := []keys.Key{{Name: "a", Store: newA.Store}, {Name: "b", Store: newB.Store}, {Name: "c", Store: newC.Store}}
		err := s.Reload(t.Context(), list)
		require.ErrorContains(t, err, "b burns")
		require.ErrorContains(t, err, "c burns")
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.True(t, certificateOf(t, s, "a").Equal(c.Certificate()), "the new one")
		require.True(t, certificateOf(t, s, "b").Equal(b.Certificate()), "the old one")
		_, err = s.Acquire(t.Context(), keys.Query{Name: "c", Allowed: all})
		require.ErrorContains(t, err, "c burns")
		synctest.Wait()
		require.EqualValues(t, 1, oldA.closed.Load())
		require.Zero(t, oldB.closed.Load())
		// One that had nothing before mends itself, the other one by a reload.
		newC.fail(nil)
		newB.fail(nil)
		time.Sleep(keys.DefaultRest)
		certificateOf(t, s, "c")
		require.True(t, certificateOf(t, s, "b").Equal(b.Certificate()))
		require.NoError(t, s.Reload(t.Context(), nil), "the configuration is the one that was asked for last")
		require.True(t, certificateOf(t, s, "b").Equal(c.Certificate()))
		synctest.Wait()
		require.EqualValues(t, 1, oldB.closed.Load())
		require.NoError(t, s.Close())
		for _, h := range []*holder{newA, newB, newC} {
			require.EqualValues(t, 1, h.closed.Load())
		}
	})
}

// TestKeyGoneFromStore: the store can be opened anew, one of its keys is not in it any more.
func TestKeyGoneFromStore(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	f := newFiled(t, "seal", a)
	s := newSet(t, nil, keys.Key{Name: "seal", Store: f.Store, Ref: sign.Ref{Thumbprint: sign.Thumbprint(a.Certificate())}})
	certificateOf(t, s, "seal")
	f.put(t, b)
	require.ErrorContains(t, s.Reload(t.Context(), nil), "seal")
	require.True(t, certificateOf(t, s, "seal").Equal(a.Certificate()))
	f.put(t, a)
	require.NoError(t, s.Reload(t.Context(), nil))
	certificateOf(t, s, "seal")
	require.NoError(t, s.Close())
	require.Equal(t, f.opened.Load(), f.closed.Load())
}

// TestRenewedOnToken: a certificate that was renewed on a token that stays open is found by a reload.
func TestRenewedOnToken(t *testing.T) {
	pki := testpki.New(t)
	old := pki.Leaf(testpki.P256)
	renewed := pki.LeafOf(old.Key, "renewed")
	h := newHolder("a", old)
	s := newSet(t, nil, keys.Key{Name: "a", Store: h.Store})
	lease := acquire(t, s, keys.Query{Name: "a"})
	h.renewed.Store(&renewed.Chain)
	require.True(t, certificateOf(t, s, "a").Equal(old.Certificate()))
	require.NoError(t, s.Reload(t.Context(), nil))
	require.True(t, certificateOf(t, s, "a").Equal(renewed.Certificate()))
	require.EqualValues(t, 1, h.opened.Load())
	signs(t, lease)
	// What cannot be looked up any more stays.
	h.renewed.Store(&[]*x509.Certificate{pki.Leaf(testpki.P256).Certificate()})
	require.ErrorIs(t, s.Reload(t.Context(), nil), sign.ErrKeyMismatch)
	require.True(t, certificateOf(t, s, "a").Equal(renewed.Certificate()))
}

// TestStoreStaysForNewKeys: a store that cannot be opened anew serves keys and formats that are new in the configuration.
func TestStoreStaysForNewKeys(t *testing.T) {
	pki := testpki.New(t)
	f := newFiled(t, "seal", pki.Leaf(testpki.P256))
	s := newSet(t, nil, keys.Key{Name: "seal", Store: f.Store})
	certificateOf(t, s, "seal")
	write(t, f.path("key.pem"), []byte("broken"))
	list := []keys.Key{{Name: "seal", Store: f.Store, Options: cades.Options{Attached: true}}, {Name: "new", Store: f.Store}}
	require.ErrorContains(t, s.Reload(t.Context(), list), "key.pem")
	l := acquire(t, s, keys.Query{Name: "seal"})
	require.True(t, l.Options.Attached, "the format does not hang on the store")
	certificateOf(t, s, "new")
	require.EqualValues(t, 2, f.opened.Load(), "at first, and by the reload")
	require.Zero(t, f.closed.Load())
}

// TestReloadGivenUp: half of a reload is none, and what it opened is closed.
func TestReloadGivenUp(t *testing.T) {
	pki := testpki.New(t)
	a := pki.Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		old, next := newHolder("a", a), newHolder("a", a)
		s := newSet(t, nil, keys.Key{Name: "a", Store: old.Store})
		certificateOf(t, s, "a")
		next.gate = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Reload(ctx, []keys.Key{{Name: "a", Store: next.Store}}), context.DeadlineExceeded)
		certificateOf(t, s, "a")
		close(next.gate)
		synctest.Wait()
		require.EqualValues(t, 1, next.closed.Load())
		require.Zero(t, old.closed.Load())
	})
}

// TestLeasesOutliveTheSet also counts: what was opened is closed, once, and not before the last lease.
func TestLeasesOutliveTheSet(t *testing.T) {
	pki := testpki.New(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHolder("a", pki.Leaf(testpki.P256))
		s := newSet(t, nil, keys.Key{Name: "a", Store: h.Store})
		one, two := acquire(t, s, keys.Query{Name: "a"}), acquire(t, s, keys.Query{Name: "a"})
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		one.Release()
		one.Release()
		synctest.Wait()
		require.Zero(t, h.closed.Load())
		signs(t, two)
		two.Release()
		synctest.Wait()
		require.EqualValues(t, 1, h.closed.Load())
	})
}

// TestSigningWhileReloading: no request fails, whatever is exchanged.
func TestSigningWhileReloading(t *testing.T) {
	pki := testpki.New(t)
	ids := []testpki.Identity{pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)}
	f := newFiled(t, "seal", ids[0])
	s := newSet(t, nil, keys.Key{Name: "seal", Store: f.Store})
	done := make(chan struct{})
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			errs <- func() error {
				for {
					select {
					case <-done:
						return nil
					default:
					}
					l, err := s.Acquire(context.Background(), keys.Query{Name: "seal", Allowed: all})
					if err != nil {
						return err
					}
					if _, err = cades.Sign(context.Background(), l.Signer, sign.Bytes("", []byte("x")), l.Options); err != nil {
						return err
					}
					l.Release()
				}
			}()
		}()
	}
	for i := range 40 {
		f.put(t, ids[(i+1)%2])
		require.NoError(t, s.Reload(t.Context(), nil))
	}
	close(done)
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.NoError(t, s.Close())
	require.Equal(t, f.opened.Load(), f.closed.Load())
}
