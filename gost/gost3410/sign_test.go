package gost3410

import (
	"bytes"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// edges are digests whose numbers lie where the modulus does.
func (r *reference) edges() [][]byte {
	all := [][]byte{make([]byte, r.size), bytes.Repeat([]byte{0xff}, r.size), r.little(r.q)}
	for _, d := range []int64{-1, 1} {
		all = append(all, r.little(new(big.Int).Add(r.q, big.NewInt(d))))
	}
	return append(all, r.little(big.NewInt(1)), r.little(big.NewInt(2)))
}

// scalars are private keys and nonces at the ends, around the digits of tables, and some others.
func (r *reference) scalars(t testing.TB) []*big.Int {
	all := []*big.Int{r.random(t), r.random(t)}
	for i := range int64(4) {
		all = append(all, big.NewInt(i+1), new(big.Int).Sub(r.q, big.NewInt(i+1)), new(big.Int).Add(new(big.Int).Rsh(r.q, 1), big.NewInt(i-1)))
	}
	for bit := 1; bit < r.q.BitLen()-1; bit += 5 * r.size {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bit))
		all = append(all, n, new(big.Int).Sub(n, big.NewInt(1)))
	}
	eights, _ := new(big.Int).SetString(string(bytes.Repeat([]byte{'8'}, 2*r.size)), 16)
	return append(all, eights.Rsh(eights, 3))
}

// TestSignReference compares with math/big: public keys, signatures with given nonces, and what is accepted.
func TestSignReference(t *testing.T) {
	for _, r := range references(t) {
		t.Run(r.name, func(t *testing.T) {
			digests := r.edges()
			scalars := r.scalars(t)
			for i, d := range scalars {
				key := r.private(t, d)
				require.Equal(t, r.little(d), key.Bytes())
				x, y := r.times(d, r.x, r.y)
				require.Equal(t, r.little(x, y), key.PublicKey().Bytes(), d)
				parsed, err := ParsePublicKey(r.Curve, r.little(x, y))
				require.NoError(t, err)
				require.True(t, parsed.Equal(key.Public()))
				digest := digests[i%len(digests)]
				k := scalars[(i+i/len(digests)+3)%len(scalars)]
				nonce := wordsOf(k)
				want := r.sign(d, k, digest)
				got := key.signWith(digest, &nonce)
				require.Equal(t, want, got, "d=%x k=%x", d, k)
				if want == nil {
					continue
				}
				require.True(t, parsed.Verify(digest, got), "d=%x k=%x", d, k)
				table := prepare(key.PublicKey())
				require.True(t, parsed.verify(digest, got, table), "d=%x k=%x", d, k)
				wrong := slices.Clone(got)
				wrong[i%len(wrong)] ^= 1 << (i % 8)
				require.False(t, parsed.Verify(digest, wrong))
				require.False(t, parsed.verify(digest, wrong, table))
			}
		})
	}
}

// prepare makes the table of a key, where there are any.
func prepare(k *PublicKey) prepared {
	if k.curve.fast == nil {
		return nil
	}
	x, y := k.plain()
	return k.curve.fast.prepare(&x, &y)
}

// TestVerifiers verifies before, while and after a table is made, by several keys at once, and keeps no more tables than it may.
func TestVerifiers(t *testing.T) {
	var v Verifiers
	c := Curves()[0]
	digest := bytes.Repeat([]byte{3}, c.size)
	var group sync.WaitGroup
	for range 4 {
		key, err := GenerateKey(c)
		require.NoError(t, err)
		signature, err := key.Sign(nil, digest, nil)
		require.NoError(t, err)
		wrong := bytes.Clone(signature)
		wrong[5] ^= 1
		for range 2 {
			group.Go(func() {
				for range 2 * tableAt {
					assert.True(t, v.Verify(key.PublicKey(), digest, signature))
					assert.False(t, v.Verify(key.PublicKey(), digest, wrong))
					assert.True(t, (*Verifiers)(nil).Verify(key.PublicKey(), digest, signature))
				}
			})
		}
	}
	group.Wait()
	require.Len(t, v.tables, 4)
	require.Empty(t, v.calls)
	for range maxCounted + 10 {
		key, err := GenerateKey(c)
		require.NoError(t, err)
		require.False(t, v.Verify(key.PublicKey(), digest, make([]byte, 64)))
	}
	require.Len(t, v.calls, maxCounted)
	for i := range maxTables {
		v.tables[verifierKey{c, string(rune(i))}] = nil
	}
	key, err := GenerateKey(c)
	require.NoError(t, err)
	for range tableAt {
		require.False(t, v.Verify(key.PublicKey(), digest, make([]byte, 64)))
		signature, err := key.Sign(nil, digest, nil)
		require.NoError(t, err)
		require.True(t, v.Verify(key.PublicKey(), digest, signature))
	}
	require.Less(t, len(v.tables), maxTables+1)
	require.NotNil(t, v.tables[verifierKey{c, string(key.PublicKey().xy)}])
}

// TestSign signs twice: nonces differ, both signatures are right, and nothing but the digest is signed.
func TestSign(t *testing.T) {
	for _, c := range Curves() {
		key, err := GenerateKey(c)
		require.NoError(t, err)
		digest := bytes.Repeat([]byte{7}, c.Size())
		first, err := key.Sign(nil, digest, nil)
		require.NoError(t, err)
		second, err := key.Sign(nil, digest, nil)
		require.NoError(t, err)
		require.NotEqual(t, first, second)
		again, err := ParsePublicKey(c, key.PublicKey().Bytes())
		require.NoError(t, err)
		require.True(t, again.Verify(digest, first))
		require.True(t, again.Verify(digest, second))
		digest[0]++
		require.False(t, again.Verify(digest, first))
		_, err = key.Sign(nil, digest[1:], nil)
		require.ErrorContains(t, err, "hash with Streebog")
		same, err := NewPrivateKey(c, key.Bytes())
		require.NoError(t, err)
		require.True(t, same.Equal(key))
		require.Equal(t, c, key.Curve())
	}
}

// TestNonces wants nonces in range that change with each thing they are made of.
func TestNonces(t *testing.T) {
	for _, c := range Curves() {
		key, err := GenerateKey(c)
		require.NoError(t, err)
		other, err := GenerateKey(c)
		require.NoError(t, err)
		digest := make([]byte, c.size)
		seed := [32]byte{1}
		base := nonces{key: key, digest: digest, seed: &seed}
		first := base
		k := first.next()
		require.True(t, c.inRange(&k))
		seen := map[words]bool{k: true}
		same := base
		require.Equal(t, k, same.next())
		for range 200 {
			k := first.next()
			require.True(t, c.inRange(&k))
			require.False(t, seen[k])
			seen[k] = true
		}
		for _, n := range []nonces{{key: other, digest: digest, seed: &seed}, {key: key, digest: bytes.Repeat([]byte{1}, c.size), seed: &seed}, {key: key, digest: digest, seed: new([32]byte)}} {
			k := n.next()
			require.False(t, seen[k])
			seen[k] = true
		}
		// All bits of a number occur, up to the highest that 99 of 100 numbers less than q leave room for.
		var all words
		for k := range seen {
			for i := range k {
				all[i] |= k[i]
			}
		}
		most := c.q.m.number()
		most.Sub(most, new(big.Int).Rsh(most, 7))
		require.Equal(t, most.BitLen(), all.number().BitLen())
	}
}
