package gate

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// body is the body of a request: bounded, decompressed, and with a bound on how slowly it may come.
type body struct {
	call    *Call
	r       io.Reader // decompressed
	read    int64     // octets, decompressed
	most    int64
	wire    wire
	err     error
	trusted bool // the caller is known
}

// A gzip bomb is a body that becomes much larger than its source: base64 of documents does not compress a hundredfold.
const (
	ratioFree = 1 << 20
	ratio     = 100
)

// maxDrain bounds what is read of a request that was refused already, and Limits.Idle how long: it has no place any more that
// would be counted.
const maxDrain = 64 << 20

func newBody(c *Call, most int64) *body {
	b := &body{call: c, most: most, wire: wire{call: c}}
	b.r = &b.wire
	return b
}

// open looks at how the body is encoded.
func (b *body) open() error {
	if b.call.Request.ContentLength > b.most {
		if b.call.Request.ContentLength > maxDrain {
			b.wire.done = true // not read: it would be thrown away
			b.call.hangUp.Store(true)
		}
		return b.tooLarge()
	}
	switch encoding := strings.ToLower(strings.TrimSpace(b.call.Request.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		b.r = &gunzip{source: &b.wire}
	default:
		return &Error{Status: http.StatusUnsupportedMediaType, Message: "the request is compressed in a way that is not read here; send it as it is, or with Content-Encoding: gzip"}
	}
	return nil
}

func (b *body) tooLarge() *Error {
	return TooLarge("the request is larger than %d MiB; send the contents in several requests, or by POST /v1/sign", b.most>>20)
}

// Read reads the body, and fails in the same way ever after it has failed once.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	switch {
	case b.read > b.most:
		n, err = 0, b.tooLarge()
	case b.read > ratioFree+ratio*b.wire.read:
		n, err = 0, TooLarge("the request grows more than %d-fold when it is decompressed; send it as it is", ratio)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		err = Bad("the request says Content-Encoding: gzip and is not gzip")
	case err != nil && err != io.EOF && b.r != &b.wire:
		if _, ok := errors.AsType[*Error](err); !ok {
			err = Bad("the gzip of the request is broken")
		}
	}
	b.err = err
	return n, err
}

// drain reads what is left, of a caller who is known.
func (b *body) drain() {
	if !b.trusted || b.wire.done {
		return
	}
	b.wire.until = time.Now().Add(b.call.gate.limits.Idle)
	if _, err := io.CopyN(io.Discard, &b.wire, maxDrain); err != io.EOF {
		b.call.hangUp.Store(true)
	}
}

// wire is the body as it comes. The time that is spent waiting for the client is bounded: a client that sends an octet now
// and then would otherwise keep its place for ever (slow loris). Time that the service takes is not the client's.
type wire struct {
	call  *Call
	read  int64
	spent time.Duration
	done  bool      // nothing more is read
	ended bool      // it was read to its end
	until time.Time // not read for longer; zero means no such bound
}

func (w *wire) Read(p []byte) (int, error) {
	if w.done {
		return 0, io.EOF
	}
	l := &w.call.gate.limits
	left := min(l.Idle, l.Idle+time.Duration(float64(w.read)/float64(l.Rate)*float64(time.Second))-w.spent)
	start := time.Now()
	if !w.until.IsZero() {
		left = min(left, w.until.Sub(start))
	}
	if left <= 0 {
		return 0, w.tooSlow()
	}
	_ = w.call.control.SetReadDeadline(start.Add(left)) // not everywhere: a middleware may hide it
	n, err := w.call.Request.Body.Read(p)
	w.spent += time.Since(start)
	w.read += int64(n)
	if err != nil {
		w.done, w.ended = true, err == io.EOF
		// net/http reads on to see whether the client is still there; a deadline would end the request.
		_ = w.call.control.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, w.tooSlow()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, &Error{Status: http.StatusBadRequest, Message: "the request ended before it was whole", Err: err}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, TooLarge("the request is larger than this server takes")
	}
	return n, &Error{Status: http.StatusBadRequest, Message: "the request could not be read to its end", Err: err}
}

func (w *wire) tooSlow() error {
	w.done = true
	w.call.hangUp.Store(true)
	return &Error{Status: http.StatusRequestTimeout, Message: "the request comes too slowly; send it faster, or in smaller ones"}
}

// gunzip begins when the first octet is asked for, so that "100 Continue" is sent when it should be.
type gunzip struct {
	source io.Reader
	r      *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.r == nil {
		var err error
		if g.r, err = gzip.NewReader(g.source); err != nil {
			return 0, err
		}
	}
	return g.r.Read(p)
}
