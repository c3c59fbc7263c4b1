package cipher

import (
	"encoding/binary"

	"github.com/seed-116355fd/signet/gost/internal/pi"
)

// Kuznyechik is the block cipher of GOST R 34.12-2015 with blocks of 16 octets (RFC 7801). It only encrypts, which is all that counter
// mode needs.
type Kuznyechik struct{ keys [10][16]byte }

// NewKuznyechik makes one of a key of 32 octets.
func NewKuznyechik(key []byte) *Kuznyechik {
	k := new(Kuznyechik)
	a, b := [16]byte(key[:16]), [16]byte(key[16:KeySize])
	k.keys[0], k.keys[1] = a, b
	for i := range 32 { // RFC 7801 section 4.3
		c := [16]byte{15: byte(i + 1)}
		linear(&c)
		mixed := a
		lsx(&mixed, &c)
		for j := range mixed {
			mixed[j] ^= b[j]
		}
		if a, b = mixed, a; i%8 == 7 {
			k.keys[i/4+1], k.keys[i/4+2] = a, b
		}
	}
	return k
}

// BlockSize is 16 octets.
func (k *Kuznyechik) BlockSize() int { return 16 }

// Encrypt encrypts a block.
func (k *Kuznyechik) Encrypt(dst, src []byte) {
	state := [16]byte(src)
	for i := range 9 {
		lsx(&state, &k.keys[i])
	}
	for i := range state {
		dst[i] = state[i] ^ k.keys[9][i]
	}
}

// lsx adds a key, substitutes, and mixes (RFC 7801 section 4.4).
func lsx(state, key *[16]byte) {
	for i := range state {
		state[i] = pi.Table[state[i]^key[i]]
	}
	linear(state)
}

// linear is the transformation L of RFC 7801 section 4.2: sixteen steps of a register.
func linear(state *[16]byte) {
	for range 16 {
		var sum byte
		for i, coefficient := range [16]byte{148, 32, 133, 16, 194, 192, 1, 251, 1, 192, 194, 16, 133, 32, 148, 1} {
			sum ^= times(coefficient, state[i])
		}
		copy(state[1:], state[:15])
		state[0] = sum
	}
}

// times multiplies in the field of x^8 + x^7 + x^6 + x + 1.
func times(a, b byte) (product byte) {
	for ; a != 0; a >>= 1 {
		product ^= b & -(a & 1)
		b = b<<1 ^ 0xc3&-(b>>7)
	}
	return product
}

// Magma is the block cipher of GOST R 34.12-2015 with blocks of 8 octets (RFC 8891): GOST 28147-89 whose words have their highest octet
// first.
type Magma struct{ cipher GOST28147 }

// NewMagma makes one of a key of 32 octets.
func NewMagma(key []byte) *Magma {
	m := &Magma{GOST28147{table: ParamZ.table()}}
	for i := range m.cipher.key {
		m.cipher.key[i] = binary.BigEndian.Uint32(key[4*i:])
	}
	return m
}

// BlockSize is 8 octets.
func (m *Magma) BlockSize() int { return 8 }

// Encrypt encrypts a block.
func (m *Magma) Encrypt(dst, src []byte) {
	a, b := m.cipher.rounds(binary.BigEndian.Uint32(src[4:]), binary.BigEndian.Uint32(src), 24)
	binary.BigEndian.PutUint32(dst, b)
	binary.BigEndian.PutUint32(dst[4:], a)
}
