package streebog

import (
	"crypto/rand"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVectorUnit compares the two ways to compress.
func TestVectorUnit(t *testing.T) {
	v := theVectors()
	if v == nil {
		t.Skip("SKIPPED: this processor has no AVX-512 VBMI and GFNI (scripts/avx512.sh ./gost/streebog -test.run 'VectorUnit|RFC' runs this test in an emulated one)")
	}
	var b [192]byte
	for i := range 500 {
		switch i {
		case 0:
		case 1:
			for j := range b {
				b[j] = 0xff
			}
		default:
			_, _ = rand.Read(b[:])
		}
		var s [3]state
		for j := range s {
			for k := range s[j] {
				s[j][k] = binary.LittleEndian.Uint64(b[64*j+8*k:])
			}
		}
		want := s[0]
		theTables().compress(&want, &s[1], &s[2])
		compressVectors(&s[0], &s[1], &s[2], v)
		require.Equal(t, want, s[0], i)
	}
}
