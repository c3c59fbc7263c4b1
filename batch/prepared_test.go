package batch_test

import (
	"context"
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// liar is a draft that trusts every signature and does not know whom it was made for.
type liar struct{ *fakeDraft }

func (l liar) FinishTrusted(ctx context.Context, signature []byte) ([]byte, error) {
	return []byte("not checked"), nil
}

// TestPrepared signs drafts that were made before, here or in another process: the format is not asked, and a signer they
// were not made for is refused.
func TestPrepared(t *testing.T) {
	pki := testpki.New(t)
	signer := func() *sign.Signer {
		id := pki.Leaf(testpki.P256)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
		require.NoError(t, err)
		return s
	}
	s := signer()
	var drafts []*cades.Draft
	for _, c := range named(20) {
		d, err := cades.Prepare(t.Context(), s, c, nil)
		require.NoError(t, err)
		drafts = append(drafts, d)
	}
	stored, err := cades.MarshalDrafts(drafts)
	require.NoError(t, err)
	drafts, err = cades.ParseDrafts(stored)
	require.NoError(t, err)
	var contents []batch.Content
	for i, d := range drafts {
		contents = append(contents, sign.Prepared(named(20)[i].Name, d))
	}
	contents = append(contents, sign.Bytes("20", []byte("content 20"))) // an ordinary one among them
	f := &fakeFormat{}
	results, err := batch.Sign(t.Context(), s, &cades.Options{}, contents, nil)
	require.NoError(t, err)
	for i, r := range results {
		require.NoError(t, r.Err)
		m, err := cades.Parse(r.Signature)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content "+r.Name)), &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
		require.NoError(t, err)
		require.True(t, report.Valid(), i)
	}
	results, err = batch.Sign(t.Context(), signer(), f, contents[:3], nil)
	require.NoError(t, err)
	for _, r := range results {
		require.ErrorIs(t, r.Err, sign.ErrKeyMismatch, "another certificate")
		require.Nil(t, r.Signature)
	}
	require.Zero(t, f.prepared.Load())

	fake := &fakeFormat{}
	results, err = batch.Sign(t.Context(), s, f, []batch.Content{sign.Prepared("x", liar{&fakeDraft{fake, "x", []byte("y")}})}, nil)
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	require.NotEqual(t, "not checked", string(results[0].Signature), "a draft that does not say whom it fits checks its signature")
	require.Equal(t, int64(1), fake.finished.Load())
}
