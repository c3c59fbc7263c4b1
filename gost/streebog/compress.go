package streebog

import (
	"sync"

	"github.com/seed-116355fd/signet/gost/internal/pi"
)

// tables are the substitution and the linear transformation in one: table j has what a value of byte j of a word becomes, 16 KiB in all.
type tables [8][256]uint64

var theTables = sync.OnceValue(func() *tables {
	var s tables
	for j := range s {
		for v, substituted := range pi.Table {
			w := uint64(substituted) << (8 * j)
			for b := range 64 {
				if w>>b&1 == 1 {
					s[j][v] ^= matrix[63-b]
				}
			}
		}
	}
	return &s
})

// lps is LPS(a xor b) of RFC 6986 section 6. The transposition takes byte i of each word into word i: so one word of the input is worked off
// after the other, each of its bytes going to another word of the result, which keeps all of them in registers.
func (s *tables) lps(o, a, b *state) {
	var o0, o1, o2, o3, o4, o5, o6, o7 uint64
	var x uint64
	var t *[256]uint64

	x, t = a[0]^b[0], &s[0]
	o0 = t[byte(x)]
	o1 = t[byte(x>>8)]
	o2 = t[byte(x>>16)]
	o3 = t[byte(x>>24)]
	o4 = t[byte(x>>32)]
	o5 = t[byte(x>>40)]
	o6 = t[byte(x>>48)]
	o7 = t[byte(x>>56)]

	x, t = a[1]^b[1], &s[1]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	x, t = a[2]^b[2], &s[2]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	x, t = a[3]^b[3], &s[3]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	x, t = a[4]^b[4], &s[4]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	x, t = a[5]^b[5], &s[5]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	x, t = a[6]^b[6], &s[6]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	x, t = a[7]^b[7], &s[7]
	o0 ^= t[byte(x)]
	o1 ^= t[byte(x>>8)]
	o2 ^= t[byte(x>>16)]
	o3 ^= t[byte(x>>24)]
	o4 ^= t[byte(x>>32)]
	o5 ^= t[byte(x>>40)]
	o6 ^= t[byte(x>>48)]
	o7 ^= t[byte(x>>56)]

	o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7] = o0, o1, o2, o3, o4, o5, o6, o7
}

// compress sets h = g_n(h, m) of section 6.6. The keys of the rounds are made beside them: the two chains do not wait for each other.
func (s *tables) compress(h, m, n *state) {
	var k state
	s.lps(&k, h, n)
	v := *m
	for i := range constants {
		s.lps(&v, &v, &k)
		s.lps(&k, &k, &constants[i])
	}
	for i := range h {
		h[i] ^= v[i] ^ k[i] ^ m[i]
	}
}
