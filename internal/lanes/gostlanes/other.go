//go:build !amd64

package gostlanes

import "github.com/seed-116355fd/signet/internal/lanes"

// Base has the table of the base point.
type Base struct{}

// NewBase says that there are no lanes.
func NewBase(*lanes.Points) (*Base, error) { return nil, ErrUnavailable }

// Verifier verifies signatures by one public key.
type Verifier struct{}

// NewVerifier says that there are no lanes.
func NewVerifier(*Base, *lanes.Points) (*Verifier, error) { return nil, ErrUnavailable }

// Verify is not reached.
func (*Verifier) Verify([][]byte, [][64]byte) (good, unknown uint64) { return 0, ^uint64(0) }

// Signer signs by one private key.
type Signer struct{}

// NewSigner is not reached.
func NewSigner([]byte, *Verifier) *Signer { return nil }

// Sign is not reached.
func (*Signer) Sign([][64]byte, [][]byte) (missing uint64) { return ^uint64(0) }
