//go:build !amd64

package gostlanes

import "github.com/seed-116355fd/signet/internal/lanes"

// NewBase says that there are no lanes.
func NewBase(*lanes.Points) (lanes.Table, error) { return nil, lanes.ErrUnavailable }

// NewVerifier says that there are no lanes.
func NewVerifier(lanes.Table, *lanes.Points) (*lanes.Verifier, error) {
	return nil, lanes.ErrUnavailable
}
