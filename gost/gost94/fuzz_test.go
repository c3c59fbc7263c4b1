package gost94_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost/gost94"
)

// FuzzWrites splits a message into pieces, looks at the digest on the way, and begins anew.
func FuzzWrites(f *testing.F) {
	f.Add([]byte("This is message, length=32 bytes"), uint16(1), uint16(31))
	f.Add(make([]byte, 200), uint16(64), uint16(65))
	f.Fuzz(func(t *testing.T, message []byte, a, b uint16) {
		whole := gost94.New()
		_, _ = whole.Write(message)
		want := whole.Sum(nil)
		i := int(a) % (len(message) + 1)
		j := i + int(b)%(len(message)-i+1)
		h := gost94.New()
		for range 2 {
			_, _ = h.Write(message[:i])
			_ = h.Sum(nil)
			_, _ = h.Write(message[i:j])
			_, _ = h.Write(nil)
			_, _ = h.Write(message[j:])
			require.Equal(t, want, h.Sum([]byte{})[:h.Size()])
			h.Reset()
		}
	})
}
