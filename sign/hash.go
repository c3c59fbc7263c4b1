package sign

import (
	"crypto"
	"hash"
)

// Hash is a hash function that imprints, references and policies are made with: a crypto.Hash of the standard library (SHA-256, SHA-384
// or SHA-512), or a [HashAlgorithm]. Nil, and crypto.Hash(0), mean that it is left to whoever takes it.
type Hash interface {
	New() hash.Hash
	Size() int // octets of a digest
	String() string
}

// HashAlgorithm is a [Hash] that package crypto does not know, and says by itself how it is written: those of package gost.
type HashAlgorithm interface {
	Hash
	// Algorithm is its AlgorithmIdentifier in DER.
	Algorithm() []byte
}

// DigestAlgorithm is the AlgorithmIdentifier of a hash in DER: of SHA-256, SHA-384 or SHA-512 with absent parameters (RFC 5754 section 2),
// or what a [HashAlgorithm] says. Any other hash is an error of class [ErrUnsupported].
func DigestAlgorithm(h Hash) ([]byte, error) {
	switch h := h.(type) {
	case crypto.Hash:
		if algorithm := digestAlgorithm(h); algorithm != nil {
			return algorithm, nil
		}
	case HashAlgorithm:
		if algorithm := h.Algorithm(); len(algorithm) != 0 {
			return algorithm, nil
		}
	case nil:
		return nil, unknownHash("digest", crypto.Hash(0))
	}
	return nil, unknownHash("digest", h)
}
