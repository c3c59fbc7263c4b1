// Package cipher has the block ciphers of Russia, as far as key files and the hash of GOST R 34.11-94 need them. It looks up tables, so
// that its time depends on keys through the caches of the processor: it is for keys that a password makes, once for each file.
package cipher

import (
	"encoding/binary"
	"math/bits"
)

// KeySize is that of all of them, in octets.
const KeySize = 32

// Sbox is a substitution of GOST 28147-89 (RFC 5830 section 4): a row for each half octet, the lowest first.
type Sbox [8][16]byte

// table joins two rows, so that one look-up substitutes an octet, and shifts by 11 bits as well.
type table [4][256]uint32

func (s *Sbox) table() *table {
	t := new(table)
	for i := range t {
		for v := range t[i] {
			octet := uint32(s[2*i][v&15]) | uint32(s[2*i+1][v>>4])<<4
			t[i][v] = bits.RotateLeft32(octet<<(8*i), 11)
		}
	}
	return t
}

// GOST28147 is the block cipher of GOST 28147-89 (RFC 5830), whose words have their lowest octet first.
type GOST28147 struct {
	table *table
	key   [8]uint32
}

// NewGOST28147 makes one of a substitution and a key of 32 octets.
func NewGOST28147(s *Sbox, key []byte) *GOST28147 {
	c := &GOST28147{table: s.table()}
	c.SetKey(key)
	return c
}

// SetKey changes the key.
func (c *GOST28147) SetKey(key []byte) {
	_ = key[KeySize-1]
	for i := range c.key {
		c.key[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
}

// BlockSize is 8 octets.
func (c *GOST28147) BlockSize() int { return 8 }

// Encrypt encrypts a block.
func (c *GOST28147) Encrypt(dst, src []byte) {
	a, b := c.rounds(binary.LittleEndian.Uint32(src), binary.LittleEndian.Uint32(src[4:]), 24)
	binary.LittleEndian.PutUint32(dst, a)
	binary.LittleEndian.PutUint32(dst[4:], b)
}

// Decrypt decrypts a block.
func (c *GOST28147) Decrypt(dst, src []byte) {
	a, b := c.rounds(binary.LittleEndian.Uint32(src), binary.LittleEndian.Uint32(src[4:]), 8)
	binary.LittleEndian.PutUint32(dst, a)
	binary.LittleEndian.PutUint32(dst[4:], b)
}

// rounds makes the 32 rounds, of which the first ones take the parts of the key upwards and the others downwards: 24 and 8 to encrypt,
// 8 and 24 to decrypt (RFC 5830 section 5).
func (c *GOST28147) rounds(n1, n2 uint32, upwards int) (uint32, uint32) {
	t := c.table
	for i := range 32 {
		k := c.key[i&7]
		if i >= upwards {
			k = c.key[7-i&7]
		}
		x := n1 + k
		n1, n2 = n2^t[0][byte(x)]^t[1][byte(x>>8)]^t[2][byte(x>>16)]^t[3][byte(x>>24)], n1
	}
	return n2, n1
}

// meshing is the constant of RFC 4357 section 2.3.2.
var meshing = [KeySize]byte{
	0x69, 0x00, 0x72, 0x22, 0x64, 0xC9, 0x04, 0x23, 0x8D, 0x3A, 0xDB, 0x96, 0x46, 0xE9, 0x2A, 0xC4,
	0x18, 0xFE, 0xAC, 0x94, 0x00, 0xED, 0x07, 0x12, 0xC0, 0x86, 0xDC, 0xC2, 0xEF, 0x4C, 0xA9, 0x2B,
}

// mesh changes the key, and encrypts the initialisation vector by the new one.
func (c *GOST28147) mesh(iv []byte) {
	var key [KeySize]byte
	for i := 0; i < KeySize; i += 8 {
		c.Decrypt(key[i:], meshing[i:])
	}
	c.SetKey(key[:])
	clear(key[:])
	c.Encrypt(iv, iv)
}

// DecryptCFB decrypts in the mode of RFC 5830 section 6 with an initialisation vector of 8 octets, and changes the key after each 1024
// octets, as RFC 4357 section 2.3.2 has it.
func (c *GOST28147) DecryptCFB(iv, data []byte) []byte {
	const section = 1024
	plain := make([]byte, len(data))
	feedback := [8]byte(iv)
	for i := 0; i < len(data); i += 8 {
		if i != 0 && i%section == 0 {
			c.mesh(feedback[:])
		}
		c.Encrypt(feedback[:], feedback[:])
		block := data[i:min(i+8, len(data))]
		for j, octet := range block {
			plain[i+j] = octet ^ feedback[j]
		}
		copy(feedback[:], block)
	}
	return plain
}
