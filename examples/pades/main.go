// Command pades signs PDF documents with a key that everybody has, as an example of package pades with a library for PDF,
// github.com/pdfcpu/pdfcpu.
//
//	go run . -out signed invoice.pdf terms.pdf            # PAdES B-B
//	go run . -out signed -level b-t -reason "I agree" invoice.pdf
//
// A program of one's own opens its signer with a provider of Signet, such as provider/pkcs11, and asks an authority of time-stamps by a
// tsp.Client.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

//go:embed demo/seal.p12
var seal []byte

//go:embed demo/tsa.p12
var tsa []byte

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pades:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("pades", flag.ContinueOnError)
	out := flags.String("out", "", "the folder for signed documents")
	level := flags.String("level", "b-b", "b-b, or b-t with a time-stamp")
	reason := flags.String("reason", "", "why it is signed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || flags.NArg() == 0 {
		return errors.New("say where the signed documents go, and which to sign: pades -out DIR FILE…")
	}
	api.DisableConfigDir() // pdfcpu would make one in the home directory

	signer, err := open(ctx, seal)
	if err != nil {
		return err
	}
	o := &pades.Options{Signature: &cades.Options{}}
	if o.Signature.Level, err = cades.ParseLevel(*level); err != nil {
		return err
	}
	if o.Signature.Level == cades.LevelT {
		authority, err := open(ctx, tsa)
		if err != nil {
			return err
		}
		if o.Signature.Timestamper, err = tsp.NewAuthority(authority, nil); err != nil { // others ask one by a tsp.Client
			return err
		}
	}
	var documents [][]byte
	for _, path := range flags.Args() {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		documents = append(documents, data)
	}
	signed, errs := signAll(ctx, signer, o, *reason, documents)
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for i, path := range flags.Args() {
		if errs[i] == nil {
			errs[i] = os.WriteFile(filepath.Join(*out, filepath.Base(path)), signed[i], 0o644)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", path, errs[i])
		}
	}
	return errors.Join(errs...)
}

func open(ctx context.Context, p12 []byte) (*sign.Signer, error) {
	keys, err := soft.Parse(ctx, "demo", p12, soft.Config{Password: soft.Password(sign.NewSecret([]byte("demo")))})
	if err != nil {
		return nil, err
	}
	return sign.Open(ctx, keys, sign.Ref{})
}

// signAll signs documents in parallel. A document that cannot be signed has an error of its own.
func signAll(ctx context.Context, signer *sign.Signer, o *pades.Options, reason string, documents [][]byte) (signed [][]byte, errs []error) {
	signed, errs = make([][]byte, len(documents)), make([]error, len(documents))
	fail := func(err error) ([][]byte, []error) {
		for i := range errs {
			errs[i] = err
		}
		return signed, errs
	}
	room, err := pades.Estimate(signer, o)
	if err != nil {
		return fail(err)
	}
	var sections []*pades.Section
	var contents []sign.Content
	var which []int
	for i, document := range documents {
		ready, where, err := makeReady(document, room, field{pades.SubFilter, reason, time.Now()})
		if err != nil {
			errs[i] = err
			continue
		}
		section, err := pades.Open(bytes.NewReader(ready), int64(len(ready)), where)
		if err != nil {
			errs[i] = err
			continue
		}
		signed[i] = ready
		sections, contents, which = append(sections, section), append(contents, section.Content("")), append(which, i)
	}
	results, err := batch.Sign(ctx, signer, o, contents, nil)
	if err != nil && results == nil {
		return fail(err)
	}
	for n, r := range results {
		i := which[n]
		if errs[i] = r.Err; r.Err == nil {
			errs[i] = fill(signed[i], sections[n], r.Signature)
		}
		if errs[i] != nil {
			signed[i] = nil
		}
	}
	return signed, errs
}

// fill writes a signature, or a document time-stamp, into the hole of a document.
func fill(document []byte, section *pades.Section, cms []byte) error {
	text, err := section.Hex(cms)
	if err == nil {
		copy(document[section.ByteRange()[1]:], text)
	}
	return err
}

// stamp appends a revision with a document time-stamp.
func stamp(ctx context.Context, authority tsp.Timestamper, document []byte) ([]byte, error) {
	ready, where, err := makeReady(document, pades.DefaultTimestampRoom, field{subFilter: pades.TimestampSubFilter})
	if err != nil {
		return nil, err
	}
	section, err := pades.Open(bytes.NewReader(ready), int64(len(ready)), where)
	if err != nil {
		return nil, err
	}
	token, err := section.Timestamp(ctx, authority, nil)
	if err != nil {
		return nil, err
	}
	return ready, fill(ready, section, token)
}
