package crypto11

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// key is a key of the context. It is not a [sign.TrustedKey]: crypto11 keeps handles for ever.
type key struct {
	p      *Provider
	signer crypto11.Signer
	public crypto.PublicKey
	name   string
	chain  []*x509.Certificate
}

var (
	_ sign.Key     = (*key)(nil)
	_ sign.Schemer = (*key)(nil)
)

func (k *key) Public() crypto.PublicKey { return k.public }

// Schemes are those of the kind of key: crypto11 does not tell the mechanisms of the token.
func (k *key) Schemes() []sign.Scheme { return sign.Schemes(k.public) }

func (k *key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext leaves when ctx ends; a call of the module that hangs keeps its place among Config.Limit until it returns.
func (k *key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.p.usable(ctx, "crypto11: sign"); err != nil {
		return nil, err
	}
	if err := keyring.CheckDigest("crypto11: sign", k.public, digest, opts); err != nil {
		return nil, err
	}
	select {
	case k.p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	digest = bytes.Clone(digest) // the caller may use its own again after it has left
	signature, err := detached(ctx, func() ([]byte, error) {
		defer func() { <-k.p.slots }()
		return k.signer.Sign(rand.Reader, digest, opts)
	})
	switch {
	case err == nil:
		return signature, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, k.p.explainKey(k, err)
}

func (p *Provider) explainKey(k *key, err error) error {
	err = p.explain("crypto11: sign", err)
	if e, ok := errors.AsType[*sign.Error](err); ok {
		e.Place += ": " + k.name
	}
	return err
}

const again = "crypto11 does not open a lost token again: make another context, or use provider/pkcs11, which does"

// explain gives an error of the module a class and says what to do.
func (p *Provider) explain(op string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &sign.Error{Op: op, Place: p.config.Name, Class: sign.ErrUnavailable, Err: err}
	code, ok := errors.AsType[pkcs11.Error](err)
	if !ok {
		return e
	}
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED:
		e.Class = sign.ErrPIN
	case pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_FUNCTION_NOT_SUPPORTED:
		e.Class, e.Hint = sign.ErrUnsupported, "the token does not do this scheme; choose another one of the key"
	case pkcs11.CKR_KEY_TYPE_INCONSISTENT, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED:
		e.Class, e.Hint = sign.ErrUnsupported, "the key may not be used so"
	case pkcs11.CKR_SESSION_COUNT:
		e.Temporary, e.Hint = true, "the token has no more sessions; set MaxSessions of the context"
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED:
		e.Hint = again
	}
	return e
}
