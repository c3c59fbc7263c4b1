//go:build amd64

package rsalanes

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
)

// TestJudges: OpenSSL and crypto/rsa accept what lanes sign, and say no where lanes do. scripts/judges.sh runs it with a million.
func TestJudges(t *testing.T) {
	judge := lanestest.OpenSSL(t)
	for _, c := range []struct{ bits, processor, others, share int }{{2048, 1024, 12, 1}, {3072, 256, 2, 4}, {4096, 128, 1, 10}} {
		key := testKey(t, c.bits)
		k, err := newKey(testKernels, key)
		require.NoError(t, err)
		v, err := newVerifier(testKernels, &key.PublicKey)
		require.NoError(t, err)
		left := lanestest.HowMany(t, c.processor*c.share, c.others*c.share) / c.share
		for first := 0; first < left; first += 1000 {
			n := min(1000, left-first)
			digests, encoded := make([][]byte, n), make([][]byte, n)
			for i := range digests {
				d := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(first+i)))
				digests[i], encoded[i] = d[:], encode(d[:], c.bits/8)
			}
			signatures := k.Sign(encoded)
			for i := range signatures {
				require.NotNil(t, signatures[i])
				if i%10 == 3 {
					signatures[i][i%len(signatures[i])] ^= 1 << (i % 8)
				}
			}
			openssl, good := judge.Verify(t, &key.PublicKey, digests, signatures), v.Verify(encoded, signatures)
			for i := range signatures {
				require.Equal(t, i%10 != 3, openssl[i], "OpenSSL: %x of %x", signatures[i], digests[i])
				require.Equal(t, i%10 != 3, good[i], "lanes: %x of %x", signatures[i], digests[i])
				require.Equal(t, i%10 != 3, rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digests[i], signatures[i]) == nil, "crypto/rsa: %x of %x", signatures[i], digests[i])
			}
		}
	}
}

// fuzzed is a key that fuzzing shares.
var fuzzed = sync.OnceValues(func() (*rsa.PrivateKey, *Key) {
	text, err := os.ReadFile("testdata/rsa2048.pem")
	if err != nil {
		panic(err)
	}
	key := parsed(text)
	k, err := newKey(testKernels, key)
	if err != nil {
		panic(err)
	}
	return key, k
})

// FuzzSign compares octets with crypto/rsa: messages that are padded, any numbers, which math/big judges, and what is no number below the
// modulus.
func FuzzSign(f *testing.F) {
	f.Add([]byte("message"), byte(0))
	f.Add([]byte{}, byte(3))
	f.Add(make([]byte, 256), byte(7))
	f.Fuzz(func(t *testing.T, message []byte, lane byte) {
		key, k := fuzzed()
		size := key.Size()
		padded := append([]byte{0, 1}, make([]byte, size-2)...)
		text := message[:min(len(message), size-11)]
		for i := 2; i < size-1-len(text); i++ {
			padded[i] = 0xff
		}
		copy(padded[size-len(text):], text)
		number := new(big.Int).SetBytes(message)
		number.Mod(number, key.N)
		all := make([][]byte, 1+lane%8)
		r := mathrand.New(mathrand.NewPCG(uint64(lane), 1))
		for i := range all {
			all[i] = random(r, 2040).FillBytes(make([]byte, size))
		}
		at := int(lane/8) % len(all)
		for _, one := range [][]byte{padded, number.FillBytes(make([]byte, size)), message} {
			all[at] = one
			got := k.Sign(all)[at]
			if len(one) != size || new(big.Int).SetBytes(one).Cmp(key.N) >= 0 {
				require.Nil(t, got)
				continue
			}
			want := new(big.Int).Exp(new(big.Int).SetBytes(one), key.D, key.N).FillBytes(make([]byte, size))
			require.Equal(t, want, got, "lane %d of %d", at, len(all))
		}
		all[at] = padded
		want, err := rsa.SignPKCS1v15(nil, key, crypto.Hash(0), text)
		require.NoError(t, err)
		require.Equal(t, want, k.Sign(all)[at])
	})
}

// FuzzVerify compares with the power of math/big, for any signature.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("signature"), uint16(0), byte(0))
	f.Add(make([]byte, 256), uint16(300), byte(1))
	f.Fuzz(func(t *testing.T, text []byte, at uint16, change byte) {
		key, _ := fuzzed()
		v, err := newVerifier(testKernels, &key.PublicKey)
		require.NoError(t, err)
		signature := new(big.Int).SetBytes(text)
		signature.Mod(signature, key.N)
		size := key.Size()
		message := new(big.Int).Exp(signature, big.NewInt(exponent), key.N).FillBytes(make([]byte, size))
		changed := append([]byte(nil), message...)
		changed[int(at)%size] ^= change
		s := signature.FillBytes(make([]byte, size))
		require.Equal(t, []bool{true, change == 0, len(text) == size && new(big.Int).SetBytes(text).Cmp(key.N) < 0, false},
			v.Verify([][]byte{message, changed, message, message}, [][]byte{s, s, text, append([]byte{0}, s...)}))
	})
}
