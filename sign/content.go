package sign

import (
	"bytes"
	"crypto"
	"io"
	"os"
)

// Content is what is to be signed, made by [Bytes], [File], [Opener], [Reader] or [Digested].
type Content struct {
	// Name is repeated in results and errors. It is not signed.
	Name string
	// Format is what a batch makes of this content; nil means the format of the batch.
	Format Format

	data    []byte
	inline  bool
	open    func() (io.ReadCloser, error)
	once    io.Reader
	digests []Digest
	draft   Draft
}

// Digest is the digest of a content that the signer does not see.
type Digest struct {
	Algorithm []byte // AlgorithmIdentifier, DER; only its object identifier counts
	Sum       []byte
}

// NewDigest returns a digest made by a hash of the standard library: SHA-256, SHA-384 or SHA-512.
func NewDigest(h crypto.Hash, sum []byte) Digest { return Digest{digestAlgorithm(h), sum} }

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

// Reader is a content that can be read once. An attached container holds it in memory.
func Reader(name string, r io.Reader) Content { return Content{Name: name, once: r} }

// Digested is a content of which only digests are known, at least the one of the scheme that is signed with. It can be
// signed detached only.
func Digested(name string, digests ...Digest) Content { return Content{Name: name, digests: digests} }

// Prepared is a content whose draft was made before: a batch signs and finishes it as it is, and asks no format. Of a draft
// that is a [FittingDraft] it makes sure that the signer may sign it; of another one the signature is checked once more.
func Prepared(name string, d Draft) Content { return Content{Name: name, draft: d} }

// Draft returns the draft of a content made by [Prepared].
func (c *Content) Draft() (Draft, bool) { return c.draft, c.draft != nil }

// Open returns the content from its beginning. It fails for a content of which only digests are known.
func (c *Content) Open() (r io.ReadCloser, err error) {
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
		return io.NopCloser(c.once), nil
	case c.draft != nil:
		return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "only its draft was given; sign it with package batch, or give the content"}
	case c.digests != nil:
		return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "only its digest was given; sign detached, or give the content"}
	}
	return nil, &Error{Op: "sign: read", Place: c.Name, Class: ErrInput, Hint: "make a Content with Bytes, File, Opener, Reader or Digested"}
}

// Again reports whether Open can be called more than once.
func (c *Content) Again() bool { return c.inline || c.open != nil }

// Once returns the reader of a content made by [Reader], as it was given.
func (c *Content) Once() (io.Reader, bool) { return c.once, c.once != nil }

// InMemory returns the bytes of a content made by [Bytes].
func (c *Content) InMemory() ([]byte, bool) { return c.data, c.inline }

// DigestOnly reports whether the content was made by [Digested].
func (c *Content) DigestOnly() bool { return c.digests != nil }

// Digest returns the digest that was given for the algorithm of an AlgorithmIdentifier.
func (c *Content) Digest(algorithm []byte) ([]byte, bool) {
	for _, d := range c.digests {
		if sameAlgorithm(d.Algorithm, algorithm) {
			return d.Sum, true
		}
	}
	return nil, false
}
