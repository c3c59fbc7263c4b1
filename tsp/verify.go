package tsp

import (
	"crypto/x509"
	"math/big"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/tst"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// VerifyOptions say what a token is compared with beside its imprint. The zero value asks for nothing more than that the
// token is well made.
type VerifyOptions struct {
	// Policy is the policy that the token has to be issued under, dotted; empty means any.
	Policy string
	// Nonce is what the request said; nil means that it is not compared.
	Nonce *big.Int
	// Certificates are looked through for the certificate of the authority and its issuers, beside those in the token.
	Certificates []*x509.Certificate
	// Roots are what a path from the authority has to lead to, at the time of the token. Nil means that no path is asked
	// for, and nothing then says who the authority is.
	Roots *trust.Roots
	// Tolerance bounds how far the time of the token may be from Clock, its accuracy added; 0 means that the two are not
	// compared, as for a token of an archive.
	Tolerance time.Duration
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Algorithms says which algorithms count; nil is the default.
	Algorithms *trust.Algorithms
}

// Verify checks the token against the digest that it should be over, and returns the first check that failed as a
// [*sign.Error].
func (t *Token) Verify(imprint sign.Digest, o *VerifyOptions) error {
	if all := t.Problems(imprint, o); len(all) != 0 {
		return all[0]
	}
	return nil
}

// Problems makes every check that can still be made after one has failed, and returns those that failed, in the order of
// the constants: for those who show a token to people, or know one flaw and bear with it.
func (t *Token) Problems(imprint sign.Digest, o *VerifyOptions) []*sign.Error {
	if o == nil {
		o = &VerifyOptions{}
	}
	in := &tst.Options{Policy: o.Policy, Nonce: o.Nonce, Candidates: poolOf(o.Certificates), Tolerance: o.Tolerance, Now: time.Now(), Registry: o.Algorithms.Registry().(*algorithm.Registry)}
	if o.Clock != nil {
		in.Now = o.Clock()
	}
	if o.Roots != nil {
		in.Anchors = o.Roots.Index().(*pki.Anchors)
		in.Registry = in.Registry.Checking(in.Anchors.Checkers())
	}
	var all []*sign.Error
	for _, p := range t.in.Problems(imprint, in) {
		all = append(all, errorOf(p))
	}
	return all
}
