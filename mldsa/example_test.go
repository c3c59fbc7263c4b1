package mldsa_test

import (
	"context"
	"crypto"
	"fmt"
	"log"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

func newKey() crypto.Signer {
	key, err := mldsa.GenerateKey(mldsa.MLDSA65)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// A key of ML-DSA with certificates, lists and time-stamps of the same kind, from a file to an archive and back. The authorities are those
// of package testsign; a real one is asked for a certificate with `signet csr`.
//
// The mistake to avoid: who verifies has to name the schemes, too. Without them nothing is known of the signature, neither good nor bad.
func Example() {
	ctx := context.Background()
	w := testsign.NewOf(nil, testsign.Config{AuthorityKey: newKey, Schemes: mldsa.Schemes()})
	file := w.PEM(w.Issue(testsign.Certificate{Name: "archive", Key: newKey()}))

	keys, err := soft.Parse(ctx, "archive.pem", file, soft.Config{Parsers: []soft.Parser{mldsa.Parse}})
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		log.Fatal(err)
	}
	content := sign.Bytes("contract.txt", []byte("a contract for thirty years"))
	options := w.Options(cades.LevelLTA)
	options.TimestampHash = crypto.SHA512
	p7s, err := cades.Sign(ctx, signer, content, options)
	if err != nil {
		log.Fatal(err)
	}

	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	for _, schemes := range [][]sign.Scheme{mldsa.Schemes(), nil} {
		verify := w.VerifyOptions()
		verify.Schemes = schemes
		report, err := message.Verify(ctx, content, verify)
		if err != nil {
			log.Fatal(err)
		}
		s := report.Signatures[0]
		fmt.Println(s.Signature.SignatureAlgorithm(), s.Signature.DigestAlgorithm(), s.Level, report.Outcome().Signatures[0].Indication)
	}
	// Output:
	// ML-DSA-65 SHA-512 B-LTA TOTAL-PASSED
	// ML-DSA-65 SHA-512 B-LTA INDETERMINATE
}

// Two signers of one content for the time between: those who do not know ML-DSA look at the first, those who no longer trust elliptic
// curves at the second. An archive time-stamp keeps both together.
//
// The mistake to avoid: an ML-DSA certificate that an ECDSA key signed. Some programs that do not know ML-DSA then read neither signature.
func Example_parallel() {
	ctx := context.Background()
	old := testsign.New(nil)
	w := testsign.NewOf(nil, testsign.Config{AuthorityKey: newKey, Schemes: mldsa.Schemes()})
	content := sign.Bytes("contract.txt", []byte("a contract for thirty years"))

	first, err := cades.Sign(ctx, old.Signer(), content, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := cades.Parse(first)
	if err != nil {
		log.Fatal(err)
	}
	both, err := message.AddSignature(ctx, w.Issue(testsign.Certificate{Key: newKey()}), content, nil)
	if err != nil {
		log.Fatal(err)
	}

	message, err = cades.Parse(both)
	if err != nil {
		log.Fatal(err)
	}
	for _, verify := range []*cades.VerifyOptions{old.VerifyOptions(), w.VerifyOptions()} {
		report, err := message.Verify(ctx, content, verify)
		if err != nil {
			log.Fatal(err)
		}
		for _, s := range report.Signatures {
			if s.Err() == nil {
				fmt.Println("trusted by", s.Signature.SignatureAlgorithm())
			}
		}
	}
	// Output:
	// trusted by ecdsa-with-SHA256
	// trusted by ML-DSA-65
}
