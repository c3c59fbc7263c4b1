// Package pki reads certificates, compares names, and builds and validates paths of certificates: RFC 5280 sections 4, 6 and
// 7.1, with RFC 4158 for the building and RFC 9618 for the policies.
//
// Certificates come from strangers and are as the world made them: what crypto/x509 refuses is read all the same, and what
// is wrong with it is remembered as a [Problem]. Whether a problem matters is decided where the path needs the field; a
// field that cannot be understood never means that nothing is restricted.
//
//	verifier := pki.Verifier{Anchors: pki.NewAnchors(anchors...), Pools: []*pki.Pool{pool}, Time: at, Purpose: pki.Signer}
//	path, err := verifier.Path(ctx, certificate)
//
// The error is an [*Error], whose Reason a program can tell apart.
//
// The work of all paths of one message is bounded together by a [Work]: signatures that are checked, and steps. Nothing here
// fetches anything, and revocation is the caller's, who can refuse a path ([Verifier.Accept]) so that another one is tried.
package pki
