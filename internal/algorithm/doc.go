// Package algorithm is what is known about algorithms and keys, and what is thought of them: hashes, signature
// algorithms, keys and curves by their object identifiers, the check of a signature value, and a [Policy] that says until
// when each is good for what. Everybody who judges a message, a certificate, a list, a response or a token asks here.
//
// [Registry] is a plain value that is handed around; its zero value works, and a nil one too. Schemes of the caller
// ([sign.Scheme] with Verify) reach every judge by it, and the policy judges them as well.
//
// The package knows algorithms, not certificates and not messages: those are below and above it.
package algorithm
