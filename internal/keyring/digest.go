package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"

	"github.com/seed-116355fd/signet/sign"
)

// CheckDigest refuses options and digests that do not go with the key. Of kinds of keys that the standard library does
// not know, their owner knows.
func CheckDigest(op string, public crypto.PublicKey, digest []byte, opts crypto.SignerOpts) error {
	if opts == nil {
		return refused(op, sign.ErrInput, "the options say which hash the digest is of, and must not be nil")
	}
	if o, ok := opts.(*rsa.PSSOptions); ok && o == nil {
		return refused(op, sign.ErrInput, "the options must not be nil")
	}
	switch public.(type) {
	case *rsa.PublicKey:
		if o, ok := opts.(*rsa.PSSOptions); ok {
			// A salt of another length is not what the AlgorithmIdentifier says.
			if o.SaltLength != rsa.PSSSaltLengthEqualsHash && (o.Hash == 0 || o.SaltLength != sizeOf(o.Hash)) {
				return refused(op, sign.ErrUnsupported, "the salt of RSASSA-PSS must be as long as the hash")
			}
		}
	case *ecdsa.PublicKey:
	case ed25519.PublicKey:
		if opts.HashFunc() != 0 {
			return refused(op, sign.ErrUnsupported, "Ed25519 signs the message itself, with crypto.Hash(0) as options")
		}
		if o, ok := opts.(*ed25519.Options); ok && o.Context != "" {
			return refused(op, sign.ErrUnsupported, "Ed25519 with a context is not known in signature containers")
		}
		return nil
	default:
		return nil
	}
	size := sizeOf(opts.HashFunc())
	if size == 0 {
		return refused(op, sign.ErrUnsupported, "the hash must be SHA-256, SHA-384 or SHA-512")
	}
	if len(digest) != size {
		return refused(op, sign.ErrInput, fmt.Sprintf("the digest has %d octets instead of %d", len(digest), size))
	}
	return nil
}

// CheckMessage is CheckDigest for a message that is hashed later, so that only the options can be wrong.
func CheckMessage(op string, public crypto.PublicKey, opts crypto.SignerOpts) error {
	var size int
	if o, ok := opts.(*rsa.PSSOptions); opts != nil && (!ok || o != nil) {
		size = sizeOf(opts.HashFunc())
	}
	return CheckDigest(op, public, zeros[:size], opts)
}

var zeros [64]byte // as long as the longest digest

func refused(op string, class error, hint string) error {
	return &sign.Error{Op: op, Class: class, Hint: hint}
}

// sizeOf returns the length of a hash, or 0 for those that no scheme uses.
func sizeOf(h crypto.Hash) int {
	switch h {
	case crypto.SHA256:
		return 32
	case crypto.SHA384:
		return 48
	case crypto.SHA512:
		return 64
	}
	return 0
}
