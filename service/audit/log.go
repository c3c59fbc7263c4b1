package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Sync is when records are written through to the disk.
type Sync int

// What Sync can be. Whatever it is, a record is in the file when Record returns: it survives the end of the process, and
// SyncAlways the loss of power, too.
const (
	SyncNone     Sync = iota // when the system likes
	SyncInterval             // once in Options.Interval
	SyncAlways               // before Record returns; those who wait at the same time share one
)

// DefaultInterval is Options.Interval when that is 0.
const DefaultInterval = time.Second

// Options say how a log is written. The zero value, and nil, works.
type Options struct {
	// Key lets each line be authenticated, at least MinKey octets: without it, somebody who can write the file can write all
	// of it anew, with a chain that is right. Nil means none.
	Key []byte
	// Sync is when records are written through to the disk.
	Sync Sync
	// Interval is for SyncInterval; 0 means DefaultInterval.
	Interval time.Duration
	// MaxSize is how many octets a file has at most, unless one record has more; then a new one is begun, and the old one gets
	// the number of its first record behind its name: audit.log.000000000001. 0 means no limit.
	MaxSize int64
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// file is what a log needs of a file.
type file interface {
	io.WriteCloser
	Truncate(size int64) error
	Sync() error
}

// Log is an append-only file of records. It is safe for concurrent use; one process has it open at a time.
type Log struct {
	path    string
	options Options
	lock    *os.File
	create  func(path string) (file, error)

	mu     sync.Mutex
	f      file // nil when closed
	size   int64
	first  uint64 // number of the first record of the file
	chain  chain
	buf    []byte
	broken error // why nothing can be written any more
	torn   bool  // a part of a line stands behind size

	under, waiting *commit // syncs
	unsynced       bool

	stop chan struct{}
	done chan struct{}
}

// commit is one sync that many wait for.
type commit struct {
	done chan struct{}
	err  error
}

// errClosed is of a log that was closed.
var errClosed = errors.New("audit: the log is closed")

// Record writes a record. Texts that are very long are cut, and a record of very many items is several lines. When it fails,
// the file ends with the last whole record, unless it was a sync that failed: then the record may be in it, and the log takes
// no more, since the system does not say what else was lost.
//
// A record is written even when ctx has ended, since what it tells of has happened; only waiting for the disk ends then.
func (l *Log) Record(ctx context.Context, r *Record) error {
	c, err := l.write(r)
	if err != nil || c == nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Log) write(r *Record) (*commit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	before := l.chain
	now := l.options.Clock()
	l.buf = l.chain.appendLines(l.buf[:0], r, now)
	defer l.shrink()
	if l.options.MaxSize > 0 && l.size > 0 && l.size+int64(len(l.buf)) > l.options.MaxSize {
		if err := l.rotate(before.seq + 1); err != nil {
			l.chain = before
			return nil, fmt.Errorf("audit: begin a new file: %w", err)
		}
	}
	if n, err := l.f.Write(l.buf); err != nil || n < len(l.buf) {
		if err == nil {
			err = io.ErrShortWrite
		}
		l.chain = before
		l.torn = n > 0
		_ = l.mend() // tried again before the next record
		return nil, fmt.Errorf("audit: write to %s: %w", l.path, err)
	}
	l.size += int64(len(l.buf))
	l.unsynced = true
	if l.options.Sync != SyncAlways {
		return nil, nil
	}
	return l.join(), nil
}

// usable reports why no record can be taken.
func (l *Log) usable() error {
	switch {
	case l.f == nil:
		return errClosed
	case l.broken != nil:
		return l.broken
	}
	return l.mend()
}

// mend takes away a part of a line.
func (l *Log) mend() error {
	if !l.torn {
		return nil
	}
	if err := l.f.Truncate(l.size); err != nil {
		return fmt.Errorf("audit: take a part of a record out of %s: %w", l.path, err)
	}
	l.torn = false
	return nil
}

// shrink lets go of the buffer of a record that was much larger than others.
func (l *Log) shrink() {
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
}

// join waits with the others for the next sync, and begins it when none is under way. One that is under way may have begun
// before this record was written.
func (l *Log) join() *commit {
	if l.waiting == nil {
		l.waiting = &commit{done: make(chan struct{})}
	}
	c := l.waiting
	if l.under == nil {
		l.begin()
	}
	return c
}

func (l *Log) begin() {
	l.under, l.waiting = l.waiting, nil
	f := l.f
	l.unsynced = false
	go func() {
		err := f.Sync()
		l.mu.Lock()
		defer l.mu.Unlock()
		c := l.under
		if err != nil && l.f == f { // one that was rotated meanwhile was synced before it was closed
			c.err = l.fail(err)
		}
		close(c.done)
		l.under = nil
		if l.waiting != nil {
			l.begin()
		}
	}()
}

// fail ends the log: after a sync that failed, the next one may say that all is well when it is not.
func (l *Log) fail(err error) error {
	if l.broken == nil {
		l.broken = fmt.Errorf("audit: sync %s: %w; records may be lost: look at the disk, then start the service anew", l.path, err)
	}
	return l.broken
}

// settle waits until no sync is under way. The lock is given up meanwhile.
func (l *Log) settle() {
	for l.under != nil {
		c := l.under
		l.mu.Unlock()
		<-c.done
		l.mu.Lock()
	}
}

// rotate begins a new file whose first record has the number next. The chain goes on in it.
func (l *Log) rotate(next uint64) error {
	if err := l.f.Sync(); err != nil {
		return l.fail(err)
	}
	old := fmt.Sprintf("%s.%012d", l.path, l.first)
	if _, err := os.Lstat(old); err == nil {
		return fmt.Errorf("%s is there already; move it away", old)
	}
	if err := os.Rename(l.path, old); err != nil {
		return err
	}
	f, err := l.create(l.path)
	if err != nil {
		if back := os.Rename(old, l.path); back != nil {
			l.broken = fmt.Errorf("audit: %s was renamed to %s, and no new file could be made: %w; start the service anew", l.path, old, err)
			return l.broken
		}
		return err
	}
	_ = l.f.Close() // all of it was synced
	l.f, l.size, l.first, l.unsynced = f, 0, next, false
	return syncFolder(l.path)
}

// syncFolder writes the names of files through to the disk.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return nil
}

// sometimes syncs once in a while.
func (l *Log) sometimes(stop <-chan struct{}) {
	defer close(l.done)
	tick := time.NewTicker(l.options.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.mu.Lock()
			if l.unsynced && l.broken == nil && l.f != nil {
				l.join()
			}
			l.mu.Unlock()
		case <-stop:
			return
		}
	}
}

// Last returns the number and the hash of the last record; 0 and zeros when there is none. Kept where who can write the log
// cannot write, they let Verify notice that its end was cut off.
func (l *Log) Last() (seq uint64, hash string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain.seq, hex.EncodeToString(l.chain.last[:])
}

// Err is why the log takes no records; nil when it does.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.usable()
}

// Close writes all through to the disk and closes the file. It may be called again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	if l.stop != nil {
		close(l.stop)
		l.stop = nil
		l.mu.Unlock()
		<-l.done
		l.mu.Lock()
	}
	l.settle()
	f := l.f
	if f == nil { // closed meanwhile by another caller
		return nil
	}
	mended := l.mend()
	l.f = nil
	synced := f.Sync()
	return errors.Join(mended, synced, f.Close(), l.lock.Close())
}
