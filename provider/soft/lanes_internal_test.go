package soft

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/sign"
)

// everyOther is what lanes are to a key: it leaves out every other signature.
type everyOther struct {
	key   *ecdsa.PrivateKey
	calls int
}

func (e *everyOther) sign(outcomes []sign.Outcome, digests [][]byte, opts crypto.SignerOpts) {
	e.calls++
	for i := 0; i < len(digests); i += 2 {
		outcomes[i].Signature, outcomes[i].Err = e.key.Sign(rand.Reader, digests[i], opts)
	}
}

func digestsOf(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		d := sha256.Sum256([]byte{byte(i)})
		all[i] = d[:]
	}
	return all
}

func requireSigned(t testing.TB, key *ecdsa.PrivateKey, digests [][]byte, outcomes []sign.Outcome) {
	t.Helper()
	require.Len(t, outcomes, len(digests))
	for i, o := range outcomes {
		require.NoError(t, o.Err)
		require.True(t, ecdsa.VerifyASN1(&key.PublicKey, digests[i], o.Signature), i)
	}
}

// TestLanesLeaveOut: what the lanes do not have the standard library makes, and it is counted.
func TestLanesLeaveOut(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	closed := new(atomic.Bool)
	for name, c := range map[string]struct {
		start func() several
		again uint64
	}{
		"every other": {func() several { return &everyOther{key: key} }, 4},
		"none":        {func() several { return nil }, 9},
	} {
		k := newLanesKey(&standardKey{signer: key, public: key.Public(), schemes: sign.Schemes(key.Public()), closed: closed}, 64, c.start)
		require.Equal(t, 64, k.BulkSize())
		require.True(t, k.Computes() && k.Trusted())
		digests := digestsOf(9)
		requireSigned(t, key, digests, k.SignBulk(t.Context(), digests, crypto.SHA256))
		require.Zero(t, k.shared.again.Load(), "too few to begin")
		k.shared.asked.Store(lanesFrom)
		requireSigned(t, key, digests, k.SignBulk(t.Context(), digests, crypto.SHA256))
		require.Equal(t, c.again, k.shared.again.Load(), name)
	}
}

// TestLanesNotAsked: one digest alone, what is no digest, a call that is over and a key that is closed do not reach them.
func TestLanesNotAsked(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	closed := new(atomic.Bool)
	e := &everyOther{key: key}
	k := newLanesKey(&standardKey{signer: key, public: key.Public(), schemes: sign.Schemes(key.Public()), closed: closed}, 64, func() several { return e })
	k.shared.asked.Store(lanesFrom)
	requireSigned(t, key, digestsOf(1), k.SignBulk(t.Context(), digestsOf(1), crypto.SHA256))
	digests := digestsOf(3)
	digests[1] = digests[1][:31]
	outcomes := k.SignBulk(t.Context(), digests, crypto.SHA256)
	require.ErrorIs(t, outcomes[1].Err, sign.ErrInput)
	requireSigned(t, key, [][]byte{digests[0], digests[2]}, []sign.Outcome{outcomes[0], outcomes[2]})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range k.SignBulk(over, digestsOf(3), crypto.SHA256) {
		require.ErrorIs(t, o.Err, context.Canceled)
		require.Empty(t, o.Signature)
	}
	own := withChain(k, nil).(*lanesKey)
	require.Same(t, k.shared, own.shared)
	closed.Store(true)
	for _, o := range own.SignBulk(t.Context(), digestsOf(3), crypto.SHA256) {
		require.ErrorIs(t, o.Err, sign.ErrUnavailable)
		require.Empty(t, o.Signature)
	}
	require.Zero(t, e.calls)
	require.Zero(t, k.shared.again.Load())
}

// TestLanesOfKeys: keys have them where the processor has them, and there only.
func TestLanesOfKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	k, err := NewKey(other, 0)
	require.NoError(t, err)
	require.NotImplements(t, (*sign.BulkKey)(nil), k)
	k, err = NewKey(key, 0)
	require.NoError(t, err)
	if !lanes.Available() {
		require.NotImplements(t, (*sign.BulkKey)(nil), k)
		t.Skip("SKIPPED: this processor has no AVX-512 IFMA (scripts/avx512.sh ./provider/soft -test.run Lanes runs this test in an emulated one)")
	}
	for _, n := range []int{2, 8, 9, 64, 130} {
		digests := digestsOf(n)
		requireSigned(t, key, digests, k.(sign.BulkKey).SignBulk(t.Context(), digests, crypto.SHA256))
	}
	require.EqualValues(t, 2+8+9+64+130, k.(*lanesKey).shared.asked.Load())
	require.Zero(t, k.(*lanesKey).shared.again.Load())
	t.Setenv(lanes.Off, "1")
	k, err = NewKey(key, 0)
	require.NoError(t, err)
	require.NotImplements(t, (*sign.BulkKey)(nil), k)
}

// TestSignatureInDER compares with encoding/asn1.
func TestSignatureInDER(t *testing.T) {
	for _, r := range []string{"01", "7f", "80", "ff", "0100", "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "8000000000000000000000000000000000000000000000000000000000000000"} {
		for _, s := range []string{"01", "80", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"} {
			var x, y big.Int
			x.SetString(r, 16)
			y.SetString(s, 16)
			want, err := asn1.Marshal(struct{ R, S *big.Int }{&x, &y})
			require.NoError(t, err)
			var fixed [64]byte
			x.FillBytes(fixed[:32])
			y.FillBytes(fixed[32:])
			got := appendSignature([]byte("before"), &fixed)
			require.Equal(t, want, got[6:])
			require.LessOrEqual(t, len(want), maxSignature)
		}
	}
}
