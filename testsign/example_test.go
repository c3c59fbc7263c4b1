package testsign_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// outcome is what a verifier of this world says of a signature.
func outcome(w *testsign.World, p7s []byte) any {
	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	report, err := message.Verify(context.Background(), sign.Bytes("", []byte("a contract")), w.VerifyOptions())
	if err != nil {
		log.Fatal(err)
	}
	s := report.Outcome().Signatures[0]
	return fmt.Sprint(s.Form, ": ", s.Indication, ", ", s.Cause)
}

// From nothing to a signature for an archive, which outlives the certificate. A test says testsign.New(t).
//
// The mistake to avoid: code that asks time.Now does not see Advance, so give w.Now wherever there is a Clock.
func Example() {
	ctx := context.Background()
	w := testsign.New(nil) // in a test: testsign.New(t)

	plain, err := cades.Sign(ctx, w.Signer(), sign.Bytes("", []byte("a contract")), w.Options(cades.LevelBES))
	if err != nil {
		log.Fatal(err)
	}
	archived, err := cades.Sign(ctx, w.Signer(), sign.Bytes("", []byte("a contract")), w.Options(cades.LevelLTA))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(outcome(w, plain))
	fmt.Println(outcome(w, archived))

	w.Advance(3 * 365 * 24 * time.Hour)
	fmt.Println("three years later")
	fmt.Println(outcome(w, plain))
	fmt.Println(outcome(w, archived))
	// Output:
	// CAdES-BES: TOTAL-PASSED, passed
	// CAdES-LTA: TOTAL-PASSED, passed
	// three years later
	// CAdES-BES: INDETERMINATE, expired
	// CAdES-LTA: TOTAL-PASSED, passed
}

// A certificate is revoked, and somebody signs whom nobody knows.
//
// The mistake to avoid: a signature without a time-stamp does not say that it is older than the revocation, whatever its signing-time
// claims.
func ExampleWorld_Revoke() {
	ctx := context.Background()
	w := testsign.New(nil)
	sign := func(s *sign.Signer, level cades.Level) []byte {
		p7s, err := cades.Sign(ctx, s, sign.Bytes("", []byte("a contract")), w.Options(level))
		if err != nil {
			log.Fatal(err)
		}
		return p7s
	}
	plain, stamped := sign(w.Signer(), cades.LevelBES), sign(w.Signer(), cades.LevelLT)

	w.Advance(time.Hour)
	w.Revoke(w.Signer().Certificate())
	fmt.Println(outcome(w, plain))
	fmt.Println(outcome(w, stamped))
	fmt.Println(outcome(w, sign(w.Stranger(), cades.LevelBES)))
	// Output:
	// CAdES-BES: INDETERMINATE, revoked
	// CAdES-LT: TOTAL-PASSED, passed
	// CAdES-BES: INDETERMINATE, unknown-authority
}

// An authority that is out of order twice.
//
// The mistake to avoid: the error of a level is none of the signature, which is there and can be raised later.
func ExampleEndpoint_Fail() {
	ctx := context.Background()
	w := testsign.New(nil)
	w.TSA.Fail(testsign.Fault{Status: 503, Times: 2})

	contents := []batch.Content{sign.Bytes("a", []byte("a")), sign.Bytes("b", []byte("b")), sign.Bytes("c", []byte("c"))}
	results, err := batch.Sign(ctx, w.Signer(), w.Options(cades.LevelT), contents, &batch.Options{KeepLower: true, Workers: 1, RaiseLimit: 1})
	if err != nil {
		log.Fatal(err)
	}
	failed := 0
	for _, r := range results {
		if errors.Is(r.Err, sign.ErrAuthority) && r.Signature != nil {
			failed++
		}
	}
	fmt.Println(failed, "of", len(results), "are below their level, after", w.TSA.Requests(), "requests")
	// Output: 2 of 3 are below their level, after 3 requests
}

// A token whose PIN is wrong is asked once, whatever is to be signed with it.
//
// The mistake to avoid: a program that tries a PIN again locks the card of its user. A test that counts finds it.
func ExampleWorld_Provider() {
	ctx := context.Background()
	w := testsign.New(nil)
	keys := w.Provider()
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		log.Fatal(err)
	}
	keys.Fail(testsign.Fault{Err: testsign.WrongPIN()})

	contents := []batch.Content{sign.Bytes("a", []byte("a")), sign.Bytes("b", []byte("b")), sign.Bytes("c", []byte("c"))}
	_, err = batch.Sign(ctx, signer, w.Options(cades.LevelBES), contents, nil)
	fmt.Println(errors.Is(err, sign.ErrPIN), keys.Counts().Failed, keys.Counts().Signed)
	// Output: true 1 0
}
