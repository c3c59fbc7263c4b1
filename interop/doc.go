// Package interop holds no code, only tests: what this library writes is read by programs of other people, and the
// other way round. The others are OpenSSL, go.mozilla.org/pkcs7, Bouncy Castle (a runner in bc/) and DSS, the reference
// implementation of the European Commission (a runner in dss/).
//
// The runners are Java programs, built by Maven into their target folders when they are first needed. A test whose other
// side is not on the machine is skipped and says what is missing. With SIGNET_INTEROP=require it fails instead, so that a
// machine which is meant to have everything cannot pass by having nothing.
package interop
