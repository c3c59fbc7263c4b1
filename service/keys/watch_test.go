package keys_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// logged is a log that tests read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// watched watches a set until the test ends.
func watched(t *testing.T, list ...keys.Key) (*keys.Set, *logged) {
	t.Helper()
	log := &logged{}
	s := newSet(t, &keys.Options{Log: slog.New(slog.NewJSONHandler(log, nil))}, list...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return s, log
}

func becomes(t *testing.T, s *keys.Set, name string, want *x509.Certificate) {
	t.Helper()
	require.Eventually(t, func() bool {
		l, err := s.Acquire(t.Context(), keys.Query{Name: name, Allowed: all})
		if err != nil {
			return false
		}
		defer l.Release()
		return l.Signer.Certificate().Equal(want)
	}, 20*time.Second, 10*time.Millisecond)
}

func TestWatch(t *testing.T) {
	pki := testpki.New(t)
	first, second, third := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	f := newFiled(t, "seal", first)
	s, log := watched(t, keys.Key{Name: "seal", Store: f.Store})
	becomes(t, s, "seal", first.Certificate())
	lease := acquire(t, s, keys.Query{Name: "seal"})

	f.put(t, second) // by renaming
	becomes(t, s, "seal", second.Certificate())
	signs(t, lease)

	write(t, f.path("key.pem"), []byte("broken"))
	require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("key.pem")) }, 20*time.Second, 10*time.Millisecond, "the log says it")
	becomes(t, s, "seal", second.Certificate())

	der, err := x509.MarshalPKCS8PrivateKey(third.Key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.path("key.pem"), append(block("PRIVATE KEY", der), testpki.CertPEM(third.Chain...)...), 0o600)) // in place
	becomes(t, s, "seal", third.Certificate())

	// A folder that is taken away and comes back.
	away := f.dir + ".away"
	require.NoError(t, os.Rename(f.dir, away))
	require.NoError(t, os.Mkdir(f.dir, 0o700))
	f.putPIN(t, rightPIN)
	f.put(t, first)
	becomes(t, s, "seal", first.Certificate())
	f.put(t, second) // the new folder is watched
	becomes(t, s, "seal", second.Certificate())
	require.NoError(t, os.RemoveAll(away))
}

// TestWatchSymbolicLinks replaces files as container platforms do: the file is a link into a folder "..data", which is a link
// to a folder of each version.
func TestWatchSymbolicLinks(t *testing.T) {
	pki := testpki.New(t)
	dir := t.TempDir()
	version := func(name string, id testpki.Identity) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		der, err := x509.MarshalPKCS8PrivateKey(id.Key)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "key.pem"), append(block("PRIVATE KEY", der), testpki.CertPEM(id.Chain...)...), 0o600))
		require.NoError(t, os.Symlink(name, filepath.Join(dir, "..new")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	}
	ids := []testpki.Identity{pki.Leaf(testpki.P256), pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)}
	version("..1", ids[0])
	require.NoError(t, os.Symlink("..data/key.pem", filepath.Join(dir, "key.pem")))
	// The configuration names a link to that, in a folder elsewhere.
	link := filepath.Join(t.TempDir(), "seal.pem")
	require.NoError(t, os.Symlink(filepath.Join(dir, "key.pem"), link))
	store := &keys.Store{Name: "seal", Files: []string{link}, Open: func(ctx context.Context) (sign.Provider, error) {
		return soft.Open(ctx, link, soft.Config{})
	}}
	s, _ := watched(t, keys.Key{Name: "seal", Store: store})
	becomes(t, s, "seal", ids[0].Certificate())
	version("..2", ids[1])
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..1")))
	becomes(t, s, "seal", ids[1].Certificate())
	version("..3", ids[2])
	becomes(t, s, "seal", ids[2].Certificate())
}

// TestWatchFolder: a store may be a folder of files.
func TestWatchFolder(t *testing.T) {
	pki := testpki.New(t)
	first, second := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	f := newFiled(t, "seal", first)
	f.Files = []string{f.dir}
	s, _ := watched(t, keys.Key{Name: "seal", Store: f.Store})
	becomes(t, s, "seal", first.Certificate())
	f.put(t, second)
	becomes(t, s, "seal", second.Certificate())
}

// TestWatchEndsWithTheSet: nothing is left behind.
func TestWatchEndsWithTheSet(t *testing.T) {
	pki := testpki.New(t)
	f := newFiled(t, "seal", pki.Leaf(testpki.P256))
	s := newSet(t, nil, keys.Key{Name: "seal", Store: f.Store})
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(context.Background()) }()
	require.NoError(t, s.Close())
	require.NoError(t, <-ended)
}
