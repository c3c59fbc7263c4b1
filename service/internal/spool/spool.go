// Package spool keeps octets that are needed later: some in memory, the rest in a file that has no name, so that it is gone
// when the process is.
package spool

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// inMemory is how many octets are kept before there is a file.
const inMemory = 1 << 20

// store is what a Spool and a Queue have in common: octets by their offset, the first of them in memory.
type store struct {
	dir  string
	most int64
	head []byte
	file *os.File // of what comes behind head
	size int64
}

// ErrFull is of more octets than allowed.
type ErrFull struct{ Most int64 }

func (e *ErrFull) Error() string {
	return fmt.Sprintf("more than %d MiB would have to be kept", e.Most>>20)
}

func (s *store) write(p []byte) error {
	if s.size+int64(len(p)) > s.most {
		return &ErrFull{s.most}
	}
	if s.size == int64(len(s.head)) && len(s.head)+len(p) <= inMemory {
		if s.head == nil {
			s.head = (*heads.Get().(*[]byte))[:0]
		}
		s.head = append(s.head, p...)
		s.size += int64(len(p))
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "signet-*")
		if err != nil {
			return err
		}
		// Contents and signatures of strangers: nobody else is to find them, nor are they to stay when the process is killed.
		// Where a file that is open cannot be removed, it is removed when it is closed.
		_ = os.Remove(f.Name())
		s.file = f
	}
	_, err := s.file.WriteAt(p, s.size-int64(len(s.head)))
	if err == nil {
		s.size += int64(len(p))
	}
	return err
}

func (s *store) readAt(p []byte, at int64) (int, error) {
	if at < int64(len(s.head)) {
		return copy(p, s.head[at:]), nil
	}
	return s.file.ReadAt(p, at-int64(len(s.head)))
}

// heads are used again: what grows from nothing for each request is garbage of several times its size.
var heads = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

func (s *store) close() error {
	if head := s.head; head != nil {
		s.head = nil
		heads.Put(&head)
	}
	if s.file == nil {
		return nil
	}
	name := s.file.Name()
	err := s.file.Close()
	_ = os.Remove(name) // gone already where that was possible
	s.file = nil
	return err
}

// Spool is written from one goroutine and read at any offset, from many, after that.
type Spool struct{ s store }

// New makes a spool of at most so many octets, with its file in dir; empty is the folder for temporary files.
func New(dir string, most int64) *Spool { return &Spool{store{dir: dir, most: most}} }

// Write appends.
func (s *Spool) Write(p []byte) (int, error) {
	if err := s.s.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Size is how many octets were written.
func (s *Spool) Size() int64 { return s.s.size }

// Section reads n octets from an offset.
func (s *Spool) Section(at, n int64) io.ReadCloser {
	return io.NopCloser(io.NewSectionReader(s, at, n))
}

// ReadAt is that of io.ReaderAt.
func (s *Spool) ReadAt(p []byte, at int64) (int, error) {
	read := 0
	for read < len(p) {
		if at >= s.s.size {
			return read, io.EOF
		}
		n, err := s.s.readAt(p[read:min(int64(len(p)), int64(read)+s.s.size-at)], at)
		read, at = read+n, at+int64(n)
		if err != nil && n == 0 {
			return read, err
		}
	}
	return read, nil
}

// Close removes what is kept.
func (s *Spool) Close() error { return s.s.close() }

// Queue gives to one reader what one writer has written, in order. The writer never waits: what the reader has not taken is
// kept. When the reader has caught up, everything is forgotten, so that a queue whose reader keeps up needs no file.
type Queue struct {
	mu     sync.Mutex
	s      store
	read   int64
	closed bool
	err    error
	change chan struct{} // takes one value when there is something new for the reader
}

// NewQueue makes a queue that keeps at most so many octets, with its file in dir.
func NewQueue(dir string, most int64) *Queue {
	return &Queue{s: store{dir: dir, most: most}, change: make(chan struct{}, 1)}
}

// Write appends. It fails when too much would be kept.
func (q *Queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return 0, q.err
	}
	if q.err = q.s.write(p); q.err != nil {
		return 0, q.err
	}
	q.signal()
	return len(p), nil
}

// Last appends what is the end, also when nothing else is taken any more: it may say so.
func (q *Queue) Last(p []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	most := q.s.most
	q.s.most = math.MaxInt64
	err := q.s.write(p)
	q.s.most, q.closed = most, true
	q.signal()
	return err
}

// End says that nothing more will be written.
func (q *Queue) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *Queue) signal() {
	select {
	case q.change <- struct{}{}:
	default:
	}
}

// Next waits until there is something, and reads it. At the end it returns io.EOF.
func (q *Queue) Next(ctx context.Context, p []byte) (int, error) {
	for {
		n, err := q.take(p)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-q.change:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (q *Queue) take(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.read == q.s.size {
		if q.closed {
			return 0, io.EOF
		}
		return 0, nil
	}
	n, err := q.s.readAt(p[:min(int64(len(p)), q.s.size-q.read)], q.read)
	if n > 0 {
		err = nil
	}
	if q.read += int64(n); q.read == q.s.size {
		q.forget()
	}
	return n, err
}

// forget begins anew: everything was read.
func (q *Queue) forget() {
	q.read, q.s.size, q.s.head = 0, 0, q.s.head[:0]
	if q.s.file != nil {
		_ = q.s.file.Truncate(0)
	}
}

// Empty reports whether the reader has caught up.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.read == q.s.size
}

// Close removes what is kept. Neither side uses the queue any more.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.s.close()
}
