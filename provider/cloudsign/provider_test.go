package cloudsign

import (
	"context"
	"crypto"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

func opened(t *testing.T, f *fake) (*Provider, *sign.Signer) {
	keys := f.provider(f.config())
	signer, err := sign.Open(t.Context(), keys, sign.Ref{})
	require.NoError(t, err)
	return keys, signer
}

func TestOtherFormatsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	f := newFake(t)
	keys, signer := opened(t, f)
	results, err := batch.Sign(t.Context(), signer, &cades.Options{}, one(), nil)
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorIs(t, results[0].Err, sign.ErrUnsupported)
	_, err = cades.Sign(t.Context(), signer, sign.Bytes("", []byte("x")), nil)
	require.ErrorIs(t, err, sign.ErrUnsupported)
	for _, opts := range []crypto.SignerOpts{nil, crypto.SHA256, crypto.Hash(0)} {
		_, err = signer.Key().SignContext(t.Context(), make([]byte, 32), opts)
		require.ErrorIs(t, err, sign.ErrUnsupported)
		_, err = signer.Key().Sign(nil, make([]byte, 32), opts)
		require.ErrorIs(t, err, sign.ErrUnsupported)
	}
	other := softSigner(t, testpki.New(t).Leaf(testpki.P256))
	_, err = keys.Format().Prepare(t.Context(), other, one()[0])
	require.ErrorIs(t, err, sign.ErrUnsupported)
	_, err = (&Format{}).Prepare(t.Context(), signer, one()[0])
	require.ErrorIs(t, err, sign.ErrUnsupported)
	keys2, _ := opened(t, f)
	_, err = keys2.Format().Prepare(t.Context(), signer, one()[0])
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.Empty(t, f.requests)
}

func TestDraft(t *testing.T) {
	f := newFake(t)
	keys, signer := opened(t, f)
	a, err := keys.Format().Prepare(t.Context(), signer, sign.Bytes("a", []byte("A")))
	require.NoError(t, err)
	b, err := keys.Format().Prepare(t.Context(), signer, sign.Bytes("b", []byte("B")))
	require.NoError(t, err)
	containers := signer.SignBulk(t.Context(), [][]byte{a.ToBeSigned(), []byte("not a draft"), b.ToBeSigned()})
	require.NoError(t, containers[0].Err)
	require.ErrorIs(t, containers[1].Err, errNotDraft)
	require.NoError(t, containers[2].Err)
	require.NoError(t, signer.Verify(a.ToBeSigned(), containers[0].Signature))
	require.ErrorIs(t, signer.Verify(a.ToBeSigned(), containers[2].Signature), sign.ErrKeyMismatch)
	require.ErrorIs(t, signer.Verify([]byte("x"), containers[2].Signature), sign.ErrKeyMismatch)
	got, err := a.Finish(t.Context(), containers[0].Signature)
	require.NoError(t, err)
	f.verified(got, []byte("A"))
	_, err = a.Finish(t.Context(), containers[2].Signature)
	require.ErrorIs(t, err, sign.ErrKeyMismatch)

	results, err := batch.Sign(t.Context(), signer, nil, []sign.Content{sign.Prepared("a", a), sign.Prepared("b", b)}, nil)
	require.NoError(t, err)
	f.verified(results[0].Signature, []byte("A"))
	f.verified(results[1].Signature, []byte("B"))
	other := softSigner(t, testpki.New(t).Leaf(testpki.P256))
	results, _ = batch.Sign(t.Context(), other, nil, []sign.Content{sign.Prepared("a", a)}, nil)
	require.ErrorIs(t, results[0].Err, sign.ErrUnsupported)
}

func TestDraftsThatNobodyHoldsAreForgotten(t *testing.T) {
	f := newFake(t)
	keys, signer := opened(t, f)
	for range 10 {
		_, err := keys.Format().Prepare(t.Context(), signer, one()[0])
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		keys.mu.Lock()
		defer keys.mu.Unlock()
		return len(keys.drafts) == 0
	}, 10*time.Second, time.Millisecond)
}

func TestCertificateInTheReference(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Chain = nil
	keys := f.provider(c)
	_, err := keys.Key(t.Context(), sign.Ref{})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	signer, err := sign.Open(t.Context(), keys, sign.Ref{Certificate: f.chain[0]})
	require.NoError(t, err)
	results, err := batch.Sign(t.Context(), signer, keys.Format(), one(), nil)
	require.NoError(t, err)
	f.verified(results[0].Signature, []byte("A"))

	c.Thumbprint = strings.Repeat("A", 40)
	_, err = f.provider(c).Key(t.Context(), sign.Ref{Certificate: f.chain[0]})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	f := newFake(t)
	c := f.config()
	var keys *Provider
	c.Code = func(ctx context.Context, _ Challenge) (sign.Secret, error) {
		require.NoError(t, keys.Close())
		<-ctx.Done()
		return sign.Secret{}, ctx.Err()
	}
	keys = f.provider(c)
	signer, err := sign.Open(t.Context(), keys, sign.Ref{})
	require.NoError(t, err)
	results, err := batch.Sign(t.Context(), signer, keys.Format(), one(), nil)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorIs(t, results[0].Err, sign.ErrUnavailable)
}

func FuzzCheck(f *testing.F) {
	id := testpki.New(f).Leaf(testpki.P256)
	signer := softSigner(f, id)
	data := []byte("content")
	good, err := cades.Sign(f.Context(), signer, sign.Bytes("", data), nil)
	require.NoError(f, err)
	item := Item{Digests: digestsOf(f, data)}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, container []byte) {
		_, err := check(item, container, want{der: id.Certificate().Raw})
		if err != nil {
			return
		}
		m, err := cades.Parse(container)
		require.NoError(t, err)
		require.Len(t, m.Signatures(), 1)
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"TaskId":"a","Token":"b","Signatures":[{"Content":"AA=="}],"OperationStatus":1}`))
	f.Add([]byte(`[0]`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var dss dssAnswer
		if decode(data, &dss) == nil {
			_, _ = dssOver(dss.OperationStatus)
			require.LessOrEqual(t, len(digitsOnly(dss.PhoneLastNumbers)), 8)
		}
		_ = decode(data, new(signaturesAnswer))
		_ = decode(data, new([]int))
		for _, r := range oneLine(string(data), 400) {
			require.GreaterOrEqual(t, r, ' ')
		}
	})
}

// TestConformance leaves out what signs messages that are no drafts. TestDraft and the batches show the same of drafts.
func TestConformance(t *testing.T) {
	f := newFake(t)
	const why = "the key signs drafts of its Format only"
	providertest.Run(t, providertest.Config{
		Open:    func(testing.TB) sign.Provider { return f.provider(f.config()) },
		Keys:    []providertest.Key{{Certificate: f.chain[0], Chain: f.chain}},
		Secrets: []string{theToken, rightCode, "refused-token"},
		Skip: map[string]string{
			"Schemes": why, "SignOpen": why, "Bulk": why, "Refusals": why, "ContextBefore": why, "ContextDuring": why, "Concurrency": why, "ManyCallers": why,
			"TwoProviders": why, "CloseDuring": why,
		},
		OpenRefused: func(t testing.TB) error {
			c := f.config()
			c.Token = sign.NewSecret([]byte("refused-token"))
			keys := f.provider(c)
			signer, err := sign.Open(t.Context(), keys, sign.Ref{})
			require.NoError(t, err)
			_, err = batch.Sign(t.Context(), signer, keys.Format(), one(), nil)
			return err
		},
	})
}

func TestManyCallersOfOneKey(t *testing.T) {
	f := newFake(t)
	keys, signer := opened(t, f)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			data := []byte{byte('a' + i)}
			results, err := batch.Sign(t.Context(), signer, keys.Format(), []sign.Content{sign.Bytes("x", data)}, nil)
			if err != nil || results[0].Err != nil {
				t.Error(err, results[0].Err)
				return
			}
			if _, err := check(Item{Digests: digestsOf(t, data)}, results[0].Signature, want{der: f.chain[0].Raw}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestContextBefore(t *testing.T) {
	f := newFake(t)
	keys, signer := opened(t, f)
	d, err := keys.Format().Prepare(t.Context(), signer, one()[0])
	require.NoError(t, err)
	_, err = signer.Sign(cancelled(t), d.ToBeSigned())
	require.ErrorIs(t, err, context.Canceled)
	_, err = keys.Format().Prepare(cancelled(t), signer, one()[0])
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, f.requests)
}
