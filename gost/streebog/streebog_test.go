package streebog_test

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"hash"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost/streebog"
)

// reversed reads what RFC 6986 prints, the last octet first.
func reversed(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	slices.Reverse(b)
	return b
}

// TestRFC6986 has the examples of section 10.
func TestRFC6986(t *testing.T) {
	m2 := reversed(t, "fbe2e5f0eee3c820fbeafaebef20fffbf0e1e0f0f520e0ed20e8ece0ebe5f0f2f120fff0eeec20f120faf2fee5e2202ce8f6f3ede220e8e6eee1e8f0f2d1202ce8f0f2e5e220e5d1")
	for _, c := range []struct {
		message        []byte
		sum512, sum256 string
	}{
		{
			[]byte("012345678901234567890123456789012345678901234567890123456789012"),
			"486f64c1917879417fef082b3381a4e211c324f074654c38823a7b76f830ad00fa1fbae42b1285c0352f227524bc9ab16254288dd6863dccd5b9f54a1ad0541b",
			"00557be5e584fd52a449b16b0251d05d27f94ab76cbaa6da890b59d8ef1e159d",
		},
		{
			m2,
			"28fbc9bada033b1460642bdcddb90c3fb3e56c497ccd0f62b8a2ad4935e85f037613966de4ee00531ae60f3b5a47f8dae06915d5f2f194996fcabf2622e6881e",
			"508f7e553c06501d749a66fc28c6cac0b005746d97537fa85d9e40904efed29d",
		},
	} {
		sum512, sum256 := streebog.Sum512(c.message), streebog.Sum256(c.message)
		require.Equal(t, reversed(t, c.sum512), sum512[:])
		require.Equal(t, reversed(t, c.sum256), sum256[:])
	}
}

// TestPieces writes messages of every length around the blocks in pieces, with the state taken out and put back, copied, and asked for
// a digest in between.
func TestPieces(t *testing.T) {
	data := make([]byte, 300)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	for _, newHash := range []func() hash.Hash{streebog.New256, streebog.New512} {
		for n := range len(data) {
			whole := newHash()
			_, _ = whole.Write(data[:n])
			want := whole.Sum(nil)
			h := newHash()
			for rest := data[:n]; len(rest) != 0; {
				piece := rest[:1+random.IntN(len(rest))]
				rest = rest[len(piece):]
				_, _ = h.Write(piece)
				_ = h.Sum(nil)
				state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
				require.NoError(t, err)
				clone, err := h.(hash.Cloner).Clone()
				require.NoError(t, err)
				_, _ = h.Write([]byte("something else"))
				h = newHash()
				_, _ = h.Write(data[:70]) // what is overwritten
				require.NoError(t, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state))
				require.Equal(t, h.Sum(nil), clone.Sum(nil))
			}
			require.Equal(t, want, h.Sum(nil), n)
			require.Equal(t, append([]byte("x"), want...), h.Sum([]byte("x")))
			h.Reset()
			_, _ = h.Write(data[:n])
			require.Equal(t, want, h.Sum(nil), n)
		}
	}
}

// TestState refuses what is none.
func TestState(t *testing.T) {
	state, err := streebog.New256().(encoding.BinaryMarshaler).MarshalBinary()
	require.NoError(t, err)
	other := streebog.New512().(encoding.BinaryUnmarshaler)
	require.Error(t, other.UnmarshalBinary(state))
	same := streebog.New256().(encoding.BinaryUnmarshaler)
	require.Error(t, same.UnmarshalBinary(state[1:]))
	require.Error(t, same.UnmarshalBinary(nil))
	bad := bytes.Clone(state)
	bad[6+3*64] = 64
	require.Error(t, same.UnmarshalBinary(bad))
	require.NoError(t, same.UnmarshalBinary(state))
}

// TestCarry has a message whose sum of blocks carries from word to word.
func TestCarry(t *testing.T) {
	sum := streebog.Sum256(bytes.Repeat([]byte{0xff}, 640))
	h := streebog.New256()
	for range 640 {
		_, _ = h.Write([]byte{0xff})
	}
	require.Equal(t, sum[:], h.Sum(nil))
}

func BenchmarkSum256(b *testing.B) {
	for _, size := range []int{300, 65536} {
		b.Run(hex.EncodeToString([]byte{byte(size >> 8), byte(size)}), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				streebog.Sum256(data)
			}
		})
	}
}
