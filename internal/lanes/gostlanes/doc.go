// Package gostlanes makes and verifies many signatures of GOST R 34.10-2012 (RFC 7091) on the curve CryptoPro-A side by side, as package
// p256lanes does on P-256: what its documentation says of secrets, of exceptional additions and of checks holds here too.
package gostlanes

import (
	"errors"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// MaxGroup is how many digests one call takes at most; it is also where the rate is best.
const MaxGroup = lanes.MaxGroup

var (
	// ErrUnavailable is that of processors without AVX-512 IFMA and of programs in FIPS 140 mode.
	ErrUnavailable = errors.New("this processor does not compute in lanes")
	// ErrPoint is that of public keys whose multiples have an ordinate of a form that the lanes are not for: one in 2^45 keys by chance, and
	// as many as somebody wants who makes them.
	ErrPoint = errors.New("the multiples of this key are not for lanes")
)
