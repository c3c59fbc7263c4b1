package cades_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// Signing in two steps: digests leave for where the keys are, a browser or a card of the user, and signatures come back, perhaps to
// another process.
//
// The mistakes to avoid: what is signed is DigestToSign, and not ContentDigest; the time of signing is that of Prepare,
// so that the certificate is judged by it; and whoever can write where drafts are kept can have something else signed.
func ExampleMarshalDrafts() {
	ctx := context.Background()
	w := testsign.New(nil)
	user := w.Signer() // of whom only the certificates are known here

	// The first step. A signer without a key prepares drafts, and cannot sign.
	signer, err := sign.New(nil, user.Chain(), *user.Scheme())
	if err != nil {
		log.Fatal(err)
	}
	var drafts []*cades.Draft
	var digests [][]byte
	for _, name := range []string{"a.pdf", "b.pdf"} {
		draft, err := cades.Prepare(ctx, signer, sign.Bytes(name, []byte("the content of "+name)), w.Options(cades.LevelT))
		if err != nil {
			log.Fatal(err)
		}
		drafts, digests = append(drafts, draft), append(digests, draft.DigestToSign()) // of Ed25519, the whole
	}
	stored, err := cades.MarshalDrafts(drafts)
	if err != nil {
		log.Fatal(err)
	}

	// Where the key is.
	var signatures [][]byte
	for _, digest := range digests {
		signature, err := user.Key().Sign(rand.Reader, digest, crypto.SHA256)
		if err != nil {
			log.Fatal(err)
		}
		signatures = append(signatures, signature)
	}

	// The second step. Who gives time-stamps is said anew; the level was kept.
	drafts, err = cades.ParseDrafts(stored)
	if err != nil {
		log.Fatal(err)
	}
	for i, draft := range drafts {
		if draft, err = draft.WithSources(w.Options(0)); err != nil {
			log.Fatal(err)
		}
		p7s, err := draft.Finish(ctx, signatures[i]) // refuses a signature that does not verify
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(levelOf(p7s))
	}
	_, err = drafts[0].Finish(ctx, signatures[1])
	fmt.Println(errors.Is(err, sign.ErrKeyMismatch))
	// Output:
	// CAdES-T
	// CAdES-T
	// true
}
