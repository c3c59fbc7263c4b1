package soft

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"sync/atomic"

	"github.com/seed-116355fd/signet/sign"
)

// parsedKey is a key of a parser of the caller, which is closed with its provider. It embeds nothing, so that a method of the key that
// signs cannot be reached around the gate.
type parsedKey struct {
	key    sign.Key
	spki   []byte
	closed *atomic.Bool
	chain  []*x509.Certificate // makes keys with different certificates different
}

// gated is a key that can be closed: a parsedKey, or one that signs groups as well.
type gated interface {
	sign.Key
	sign.SPKIKey
	gate(closed *atomic.Bool) sign.Key
	withChain(chain []*x509.Certificate) sign.Key
}

// parsedBulkKey is one that signs groups.
type parsedBulkKey struct {
	*parsedKey
	bulk sign.BulkKey
}

var (
	_ gated           = (*parsedKey)(nil)
	_ sign.TrustedKey = (*parsedKey)(nil)
	_ sign.Schemer    = (*parsedKey)(nil)
	_ gated           = (*parsedBulkKey)(nil)
	_ sign.BulkKey    = (*parsedBulkKey)(nil)

	_ sign.BulkComputer = (*parsedBulkKey)(nil)
)

func newParsedKey(signer crypto.Signer) (sign.Key, error) {
	if signer == nil {
		return nil, errors.New("the parser gave neither a key nor an error")
	}
	key, isKey := signer.(sign.Key)
	schemer, isSchemer := signer.(sign.Schemer)
	public, isPublic := signer.(sign.SPKIKey)
	if !isKey || !isSchemer || !isPublic || len(schemer.Schemes()) == 0 || len(public.SubjectPublicKeyInfo()) == 0 {
		return nil, errors.New("the parser gave a key that does not say how it signs and what its public key is: it has to be a sign.Key, a sign.Schemer and a sign.SPKIKey")
	}
	k := &parsedKey{key: key, spki: public.SubjectPublicKeyInfo(), closed: new(atomic.Bool)}
	return k.whole(), nil
}

// ownKey makes a key of one of the caller that says by itself how it signs, and that its signatures need no check, which is believed as
// package sign believes it: it is called as it is, and there is no limit to how often at once. It is nil for any other signer.
func ownKey(signer crypto.Signer, closed *atomic.Bool) sign.Key {
	t, ok := signer.(sign.TrustedKey)
	if !ok || !t.Trusted() {
		return nil
	}
	if _, ok := signer.(sign.MessageKey); ok { // a parsedKey takes digests only
		return nil
	}
	key, err := newParsedKey(signer)
	if err != nil {
		return nil
	}
	return key.(gated).gate(closed)
}

// whole is the key with the methods that the one inside has.
func (k *parsedKey) whole() sign.Key {
	if bulk, ok := k.key.(sign.BulkKey); ok {
		return &parsedBulkKey{k, bulk}
	}
	return k
}

func (k *parsedKey) gate(closed *atomic.Bool) sign.Key {
	own := *k
	own.closed = closed
	return own.whole()
}

func (k *parsedKey) withChain(chain []*x509.Certificate) sign.Key {
	own := *k
	own.chain = chain
	return own.whole()
}

func (k *parsedKey) Public() crypto.PublicKey { return k.key.Public() }

// SubjectPublicKeyInfo is that of the key.
func (k *parsedKey) SubjectPublicKeyInfo() []byte { return k.spki }

// Schemes are those of the key.
func (k *parsedKey) Schemes() []sign.Scheme { return schemesOf(k.key) }

// Trusted is what the key says.
func (k *parsedKey) Trusted() bool {
	t, ok := k.key.(sign.TrustedKey)
	return ok && t.Trusted()
}

func (k *parsedKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *parsedKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.closed.Load() {
		return nil, errClosed("soft: sign")
	}
	return k.key.SignContext(ctx, digest, opts)
}

// BulkSize is that of the key.
func (k *parsedBulkKey) BulkSize() int { return k.bulk.BulkSize() }

// Computes is what the key says.
func (k *parsedBulkKey) Computes() bool {
	c, ok := k.bulk.(sign.BulkComputer)
	return ok && c.Computes()
}

// SignBulk signs many digests.
func (k *parsedBulkKey) SignBulk(ctx context.Context, digests [][]byte, opts crypto.SignerOpts) []sign.Outcome {
	if k.closed.Load() {
		outcomes := make([]sign.Outcome, len(digests))
		for i := range outcomes {
			outcomes[i].Err = errClosed("soft: sign")
		}
		return outcomes
	}
	return k.bulk.SignBulk(ctx, digests, opts)
}
