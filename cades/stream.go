package cades

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
)

// inMemory is how many octets of a stream are held before it goes to a file.
const inMemory = 4 << 20

// Stream is a message that came from a stream. Close it when it is not needed any more.
type Stream struct {
	*Message
	spool *os.File // nil when all is in memory
}

// ReadStream reads a message from a stream to its end: one that is small into memory, as [Parse] does, and a larger one into a temporary
// file, which is opened as [Open] does. So its memory does not depend on the size of the content, though a stream passes only once,
// and what hashes the signers and their archive time-stamps need stands behind the content. The file has no name as long as
// it is open (on Windows it is removed by Close), is readable by its owner only, and lies in OpenOptions.Dir.
func ReadStream(ctx context.Context, r io.Reader, o *OpenOptions) (*Stream, error) {
	if o == nil {
		o = &OpenOptions{}
	}
	var head bytes.Buffer
	n, err := message.Copy(ctx, &head, io.LimitReader(r, inMemory+1))
	if err != nil {
		return nil, streamError(err)
	}
	if n <= inMemory {
		m, err := Parse(head.Bytes())
		if err != nil {
			return nil, err
		}
		return &Stream{m, nil}, nil
	}
	f, err := os.CreateTemp(o.Dir, "signet-*.tmp")
	if err != nil {
		return nil, streamError(err)
	}
	s := &Stream{spool: f}
	if runtime.GOOS != "windows" {
		if err := os.Remove(f.Name()); err != nil {
			return nil, errors.Join(streamError(err), s.Close())
		}
	}
	if _, err = f.Write(head.Bytes()); err == nil {
		var more int64
		more, err = message.Copy(ctx, f, r)
		n += more
	}
	if err != nil {
		return nil, errors.Join(streamError(err), s.Close())
	}
	head = bytes.Buffer{}
	if s.Message, err = Open(f, n, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close gives the temporary file back. The message is of no use afterwards when there was one.
func (s *Stream) Close() error {
	if s.spool == nil {
		return nil
	}
	err := s.spool.Close()
	if gone := os.Remove(s.spool.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	s.spool = nil
	return err
}

func streamError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &sign.Error{Op: "cades: read", Err: err}
}
