package gost_test

import (
	"context"
	"crypto"
	"fmt"
	"log"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// A key of GOST R 34.10-2012 signs a digest by Streebog, and its scheme checks the signature.
//
// The mistake to avoid: the options say the hash by which the digest was made, and a key takes the one of its own size alone.
func Example() {
	key, err := gost.GenerateNamed("1.2.643.2.2.36.0") // CryptoPro-A, under the identifier that keys of people have
	if err != nil {
		log.Fatal(err)
	}
	h := gost.Streebog256.New()
	h.Write([]byte("what is signed"))
	digest := h.Sum(nil)
	signature, err := key.Sign(nil, digest, gost.Streebog256)
	if err != nil {
		log.Fatal(err)
	}
	scheme := gost.Scheme(gost.Streebog256)
	fmt.Println(scheme.Name, len(signature), "octets")
	fmt.Println(scheme.Verify(key.SubjectPublicKeyInfo(), digest, signature))
	digest[0] ^= 1
	fmt.Println(scheme.Verify(key.SubjectPublicKeyInfo(), digest, signature) != nil)
	// Output:
	// gost3410-2012-256 64 octets
	// <nil>
	// true
}

// A key in a transport key container of RFC 9548 makes a CAdES X Long Type 1 as CryptoPro does, with authorities that sign by GOST, too.
// They are those of package testsign; a real one is asked for a certificate with `signet csr`.
//
// The mistake to avoid: who reads the key names its parser and its ciphers, and who verifies its schemes. Without them nothing is known of
// the signature, neither good nor bad.
func Example_cades() {
	ctx := context.Background()
	authority := func() crypto.Signer {
		key, err := gost.GenerateNamed("1.2.643.2.2.35.1")
		if err != nil {
			log.Fatal(err)
		}
		return key
	}
	w := testsign.NewOf(nil, testsign.Config{AuthorityKey: authority, Schemes: gost.Schemes()})
	key, err := gost.GenerateNamed("1.2.643.2.2.36.0")
	if err != nil {
		log.Fatal(err)
	}
	password := sign.NewSecret([]byte("not this one"))
	chain := w.Issue(testsign.Certificate{Name: "seal", Key: key}).Chain()
	pfx, err := key.MarshalPKCS12(password, &gost.PKCS12{Certificates: chain, Label: "seal"})
	if err != nil {
		log.Fatal(err)
	}

	keys, err := soft.Parse(ctx, "seal.p12", pfx, soft.Config{
		Password: soft.Password(password), Parsers: []soft.Parser{gost.Parse}, Encryption: []soft.Encryption{gost.Encryption{}},
	})
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "seal"})
	if err != nil {
		log.Fatal(err)
	}
	content := sign.Bytes("договор.txt", []byte("a contract"))
	options := w.Options(cades.LevelXLong1)
	options.Certificates, options.NoAlgorithmProtection, options.TimestampEvidence = cades.SignerOnly, true, true
	p7s, err := cades.Sign(ctx, signer, content, options)
	if err != nil {
		log.Fatal(err)
	}

	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	for _, schemes := range [][]sign.Scheme{gost.Schemes(), nil} {
		verify := w.VerifyOptions()
		verify.Schemes = schemes
		report, err := message.Verify(ctx, content, verify)
		if err != nil {
			log.Fatal(err)
		}
		s := report.Signatures[0]
		fmt.Println(s.Form, s.SignatureAlgorithm, s.Indication)
	}
	// Output:
	// CAdES-X Long Type 1 GOST R 34.10-2012 256 TOTAL-PASSED
	// CAdES-X Long Type 1 GOST R 34.10-2012 256 INDETERMINATE
}
