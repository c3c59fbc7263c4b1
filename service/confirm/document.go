package confirm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/seed-116355fd/signet/sign"
)

// Document returns a content of an operation, by its token, while the shelf has it: for the page of the one who confirms. What
// lies on the shelf may be another upload of the same name by now; only what was frozen is shown. Errors: ErrNotFound,
// ErrShelf when it is not there any more, or is another one.
func (e *Engine) Document(ctx context.Context, token string, item int) (content io.ReadCloser, size int64, err error) {
	_, h, err := e.byToken(ctx, e.store.read(), "", token, false)
	if err != nil {
		return nil, 0, err
	}
	if item < 0 || item >= len(h.Items) || h.Items[item].Shelf == "" || e.config.Shelf == nil || len(h.Drafts) == 0 {
		return nil, 0, ErrNotFound
	}
	it := &h.Items[item]
	newHash := e.hashOf(h.Scheme)
	if newHash == nil {
		return nil, 0, ErrNotFound
	}
	open := func() (io.ReadCloser, error) {
		r, info, err := e.config.Shelf.Open(ctx, h.Owner, it.Shelf)
		if err != nil {
			return nil, shelfError(item, err)
		}
		if info.Size != it.Size {
			return nil, errors.Join(changedError(item), r.Close())
		}
		return r, nil
	}
	// Read once to know that it is the same, and once more to be shown, checked again while it goes out.
	r, err := open()
	if err != nil {
		return nil, 0, err
	}
	sum := newHash()
	_, err = io.Copy(sum, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, 0, err
	}
	if !bytes.Equal(sum.Sum(nil), it.Digest) {
		return nil, 0, changedError(item)
	}
	if r, err = open(); err != nil {
		return nil, 0, err
	}
	return &checkedReader{ReadCloser: r, sum: newHash(), digest: it.Digest, item: item}, it.Size, nil
}

func changedError(item int) error {
	return fmt.Errorf("%w: what lies there as file %d is not what is signed; it was uploaded again", ErrShelf, item+1)
}

// hashOf returns the hash of a scheme; nil when the scheme is not known here.
func (e *Engine) hashOf(name string) func() hash.Hash {
	for _, s := range e.config.Schemes {
		if s.Name == name {
			return s.NewHash
		}
	}
	s, err := sign.SchemeByName(name)
	if err != nil {
		return nil
	}
	return s.NewHash
}

// checkedReader fails at its end when the content was another one, so that the download is cut.
type checkedReader struct {
	io.ReadCloser
	sum    hash.Hash
	digest []byte
	item   int
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && !bytes.Equal(c.sum.Sum(nil), c.digest) {
		return n, changedError(c.item)
	}
	return n, err
}
