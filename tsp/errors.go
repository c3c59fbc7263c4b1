package tsp

import (
	"fmt"

	"github.com/seed-116355fd/signet/sign"
)

// Check names something that a response or a token is examined for. It is the class of a [*sign.Error]: errors.Is(err,
// tsp.CheckNonce) reports whether that check failed, and errors.AsType[tsp.Check] finds which one did.
type Check string

// The checks of a response, in the order in which they are made. The sections are of RFC 3161 where no other is named.
const (
	CheckTransport  Check = "transport"   // the authority was reached and answered in time
	CheckHTTPStatus Check = "http-status" // with HTTP status 200
	CheckSize       Check = "size"        // in no more than the limit
	CheckEncoding   Check = "encoding"    // with what is a TimeStampResp, and a TimeStampToken in it
	CheckStatus     Check = "status"      // granted, or granted with modifications (section 2.4.2)
)

// The checks of a token, in the order in which they are made.
const (
	CheckContentType        Check = "content-type"        // the content is a TSTInfo (section 2.4.2)
	CheckVersion            Check = "version"             // of version 1
	CheckImprint            Check = "imprint"             // algorithm and digest are those that were asked for
	CheckNonce              Check = "nonce"               // the nonce is the one of the request
	CheckPolicy             Check = "policy"              // the policy is the one that was asked for
	CheckExtensions         Check = "extensions"          // no critical extension is unknown
	CheckSigners            Check = "signers"             // there is one SignerInfo
	CheckAttributes         Check = "attributes"          // content-type and message-digest are signed and right
	CheckCertificate        Check = "certificate"         // the certificate of the authority is there
	CheckSigningCertificate Check = "signing-certificate" // and bound by ESSCertID or ESSCertIDv2 (RFC 5816)
	CheckSignature          Check = "signature"           // the signature is of its key
	CheckKeyUsage           Check = "key-usage"           // its one extended key usage is timeStamping, critical (section 2.3)
	CheckValidity           Check = "validity"            // the time lies in its validity
	CheckTime               Check = "time"                // and not far from the clock here
	CheckChain              Check = "chain"               // a path leads to a root that was given
)

// Error is the name of the check.
func (c Check) Error() string { return string(c) }

// Unwrap is the wider class, where there is one: [sign.ErrAuthority] when there was no token, [sign.ErrTrust] when it is not of whom it
// should be, [sign.ErrTime] when its time is not one that counts. A token that is not the one that was asked for has none.
func (c Check) Unwrap() error {
	switch c {
	case CheckTransport, CheckHTTPStatus, CheckSize, CheckStatus:
		return sign.ErrAuthority
	case CheckCertificate, CheckSigningCertificate, CheckSignature, CheckKeyUsage, CheckChain:
		return sign.ErrTrust
	case CheckValidity, CheckTime:
		return sign.ErrTime
	}
	return nil
}

// failed is the error of a check: what was found. It holds no credentials and no query of a URL.
func failed(c Check, format string, args ...any) *sign.Error {
	return &sign.Error{Op: "tsp", Class: c, Err: fmt.Errorf(format, args...)}
}

// because is failed with a cause. Both may be missing.
func because(c Check, what string, err error) *sign.Error {
	switch {
	case err == nil:
		return failed(c, "%s", what)
	case what == "":
		return &sign.Error{Op: "tsp", Class: c, Err: err}
	}
	return failed(c, "%s: %w", what, err)
}

// unreached is of an authority that was not reached, or could not answer now.
func unreached(what string, err error) *sign.Error {
	e := because(CheckTransport, what, err)
	e.Temporary = true
	return e
}

// input is the error of a wrong call.
func input(op, format string, args ...any) error {
	return &sign.Error{Op: "tsp: " + op, Class: sign.ErrInput, Hint: fmt.Sprintf(format, args...)}
}
