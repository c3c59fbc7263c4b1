//go:build !amd64

package rsalanes

import (
	"crypto/rsa"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Takes says no.
func Takes(*rsa.PrivateKey) bool { return false }

// Key signs by one private key.
type Key struct{}

// NewKey says that there are no lanes.
func NewKey(*rsa.PrivateKey) (*Key, error) { return nil, lanes.ErrUnavailable }

// Sign is not reached.
func (*Key) Sign(encoded [][]byte) [][]byte { return make([][]byte, len(encoded)) }

// Verifier verifies signatures by one public key.
type Verifier struct{}

// NewVerifier says that there are no lanes.
func NewVerifier(*rsa.PublicKey) (*Verifier, error) { return nil, lanes.ErrUnavailable }

// Verify is not reached.
func (*Verifier) Verify(encoded, _ [][]byte) []bool { return make([]bool, len(encoded)) }
