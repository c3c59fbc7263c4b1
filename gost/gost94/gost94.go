// Package gost94 is the hash of GOST R 34.11-94 (RFC 5831), by which old files were signed with GOST R 34.10-2001. It is for verifying
// them, and for nothing that is made today.
package gost94

import (
	"encoding/binary"
	"hash"

	"github.com/seed-116355fd/signet/gost/internal/cipher"
)

// Sizes in octets.
const (
	Size      = 32
	BlockSize = 32
)

type digest struct {
	cipher *cipher.GOST28147
	h, sum [Size]byte // lowest octet first, as everything here
	tail   [BlockSize]byte
	filled int    // octets of tail
	length uint64 // octets that were written
}

// New makes a hash with the substitution that certificates and messages have: id-GostR3411-94-CryptoProParamSet (RFC 4357 section 11.2).
func New() hash.Hash { return newDigest(&cipher.HashCryptoPro) }

// NewTest makes a hash with the substitution of the examples of the standard: id-GostR3411-94-TestParamSet (RFC 5831 section 7).
func NewTest() hash.Hash { return newDigest(&cipher.HashTest) }

func newDigest(s *cipher.Sbox) *digest {
	return &digest{cipher: cipher.NewGOST28147(s, make([]byte, cipher.KeySize))}
}

func (d *digest) Size() int      { return Size }
func (d *digest) BlockSize() int { return BlockSize }

// Reset begins anew.
func (d *digest) Reset() { *d = digest{cipher: d.cipher} }

// Write never fails.
func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	d.length += uint64(n)
	for len(p) != 0 {
		taken := copy(d.tail[d.filled:], p)
		p = p[taken:]
		if d.filled += taken; d.filled == BlockSize {
			d.block(&d.tail)
			d.filled = 0
		}
	}
	return n, nil
}

// Sum appends the digest; more may be written afterwards.
func (d *digest) Sum(b []byte) []byte {
	own := *d
	c := *d.cipher // it has a key, which changes
	own.cipher = &c
	if own.filled != 0 {
		clear(own.tail[own.filled:])
		own.block(&own.tail)
	}
	var length [Size]byte
	binary.LittleEndian.PutUint64(length[:], own.length<<3)
	length[8] = byte(own.length >> 61)
	own.step(&length)
	own.step(&own.sum)
	return append(b, own.h[:]...)
}

// block takes a block of the message into the sum and the hash (RFC 5831 section 6).
func (d *digest) block(m *[BlockSize]byte) {
	carry := 0
	for i := range d.sum {
		carry += int(d.sum[i]) + int(m[i])
		d.sum[i] = byte(carry)
		carry >>= 8
	}
	d.step(m)
}

// c3 is the constant of RFC 5831 section 5.1 that is not zero.
var c3 = [Size]byte{
	0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00,
	0x00, 0xff, 0xff, 0x00, 0xff, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0xff,
}

// step is the step hash function of RFC 5831 section 5.
func (d *digest) step(m *[Size]byte) {
	// Section 5.1: four keys.
	var s [Size]byte
	u, v := d.h, *m
	for j := range 4 {
		if j != 0 {
			shift(&u)
			if j == 2 {
				xor(&u, &c3)
			}
			shift(&v)
			shift(&v)
		}
		w := u
		xor(&w, &v)
		var key [Size]byte
		for i := range 4 {
			for k := range 8 {
				key[i+4*k] = w[8*i+k]
			}
		}
		d.cipher.SetKey(key[:])
		d.cipher.Encrypt(s[8*j:], d.h[8*j:]) // section 5.2
	}
	// Section 5.3.
	psi(&s, 12)
	xor(&s, m)
	psi(&s, 1)
	xor(&s, &d.h)
	psi(&s, 61)
	d.h = s
}

// shift is the function A of section 5.1 on words of 64 bits.
func shift(x *[Size]byte) {
	first := [8]byte(x[:8])
	copy(x[:], x[8:])
	for i := range first {
		x[24+i] = first[i] ^ x[i]
	}
}

// psi is the function of section 5.3 on words of 16 bits, several times.
func psi(x *[Size]byte, times int) {
	for range times {
		a := x[0] ^ x[2] ^ x[4] ^ x[6] ^ x[24] ^ x[30]
		b := x[1] ^ x[3] ^ x[5] ^ x[7] ^ x[25] ^ x[31]
		copy(x[:], x[2:])
		x[30], x[31] = a, b
	}
}

func xor(x, y *[Size]byte) {
	for i := range x {
		x[i] ^= y[i]
	}
}
