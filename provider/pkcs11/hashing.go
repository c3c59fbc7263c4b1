package pkcs11

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"io"
	"slices"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// Some tokens have no mechanism that signs a digest, in a FIPS mode for instance, or no such mechanism for a key or a scheme.
// They are given the message and hash it. What comes out is the same, and is verified in the same way, with the digest that is
// made here. Where there is a mechanism for digests it is taken, since it does not matter then how long the message is.

// hashing are the mechanisms that hash what they sign, by the one that signs a digest.
var hashing = map[uint]map[crypto.Hash]uint{
	p11.MechRSA:   {crypto.SHA256: p11.MechSHA256RSA, crypto.SHA384: p11.MechSHA384RSA, crypto.SHA512: p11.MechSHA512RSA},
	p11.MechPSS:   {crypto.SHA256: p11.MechSHA256PSS, crypto.SHA384: p11.MechSHA384PSS, crypto.SHA512: p11.MechSHA512PSS},
	p11.MechECDSA: {crypto.SHA256: p11.MechECDSASHA256, crypto.SHA384: p11.MechECDSASHA384, crypto.SHA512: p11.MechECDSASHA512},
}

// hashingOf returns the mechanism that hashes and signs as a scheme does, or 0 when there is none.
func hashingOf(public crypto.PublicKey, opts crypto.SignerOpts) uint {
	return hashing[mechanismOf(public, opts)][opts.HashFunc()]
}

func isHashing(m uint) bool { return hashingNames[m] != "" }

// digestsOf is the mechanism for digests of the family of one that hashes.
func digestsOf(m uint) uint {
	switch {
	case m >= p11.MechECDSASHA256:
		return p11.MechECDSA
	case m >= p11.MechSHA256PSS:
		return p11.MechPSS
	}
	return p11.MechRSA
}

// bitOf tells the mechanisms of hashing apart in location.hashed.
func bitOf(m uint) uint32 {
	if m >= p11.MechECDSASHA256 {
		return 1 << (6 + m - p11.MechECDSASHA256)
	}
	return 1 << (m - p11.MechSHA256RSA)
}

// digestOf makes the digest of a message; for 0 it is the message, which is signed itself then.
func digestOf(message []byte, h crypto.Hash) []byte {
	switch h {
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		return sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512(message)
		return sum[:]
	}
	return message
}

// SignMessage is [crypto.MessageSigner].
func (k *key) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.signMessage(context.Background(), message, opts, false)
}

// SignMessageContext signs the digest of a message, or has the token make the digest when it signs none.
func (k *key) SignMessageContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.signMessage(ctx, message, opts, false)
}

func (k *key) signMessage(ctx context.Context, message []byte, opts crypto.SignerOpts, impatient bool) ([]byte, error) {
	if err := keyring.CheckMessage("pkcs11: sign", k.public, opts); err != nil {
		return nil, err
	}
	digest := k.digest(message, opts)
	own := hashingOf(k.public, opts)
	var refusal error
	if !k.hashes(own, opts) {
		signature, err := k.signContext(ctx, digest, opts, impatient)
		listed := slices.Contains(k.mechanisms, mechanismOf(k.public, opts))
		if err == nil || listed && !refusesMechanism(err) || !k.mayHash(own) {
			return signature, err
		}
		refusal = err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	signature, err := k.signed(ctx, own, message, digest, opts, impatient)
	switch code, _ := errors.AsType[p11.RV](err); {
	case refusal != nil && err == nil:
		k.hashed.Or(bitOf(own))
	case refusal != nil && refusesMechanism(err):
		return nil, alsoRefused(refusal, own)
	case refusal == nil && (refusesMechanism(err) || code == p11.DataLenRange) && slices.Contains(k.mechanisms, mechanismOf(k.public, opts)):
		// What was remembered of the mechanism for digests was true once at most: it is there, and takes messages of any length.
		k.hashed.And(^bitOf(own))
		if signature, again := k.signContext(ctx, digest, opts, impatient); again == nil || !refusesMechanism(again) {
			return signature, again
		}
	}
	return signature, err
}

// hashes reports whether the token has to make the digest for a scheme.
func (k *key) hashes(own uint, opts crypto.SignerOpts) bool {
	if own == 0 {
		return false
	}
	if slices.Contains(k.mechanisms, mechanismOf(k.public, opts)) {
		return k.hashed.Load()&bitOf(own) != 0
	}
	return k.lacks(own) == ""
}

// mayHash reports whether a mechanism may be tried after the one for digests was refused, or is not there. Some tokens have what
// they do not list, as TPMs do RSASSA-PSS with tpm2-pkcs11; but no PIN is asked for to find out.
func (k *key) mayHash(own uint) bool {
	switch {
	case own == 0, k.object.allowed != nil && !slices.Contains(k.object.allowed, own):
		return false
	}
	return k.lacks(own) == "" || !k.object.alwaysAuthorised
}

// refusesMechanism reports whether an error says that the token does not do a mechanism with this key.
func refusesMechanism(err error) bool {
	switch code, _ := errors.AsType[p11.RV](err); code {
	case p11.MechanismInvalid, p11.MechanismParam, p11.KeyNotPermitted:
		return true
	case p11.TokenNotRecognized: // unless the token was asked, and is not there
		return lossOf(err) == unclear
	}
	return false
}

// alsoRefused adds to the refusal of a mechanism that another one was refused as well.
func alsoRefused(err error, other uint) error {
	e, ok := errors.AsType[*sign.Error](err)
	if !ok {
		return err
	}
	own := *e
	own.Hint += "; " + mechanismName(other) + " is refused as well"
	return &own
}

// MechanismOf names the mechanism with which a key of this package signs a message by a scheme, as far as is known before it
// has done so: "CKM_RSA_PKCS". Hashes says that the token makes the digest. The name is empty for other keys, and for schemes that
// the key does not have.
func MechanismOf(k sign.Key, s sign.Scheme) (name string, hashes bool) {
	own, ok := k.(*key)
	if group, is := k.(*groupKey); is {
		own, ok = group.first, true
	}
	if !ok || s.Opts == nil || !slices.ContainsFunc(own.schemes, func(other sign.Scheme) bool { return other.Name == s.Name }) {
		return "", false
	}
	if m := hashingOf(own.public, s.Opts); own.hashes(m, s.Opts) {
		return mechanismName(m), true
	}
	return mechanismName(mechanismOf(own.public, s.Opts)), false
}

// isECDSA reports whether the token makes signatures of r and s.
func (k *key) isECDSA() bool {
	_, ok := k.public.(*ecdsa.PublicKey)
	return ok
}
