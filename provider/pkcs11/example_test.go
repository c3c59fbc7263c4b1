package pkcs11_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

func ExampleOpen() {
	ctx := context.Background()
	keys, err := pkcs11.Open(ctx, pkcs11.Config{
		Module: "/usr/lib/softhsm/libsofthsm2.so", TokenLabel: "seal", PIN: pkcs11.PINFile("/run/secrets/pin"),
	})
	if err != nil {
		log.Fatal(err) // says which tokens there are
	}
	defer func() { _ = keys.Close() }()
	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "seal"})
	if err != nil {
		log.Fatal(err) // says which keys there are
	}
	_ = signer // for cades.Sign, or for batch.Sign with many contents
}

func ExampleOpenURI() {
	ctx := context.Background()
	keys, ref, err := pkcs11.OpenURI(ctx, "pkcs11:token=seal;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/secrets/pin", pkcs11.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = keys.Close() }()
	signer, err := sign.Open(ctx, keys, ref)
	if err != nil {
		log.Fatal(err)
	}
	_ = signer
}

func ExampleParseURI() {
	u, err := pkcs11.ParseURI("pkcs11:token=My%20HSM;id=%01%02?module-name=softhsm2&pin-value=1234")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Token, u.Ref())
	fmt.Println(u) // never with the PIN
	// Output:
	// My HSM id 0102
	// pkcs11:token=My%20HSM;id=%01%02?module-name=softhsm2
}

func ExampleNewGroup() {
	ctx := context.Background()
	var members []*pkcs11.Provider
	for _, slot := range []uint{1, 2} {
		p, err := pkcs11.Open(ctx, pkcs11.Config{Module: "/opt/vendor/lib/libpkcs11.so", Slot: &slot, PIN: pkcs11.PINEnv("PIN")})
		if err != nil {
			log.Fatal(err)
		}
		members = append(members, p)
	}
	keys, err := pkcs11.NewGroup(members...)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = keys.Close() }() // and its members
}
