package sign

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// Content is what is to be signed, or was, made by [Bytes], [File], [Opener], [Reader] or [Digested].
type Content struct {
	// Name is repeated in results and errors. It is not signed.
	Name string
	// Format is what a batch makes of this content; nil means the format of the batch.
	Format Format

	data    []byte
	inline  bool
	open    func() (io.ReadCloser, error)
	once    *once
	digests []Digest
	draft   Draft
}

// Digest is the digest of a content that the signer does not see.
type Digest struct {
	Algorithm []byte // AlgorithmIdentifier, DER; only its object identifier counts
	Sum       []byte
}

// NewDigest returns a digest made by SHA-256, SHA-384 or SHA-512, or by a hash that says how it is written ([HashAlgorithm]). Another hash,
// and a sum that is not as long as its digests, are errors of class [ErrUnsupported] and [ErrInput].
func NewDigest(h Hash, sum []byte) (Digest, error) {
	algorithm, err := DigestAlgorithm(h)
	if err != nil {
		return Digest{}, err
	}
	if len(sum) != h.Size() {
		return Digest{}, &Error{Op: "sign: digest", Place: "with " + h.String(), Class: ErrInput, Hint: fmt.Sprintf("%d octets were given, and its digests have %d", len(sum), h.Size())}
	}
	return Digest{algorithm, sum}, nil
}

// Bytes is a content in memory. It must not be modified until it is signed.
func Bytes(name string, data []byte) Content { return Content{Name: name, data: data, inline: true} }

// File is the content of a file, which is opened when its turn comes.
func File(path string) Content {
	return Content{Name: path, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// Opener is a content that can be read more than once. An attached container is then streamed: read once for the digest
// and once more for the container.
func Opener(name string, open func() (io.ReadCloser, error)) Content {
	return Content{Name: name, open: open}
}

// Reader is a content that can be read once. An attached container holds it in memory. To take the same Content a second time is an error:
// what is left of the reader, often nothing, would be signed. One that is an io.Seeker and is back where it was can be taken again.
func Reader(name string, r io.Reader) Content {
	if r == nil {
		return Content{Name: name}
	}
	return Content{Name: name, once: &once{r: r}}
}

// once is a reader, shared by the copies of its Content.
type once struct {
	r io.Reader

	mu    sync.Mutex
	taken bool
	at    int64 // where it was then; -1 when it cannot tell
}

// take returns the reader, unless it was read.
func (o *once) take(name string) (_ io.Reader, err error) {
	defer Recover(&err)
	o.mu.Lock()
	defer o.mu.Unlock()
	at := int64(-1)
	if s, ok := o.r.(io.Seeker); ok {
		if now, err := s.Seek(0, io.SeekCurrent); err == nil {
			at = now
		}
	}
	if o.taken && (at < 0 || at != o.at) {
		return nil, &Error{Op: "sign: read", Place: name, Class: ErrInput, Hint: "its reader was read already; give a content that can be read again, by Bytes, File or Opener"}
	}
	o.taken, o.at = true, at
	return o.r, nil
}

// Digested is a content of which only digests are known, at least the one of the scheme that is signed with. It can be
// signed detached only, and a detached signature can be verified with it.
func Digested(name string, digests ...Digest) Content {
	return Content{Name: name, digests: append([]Digest{}, digests...)} // not nil: it is one of which only digests are known
}

// Prepared is a content whose draft was made before: a batch signs and finishes it as it is, and asks no format. Of a draft
// that is a formats.FittingDraft it makes sure that the signer may sign it; of another one the signature is checked once more.
func Prepared(name string, d Draft) Content { return Content{Name: name, draft: d} }

// IsZero reports whether there is nothing that could be read: the zero Content, and those of a nil reader or function. Where a message
// has its content inside, the zero Content stands for that.
func (c *Content) IsZero() bool {
	return !c.inline && c.open == nil && c.once == nil && c.digests == nil && c.draft == nil
}

// Source is a content as those read it who make containers or verify them.
type Source Content

// Source is the content for those who make containers or verify them; it is a view of it.
func (c *Content) Source() *Source { return (*Source)(c) }

// Draft returns the draft of a content made by [Prepared].
func (c *Source) Draft() (Draft, bool) { return c.draft, c.draft != nil }

// Open returns the content from its beginning. It fails for a content of which only digests are known.
func (c *Source) Open() (r io.ReadCloser, err error) {
	switch {
	case c.inline:
		return io.NopCloser(bytes.NewReader(c.data)), nil
	case c.open != nil:
		defer Recover(&err)
		if r, err = c.open(); err == nil && r == nil {
			err = &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "its Opener gave neither a reader nor an error"}
		}
		return r, err
	case c.once != nil:
		r, err := c.once.take(c.Name)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(r), nil
	case c.draft != nil:
		return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "only its draft was given; sign it with package batch, or give the content"}
	case c.digests != nil:
		return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "only its digest was given; sign detached, or give the content"}
	}
	return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "make a Content with Bytes, File, Opener, Reader or Digested"}
}

// Again reports whether Open can be called more than once.
func (c *Source) Again() bool { return c.inline || c.open != nil }

// Once reports whether the content was made by [Reader].
func (c *Source) Once() bool { return c.once != nil }

// Take is Open for a content made by [Reader], and returns the reader as it was given, which may know how long it is.
func (c *Source) Take() (io.Reader, error) {
	if c.once == nil {
		return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "it was not made by Reader; open it"}
	}
	return c.once.take(c.Name)
}

// Rewind returns what reads a content once more from where it is now: one that can be opened again, or the [Reader] of an io.Seeker that
// can tell where it is, which a pipe cannot. It is nil for others.
func (c *Source) Rewind() (open func() (io.ReadCloser, error)) {
	if c.Again() {
		return c.Open
	}
	if c.once == nil {
		return nil
	}
	r := c.once.r
	s, ok := r.(io.Seeker)
	if !ok {
		return nil
	}
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil
	}
	return func() (io.ReadCloser, error) {
		_, err := s.Seek(at, io.SeekStart)
		return io.NopCloser(r), err
	}
}

// InMemory returns the bytes of a content made by [Bytes].
func (c *Source) InMemory() ([]byte, bool) { return c.data, c.inline }

// DigestOnly reports whether the content was made by [Digested].
func (c *Source) DigestOnly() bool { return c.digests != nil }

// Digest returns the digest that was given for the algorithm of an AlgorithmIdentifier. There is none where two were given that differ.
func (c *Source) Digest(algorithm []byte) (sum []byte, found bool) {
	for _, d := range c.digests {
		if !sameAlgorithm(d.Algorithm, algorithm) {
			continue
		}
		if found && !bytes.Equal(sum, d.Sum) {
			return nil, false
		}
		sum, found = d.Sum, true
	}
	return sum, found
}

// Digests returns what a content made by [Digested] was given.
func (c *Source) Digests() []Digest { return c.digests }
