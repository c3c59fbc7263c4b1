package gost3410

import (
	"crypto"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// Sign signs a digest of as many octets as the curve has, in the order of package streebog. The signature is s and r, each with the
// highest octet first (RFC 9215 section 4.2.2, where signatures are strings). Neither rand nor opts are used and may be nil: the
// nonce is made of the key, the digest and randomness of the system.
func (k *PrivateKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	c := k.public.curve
	if len(digest) != c.size {
		return nil, fmt.Errorf("gost3410: a key on %s signs a digest of %d octets and not %d; hash with Streebog of %d bits", c.name, c.size, len(digest), 8*c.size)
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // it does not return if it fails
	return k.sign(digest, &seed), nil
}

func (k *PrivateKey) sign(digest []byte, seed *[32]byte) []byte {
	n := nonces{key: k, digest: digest, seed: seed}
	for {
		nonce := n.next()
		signature := k.signWith(digest, &nonce)
		clear(nonce[:])
		if signature != nil {
			return signature
		}
	}
}

// signWith is section 6.1 of RFC 7091 from step 4 on. It returns nil for a nonce for which r or s is 0.
func (k *PrivateKey) signWith(digest []byte, nonce *words) []byte {
	c := k.public.curve
	e := c.hashed(digest)
	r, _ := c.multiplyBase(nonce)
	c.q.reduce(&r, &r)
	s := k.response(nonce, &r, &e)
	if r.zero()|s.zero() == 1 {
		return nil
	}
	return r.appendBig(s.appendBig(make([]byte, 0, 2*c.size), c.size), c.size)
}

// response is s = r d + k e.
func (k *PrivateKey) response(nonce, r, e *words) (s words) {
	q := k.public.curve.q
	var t words
	q.enter(&s, &k.d)
	q.mul(&s, &s, r)
	q.enter(&t, nonce)
	q.mul(&t, &t, e)
	q.add(&s, &s, &t)
	clear(t[:])
	return s
}

// hashed is the number e of a digest, from 1 to q-1 (RFC 7091 section 6.1, steps 2 and 3).
func (c *Curve) hashed(digest []byte) words {
	e := littleEndian(digest)
	c.q.reduce(&e, &e)
	e[0] |= e.zero()
	return e
}

// nonces makes nonces of HMAC-SHA-512 with the private key, over the digest and random octets. Without the key they are not to be
// guessed, even if the randomness is none; with it a fault in one of two signatures of a digest does not give the key away. Numbers that are
// too large are thrown away, so that all others are equally likely.
type nonces struct {
	key    *PrivateKey
	digest []byte
	seed   *[32]byte
	count  uint32
}

const nonceLabel = "signet GOST R 34.10-2012 nonce"

func (n *nonces) next() words {
	for {
		if k := n.candidate(); n.key.public.curve.inRange(&k) {
			return k
		}
	}
}

func (n *nonces) candidate() words {
	c := n.key.public.curve
	// HMAC (RFC 2104) in octets that do not leave the stack.
	var inner [sha512.BlockSize + 256]byte
	var outer [sha512.BlockSize + sha512.Size]byte
	n.key.d.appendLittle(inner[:0], c.size)
	n.key.d.appendLittle(outer[:0], c.size)
	for i := range sha512.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	message := append(inner[:sha512.BlockSize], nonceLabel...)
	message = append(message, byte(len(c.name)))
	message = append(message, c.name...)
	message = binary.BigEndian.AppendUint32(message, n.count)
	message = append(message, n.seed[:]...)
	message = append(message, n.digest...)
	sum := sha512.Sum512(message)
	copy(outer[sha512.BlockSize:], sum[:])
	sum = sha512.Sum512(outer[:])
	k := c.candidate(sum[:])
	clear(inner[:])
	clear(outer[:])
	clear(sum[:])
	n.count++
	return k
}

// mask has all bits set from the highest of a word down.
func mask(word uint64) uint64 { return 1<<bits.Len64(word) - 1 }
