package soft

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/sign"
)

// powers is what the lanes of RSA are to a key: it leaves out the messages of these indexes.
type powers struct {
	key   *rsa.PrivateKey
	leave map[int]bool
	seen  [][]byte
}

func (p *powers) Sign(encoded [][]byte) [][]byte {
	signatures := make([][]byte, len(encoded))
	for i, em := range encoded {
		p.seen = append(p.seen, em)
		if !p.leave[i] {
			m := new(big.Int).SetBytes(em)
			signatures[i] = m.Exp(m, p.key.D, p.key.N).FillBytes(make([]byte, p.key.Size()))
		}
	}
	return signatures
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("testdata/pkcs1.der")
	require.NoError(t, err)
	key, err := x509.ParsePKCS1PrivateKey(text)
	require.NoError(t, err)
	return key
}

func digestsBy(h crypto.Hash, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		f := h.New()
		f.Write([]byte{byte(i)})
		all[i] = f.Sum(nil)
	}
	return all
}

// requireRSA: crypto/rsa verifies each, with a salt as long as the hash.
func requireRSA(t testing.TB, key *rsa.PrivateKey, digests [][]byte, opts crypto.SignerOpts, outcomes []sign.Outcome) {
	t.Helper()
	require.Len(t, outcomes, len(digests))
	for i, o := range outcomes {
		require.NoError(t, o.Err)
		if _, ok := opts.(*rsa.PSSOptions); ok {
			exact := &rsa.PSSOptions{SaltLength: len(digests[i])}
			require.NoError(t, rsa.VerifyPSS(&key.PublicKey, opts.HashFunc(), digests[i], o.Signature, exact), i)
			continue
		}
		require.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, opts.HashFunc(), digests[i], o.Signature), i)
	}
}

func optionsOf(h crypto.Hash) []crypto.SignerOpts {
	return []crypto.SignerOpts{h, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}, &rsa.PSSOptions{SaltLength: h.Size(), Hash: h}}
}

// TestLanesRSAEncode: both paddings by every hash are what crypto/rsa verifies, and what a lane leaves out crypto/rsa makes.
func TestLanesRSAEncode(t *testing.T) {
	key := rsaKey(t)
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		for _, opts := range optionsOf(h) {
			p := &powers{key: key, leave: map[int]bool{1: true}}
			k := newLanesKey(&standardKey{signer: key, public: key.Public(), schemes: sign.Schemes(key.Public()), closed: new(atomic.Bool)}, 8,
				func() several { return &rsaLanes{p, key.Size()} })
			k.shared.from = 0
			digests := digestsBy(h, 3)
			requireRSA(t, key, digests, opts, k.SignBulk(t.Context(), digests, opts))
			require.Len(t, p.seen, 3)
			require.Equal(t, uint64(1), k.shared.again.Load())
			require.True(t, k.Computes() && k.Trusted())
			require.Equal(t, 8, k.BulkSize())
		}
	}
}

// TestLanesRSASalt: every message has a salt of its own.
func TestLanesRSASalt(t *testing.T) {
	seen := map[string]bool{}
	digest := digestsBy(crypto.SHA256, 1)[0]
	for range 20 {
		em := make([]byte, 256)
		encodePSS(em, crypto.SHA256, digest)
		require.Less(t, em[0], byte(0x80))
		require.False(t, seen[string(em)])
		seen[string(em)] = true
	}
}

// TestLanesRSAOnly: a key that is for RSASSA-PSS only makes nothing else in lanes either.
func TestLanesRSAOnly(t *testing.T) {
	key := rsaKey(t)
	p := &powers{key: key}
	pss := optionsOf(crypto.SHA256)[1]
	k := newLanesKey(&standardKey{signer: key, public: key.Public(), pssOnly: true, schemes: []sign.Scheme{{Opts: pss}}, closed: new(atomic.Bool)}, 8,
		func() several { return &rsaLanes{p, key.Size()} })
	k.shared.from = 0
	digests := digestsBy(crypto.SHA256, 3)
	for _, o := range k.SignBulk(t.Context(), digests, crypto.SHA256) {
		require.ErrorIs(t, o.Err, sign.ErrUnsupported)
		require.Empty(t, o.Signature)
	}
	require.Empty(t, p.seen)
	requireRSA(t, key, digests, pss, k.SignBulk(t.Context(), digests, pss))
	require.Len(t, p.seen, 3)
}

// TestLanesOfRSAKeys: keys have them where the processor has them, and there only.
func TestLanesOfRSAKeys(t *testing.T) {
	key := rsaKey(t)
	k, err := NewKey(key, 0)
	require.NoError(t, err)
	if !lanes.Available() {
		require.NotImplements(t, (*sign.BulkKey)(nil), k)
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./provider/soft -test.run Lanes runs this test in an emulated one)")
	}
	for _, opts := range optionsOf(crypto.SHA256)[:2] {
		for _, n := range []int{2, 8, 9} {
			digests := digestsBy(crypto.SHA256, n)
			requireRSA(t, key, digests, opts, k.(sign.BulkKey).SignBulk(t.Context(), digests, opts))
		}
	}
	require.Zero(t, k.(*lanesKey).shared.again.Load())
	other := *key
	other.Primes = append([]*big.Int{big.NewInt(3)}, key.Primes...)
	require.NotImplements(t, (*sign.BulkKey)(nil), inLanes(&standardKey{signer: &other}))
	t.Setenv(lanes.Off, "1")
	k, err = NewKey(key, 0)
	require.NoError(t, err)
	require.NotImplements(t, (*sign.BulkKey)(nil), k)
}
