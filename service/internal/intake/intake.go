// Package intake holds the contents of one request between their decoding and their answer: in buffers that are used again,
// no more octets at once than allowed, and large ones only as their digests where the container needs no more.
package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"sync"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/sign"
)

// ErrTooLarge is in the error of a content that is larger than it may be.
var ErrTooLarge = errors.New("it is too large")

// Fault is the error of a content that did not arrive as it should.
type Fault struct{ Err error }

func (f *Fault) Error() string { return f.Err.Error() }

func (f *Fault) Unwrap() error { return f.Err }

// Intake is the contents of one request. One goroutine takes contents in (Begin, Room, Took, Content), another one is told
// when results are delivered.
type Intake struct {
	gate   *gate.Gate
	most   int64 // octets of one content
	held   int64 // octets of all
	scheme *sign.Scheme

	// The content that is being taken in.
	buf    []byte
	size   int64
	digest []hash.Hash // when only its digests are kept
	opts   *cades.Options
	hint   int

	mu      sync.Mutex
	waiting [][]byte // buffers of the contents under way, in order; nil for one without
	octets  int64
	freed   chan struct{}
}

// New makes an intake. The scheme is that of the key that contents are for.
func New(g *gate.Gate, scheme *sign.Scheme) *Intake {
	l := g.Limits()
	return &Intake{gate: g, most: l.Content, held: l.Held, scheme: scheme, freed: make(chan struct{}, 1)}
}

// A content of more than this is not held when its digests will do.
const digestFrom = 1 << 20

// smallest is the size of the smallest buffers; each class has twice the size of the one before.
const smallest = 4 << 10

var pools [9]sync.Pool // up to digestFrom

func class(n int) int {
	if n <= smallest {
		return 0
	}
	return bits.Len(uint(n-1)) - bits.Len(uint(smallest-1))
}

func get(n int) []byte {
	c := class(n)
	if c >= len(pools) {
		return make([]byte, 0, n)
	}
	if b, ok := pools[c].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, smallest<<c)
}

func put(b []byte) {
	if c := class(cap(b)); cap(b) >= smallest && c < len(pools) && cap(b) == smallest<<c {
		pools[c].Put(&b)
	}
}

// Begin begins a content, for a container of these options.
func (in *Intake) Begin(o *cades.Options) {
	in.size, in.opts, in.digest = 0, o, nil
	if in.buf != nil {
		in.buf = in.buf[:0]
	}
}

// Room is that of scan.Sink.
func (in *Intake) Room(n int) ([]byte, error) {
	if in.size+int64(n) > in.most+2 { // padding is not known yet
		return nil, in.tooLarge()
	}
	if in.digest != nil {
		in.buf = in.buf[:0]
	} else if in.size+int64(n) > digestFrom && in.digestible() {
		in.digest = in.hashes()
		for _, h := range in.digest {
			h.Write(in.buf)
		}
		in.buf = in.buf[:0]
	}
	if need := len(in.buf) + n; need > cap(in.buf) {
		if in.buf == nil {
			// Contents of a request are often alike; one that is not shall not hold much more than it has.
			if in.hint > 4*need {
				in.hint = 0
			}
			in.buf = get(max(need, in.hint))
		} else {
			grown := get(max(need, 2*cap(in.buf)))
			grown = append(grown, in.buf...)
			put(in.buf)
			in.buf = grown
		}
	}
	return in.buf[len(in.buf) : len(in.buf)+n], nil
}

// Took is that of scan.Sink.
func (in *Intake) Took(n int) error {
	if in.size += int64(n); in.size > in.most {
		return in.tooLarge()
	}
	in.buf = in.buf[:len(in.buf)+n]
	for _, h := range in.digest {
		h.Write(in.buf)
	}
	return nil
}

func (in *Intake) tooLarge() error {
	return fmt.Errorf("%w: a content may have %d octets at most; send its digest to POST /v1/sign instead", ErrTooLarge, in.most)
}

// digestible reports whether a digest stands for the content: it does not go into the container, and no time-stamp is over
// the octets of the container as they are stored.
func (in *Intake) digestible() bool { return !in.opts.Attached && in.opts.Level != cades.LevelA }

// hashes are those that the container takes of the content: that of the scheme, and that of time-stamps over the content.
func (in *Intake) hashes() []hash.Hash {
	all := []hash.Hash{in.scheme.NewHash()}
	if in.opts.Level == cades.LevelLTA || len(in.opts.ContentTimestampers) != 0 {
		all = append(all, in.opts.EffectiveTimestampHash(in.scheme).New())
	}
	return all
}

// sameHash reports whether the time-stamps of two options are by the same hash.
func (in *Intake) sameHash(a, b *cades.Options) bool {
	x, err := sign.DigestAlgorithm(a.EffectiveTimestampHash(in.scheme))
	y, err2 := sign.DigestAlgorithm(b.EffectiveTimestampHash(in.scheme))
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// Content ends the content that was begun and waits until it may be under way. It belongs to the batch then, until
// Delivered. A bad one becomes a content that cannot be read.
func (in *Intake) Content(ctx context.Context, name string, bad error) (sign.Content, error) {
	if err := in.gate.Enter(ctx); err != nil {
		return sign.Content{}, err
	}
	var c sign.Content
	var buf []byte
	switch {
	case bad != nil:
		c = unreadable(name, bad)
	case in.digest != nil:
		digests := []sign.Digest{{Algorithm: in.scheme.DigestAlg, Sum: in.digest[0].Sum(nil)}}
		if len(in.digest) > 1 {
			d, err := sign.NewDigest(in.opts.EffectiveTimestampHash(in.scheme), in.digest[1].Sum(nil))
			if err != nil {
				return sign.Content{}, err
			}
			digests = append(digests, d)
		}
		c = sign.Digested(name, digests...)
	default:
		buf = in.buf
		c = sign.Bytes(name, buf)
		in.buf, in.hint = nil, len(buf)
	}
	return c, in.await(ctx, buf)
}

// Change says that the container of the content, which was read already, is another one than Begin was told.
func (in *Intake) Change(o *cades.Options) error {
	before := in.opts
	in.opts = o
	if in.digest != nil && (!in.digestible() || len(in.hashes()) > len(in.digest) || len(in.digest) > 1 && !in.sameHash(o, before)) {
		return errors.New("this content is large; put level and attached before it")
	}
	return nil
}

// Digest is Content for one of which the caller gave a digest.
func (in *Intake) Digest(ctx context.Context, c sign.Content) (sign.Content, error) {
	if err := in.gate.Enter(ctx); err != nil {
		return sign.Content{}, err
	}
	return c, in.await(ctx, nil)
}

// Kept is Content for one that is kept elsewhere.
func (in *Intake) Kept(ctx context.Context, open func() (io.ReadCloser, error), bad error) (sign.Content, error) {
	if err := in.gate.Enter(ctx); err != nil {
		return sign.Content{}, err
	}
	c := sign.Opener("", open)
	if bad != nil {
		c = unreadable("", bad)
	}
	return c, in.await(ctx, nil)
}

func unreadable(name string, bad error) sign.Content {
	return sign.Opener(name, func() (io.ReadCloser, error) { return nil, &Fault{bad} })
}

// await puts a content among those under way, and waits until there is room for it.
func (in *Intake) await(ctx context.Context, buf []byte) error {
	in.mu.Lock()
	in.waiting = append(in.waiting, buf)
	in.octets += int64(cap(buf))
	over := in.over()
	in.mu.Unlock()
	for over {
		select {
		case <-in.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		in.mu.Lock()
		over = in.over()
		in.mu.Unlock()
	}
	return nil
}

// over reports whether too much is held. One content alone may be as large as it is: nothing else would make room for it.
func (in *Intake) over() bool { return in.octets > in.held && len(in.waiting) > 1 }

// Delivered says that the oldest content is no longer under way: its result is there.
func (in *Intake) Delivered() {
	in.mu.Lock()
	buf := in.waiting[0]
	in.waiting[0] = nil
	if in.waiting = in.waiting[1:]; len(in.waiting) == 0 {
		in.waiting = nil
	}
	in.octets -= int64(cap(buf))
	in.mu.Unlock()
	in.gate.Leave(1)
	put(buf)
	select {
	case in.freed <- struct{}{}:
	default:
	}
}

// Close is called when nothing is under way any more: contents that got no result are given back.
func (in *Intake) Close() {
	for len(in.waiting) > 0 {
		in.Delivered()
	}
	put(in.buf)
	in.buf = nil
}

// HashName names the hash by which contents are digested for a scheme: "SHA-256".
func HashName(s *sign.Scheme) string {
	return algorithm.DigestName(s)
}
