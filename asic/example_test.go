package asic_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// Two files in one container with one signature.
func ExampleSign() {
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
	files := []sign.Content{sign.Bytes("invoice.xml", []byte("<invoice/>")), sign.Bytes("terms/2026.txt", []byte("pay in thirty days"))}
	var b bytes.Buffer
	if err := asic.Sign(ctx, &b, signer, files, &asic.Options{Kind: asic.E}); err != nil {
		log.Fatal(err)
	}
	c, err := asic.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), nil)
	if err != nil {
		log.Fatal(err)
	}
	report, err := c.Verify(ctx, &cades.VerifyOptions{NoRevocation: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Kind(), c.Files(), report.Valid(), report.Trusted())
	// Output: ASiC-E [invoice.xml terms/2026.txt] true false
}
