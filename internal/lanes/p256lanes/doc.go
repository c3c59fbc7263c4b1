// Package p256lanes makes and verifies many ECDSA signatures (FIPS 186-5 section 6.4) on P-256 side by side, eight in the lanes of vector
// registers and up to eight such groups together, which share the inversions.
//
// Signing touches the same memory and takes the same steps whatever the key, the nonces and the digests are. A signature that is handed out has been verified with the public key. Some nonces, two of 2^256, make an addition exceptional;
// the lane of such a one has no result, and others are not touched by it.
//
// Verifying is for public data only. Whoever makes a signature can bring about an exceptional addition in it; such a lane says that it does
// not know.
package p256lanes
