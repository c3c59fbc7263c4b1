package cipher

import "encoding/binary"

// pi is the substitution of RFC 7801 section 4.1.1.
var pi = [256]byte{
	252, 238, 221, 17, 207, 110, 49, 22, 251, 196, 250, 218, 35, 197, 4, 77,
	233, 119, 240, 219, 147, 46, 153, 186, 23, 54, 241, 187, 20, 205, 95, 193,
	249, 24, 101, 90, 226, 92, 239, 33, 129, 28, 60, 66, 139, 1, 142, 79,
	5, 132, 2, 174, 227, 106, 143, 160, 6, 11, 237, 152, 127, 212, 211, 31,
	235, 52, 44, 81, 234, 200, 72, 171, 242, 42, 104, 162, 253, 58, 206, 204,
	181, 112, 14, 86, 8, 12, 118, 18, 191, 114, 19, 71, 156, 183, 93, 135,
	21, 161, 150, 41, 16, 123, 154, 199, 243, 145, 120, 111, 157, 158, 178, 177,
	50, 117, 25, 61, 255, 53, 138, 126, 109, 84, 198, 128, 195, 189, 13, 87,
	223, 245, 36, 169, 62, 168, 67, 201, 215, 121, 214, 246, 124, 34, 185, 3,
	224, 15, 236, 222, 122, 148, 176, 188, 220, 232, 40, 80, 78, 51, 10, 74,
	167, 151, 96, 115, 30, 0, 98, 68, 26, 184, 56, 130, 100, 159, 38, 65,
	173, 69, 70, 146, 39, 94, 85, 47, 140, 163, 165, 125, 105, 213, 149, 59,
	7, 88, 179, 64, 134, 172, 29, 247, 48, 55, 107, 228, 136, 217, 231, 137,
	225, 27, 131, 73, 76, 63, 248, 254, 141, 83, 170, 144, 202, 216, 133, 97,
	32, 113, 103, 164, 45, 43, 9, 91, 203, 155, 37, 208, 190, 229, 108, 82,
	89, 166, 116, 210, 230, 244, 180, 192, 209, 102, 175, 194, 57, 75, 99, 182,
}

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
		state[i] = pi[state[i]^key[i]]
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
