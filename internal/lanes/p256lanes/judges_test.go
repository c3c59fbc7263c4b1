//go:build amd64

//lint:file-ignore SA1019 a reference needs points of given numbers

package p256lanes

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/lanestest"
	"github.com/seed-116355fd/signet/internal/wycheproof"
)

// TestWycheproof gives the vectors of Project Wycheproof to lanes, those of a key side by side. Encodings that are none of two integers of up
// to 32 octets do not come to lanes.
func TestWycheproof(t *testing.T) {
	for _, name := range wycheproof.P256() {
		t.Run(name, func(t *testing.T) {
			count := map[string]int{}
			for _, g := range wycheproof.Groups(t, name) {
				public, err := x509.ParsePKIXPublicKey(g.Key)
				require.NoError(t, err)
				v, err := newVerifier(kernels(), public.(*ecdsa.PublicKey))
				require.NoError(t, err)
				var rows []wycheproof.Test
				var digests [][]byte
				var signatures [][64]byte
				for _, row := range g.Rows {
					signature, ok := raw(row.Sig)
					if !ok {
						require.NotEqual(t, "valid", row.Result, "%d: %s", row.ID, row.Comment)
						count["not for lanes"]++
						continue
					}
					rows, digests, signatures = append(rows, row), append(digests, g.Digest(t, &row)), append(signatures, signature)
				}
				for len(rows) != 0 {
					n := min(len(rows), lanes.MaxGroup)
					good, unknown := v.Verify(digests[:n], signatures[:n])
					for i, row := range rows[:n] {
						if unknown>>i&1 == 1 {
							require.Zero(t, good>>i&1, "%d: %s", row.ID, row.Comment)
							count["unknown"]++
							continue
						}
						require.Equal(t, row.Result == "valid", good>>i&1 == 1, "%d: %s", row.ID, row.Comment)
						count[row.Result]++
					}
					rows, digests, signatures = rows[n:], digests[n:], signatures[n:]
				}
			}
			t.Log(count)
			require.Greater(t, count["valid"], 100)
			require.Greater(t, count["invalid"], 50)
			require.Less(t, count["unknown"], 20)
		})
	}
}

// raw is r and s of a DER encoding.
func raw(der []byte) (signature [64]byte, ok bool) {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return signature, false
	}
	again, err := asn1.Marshal(rs) // there is only one encoding
	if err != nil || !bytes.Equal(again, der) || rs.R.Sign() < 0 || rs.S.Sign() < 0 || rs.R.BitLen() > 256 || rs.S.BitLen() > 256 {
		return signature, false
	}
	rs.R.FillBytes(signature[:32])
	rs.S.FillBytes(signature[32:])
	return signature, true
}

// TestJudges: OpenSSL and crypto/ecdsa accept what lanes sign, and say no where lanes do. scripts/judges.sh runs it with a million.
func TestJudges(t *testing.T) {
	judge := lanestest.OpenSSL(t)
	const part = 16 * lanes.MaxGroup
	for left := lanestest.HowMany(t, 4*part, 128); left > 0; left -= part {
		s, key := testSigner(t)
		n := min(left, part)
		digests, signatures := lanestest.RandomDigests(n), make([][64]byte, n)
		for i := 0; i < n; i += lanes.MaxGroup {
			require.Zero(t, s.Sign(signatures[i:min(i+lanes.MaxGroup, n)], digests[i:min(i+lanes.MaxGroup, n)]))
		}
		for i := 3; i < n; i += 10 {
			signatures[i][i%64] ^= 1 << (i % 8)
		}
		list := make([][]byte, n)
		for i := range list {
			list[i] = signatures[i][:]
		}
		openssl := judge.Verify(t, &key.PublicKey, digests, list)
		for i := 0; i < n; i += lanes.MaxGroup {
			m := min(i+lanes.MaxGroup, n)
			good, unknown := s.Verify(digests[i:m], signatures[i:m])
			require.Zero(t, unknown)
			for j := i; j < m; j++ {
				require.Equal(t, j%10 != 3, good>>(j-i)&1 == 1, "lanes: %x of %x", signatures[j], digests[j])
				require.Equal(t, j%10 != 3, openssl[j], "OpenSSL: %x of %x", signatures[j], digests[j])
				require.Equal(t, j%10 != 3, accepted(&key.PublicKey, digests[j], &signatures[j]), "crypto/ecdsa: %x of %x", signatures[j], digests[j])
			}
		}
	}
}

// FuzzVerify compares with crypto/ecdsa: signatures as they come, and such as an attacker makes, who chooses the scalars.
func FuzzVerify(f *testing.F) {
	f.Add([]byte{1}, []byte("digest"), []byte{1}, []byte{2}, uint32(0))
	f.Add([]byte{1}, make([]byte, 32), []byte{255}, []byte{255}, uint32(0x01000000))
	f.Add(params.N.Bytes()[1:], params.N.Bytes(), []byte{1, 0}, []byte{0, 255}, uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, secret, digest, first, second []byte, change uint32) {
		mod := func(b []byte) *big.Int {
			k := new(big.Int).SetBytes(b)
			if k.Mod(k, params.N).Sign() == 0 {
				k.SetInt64(1)
			}
			return k
		}
		d, u1, u2 := mod(secret), mod(first), mod(second)
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
		require.NoError(t, err)
		v, err := newVerifier(kernels(), &key.PublicKey)
		require.NoError(t, err)
		// R = (u1 + u2 d) G, e = u1 s and r = u2 s.
		k := new(big.Int).Mul(u2, d)
		r, e := big.NewInt(12345), new(big.Int)
		if k.Add(k, u1).Mod(k, params.N); k.Sign() != 0 {
			x, _ := elliptic.P256().ScalarBaseMult(k.Bytes())
			r.Mod(x, params.N)
		}
		s := new(big.Int).ModInverse(u2, params.N)
		s.Mul(s, r).Mod(s, params.N)
		e.Mul(u1, s).Mod(e, params.N)
		var made, asGiven [64]byte
		r.FillBytes(made[:32])
		s.FillBytes(made[32:])
		copy(asGiven[32-min(len(first), 32):32], first)
		copy(asGiven[64-min(len(second), 32):], second)
		changed := made
		changed[change>>24%64] ^= byte(change >> 16)
		of := e.FillBytes(make([]byte, 32))
		other := append([]byte(nil), of...)
		other[change>>8%32] ^= byte(change)
		digests := [][]byte{of, of, of, other, digest, digest, digest}
		signatures := [][64]byte{made, asGiven, changed, made, made, asGiven, changed}
		good, unknown := v.Verify(digests, signatures)
		require.Zero(t, good&unknown)
		for i := range digests {
			if unknown>>i&1 == 0 {
				require.Equal(t, accepted(&key.PublicKey, digests[i], &signatures[i]), good>>i&1 == 1, "signature %x of %x by %x", signatures[i], digests[i], d)
			}
		}
	})
}

// FuzzSign gives lanes digests of any length, and crypto/ecdsa what comes out.
func FuzzSign(f *testing.F) {
	f.Add([]byte{1}, []byte("digest"))
	f.Add([]byte("any key"), make([]byte, 100))
	f.Add(params.N.Bytes()[1:], []byte{})
	f.Fuzz(func(t *testing.T, secret, digest []byte) {
		d := new(big.Int).SetBytes(secret)
		if d.Mod(d, params.N).Sign() == 0 {
			d.SetInt64(1)
		}
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
		require.NoError(t, err)
		s, err := newSigner(kernels(), key)
		require.NoError(t, err)
		half := make([]byte, len(digest)/2)
		_, _ = rand.Read(half)
		digests := [][]byte{digest, half, digest[:len(digest)/2]}
		signatures := make([][64]byte, len(digests))
		missing := s.Sign(signatures, digests)
		for i := range digests {
			if missing>>i&1 == 1 { // by a small key points meet themselves, and such signatures are not handed out
				require.Zero(t, signatures[i])
				continue
			}
			require.True(t, accepted(&key.PublicKey, digests[i], &signatures[i]), "signature %x of %x by %x", signatures[i], digests[i], d)
		}
	})
}
