package pades_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// A document that was made ready is signed and checked. How a library for PDF makes one ready is shown by the module examples/pades.
func Example() {
	ctx := context.Background()
	keys, err := soft.Open(ctx, "../provider/soft/testdata/modern.p12", soft.Config{Password: soft.Password(sign.NewSecret([]byte("sesame")))})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = keys.Close() }()
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		log.Fatal(err)
	}
	room, err := pades.Estimate(signer, nil)
	if err != nil {
		log.Fatal(err)
	}

	// The library writes this, with as many zeros as there is to be room.
	before := "%PDF-1.7 … /SubFilter /ETSI.CAdES.detached /M (D:20260301120000Z) /Contents "
	hole := "<" + strings.Repeat("00", room) + ">"
	behind := " >> … %%EOF"
	file := []byte(before + hole + behind)
	where := pades.ByteRange{0, int64(len(before)), int64(len(before) + len(hole)), int64(len(behind))}

	s, err := pades.Open(bytes.NewReader(file), int64(len(file)), where)
	if err != nil {
		log.Fatal(err)
	}
	cms, err := s.Sign(ctx, signer, nil)
	if err != nil {
		log.Fatal(err)
	}
	text, err := s.Hex(cms)
	if err != nil {
		log.Fatal(err)
	}
	copy(file[where[1]:], text) // or s.Fill, for a file

	report, err := s.Verify(ctx, &cades.VerifyOptions{NoRevocation: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Message.Signatures[0].Level, report.Whole(), report.Valid(), report.Trusted())
	// Output: B-B true true false
}
