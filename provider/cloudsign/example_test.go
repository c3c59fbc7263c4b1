package cloudsign_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/provider/cloudsign"
	"github.com/seed-116355fd/signet/sign"
)

// readCode asks the person at the terminal.
func readCode(_ context.Context, c cloudsign.Challenge) (sign.Secret, error) {
	if c.Refused {
		fmt.Print("That code was wrong. ")
	}
	fmt.Printf("Code for %d documents, digest %s: ", len(c.Names), c.Digest)
	var code string
	_, err := fmt.Scanln(&code)
	return sign.NewSecret([]byte(code)), err
}

// A batch whose contents a person confirms by one code.
func Example() {
	ctx := context.Background()
	var chain []*x509.Certificate // the certificate that signs, then its issuers
	token := sign.NewSecret([]byte(os.Getenv("SIGN_TOKEN")))

	keys, err := cloudsign.New(cloudsign.Config{URL: "https://sign.example.org", Token: token, Chain: chain, Code: readCode})
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { _ = keys.Close() }()
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		log.Print(err)
		return
	}
	results, err := batch.Sign(ctx, signer, keys.Format(), []sign.Content{sign.File("contract.pdf"), sign.File("annex.pdf")}, nil)
	if err != nil {
		log.Print(err)
	}
	for _, r := range results {
		if r.Err != nil {
			log.Print(r.Name, ": ", r.Err)
			continue
		}
		_ = os.WriteFile(r.Name+".p7s", r.Signature, 0o600)
	}
}

// One process begins an operation, another one confirms and collects it.
func ExampleClient_Resume() {
	ctx := context.Background()
	client, err := cloudsign.NewClient(cloudsign.Config{URL: "https://sign.example.org", Token: sign.NewSecret([]byte("…")), Code: readCode})
	if err != nil {
		log.Print(err)
		return
	}
	operation, err := client.Begin(ctx, []sign.Content{sign.File("contract.pdf")})
	if err != nil {
		log.Print(err)
		return
	}
	stored, _ := json.Marshal(operation.State())

	// In another process:
	var state cloudsign.State
	if err := json.Unmarshal(stored, &state); err != nil {
		log.Print(err)
		return
	}
	if operation, err = client.Resume(state); err != nil {
		log.Print(err)
		return
	}
	if err = operation.Confirm(ctx, sign.NewSecret([]byte("003450"))); err != nil {
		log.Print(err)
		return
	}
	outcomes, err := operation.Collect(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	for _, o := range outcomes {
		fmt.Println(len(o.Signature), o.Err)
	}
}
