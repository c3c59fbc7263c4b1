package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// faulty is a file on a disk that fails.
type faulty struct {
	*os.File
	mu       sync.Mutex
	room     int   // octets that may be written; negative means any number
	truncate error // what Truncate fails with
	sync     error
	syncs    int
	hold     chan struct{} // when set, Sync says that it has begun, and waits
}

func (f *faulty) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room >= 0 && len(p) > f.room {
		n, _ := f.File.Write(p[:f.room])
		f.room = 0
		return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	if f.room >= 0 {
		f.room -= len(p)
	}
	return f.File.Write(p)
}

func (f *faulty) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.truncate != nil {
		return f.truncate
	}
	return f.File.Truncate(size)
}

func (f *faulty) Sync() error {
	f.mu.Lock()
	f.syncs++
	hold, err := f.hold, f.sync
	f.mu.Unlock()
	if hold != nil {
		hold <- struct{}{}
		<-hold
	}
	if err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faulty) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// onFaulty opens a log on such a file.
func onFaulty(t *testing.T, o Options) (*Log, *faulty, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(path, &o)
	require.NoError(t, err)
	f := &faulty{File: l.f.(*os.File), room: -1}
	l.f = f
	t.Cleanup(func() { _ = l.Close() })
	return l, f, path
}

var one = &Record{Event: "sign", Items: []Item{{Digest: []byte("digest"), Name: "a"}}}

func whole(t *testing.T, path string, records int) {
	t.Helper()
	s, err := VerifyFiles([]string{path}, nil)
	require.NoError(t, err)
	require.EqualValues(t, records, s.Records)
}

// TestDiskFull: the record fails, the file ends with the last whole line, and goes on when there is room.
func TestDiskFull(t *testing.T) {
	for _, room := range []int{0, 1, 100} {
		l, f, path := onFaulty(t, Options{})
		require.NoError(t, l.Record(t.Context(), one))
		f.set(func() { f.room = room })
		for range 3 {
			require.ErrorIs(t, l.Record(t.Context(), one), syscall.ENOSPC)
			whole(t, path, 1)
		}
		f.set(func() { f.room = -1 })
		require.NoError(t, l.Err())
		require.NoError(t, l.Record(t.Context(), one))
		whole(t, path, 2)
		require.NoError(t, l.Close())
		l, err := Open(path, nil)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
}

// TestHalfStays: the half of a line cannot be taken away at once. Nothing is written behind it.
func TestHalfStays(t *testing.T) {
	l, f, path := onFaulty(t, Options{})
	require.NoError(t, l.Record(t.Context(), one))
	f.set(func() { f.room, f.truncate = 40, syscall.EIO })
	require.ErrorIs(t, l.Record(t.Context(), one), syscall.ENOSPC)
	f.set(func() { f.room = -1 })
	require.ErrorIs(t, l.Record(t.Context(), one), syscall.EIO)
	require.ErrorIs(t, l.Err(), syscall.EIO)
	_, err := VerifyFiles([]string{path}, nil)
	require.ErrorContains(t, err, "line 2: it has no line end")
	f.set(func() { f.truncate = nil })
	require.NoError(t, l.Record(t.Context(), one))
	whole(t, path, 2)
}

// TestSyncFails: nobody is told that a record is kept, and the log takes no more: a second sync would say that all is well.
func TestSyncFails(t *testing.T) {
	l, f, _ := onFaulty(t, Options{Sync: SyncAlways})
	require.NoError(t, l.Record(t.Context(), one))
	f.set(func() { f.sync = syscall.EIO })
	require.ErrorIs(t, l.Record(t.Context(), one), syscall.EIO)
	f.set(func() { f.sync = nil })
	require.ErrorIs(t, l.Record(t.Context(), one), syscall.EIO)
	require.ErrorIs(t, l.Err(), syscall.EIO)
}

// TestSharedSync: those who come while a sync is under way share the next one.
func TestSharedSync(t *testing.T) {
	l, f, _ := onFaulty(t, Options{Sync: SyncAlways})
	hold := make(chan struct{})
	f.set(func() { f.hold = hold })
	const n = 20
	errs := make(chan error, n)
	first, err := l.write(one)
	require.NoError(t, err)
	<-hold
	f.set(func() { f.hold = nil })
	for range n {
		c, err := l.write(one)
		require.NoError(t, err)
		require.NotSame(t, first, c, "the one that has begun does not count")
		go func() { <-c.done; errs <- c.err }()
	}
	select {
	case <-errs:
		t.Fatal("kept before the sync")
	default:
	}
	// Who does not wait any longer is told so; the record is in the file.
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	require.Equal(t, gone, l.Record(ctx, one))
	close(hold)
	for range n {
		require.NoError(t, <-errs)
	}
	require.NoError(t, l.Close())
	require.Equal(t, 3, f.syncs, "one, one for all the others, and the last of Close")
}

// TestRotationFails: the record fails, and the log goes on in the old file.
func TestRotationFails(t *testing.T) {
	l, f, path := onFaulty(t, Options{MaxSize: 1})
	require.NoError(t, l.Record(t.Context(), one))
	create := l.create
	l.create = func(string) (file, error) { return nil, syscall.ENOSPC }
	require.ErrorIs(t, l.Record(t.Context(), one), syscall.ENOSPC)
	whole(t, path, 1)
	require.NoFileExists(t, path+".000000000001")
	l.create = create
	require.NoError(t, l.Record(t.Context(), one))
	s, err := VerifyFiles([]string{path, path + ".000000000001"}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Records)
	require.NoError(t, os.WriteFile(path+".000000000002", nil, 0o600))
	require.ErrorContains(t, l.Record(t.Context(), one), "there already", "nothing is written over")
	require.NoError(t, os.Remove(path+".000000000002"))
	require.NoError(t, l.Record(t.Context(), one))
	require.ErrorIs(t, f.Close(), os.ErrClosed, "the old file is not held")
}

// TestRotationDuringSync: a sync of the old file that ends after the file was closed is no fault.
func TestRotationDuringSync(t *testing.T) {
	l, f, path := onFaulty(t, Options{MaxSize: 1, Sync: SyncAlways})
	hold := make(chan struct{})
	f.set(func() { f.hold = hold })
	c, err := l.write(one)
	require.NoError(t, err)
	<-hold
	f.set(func() { f.hold = nil }) // for the sync of the rotation
	held := l.under
	require.Same(t, c, held)
	next, err := l.write(one)
	require.NoError(t, err)
	close(hold)
	<-c.done
	require.NoError(t, c.err)
	<-next.done
	require.NoError(t, next.err)
	require.NoError(t, l.Record(t.Context(), one))
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	s, err := VerifyFiles(files, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Records)
}

// TestInterval: what was written is synced without anybody waiting.
func TestInterval(t *testing.T) {
	l, f, _ := onFaulty(t, Options{})
	l.options.Interval, l.stop, l.done = 1, make(chan struct{}), make(chan struct{})
	go l.sometimes(l.stop)
	require.NoError(t, l.Record(t.Context(), one))
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.syncs > 0 }, 10e9, 1e6)
	f.set(func() { f.sync = syscall.EIO })
	require.NoError(t, l.Record(t.Context(), one))
	require.Eventually(t, func() bool { return l.Err() != nil }, 10e9, 1e6)
	require.ErrorIs(t, l.Record(t.Context(), one), syscall.EIO)
}
