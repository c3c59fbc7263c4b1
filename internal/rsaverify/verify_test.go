package rsaverify

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"os"
	"os/exec"
	"sync"
	"testing"

	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/wycheproof"
)

// agree compares with crypto/rsa, and returns what both say and whether the fast way said yes. A yes of it that is not one of
// crypto/rsa is the worst that can happen.
func agree(t testing.TB, v *Verifier, h crypto.Hash, digest, signature []byte) (valid, fast bool) {
	t.Helper()
	err := rsa.VerifyPKCS1v15(v.public, h, digest, signature)
	fast = v.certain(h, digest, signature)
	if fast && err != nil {
		t.Fatalf("accepted: %v, digest %x, signature %x, modulus %x", h, digest, signature, v.public.N)
	}
	require.Equal(t, err, v.Verify(h, digest, signature))
	return err == nil, fast
}

func newKey(t testing.TB, size int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, size)
	require.NoError(t, err)
	return key
}

func digestOf(h crypto.Hash) []byte {
	f := h.New()
	f.Write([]byte("message"))
	return f.Sum(nil)
}

// raw makes a signature of any encoding.
func raw(key *rsa.PrivateKey, em []byte) []byte {
	s := new(big.Int).SetBytes(em)
	return s.Exp(s, key.D, key.N).FillBytes(make([]byte, key.Size()))
}

func TestSignatures(t *testing.T) {
	sizes := []int{2048, 2049, 2055, 3072}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		key := newKey(t, size)
		v, other := New(&key.PublicKey), New(&newKey(t, size).PublicKey)
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			digest := digestOf(h)
			signature, err := rsa.SignPKCS1v15(nil, key, h, digest)
			require.NoError(t, err)
			valid, fast := agree(t, v, h, digest, signature)
			require.True(t, valid && fast)
			wrong := func(h crypto.Hash, digest, signature []byte) {
				t.Helper()
				valid, fast := agree(t, v, h, digest, signature)
				require.False(t, valid || fast)
			}
			valid, _ = agree(t, other, h, digest, signature)
			require.False(t, valid)
			for i := range digest {
				changed := bytes.Clone(digest)
				changed[i] ^= 1
				wrong(h, changed, signature)
			}
			for i := range signature {
				changed := bytes.Clone(signature)
				changed[i] ^= 0x40
				wrong(h, digest, changed)
			}
			wrong(h, digest[1:], signature)
			wrong(h, append(bytes.Clone(digest), 0), signature)
			wrong(h, digest, signature[1:])
			wrong(h, digest, append([]byte{0}, signature...))
			wrong(h, digest, append(bytes.Clone(signature), 0))
			wrong(h, digest, nil)
			wrong(crypto.SHA224, digest[:28], signature)
			for _, s := range []*big.Int{new(big.Int), big.NewInt(1), key.N, new(big.Int).Sub(key.N, big.NewInt(1))} {
				wrong(h, digest, s.FillBytes(make([]byte, key.Size())))
			}
			// Each octet of the encoding counts.
			em := make([]byte, key.Size())
			require.True(t, Encode(em, h, digest))
			valid, fast = agree(t, v, h, digest, raw(key, em))
			require.True(t, valid && fast)
			for i := range em {
				changed := bytes.Clone(em)
				changed[i] ^= 1
				if h == crypto.SHA256 && new(big.Int).SetBytes(changed).Cmp(key.N) < 0 {
					wrong(h, digest, raw(key, changed))
				}
			}
			// A short padding with something behind it (CVE-2006-4339), and parameters that are absent.
			short := append(bytes.Clone(em[:10]), em[len(em)-len(digest)-20:]...)
			wrong(h, digest, raw(key, append(short, make([]byte, len(em)-len(short))...)))
		}
	}
}

// TestRange adds the modulus to a signature that is small enough for that: the octets are as many, and so are the bits.
func TestRange(t *testing.T) {
	key := newKey(t, 2048)
	v := New(&key.PublicKey)
	for i := byte(0); ; i++ {
		digest := digestOf(crypto.SHA256)
		digest[0] = i
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
		require.NoError(t, err)
		s := new(big.Int).SetBytes(signature)
		if s.Add(s, key.N); s.BitLen() > 2048 {
			continue
		}
		valid, fast := agree(t, v, crypto.SHA256, digest, signature)
		require.True(t, valid && fast)
		valid, fast = agree(t, v, crypto.SHA256, digest, s.Bytes())
		require.False(t, valid || fast)
		return
	}
}

// TestDigestLength has encodings that say 32 octets and hold others, as the digest does that is asked for.
func TestDigestLength(t *testing.T) {
	key := newKey(t, 2048)
	v := New(&key.PublicKey)
	for _, n := range []int{0, 20, 31, 33, 48, 64} {
		digest := bytes.Repeat([]byte{7}, n)
		em := bytes.Repeat([]byte{0xff}, key.Size())
		em[0], em[1] = 0, 1
		end := append(append([]byte{0}, prefixOf(crypto.SHA256)...), digest...)
		copy(em[len(em)-len(end):], end)
		valid, fast := agree(t, v, crypto.SHA256, digest, raw(key, em))
		require.False(t, valid || fast)
	}
}

// TestSizes sees which keys are left to crypto/rsa.
func TestSizes(t *testing.T) {
	sizes := []int{1024, 2047, 2048, 4096, 4097}
	if testing.Short() {
		sizes = sizes[:3]
	}
	for _, size := range sizes {
		key := newKey(t, size)
		digest := digestOf(crypto.SHA256)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
		require.NoError(t, err)
		valid, fast := agree(t, New(&key.PublicKey), crypto.SHA256, digest, signature)
		require.True(t, valid)
		require.Equal(t, size >= 2048 && size <= 4096, fast, size)
	}
	key := newKey(t, 2048)
	digest := digestOf(crypto.SHA256)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
	require.NoError(t, err)
	for _, e := range []int{-1, 0, 1, 2, 3, 17, 65535, 65536, 65539} {
		_, fast := agree(t, New(&rsa.PublicKey{N: key.N, E: e}), crypto.SHA256, digest, signature)
		require.False(t, fast)
		// With 1 the signature is the encoding.
		em := make([]byte, key.Size())
		Encode(em, crypto.SHA256, digest)
		_, fast = agree(t, New(&rsa.PublicKey{N: key.N, E: e}), crypto.SHA256, digest, em)
		require.False(t, fast)
	}
	for _, n := range []*big.Int{new(big.Int).Add(key.N, big.NewInt(1)), new(big.Int).Add(key.N, big.NewInt(2)), new(big.Int), new(big.Int).Lsh(big.NewInt(1), 2047)} {
		valid, fast := agree(t, New(&rsa.PublicKey{N: n, E: exponent}), crypto.SHA256, digest, signature)
		require.False(t, valid || fast)
	}
	_, fast := agree(t, New(&rsa.PublicKey{N: new(big.Int).Neg(key.N), E: exponent}), crypto.SHA256, digest, signature)
	require.False(t, fast)
}

// TestCopy changes the key of the caller, from many goroutines' first calls on.
func TestCopy(t *testing.T) {
	key := newKey(t, 2048)
	digest := digestOf(crypto.SHA256)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
	require.NoError(t, err)
	public := &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}
	v := New(public)
	public.N.Add(public.N, big.NewInt(2))
	public.E = 3
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				if !v.certain(crypto.SHA256, digest, signature) || v.Verify(crypto.SHA256, digest, signature) != nil {
					t.Error("refused")
				}
			}
		})
	}
	wait.Wait()
}

func TestWycheproof(t *testing.T) {
	hashes := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}
	for _, name := range []string{"2048_sha256", "2048_sha384", "2048_sha512", "3072_sha256", "3072_sha384", "3072_sha512", "4096_sha256", "4096_sha384", "4096_sha512"} {
		t.Run(name, func(t *testing.T) {
			count := map[string]int{}
			for _, g := range wycheproof.Groups(t, "rsa_signature_"+name+"_test") {
				public, err := x509.ParsePKIXPublicKey(g.Key)
				require.NoError(t, err)
				v := New(public.(*rsa.PublicKey))
				h := hashes[g.SHA]
				for _, row := range g.Rows {
					f := h.New()
					f.Write(row.Message)
					valid, fast := agree(t, v, h, f.Sum(nil), row.Sig)
					if row.Result != "acceptable" { // parameters that are absent, which crypto/rsa refuses
						require.Equal(t, row.Result == "valid", valid, "%d: %s", row.ID, row.Comment)
					}
					require.Equal(t, valid && v.public.E == exponent, fast, "%d: %s", row.ID, row.Comment)
					count[row.Result]++
				}
			}
			t.Log(count)
			require.NotZero(t, count["valid"])
			require.NotZero(t, count["invalid"])
		})
	}
}

// TestFIPS runs itself in the FIPS 140-3 modes of Go, where crypto/rsa does all.
func TestFIPS(t *testing.T) {
	if !fips140.Enabled() {
		for _, mode := range []string{"on", "only"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFIPS$", "-test.v")
			cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "by crypto/rsa")
		}
		return
	}
	key := newKey(t, 2048)
	digest := digestOf(crypto.SHA256)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
	require.NoError(t, err)
	v := New(&key.PublicKey)
	require.NoError(t, v.Verify(crypto.SHA256, digest, signature))
	require.False(t, v.certain(crypto.SHA256, digest, signature))
	t.Log("by crypto/rsa")
}

// FuzzVerify compares with crypto/rsa: signatures as they come, and the encodings that are given.
func FuzzVerify(f *testing.F) {
	key := newKey(f, 2048)
	v := New(&key.PublicKey)
	digest := digestOf(crypto.SHA256)
	em := make([]byte, key.Size())
	Encode(em, crypto.SHA256, digest)
	f.Add(digest, em)
	f.Add(digest[1:], em[1:])
	f.Fuzz(func(t *testing.T, digest, data []byte) {
		agree(t, v, crypto.SHA256, digest, data)
		if len(data) > key.Size() {
			data = data[:key.Size()]
		}
		n := new(big.Int).SetBytes(data)
		agree(t, v, crypto.SHA256, digest, raw(key, n.Mod(n, key.N).Bytes()))
	})
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b, 2048)
	digest := digestOf(crypto.SHA256)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
	require.NoError(b, err)
	b.Run("crypto/rsa", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest, signature) != nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("prepared", func(b *testing.B) {
		v := New(&key.PublicKey)
		b.ReportAllocs()
		for b.Loop() {
			if !v.certain(crypto.SHA256, digest, signature) {
				b.Fatal("refused")
			}
		}
	})
}
