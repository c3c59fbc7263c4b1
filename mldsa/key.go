package mldsa

import (
	"context"
	"crypto"
	"errors"
	"io"

	"filippo.io/mldsa"

	"github.com/seed-116355fd/signet/sign"
)

// Key is a private key in memory. It is safe for concurrent use. The zero value is no key: it signs nothing.
type Key struct {
	set      Set
	public   *mldsa.PublicKey
	spki     []byte
	seed     *mldsa.PrivateKey // nil: only the expanded key is known
	expanded expandedKey
}

var (
	_ sign.Key        = (*Key)(nil)
	_ sign.TrustedKey = (*Key)(nil)
	_ sign.Schemer    = (*Key)(nil)
	_ sign.SPKIKey    = (*Key)(nil)
)

// GenerateKey makes a key.
func GenerateKey(set Set) (*Key, error) {
	if !set.known() {
		return nil, &sign.Error{Op: "mldsa: generate key", Class: sign.ErrInput, Hint: "choose MLDSA44, MLDSA65 or MLDSA87"}
	}
	private, err := mldsa.GenerateKey(set.parameters())
	if err != nil {
		return nil, &sign.Error{Op: "mldsa: generate key", Class: sign.ErrUnavailable, Err: err}
	}
	return fromSeed(set, private), nil
}

// NewKey makes a key of one of filippo.io/mldsa, which is of crypto/mldsa from Go 1.27 on.
func NewKey(private *mldsa.PrivateKey) (*Key, error) {
	for _, set := range Sets() {
		if parametersOf(private) == set.parameters() {
			return fromSeed(set, private), nil
		}
	}
	return nil, &sign.Error{Op: "mldsa: key", Class: sign.ErrInput, Hint: "the private key is nil, or empty"}
}

// parametersOf are the zero Parameters of a nil key and of a zero one, which panics when it is asked.
func parametersOf(private *mldsa.PrivateKey) (p mldsa.Parameters) {
	if private == nil {
		return p
	}
	defer func() {
		if recover() != nil {
			p = mldsa.Parameters{}
		}
	}()
	return private.PublicKey().Parameters()
}

func fromSeed(set Set, private *mldsa.PrivateKey) *Key {
	public := private.PublicKey()
	return &Key{set: set, public: public, spki: marshalPublic(set, public.Bytes()), seed: private}
}

// empty reports whether it is none that this package made.
func (k *Key) empty() bool { return k == nil || k.public == nil }

func errEmpty(op string) error {
	return &sign.Error{Op: op, Class: sign.ErrInput, Hint: "the key is nil or the zero value; make one with ParsePKCS8, GenerateKey or NewKey"}
}

// Set returns the parameter set.
func (k *Key) Set() Set {
	if k.empty() {
		return 0
	}
	return k.set
}

// Public returns the *mldsa.PublicKey of filippo.io/mldsa.
func (k *Key) Public() crypto.PublicKey {
	if k.empty() {
		return nil
	}
	return k.public
}

// SubjectPublicKeyInfo returns the public key as in RFC 9881 section 4. The caller does not modify it.
func (k *Key) SubjectPublicKeyInfo() []byte {
	if k.empty() {
		return nil
	}
	return k.spki
}

// Schemes returns the one of the set.
func (k *Key) Schemes() []sign.Scheme {
	if k.empty() {
		return nil
	}
	return []sign.Scheme{k.set.Scheme()}
}

// Trusted is true of a key whose seed is known. One that was expanded elsewhere may have parts that do not belong together, so that
// its signatures are verified.
func (k *Key) Trusted() bool { return !k.empty() && k.seed != nil }

// Sign signs a message, which is whole: the options are crypto.Hash(0). The random source is not used.
func (k *Key) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), message, opts)
}

// SignContext is Sign that looks at the context once.
func (k *Key) SignContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkOptions(opts); err != nil {
		return nil, err
	}
	if k.empty() {
		return nil, errEmpty("mldsa: sign")
	}
	var signature []byte
	var err error
	if k.seed != nil {
		signature, err = k.seed.Sign(nil, message, nil)
	} else {
		signature, err = k.expanded.sign(message)
	}
	if err != nil {
		return nil, &sign.Error{Op: "mldsa: sign", Class: sign.ErrUnavailable, Err: err}
	}
	return signature, nil
}

// checkOptions refuses what is not the pure form with an empty context.
func checkOptions(opts crypto.SignerOpts) error {
	switch o := opts.(type) {
	case nil:
		return &sign.Error{Op: "mldsa: sign", Class: sign.ErrInput, Hint: "the options say what is signed, and must not be nil; give crypto.Hash(0)"}
	case *mldsa.Options:
		if o != nil && o.Context != "" {
			return &sign.Error{Op: "mldsa: sign", Class: sign.ErrUnsupported, Hint: "signature containers have ML-DSA with the empty context only (RFC 9882 section 3)"}
		}
		return nil
	}
	if opts.HashFunc() != 0 {
		return &sign.Error{Op: "mldsa: sign", Class: sign.ErrUnsupported, Hint: "ML-DSA signs the message itself, with crypto.Hash(0) as options"}
	}
	return nil
}

// expandedKey is the other form of a private key, of FIPS 204 algorithm 24.
type expandedKey interface {
	sign(message []byte) ([]byte, error)
}

var errParts = errors.New("the parts of the ML-DSA key do not belong together")
