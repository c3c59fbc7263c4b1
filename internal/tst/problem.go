package tst

import (
	"errors"
	"fmt"
	"strings"
)

// The checks of a token, in the order in which they are made; package tsp says what each is.
const (
	CheckEncoding           = "encoding"
	CheckContentType        = "content-type"
	CheckVersion            = "version"
	CheckImprint            = "imprint"
	CheckNonce              = "nonce"
	CheckPolicy             = "policy"
	CheckExtensions         = "extensions"
	CheckSigners            = "signers"
	CheckAttributes         = "attributes"
	CheckCertificate        = "certificate"
	CheckSigningCertificate = "signing-certificate"
	CheckSignature          = "signature"
	CheckWork               = "work" // what is left of [Options.Work] does not do for the signature
	CheckKeyUsage           = "key-usage"
	CheckValidity           = "validity"
	CheckTime               = "time"
	CheckChain              = "chain"
)

// Problem says which check failed, and why.
type Problem struct {
	Check string
	What  string // what was found
	Err   error  // the cause, or nil
}

// Error is one sentence: check, what was found, cause.
func (p *Problem) Error() string {
	parts := []string{p.Check}
	if p.What != "" {
		parts = append(parts, p.What)
	}
	if p.Err != nil {
		parts = append(parts, p.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap is the cause.
func (p *Problem) Unwrap() error { return p.Err }

func problem(check, format string, args ...any) *Problem {
	return &Problem{Check: check, What: fmt.Sprintf(format, args...)}
}

var errSpent = errors.New("the message asks for more work than its size allows, so the signature was not checked")
