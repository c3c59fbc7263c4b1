package cades_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// The code of docs/errors.md stands in the examples of this file; TestErrorsPage compares them.

// TestErrorsPage finds every code block of the page in this file, but for its indentation, and every class of package sign in its table.
func TestErrorsPage(t *testing.T) {
	page := readPage(t, "errors.md")
	require.Equal(t, 3, inExamples(t, page, "example_errors_test.go"))

	classes, err := os.ReadFile("../sign/errors.go")
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(classes)) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "Err") && strings.Contains(line, "errors.New(") {
			require.Contains(t, page, name+"`")
			n++
		}
	}
	require.Equal(t, 12, n)
}

// Verify and decide: the error of a report is nil only when every signature is TOTAL-PASSED.
func ExampleReport_Err() {
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
	for _, options := range []*cades.VerifyOptions{{Roots: roots}, {Roots: testpki.New(demoTB{}).Roots()}} {
		report, err := message.Verify(ctx, sign.Content{}, options)
		if err != nil {
			log.Fatal(err)
		}
		switch err := report.Err(); {
		case err == nil:
			fmt.Println("accepted")
		case errors.Is(err, sign.ErrTrust):
			fmt.Println("not by anybody who is trusted")
		case errors.Is(err, sign.ErrTime), errors.Is(err, sign.ErrRevocation):
			fmt.Println("not by a certificate that was good then")
		default:
			fmt.Println("refused:", err)
		}
	}
	// Output:
	// accepted
	// not by anybody who is trusted
}

// A signature that did not reach its level is kept, and raised later.
func ExampleReached() {
	ctx := context.Background()
	signer, _, _, _ := demo()
	stamper := unreachable()
	keep := func(container []byte) error {
		fmt.Println("at", levelOf(container))
		return nil
	}
	content := sign.Bytes("contract.txt", []byte("a contract"))

	container, err := cades.Sign(ctx, signer, content, &cades.Options{Level: cades.LevelT, Timestamper: stamper})
	if level, ok := cades.Reached(err); ok && errors.Is(err, sign.ErrAuthority) {
		fmt.Println("kept at", level)
		err = keep(container)
	}
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// kept at CAdES-BES
	// at CAdES-BES
}

// Why each of several authorities gave no time-stamp.
func ExampleReached_causes() {
	signer, _, _, _ := demo()
	_, err := cades.Sign(context.Background(), signer, sign.Bytes("", []byte("a contract")), &cades.Options{Level: cades.LevelT, Timestamper: unreachable()})
	if all, ok := errors.AsType[sign.Errors](err); ok {
		for _, one := range all {
			check, _ := errors.AsType[tsp.Check](one)
			fmt.Println(check, sign.IsTemporary(one))
		}
	}
	// Output:
	// transport true
	// transport true
}

// unreachable is a client of two authorities behind a proxy that is not there.
func unreachable() *tsp.Client {
	stamper, err := tsp.NewClient(tsp.Config{
		Endpoints: []tsp.Endpoint{{URL: "http://first.invalid/tsr"}, {URL: "http://second.invalid/tsr"}},
		Connect:   connect.Options{Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}, // where nobody is
	})
	if err != nil {
		log.Fatal(err)
	}
	return stamper
}
