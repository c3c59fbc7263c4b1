package cades_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// decide is what a program does with a document and its signature: take it, refuse it, or ask again later.
func decide(ctx context.Context, p7s []byte, content string, o *cades.VerifyOptions) string {
	message, err := cades.Parse(p7s)
	if err != nil {
		return "refuse: it is no signature" // err says what it is
	}
	report, err := message.Verify(ctx, sign.Bytes("", []byte(content)), o)
	if err != nil {
		return "later: the content cannot be read"
	}
	if report.Trusted() { // every signature, and there is one
		return "accept"
	}
	for _, s := range report.Outcome().Signatures {
		switch {
		case s.Indication == validate.TotalPassed:
		case s.Indication == validate.TotalFailed: // nothing that comes later makes it good
			return "refuse: " + string(s.Cause)
		case s.Cause == validate.CauseRevocationUnknown: // INDETERMINATE, and only for want of an answer
			return "later: " + string(s.Cause)
		default: // INDETERMINATE: no proof here that it was good in time
			return "refuse, or ask for a proof: " + string(s.Cause)
		}
	}
	return "refuse: there is no signature"
}

// What becomes of documents is decided by the report. INDETERMINATE is neither yes nor no: some of it is over when an authority answers
// again, some with a time-stamp or another root, and none of it may pass for yes.
//
// The mistakes to avoid: a nil error of Verify means that the checks were made, not that they passed; and Valid says nothing of who
// signed, which Trusted does.
func ExampleReport_Trusted() {
	ctx := context.Background()
	w := testsign.New(nil)
	signed := func(s *sign.Signer) []byte {
		p7s, err := cades.Sign(ctx, s, sign.Bytes("", []byte("a contract")), w.Options(cades.LevelBES))
		if err != nil {
			panic(err)
		}
		return p7s
	}
	p7s, options := signed(w.Signer()), w.VerifyOptions()

	fmt.Println(decide(ctx, p7s, "a contract", options))
	fmt.Println(decide(ctx, p7s, "another contract", options))
	fmt.Println(decide(ctx, signed(w.Stranger()), "a contract", options))
	fmt.Println(decide(ctx, []byte("%PDF-1.7"), "a contract", options))

	w.OCSP.Fail(testsign.Fault{Err: testsign.Down()})
	w.CRL.Fail(testsign.Fault{Status: 503})
	fmt.Println(decide(ctx, p7s, "a contract", options))
	w.OCSP.Fail(testsign.Fault{})
	w.CRL.Fail(testsign.Fault{})
	fmt.Println(decide(ctx, p7s, "a contract", options))

	w.Advance(3 * 365 * 24 * time.Hour)
	fmt.Println(decide(ctx, p7s, "a contract", options))
	// Output:
	// accept
	// refuse: content-changed
	// refuse, or ask for a proof: unknown-authority
	// refuse: it is no signature
	// later: revocation-unknown
	// accept
	// refuse, or ask for a proof: expired
}
