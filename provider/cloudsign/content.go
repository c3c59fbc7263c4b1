package cloudsign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/seed-116355fd/signet/sign"
)

// Item is what is known of one content of an operation. It does not hold the content.
type Item struct {
	Name string
	Size int64
	// Digests of the content: "SHA-256", "SHA-384", "SHA-512", and those of Config.Hashes.
	Digests map[string][]byte
}

// file is a content with its digests taken: what is sent is compared with them, so that what is confirmed is what was
// prepared.
type file struct {
	Item
	content sign.Content
	data    []byte // nil unless it is in memory
}

// prepare reads a content once.
func (c *Client) prepare(ctx context.Context, content sign.Content) (*file, error) {
	const op = "cloudsign: read"
	f := &file{Item: Item{Name: content.Name}, content: content}
	if _, ok := content.Source().Draft(); ok || content.Source().DigestOnly() {
		return nil, &sign.Error{Op: op, Place: content.Name, Class: sign.ErrInput, Hint: "the service signs files, so that a digest or a draft of another format is not enough; give the content"}
	}
	if data, ok := content.Source().InMemory(); ok {
		f.data = data
		if f.data == nil {
			f.data = []byte{}
		}
	}
	r, err := content.Source().Open()
	if err != nil {
		return nil, readError(op, content.Name, err)
	}
	defer func() { _ = r.Close() }()
	var once bytes.Buffer
	most, source := int64(maxItem), io.Reader(contextReader{ctx, r})
	if !content.Source().Again() {
		most = maxOnce
		source = io.TeeReader(source, &once)
	}
	sums := map[string]hash.Hash{
		crypto.SHA256.String(): sha256.New(), crypto.SHA384.String(): sha512.New384(), crypto.SHA512.String(): sha512.New(),
	}
	for name, make := range c.config.Hashes {
		sums[name] = make()
	}
	writers := make([]io.Writer, 0, len(sums))
	for _, h := range sums {
		writers = append(writers, h)
	}
	if f.Size, err = io.Copy(io.MultiWriter(writers...), io.LimitReader(source, most+1)); err != nil {
		return nil, readError(op, content.Name, err)
	}
	if f.Size > most {
		return nil, &sign.Error{Op: op, Place: content.Name, Class: sign.ErrInput, Hint: fmt.Sprintf("it has more than %d MB, which is too much for the service, or for a content that can be read once", most>>20)}
	}
	if !content.Source().Again() {
		f.data = once.Bytes()
		if f.data == nil {
			f.data = []byte{}
		}
	}
	f.Digests = make(map[string][]byte, len(sums))
	for name, h := range sums {
		f.Digests[name] = h.Sum(nil)
	}
	return f, nil
}

// open reads the content anew; the end is an error when it is not what was prepared.
func (f *file) open(ctx context.Context) (io.ReadCloser, error) {
	if f.data != nil {
		return io.NopCloser(bytes.NewReader(f.data)), nil
	}
	r, err := f.content.Source().Open()
	if err != nil {
		return nil, readError("cloudsign: read", f.Name, err)
	}
	return &sameReader{f: f, r: contextReader{ctx, r}, c: r, h: sha256.New()}, nil
}

// bytes returns the whole content, of a size that goes into a request.
func (f *file) bytes(ctx context.Context) ([]byte, error) {
	if f.data != nil {
		return f.data, nil
	}
	r, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

var errChanged = errors.New("the content has changed since it was prepared")

// sameReader fails at the end of a content that is not the one of the digest.
type sameReader struct {
	f *file
	r io.Reader
	c io.Closer
	h hash.Hash
	n int64
}

func (s *sameReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.h.Write(p[:n])
	s.n += int64(n)
	if s.n > s.f.Size || err == io.EOF && !bytes.Equal(s.h.Sum(nil), s.f.Digests[crypto.SHA256.String()]) {
		return 0, &sign.Error{Op: "cloudsign: read", Place: s.f.Name, Class: sign.ErrInput, Err: errChanged}
	}
	if err != nil && err != io.EOF {
		err = readError("cloudsign: read", s.f.Name, err)
	}
	return n, err
}

func (s *sameReader) Close() error { return s.c.Close() }

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

func readError(op, name string, err error) error {
	if own, ok := errors.AsType[*sign.Error](err); ok {
		return own
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &sign.Error{Op: op, Place: name, Class: sign.ErrInput, Err: err}
}

// commonDigest is Challenge.Digest.
func commonDigest(items []Item) string {
	h := sha256.New()
	for _, item := range items {
		sum := item.Digests[crypto.SHA256.String()]
		h.Write([]byte{byte(len(sum))})
		h.Write(sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}
