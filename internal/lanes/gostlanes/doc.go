// Package gostlanes makes and verifies many signatures of GOST R 34.10-2012 (RFC 7091) on the curve CryptoPro-A side by side, as package
// p256lanes does on P-256: what its documentation says of secrets, of exceptional additions and of checks holds here too.
package gostlanes

import "errors"

// ErrPoint is that of public keys whose multiples have an ordinate of a form that the lanes are not for: one in 2^42 keys by chance, and
// as many as somebody wants who makes them.
var ErrPoint = errors.New("the multiples of this key are not for lanes")
