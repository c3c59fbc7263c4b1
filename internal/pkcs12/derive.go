package pkcs12

import (
	"hash"
	"unicode/utf16"
	"unicode/utf8"
)

// What octets are derived for (RFC 7292 appendix B.3).
const (
	ForKey byte = 1 + iota
	ForIV
	ForMAC
)

// BMP encodes a password as RFC 7292 appendix B.1 has it: big-endian UTF-16 and two zero octets. What is not UTF-8 is
// taken as Latin-1, as OpenSSL does.
func BMP(password []byte) []byte {
	runes := make([]rune, 0, len(password))
	if utf8.Valid(password) {
		for rest := password; len(rest) != 0; {
			c, n := utf8.DecodeRune(rest)
			runes, rest = append(runes, c), rest[n:]
		}
	} else {
		for _, b := range password {
			runes = append(runes, rune(b))
		}
	}
	units := utf16.Encode(runes)
	bmp := make([]byte, 0, 2*len(units)+2)
	for _, u := range units {
		bmp = append(bmp, byte(u>>8), byte(u))
	}
	clear(runes)
	clear(units)
	return append(bmp, 0, 0)
}

// Derive derives n octets after RFC 7292 appendix B.2. The password is in the form of BMP.
func Derive(newHash func() hash.Hash, use byte, password, salt []byte, iterations, n int) []byte {
	h := newHash()
	v := h.BlockSize()
	diversifier := make([]byte, v)
	for i := range diversifier {
		diversifier[i] = use
	}
	input := append(repeat(salt, v), repeat(password, v)...)
	var out []byte
	for {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		a := h.Sum(nil)
		for range iterations - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		if out = append(out, a...); len(out) >= n {
			clear(input)
			return out[:n]
		}
		b := repeat(a, v)[:v]
		for j := 0; j < len(input); j += v {
			addOne(input[j:j+v], b)
		}
	}
}

// repeat fills a multiple of v octets with b.
func repeat(b []byte, v int) []byte {
	out := make([]byte, (len(b)+v-1)/v*v)
	for i := 0; i < len(out); i += len(b) {
		copy(out[i:], b)
	}
	return out
}

// addOne makes a = a + b + 1, big-endian, without the carry out of it.
func addOne(a, b []byte) {
	carry := 1
	for i := len(a) - 1; i >= 0; i-- {
		carry += int(a[i]) + int(b[i])
		a[i] = byte(carry)
		carry >>= 8
	}
}
