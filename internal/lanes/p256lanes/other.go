//go:build !amd64

package p256lanes

import "crypto/ecdsa"

// Signer signs by one private key.
type Signer struct{}

// NewSigner says that there are no lanes.
func NewSigner(*ecdsa.PrivateKey) (*Signer, error) { return nil, ErrUnavailable }

// Sign is not reached.
func (*Signer) Sign([][64]byte, [][]byte) (missing uint64) { return ^uint64(0) }

// Verifier verifies signatures by one public key.
type Verifier struct{}

// NewVerifier says that there are no lanes.
func NewVerifier(*ecdsa.PublicKey) (*Verifier, error) { return nil, ErrUnavailable }

// Verify is not reached.
func (*Verifier) Verify([][]byte, [][64]byte) (good, unknown uint64) { return 0, ^uint64(0) }
