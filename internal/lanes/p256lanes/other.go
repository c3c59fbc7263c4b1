//go:build !amd64

package p256lanes

import (
	"crypto/ecdsa"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// NewSigner says that there are no lanes.
func NewSigner(*ecdsa.PrivateKey) (*lanes.Signer, error) { return nil, lanes.ErrUnavailable }

// NewVerifier says that there are no lanes.
func NewVerifier(*ecdsa.PublicKey) (*lanes.Verifier, error) { return nil, lanes.ErrUnavailable }
