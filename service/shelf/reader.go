package shelf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Open returns an item that is complete. The reader ends the reading of what was complete then, also when parts are stored
// again meanwhile, for an hour at least after another upload was completed. What the store gives is compared with the digests
// of the parts: the reader ends with an error, and not io.EOF, when it is something else. Close it.
func (s *Shelf) Open(ctx context.Context, owner, name string) (io.ReadCloser, Info, error) {
	bare, err := checked(name)
	if err != nil {
		return nil, Info{}, err
	}
	it, err := s.list(ctx, place(owner, bare))
	if err != nil {
		return nil, Info{}, err
	}
	m := it.live(s.now(), s.o.Keep)
	if m == nil {
		return nil, Info{}, fmt.Errorf("shelf: %w", ErrNotFound)
	}
	parts, err := s.readManifest(ctx, m)
	if err != nil {
		return nil, Info{}, err
	}
	r := &reader{ctx: ctx, s: s, parts: parts, sum: sha256.New()}
	// The first part is opened here: that it is gone should not be found after the head of an answer was sent.
	if err := r.next(); err != nil && !errors.Is(err, io.EOF) {
		return nil, Info{}, err
	}
	return r, s.info(bare, m), nil
}

// reader reads one part after the other.
type reader struct {
	ctx   context.Context
	s     *Shelf
	parts []*partKey // that were not begun
	part  *partKey
	from  io.ReadCloser
	n     int64
	sum   hash.Hash
	err   error
}

func (r *reader) next() error {
	if len(r.parts) == 0 {
		return io.EOF
	}
	r.part, r.parts, r.n = r.parts[0], r.parts[1:], 0
	r.sum.Reset()
	from, err := r.s.bucket.NewReader(r.ctx, r.part.object(), nil)
	if err != nil {
		return fmt.Errorf("shelf: read part %d: %w", r.part.index, notFound(err))
	}
	r.from = from
	return nil
}

// Read holds the last octet of a part back until the digest was compared: what is damaged never arrives as a whole, also where
// its length was announced and nobody looks at the error that comes behind.
func (r *reader) Read(b []byte) (int, error) {
	for r.err == nil && len(b) > 0 {
		if r.from == nil {
			if r.err = r.next(); r.err != nil {
				break
			}
		}
		left := r.part.size - r.n
		if left <= 1 {
			if last := r.end(); r.err == nil && len(last) == 1 {
				return copy(b, last), nil
			}
			continue
		}
		n, err := r.from.Read(b[:min(int64(len(b)), left-1)])
		r.n += int64(n)
		r.sum.Write(b[:n])
		switch {
		case errors.Is(err, io.EOF):
			r.err = r.damaged()
		case err != nil:
			r.err = fmt.Errorf("shelf: read part %d: %w", r.part.index, err)
		}
		if n > 0 {
			return n, nil // the error, if there is one, comes with the next call
		}
	}
	return 0, r.err
}

// end reads the last octet of a part, and that there is no other one.
func (r *reader) end() []byte {
	last, err := io.ReadAll(io.LimitReader(r.from, 2))
	if err != nil {
		r.err = fmt.Errorf("shelf: read part %d: %w", r.part.index, err)
		return nil
	}
	r.sum.Write(last)
	r.err = r.from.Close()
	r.from = nil
	if r.n+int64(len(last)) != r.part.size || hex.EncodeToString(r.sum.Sum(nil)) != r.part.digest {
		r.err = r.damaged()
	}
	return last
}

func (r *reader) damaged() error {
	return fmt.Errorf("shelf: part %d is damaged in the store; upload the item again", r.part.index)
}

func (r *reader) Close() error {
	from := r.from
	r.from, r.parts = nil, nil
	if r.err == nil {
		r.err = errors.New("shelf: the reader is closed")
	}
	if from == nil {
		return nil
	}
	return from.Close()
}
