// Package streebog is the hash of GOST R 34.11-2012 (RFC 6986), of 256 and of 512 bits. The octets of a digest are in the order in
// which signatures, certificates and other software have them; RFC 6986 prints them from the last to the first.
//
// The time it takes depends on the data through the caches of the processor, since it looks up tables. It must not be given
// secrets where others can measure that.
package streebog

import (
	"encoding"
	"encoding/binary"
	"errors"
	"hash"
	"math/bits"
)

// Sizes in octets.
const (
	BlockSize = 64
	Size256   = 32
	Size512   = 64
)

// state is a vector of 512 bits as eight words, the one with the lowest bits first.
type state [8]uint64

type digest struct {
	h, n, sum state // RFC 6986 section 7: h, N and EPSILON
	tail      [BlockSize]byte
	filled    int // octets of tail
	size      int
}

var (
	_ hash.Cloner                = (*digest)(nil)
	_ encoding.BinaryAppender    = (*digest)(nil)
	_ encoding.BinaryMarshaler   = (*digest)(nil)
	_ encoding.BinaryUnmarshaler = (*digest)(nil)
)

// New256 makes a hash of 32 octets. It has the methods of [encoding.BinaryMarshaler], [encoding.BinaryUnmarshaler] and
// [hash.Cloner].
func New256() hash.Hash { return newDigest(Size256) }

// New512 makes a hash of 64 octets, with the same methods.
func New512() hash.Hash { return newDigest(Size512) }

// Sum256 returns the digest of octets.
func Sum256(data []byte) (sum [Size256]byte) {
	d := newDigest(Size256)
	_, _ = d.Write(data)
	d.Sum(sum[:0])
	return sum
}

// Sum512 returns the digest of octets.
func Sum512(data []byte) (sum [Size512]byte) {
	d := newDigest(Size512)
	_, _ = d.Write(data)
	d.Sum(sum[:0])
	return sum
}

func newDigest(size int) *digest {
	d := &digest{size: size}
	d.Reset()
	return d
}

func (d *digest) Size() int      { return d.size }
func (d *digest) BlockSize() int { return BlockSize }

// Reset begins anew, with the initial value of section 7: zeros, or 64 octets of 1 for 256 bits.
func (d *digest) Reset() {
	d.h, d.n, d.sum, d.filled = state{}, state{}, state{}, 0
	clear(d.tail[:])
	if d.size == Size256 {
		for i := range d.h {
			d.h[i] = 0x0101010101010101
		}
	}
}

func (d *digest) Write(p []byte) (int, error) {
	written := len(p)
	if d.filled != 0 {
		n := copy(d.tail[d.filled:], p)
		d.filled += n
		p = p[n:]
		if d.filled < BlockSize {
			return written, nil
		}
		d.block(d.tail[:], BlockSize)
		d.filled = 0
	}
	for len(p) >= BlockSize {
		d.block(p[:BlockSize], BlockSize)
		p = p[BlockSize:]
	}
	d.filled = copy(d.tail[:], p)
	return written, nil
}

// block is stages 2 and 3 of section 7 for one block, so many octets of which are of the message.
func (d *digest) block(block []byte, octets int) {
	var m state
	m.read(block)
	compress(&d.h, &m, &d.n)
	d.n.add(&state{uint64(octets) * 8})
	d.sum.add(&m)
}

// Sum appends the digest. The hash goes on as if it had not been asked.
func (d *digest) Sum(b []byte) []byte {
	last := *d
	clear(last.tail[last.filled:])
	last.tail[last.filled] = 1 // a message that fills its blocks gets one more; tail is never full here
	last.block(last.tail[:], last.filled)
	var zero state
	compress(&last.h, &last.n, &zero)
	compress(&last.h, &last.sum, &zero)
	// 256 bits are the upper half.
	for _, w := range last.h[8-d.size/8:] {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// Clone copies the state.
func (d *digest) Clone() (hash.Cloner, error) {
	own := *d
	return &own, nil
}

// The marshalled state: what it is, the three vectors, how many octets of a block are there, and that block with zeros behind.
const (
	magic256   = "strbg\x01"
	magic512   = "strbg\x02"
	marshalled = len(magic256) + 3*64 + 1 + BlockSize
)

func (d *digest) magic() string {
	if d.size == Size256 {
		return magic256
	}
	return magic512
}

func (d *digest) MarshalBinary() ([]byte, error) { return d.AppendBinary(make([]byte, 0, marshalled)) }

func (d *digest) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, d.magic()...)
	for _, v := range []*state{&d.h, &d.n, &d.sum} {
		for _, w := range v {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	b = append(b, byte(d.filled))
	b = append(b, d.tail[:d.filled]...)
	return append(b, make([]byte, BlockSize-d.filled)...), nil
}

func (d *digest) UnmarshalBinary(b []byte) error {
	if len(b) != marshalled || string(b[:len(magic256)]) != d.magic() || b[len(magic256)+3*64] >= BlockSize {
		return errors.New("streebog: this is not the state of a hash of the same size")
	}
	b = b[len(magic256):]
	for _, v := range []*state{&d.h, &d.n, &d.sum} {
		v.read(b)
		b = b[64:]
	}
	d.filled = int(b[0])
	copy(d.tail[:], b[1:])
	return nil
}

// read takes 64 octets.
func (s *state) read(b []byte) {
	b = b[:64]
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

// add is addition modulo 2^512.
func (s *state) add(x *state) {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], x[i], carry)
	}
}
