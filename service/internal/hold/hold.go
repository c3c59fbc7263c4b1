// Package hold keeps what a request sends until it is needed: the beginning in memory, and beyond a size all of it in a
// file that has no name, so that nothing is left of it when the process ends.
package hold

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/seed-116355fd/signet/service/gate"
)

// Buffer is octets that are written once and read as often as needed. Close has to be called. It is for one goroutine,
// but what Open returned is independent of each other.
type Buffer struct {
	memory int64
	data   []byte
	file   *os.File
	size   int64
}

// New makes a buffer that holds at most so many octets in memory.
func New(memory int64) *Buffer { return &Buffer{memory: memory} }

// Write appends.
func (b *Buffer) Write(p []byte) (int, error) {
	if b.file == nil && b.size+int64(len(p)) > b.memory {
		if err := b.spill(); err != nil {
			return 0, err
		}
	}
	if b.file == nil {
		b.data = append(b.data, p...)
		b.size += int64(len(p))
		return len(p), nil
	}
	n, err := b.file.Write(p)
	b.size += int64(n)
	if err != nil {
		return n, failed(err)
	}
	return n, nil
}

func (b *Buffer) spill() error {
	f, err := os.CreateTemp("", "signet-*") // mode 0600
	if err != nil {
		return failed(err)
	}
	// Whoever reads the disk later finds no name for it; the octets go with the last descriptor.
	if err := os.Remove(f.Name()); err != nil {
		return failed(errors.Join(err, f.Close()))
	}
	if _, err := f.Write(b.data); err != nil {
		return failed(errors.Join(err, f.Close()))
	}
	b.file, b.data = f, nil
	return nil
}

func failed(err error) error {
	return &gate.Error{Status: http.StatusServiceUnavailable, Err: err,
		Message: "the content is too large for memory and could not be put aside; the operator has to look at the space of the directory for temporary files"}
}

// Size returns the number of octets.
func (b *Buffer) Size() int64 { return b.size }

// Open reads from the beginning.
func (b *Buffer) Open() io.Reader {
	if b.file == nil {
		return bytes.NewReader(b.data)
	}
	return io.NewSectionReader(b.file, 0, b.size)
}

// Close gives the octets up.
func (b *Buffer) Close() error {
	b.data = nil
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}
