// Package rsalanes makes and verifies RSA signatures (RFC 8017 sections 5.2 and 9) side by side: eight by one key, or four of
// which each has a lane for either prime. It knows no padding: what it takes are encoded messages, the EM of RFC 8017.
//
// Signing touches the same memory and takes the same steps whatever the key and the messages of a size are. Every signature has
// been verified with the public exponent before it is handed out, since a wrong one would give away the primes.
//
// Verifying is for public data only.
package rsalanes

import "errors"

// MaxGroup is how many signatures are made at once; more are made in such groups. Up to half of it take half the time.
const MaxGroup = 8

// ErrKey is that of keys that are left to crypto/rsa.
var ErrKey = errors.New("the RSA key is not one that is computed in lanes")

const exponent = 65537
