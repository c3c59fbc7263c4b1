package cades_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/sign"
)

// The code of the section "In a program" of docs/verifying.md stands in the examples of this file; TestVerifyingPage compares them.

// TestVerifyingPage finds every code block of the section in this file, but for its indentation.
func TestVerifyingPage(t *testing.T) {
	_, section, ok := strings.Cut(readPage(t, "verifying.md"), "\n## In a program\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	require.Equal(t, 4, inExamples(t, section, "example_verify_test.go"))
}

// decision says what becomes of a document with such a signature.
func decision(s *validate.SignatureReport) string {
	switch s.Cause {
	case validate.CausePassed:
		return "accept"
	case validate.CauseContentMissing, validate.CauseRevocationUnknown:
		return "try again" // when the content, or the authority, can be reached
	case validate.CauseRevoked, validate.CauseMisusedCertificate, validate.CausePolicy:
		return "refuse"
	}
	if s.Indication == validate.TotalFailed {
		return "refuse"
	}
	return "ask a person" // also about causes that a later version adds
}

// What becomes of a document is decided by the cause of each signature.
func ExampleMessage_Verify() {
	ctx := context.Background()
	signer, _, _, roots := demo()
	p7s, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("a contract")), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, content := range []string{"a contract", "another one"} {
		message, err := cades.Parse(p7s)
		if err != nil {
			log.Fatal(err) // it is no message: "refuse"
		}
		report, err := message.Verify(ctx, sign.Bytes("", []byte(content)), &cades.VerifyOptions{Roots: roots})
		if err != nil {
			log.Fatal(err) // the content could not be read: "try again"
		}
		for _, s := range report.Outcome().Signatures {
			fmt.Println(decision(&s), s.Cause)
		}
	}
	// Output:
	// accept passed
	// refuse content-changed
}

// A message in PEM is read as one in binary is.
func ExampleParse() {
	signer, _, _, _ := demo()
	p7m, err := cades.Sign(context.Background(), signer, sign.Bytes("", []byte("a contract")), &cades.Options{Attached: true})
	if err != nil {
		log.Fatal(err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: p7m})

	message, err := cades.Parse(data)
	if err != nil {
		log.Fatal(err)
	}
	var content bytes.Buffer
	if err := message.WriteContent(&content); err != nil {
		log.Fatal(err)
	}
	fmt.Println(content.String())
	// Output: a contract
}

// Many messages are judged on all processors: options and roots may be shared.
func ExampleMessage_Verify_many() {
	ctx := context.Background()
	signer, _, _, roots := demo()
	p7m, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("a contract")), &cades.Options{Attached: true})
	if err != nil {
		log.Fatal(err)
	}
	all := slices.Repeat([][]byte{p7m}, 100)

	options := &cades.VerifyOptions{Roots: roots}
	good := make([]bool, len(all))
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				if message, err := cades.Parse(all[i]); err == nil {
					report, err := message.Verify(ctx, sign.Content{}, options)
					good[i] = err == nil && report.Trusted()
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	wait.Wait()
	fmt.Println(slices.Contains(good, false))
	// Output: false
}

// A report that was stored, or that "signet verify --json" printed, is read again.
func ExampleReport_MarshalJSON() {
	ctx := context.Background()
	signer, _, _, roots := demo()
	p7m, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("a contract")), &cades.Options{Attached: true})
	if err != nil {
		log.Fatal(err)
	}
	message, err := cades.Parse(p7m)
	if err != nil {
		log.Fatal(err)
	}
	report, err := message.Verify(ctx, sign.Content{}, &cades.VerifyOptions{Roots: roots})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := json.Marshal(report)
	if err != nil {
		log.Fatal(err)
	}

	var again validate.Report
	if err := json.Unmarshal(stored, &again); err != nil {
		log.Fatal(err)
	}
	for _, s := range again.Signatures {
		fmt.Println(s.Indication, s.Cause, s.Form, s.Level)
	}
	// Output: TOTAL-PASSED passed CAdES-BES B-B
}
