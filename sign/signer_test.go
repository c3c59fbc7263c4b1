package sign_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// remote is a key of which nothing is known but what it says.
type remote struct {
	crypto.Signer
	spoil   func([]byte) []byte
	trusted bool
	calls   int
}

func (r *remote) Trusted() bool { return r.trusted }

func (r *remote) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return r.SignContext(context.Background(), digest, opts)
}

func (r *remote) SignContext(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	r.calls++
	signature, err := r.Signer.Sign(rand.Reader, digest, opts)
	if r.spoil != nil {
		signature = r.spoil(signature)
	}
	return signature, err
}

// bulk is a remote key that signs many digests at once.
type bulk struct {
	remote
	size   int
	groups []int
	change func([]sign.Outcome) []sign.Outcome
}

func (b *bulk) BulkSize() int { return b.size }

func (b *bulk) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	b.groups = append(b.groups, len(digests))
	outcomes := make([]sign.Outcome, len(digests))
	for i, d := range digests {
		outcomes[i].Signature, outcomes[i].Err = b.SignContext(ctx, d, opts)
	}
	if b.change != nil {
		outcomes = b.change(outcomes)
	}
	return outcomes
}

func TestSignerSignsAndVerifies(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range testpki.Kinds() {
		id := pki.Leaf(kind)
		for _, s := range sign.Schemes(id.Key.Public()) {
			signer, err := sign.New(&remote{Signer: id.Key}, id.Chain, s)
			require.NoError(t, err)
			signature, err := signer.Sign(t.Context(), []byte("message"))
			require.NoError(t, err)
			require.NoError(t, signer.Verify([]byte("message"), signature))
			require.ErrorIs(t, signer.Verify([]byte("other"), signature), sign.ErrKeyMismatch)
			require.ErrorIs(t, signer.Verify([]byte("message"), nil), sign.ErrKeyMismatch)
			require.Equal(t, s.Name, signer.Scheme().Name)
			require.Equal(t, id.Chain, signer.Chain())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	pki := testpki.New(t)
	id, other := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	r, otherRSA := pki.Leaf(testpki.RSA2048), pki.Leaf(testpki.RSA2048)
	pss := pki.PSSLeaf(testpki.RSA2048)
	ecdsa, pkcs1 := testpki.Must(sign.ECDSA(crypto.SHA256)), testpki.Must(sign.PKCS1(crypto.SHA256))
	for name, c := range map[string]struct {
		key    crypto.Signer
		chain  []*x509.Certificate
		scheme sign.Scheme
		class  error
	}{
		"certificate of another key":     {id.Key, other.Chain, ecdsa, sign.ErrKeyMismatch},
		"certificate of another RSA key": {r.Key, otherRSA.Chain, pkcs1, sign.ErrKeyMismatch},
		"PSS certificate of another key": {r.Key, pss.Chain, testpki.Must(sign.PSS(crypto.SHA256)), sign.ErrKeyMismatch},
		"certificate of another kind":    {r.Key, id.Chain, pkcs1, sign.ErrKeyMismatch},
		"issuer first":                   {id.Key, []*x509.Certificate{id.Chain[1], id.Chain[0]}, ecdsa, sign.ErrKeyMismatch},
		"no chain":                       {id.Key, nil, ecdsa, sign.ErrInput},
		"nil certificate":                {id.Key, []*x509.Certificate{nil}, ecdsa, sign.ErrInput},
		"nil issuer":                     {id.Key, []*x509.Certificate{id.Chain[0], nil}, ecdsa, sign.ErrInput},
		"certificate that is not parsed": {id.Key, []*x509.Certificate{{}}, ecdsa, sign.ErrInput},
		"no scheme":                      {id.Key, id.Chain, sign.Scheme{}, sign.ErrInput},
		"scheme of another kind":         {id.Key, id.Chain, pkcs1, sign.ErrUnsupported},
		"PKCS #1 with a PSS key":         {pss.Key, pss.Chain, pkcs1, sign.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sign.New(&remote{Signer: c.key}, c.chain, c.scheme)
			require.ErrorIs(t, err, c.class)
			_, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok)
		})
	}
}

func TestPSSOnlyCertificate(t *testing.T) {
	id := testpki.New(t).PSSLeaf(testpki.RSA2048)
	p, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
	require.NoError(t, err)
	signer, err := sign.Open(t.Context(), p, sign.Ref{Certificate: id.Certificate()})
	require.NoError(t, err)
	require.Equal(t, "rsa-pss-sha256", signer.Scheme().Name, "the best scheme that the certificate allows")
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, signer.Verify([]byte("message"), signature))
}

func TestBadSignatures(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.Ed25519} {
		id := pki.Leaf(kind)
		for name, spoil := range map[string]func([]byte) []byte{
			"flipped":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			"empty":    func([]byte) []byte { return nil },
			"trailing": func(b []byte) []byte { return append(b, 0) },
		} {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				key := &remote{Signer: id.Key, spoil: spoil}
				signer, err := sign.New(key, id.Chain, sign.Schemes(id.Key.Public())[0])
				require.NoError(t, err)
				signature, err := signer.Sign(t.Context(), []byte("message"))
				require.Nil(t, signature)
				require.ErrorIs(t, err, sign.ErrKeyMismatch)
				require.True(t, sign.IsKeyError(err))

				key.trusted = true
				signer, err = sign.New(key, id.Chain, sign.Schemes(id.Key.Public())[0])
				require.NoError(t, err)
				_, err = signer.Sign(t.Context(), []byte("message"))
				if name == "empty" {
					require.ErrorContains(t, err, "neither a signature nor an error")
					return
				}
				require.NoError(t, err, "a trusted key is not checked")
			})
		}
	}
}

func messages(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = fmt.Appendf(nil, "message %d", i)
	}
	return all
}

func TestSignBulk(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	key := &bulk{remote: remote{Signer: id.Key}, size: 4}
	signer, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	require.Equal(t, 4, signer.BulkSize())
	all := messages(10)
	outcomes := signer.SignBulk(t.Context(), all)
	require.Len(t, outcomes, 10)
	for i, o := range outcomes {
		require.NoError(t, o.Err)
		require.NoError(t, signer.Verify(all[i], o.Signature))
	}
	require.Equal(t, []int{4, 4, 2}, key.groups, "a key is never given more than it takes")
	require.Empty(t, signer.SignBulk(t.Context(), nil))

	// A key that says no number takes one at a time, rather than all.
	key = &bulk{remote: remote{Signer: id.Key}}
	signer, err = sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	require.Equal(t, 1, signer.BulkSize())
	signer.SignBulk(t.Context(), all[:3])
	require.Equal(t, []int{1, 1, 1}, key.groups)

	// One by one, for a key that does nothing else.
	signer, err = sign.New(&remote{Signer: id.Key}, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	require.Zero(t, signer.BulkSize())
	for i, o := range signer.SignBulk(t.Context(), all) {
		require.NoError(t, signer.Verify(all[i], o.Signature))
	}
}

func TestSignBulkRefuses(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	failure := errors.New("one of them")
	for name, c := range map[string]struct {
		change func([]sign.Outcome) []sign.Outcome
		want   []error
	}{
		"too few":  {func(o []sign.Outcome) []sign.Outcome { return o[:2] }, []error{sign.ErrUnavailable, sign.ErrUnavailable, sign.ErrUnavailable}},
		"too many": {func(o []sign.Outcome) []sign.Outcome { return append(o, sign.Outcome{}) }, []error{sign.ErrUnavailable, sign.ErrUnavailable, sign.ErrUnavailable}},
		"none":     {func([]sign.Outcome) []sign.Outcome { return nil }, []error{sign.ErrUnavailable, sign.ErrUnavailable, sign.ErrUnavailable}},
		"swapped":  {func(o []sign.Outcome) []sign.Outcome { o[0], o[1] = o[1], o[0]; return o }, []error{sign.ErrKeyMismatch, sign.ErrKeyMismatch, nil}},
		"empty":    {func(o []sign.Outcome) []sign.Outcome { o[1] = sign.Outcome{}; return o }, []error{nil, sign.ErrKeyMismatch, nil}},
		"failed":   {func(o []sign.Outcome) []sign.Outcome { o[2] = sign.Outcome{Err: failure}; return o }, []error{nil, nil, failure}},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := sign.New(&bulk{remote: remote{Signer: id.Key}, size: 8, change: c.change}, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
			require.NoError(t, err)
			outcomes := signer.SignBulk(t.Context(), messages(3))
			require.Len(t, outcomes, 3)
			for i, o := range outcomes {
				require.ErrorIs(t, o.Err, c.want[i])
				require.Equal(t, c.want[i] == nil, o.Signature != nil)
			}
		})
	}
}

func TestSignerWithoutKey(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	signer, err := sign.New(nil, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.ErrorIs(t, err, sign.ErrUnavailable)
	for _, o := range signer.SignBulk(t.Context(), messages(2)) {
		require.ErrorIs(t, o.Err, sign.ErrUnavailable)
	}
	require.Nil(t, signer.Key())
	digest := crypto.SHA256.New()
	digest.Write([]byte("message"))
	signature, err := id.Key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	require.NoError(t, err)
	require.NoError(t, signer.Verify([]byte("message"), signature), "made elsewhere")
}

func TestOpen(t *testing.T) {
	pki := testpki.New(t)
	id, other := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	bare, err := soft.New(id.Key, soft.Config{})
	require.NoError(t, err)
	_, err = sign.Open(t.Context(), bare, sign.Ref{})
	require.ErrorIs(t, err, sign.ErrNoCertificate)
	require.NotErrorIs(t, err, sign.ErrKeyNotFound)
	require.ErrorContains(t, err, "WithChain")
	_, err = sign.Open(t.Context(), bare, sign.Ref{Thumbprint: "9F"})
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = sign.Open(t.Context(), bare, sign.Ref{}, sign.WithChain(other.Chain...))
	require.ErrorIs(t, err, sign.ErrKeyMismatch)

	signer, err := sign.Open(t.Context(), bare, sign.Ref{}, sign.WithChain(id.Chain...), sign.WithScheme(testpki.Must(sign.ECDSA(crypto.SHA512))), nil)
	require.NoError(t, err)
	require.Equal(t, "ecdsa-sha512", signer.Scheme().Name)
	signer, err = sign.Open(t.Context(), bare, sign.Ref{Certificate: id.Certificate()})
	require.NoError(t, err)
	require.Equal(t, id.Chain[:1], signer.Chain())

	limited, err := soft.New(&remote{Signer: id.Key}, soft.Config{Certificates: id.Chain, Limit: 3})
	require.NoError(t, err)
	signer, err = sign.Open(t.Context(), limited, sign.Ref{})
	require.NoError(t, err)
	require.Equal(t, 3, signer.Limit())
	require.Equal(t, id.Chain, signer.Chain())
}
