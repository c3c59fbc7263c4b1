package cades

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/received"
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
// it is open (on Windows it is removed by Close), is readable by its owner only, and lies in OpenOptions.Dir. PEM and base64 are
// decoded as Parse does, from one such file into another where they are large.
func ReadStream(ctx context.Context, r io.Reader, o *OpenOptions) (*Stream, error) {
	if r == nil {
		return nil, noReader("cades: read")
	}
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
	s := &Stream{}
	if n, err = s.keep(ctx, o.Dir, io.MultiReader(&head, r)); err != nil {
		return nil, errors.Join(streamError(err), s.Close())
	}
	if decoded, size, ok, err := s.decoded(ctx, o.Dir, n); err != nil {
		return nil, errors.Join(streamError(err), s.Close())
	} else if ok {
		if err := s.Close(); err != nil {
			return nil, errors.Join(streamError(err), decoded.Close())
		}
		s, n = decoded, size
	}
	if s.Message, err = Open(s.spool, n, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// keep writes a stream into a file without a name.
func (s *Stream) keep(ctx context.Context, dir string, r io.Reader) (size int64, err error) {
	if s.spool, err = os.CreateTemp(dir, "signet-*.tmp"); err != nil {
		return 0, err
	}
	if runtime.GOOS != "windows" {
		if err := os.Remove(s.spool.Name()); err != nil {
			return 0, err
		}
	}
	return message.Copy(ctx, s.spool, r)
}

// decoded is the stream of a message that is spelled as one block of PEM or as base64; ok is false for all others.
func (s *Stream) decoded(ctx context.Context, dir string, n int64) (out *Stream, size int64, ok bool, err error) {
	if head := headOf(s.spool); len(head) == 0 || head[0] == received.Sequence {
		return nil, 0, false, nil
	}
	text := received.NewDecoder(io.NewSectionReader(s.spool, 0, n))
	if text == nil {
		return nil, 0, false, nil
	}
	out = &Stream{}
	size, err = out.keep(ctx, dir, text)
	if err == nil && text.Whole() {
		return out, size, true, nil
	}
	if _, misspelled := errors.AsType[base64.CorruptInputError](err); misspelled || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // Open says what it is, or reads a less usual spelling when it is small
	}
	return nil, 0, false, errors.Join(err, out.Close())
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
