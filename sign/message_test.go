package sign_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// hasher is a key that makes digests itself, and takes none.
type hasher struct {
	remote
	messages [][]byte
}

func (h *hasher) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return h.SignMessageContext(context.Background(), message, opts)
}

func (h *hasher) SignMessageContext(_ context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	h.messages = append(h.messages, message)
	made := opts.HashFunc().New()
	made.Write(message)
	signature, err := h.Signer.Sign(rand.Reader, made.Sum(nil), opts)
	if h.spoil != nil {
		signature = h.spoil(signature)
	}
	return signature, err
}

func (h *hasher) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	h.calls++
	return nil, &sign.Error{Op: "test: sign", Class: sign.ErrUnsupported, Hint: "give the message"}
}

// TestMessageKey: such a key is given each message as it is, and what comes back is verified all the same.
func TestMessageKey(t *testing.T) {
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256} {
		id := testpki.New(t).Leaf(kind)
		for _, scheme := range sign.Schemes(id.Key.Public()) {
			key := &hasher{remote: remote{Signer: id.Key}}
			signer, err := sign.New(key, id.Chain, scheme)
			require.NoError(t, err)
			message := []byte("the attributes")
			signature, err := signer.Sign(t.Context(), message)
			require.NoError(t, err)
			require.NoError(t, signer.Verify(message, signature))
			for _, o := range signer.SignBulk(t.Context(), [][]byte{message, message}) {
				require.NoError(t, o.Err)
				require.NoError(t, signer.Verify(message, o.Signature))
			}
			require.Equal(t, [][]byte{message, message, message}, key.messages)
			require.Zero(t, key.calls, "no digest")

			key.spoil = func(s []byte) []byte { s[len(s)-1] ^= 1; return s }
			signature, err = signer.Sign(t.Context(), message)
			require.ErrorIs(t, err, sign.ErrKeyMismatch)
			require.Nil(t, signature)
		}
	}
}

// TestMessageKeyAndForeignHash: a scheme whose hash is not that of its options goes by digests, or the key would sign another
// digest than the container names. So does one that is over the message itself.
func TestMessageKeyAndForeignHash(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	other := func() hash.Hash { return sha512.New512_256() } // as long as SHA-256
	for name, change := range map[string]func(*sign.Scheme){
		"another hash": func(s *sign.Scheme) { s.NewHash = other },
		"no hash":      func(s *sign.Scheme) { s.Opts = crypto.Hash(0) },
		"unknown hash": func(s *sign.Scheme) { s.Opts = crypto.Hash(250) },
		"whole":        func(s *sign.Scheme) { s.Whole = true },
	} {
		t.Run(name, func(t *testing.T) {
			scheme := testpki.Must(sign.ECDSA(crypto.SHA256))
			change(&scheme)
			key := &hasher{remote: remote{Signer: id.Key, trusted: true}}
			signer, err := sign.New(key, id.Chain, scheme)
			require.NoError(t, err)
			_, err = signer.Sign(t.Context(), []byte("message"))
			require.ErrorIs(t, err, sign.ErrUnsupported)
			require.Empty(t, key.messages)
		})
	}
}

func TestSignMessage(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	message := []byte("message")
	digest := sha256.Sum256(message)
	plain, own := &remote{Signer: id.Key}, &hasher{remote: remote{Signer: id.Key}}
	for _, key := range []sign.Key{plain, own} {
		signature, err := sign.SignMessage(t.Context(), key, message, crypto.SHA256)
		require.NoError(t, err)
		require.True(t, ecdsa.VerifyASN1(id.Key.Public().(*ecdsa.PublicKey), digest[:], signature))
	}
	require.Equal(t, 1, plain.calls)
	require.Equal(t, [][]byte{message}, own.messages)
	for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(250)} {
		_, err := sign.SignMessage(t.Context(), plain, message, opts)
		require.Error(t, err)
	}
	require.Equal(t, 1, plain.calls)

	edwards := testpki.New(t).Leaf(testpki.Ed25519)
	signature, err := sign.SignMessage(t.Context(), &remote{Signer: edwards.Key}, message, crypto.Hash(0))
	require.NoError(t, err)
	signer, err := sign.New(&remote{Signer: edwards.Key}, edwards.Chain, sign.Ed25519())
	require.NoError(t, err)
	require.NoError(t, signer.Verify(message, signature))
}
