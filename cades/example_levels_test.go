package cades_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// The code blocks of docs/levels.md stand in the examples of this file; TestLevelsPage compares them.

// TestLevelsPage finds every code block of the guide in this file, but for its indentation.
func TestLevelsPage(t *testing.T) {
	require.Greater(t, inExamples(t, readPage(t, "levels.md"), "example_levels_test.go"), 7)
}

// demoTB lets examples use the authorities of tests.
type demoTB struct{ testing.TB }

func (demoTB) Helper()                           {}
func (demoTB) Fatal(args ...any)                 { log.Panic(args...) }
func (demoTB) Fatalf(format string, args ...any) { log.Panicf(format, args...) }

// demo is a signer, an authority of time-stamps and a source of revocation values, all below one root.
func demo() (signer *sign.Signer, stamper *tsp.Authority, source *testlevels.Source, roots *trust.Roots) {
	pki := testpki.New(demoTB{})
	return demoSigner(pki.Leaf(testpki.P256)), testlevels.Authority(demoTB{}, pki, nil), testlevels.NewSource(demoTB{}, pki), pki.Roots()
}

func demoSigner(id testpki.Identity) *sign.Signer {
	key, err := soft.NewKey(id.Key, 0)
	if err != nil {
		log.Panic(err)
	}
	scheme, err := sign.ECDSA(crypto.SHA256)
	if err != nil {
		log.Panic(err)
	}
	signer, err := sign.New(key, id.Chain, scheme)
	if err != nil {
		log.Panic(err)
	}
	return signer
}

// levelOf is the level of the first signature.
func levelOf(container []byte) string {
	message, err := cades.Parse(container)
	if err != nil {
		log.Panic(err)
	}
	return message.Signatures()[0].LevelName()
}

// A signature with everything in it, in one go.
func ExampleOptions_level() {
	ctx := context.Background()
	signer, stamper, source, _ := demo()
	content := sign.Bytes("contract.txt", []byte("a contract"))

	options := &cades.Options{Level: cades.LevelLTA, Timestamper: stamper, Revocation: source}
	p7s, err := cades.Sign(ctx, signer, content, options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(levelOf(p7s))
	// Output: CAdES-LTA
}

// Proofs from two authorities that the signature is younger than their time-stamps.
func ExampleOptions_contentTimestampers() {
	ctx := context.Background()
	signer, stamper, _, _ := demo()
	other := stamper
	content := sign.Bytes("contract.txt", []byte("a contract"))

	options := &cades.Options{Level: cades.LevelT, Timestamper: stamper, ContentTimestampers: []tsp.Timestamper{stamper, other}}
	p7s, err := cades.Sign(ctx, signer, content, options)
	if err != nil {
		log.Fatal(err)
	}
	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range message.Signatures()[0].Timestamps() {
		fmt.Println(t.Kind)
	}
	// Output:
	// content-time-stamp
	// content-time-stamp
	// signature-time-stamp
}

// A batch whose authority fails keeps what was reached.
func ExampleOptions_batch() {
	ctx := context.Background()
	signer, stamper, _, _ := demo()
	offline, err := revocation.NewClient(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	options := &cades.Options{Level: cades.LevelLT, Timestamper: stamper, Revocation: offline}
	contents := []batch.Content{sign.Bytes("a.pdf", []byte("a")), sign.Bytes("b.pdf", []byte("b"))}

	results, err := batch.Sign(ctx, signer, options, contents, &batch.Options{RaiseLimit: 64, KeepLower: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil && r.Signature != nil {
			fmt.Println(r.Name, "is good, and can be raised later:", levelOf(r.Signature))
		}
	}
	// Output:
	// a.pdf is good, and can be raised later: CAdES-T
	// b.pdf is good, and can be raised later: CAdES-T
}

// Authorities that are asked one after the other.
func ExampleOptions_authorities() {
	roots, password := trust.New(), "secret"

	stamper, err := tsp.NewClient(tsp.Config{
		Endpoints: []tsp.Endpoint{
			{URL: "https://tsa.example/tsr", Timeout: 5 * time.Second},
			{URL: "https://other.example/tsr", Policy: "1.2.3.4", Connect: connect.Options{User: "seal", Password: sign.NewSecret([]byte(password))}},
		},
		Roots:     roots,           // of the authorities; without them, nothing says who answers
		Tolerance: 5 * time.Minute, // between their clocks and the one here
		InFlight:  16,              // requests at once, to all of them
		Rate:      50,              // requests a second, where an authority asks for it
	})
	if err != nil {
		log.Fatal(err)
	}
	_ = stamper
	// Output:
}

// An authority of one's own, for others and for this process.
func ExampleOptions_authority() {
	pki := testpki.New(demoTB{})
	key, usage := testpki.NewKey(demoTB{}, testpki.P256), testpki.Usages(true, testpki.TimeStamping)
	tsaSigner := demoSigner(pki.LeafOf(key, "Our time-stamps", usage))

	authority, err := tsp.NewAuthority(tsaSigner, &tsp.AuthorityOptions{Policy: "1.2.3.4", Accuracy: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/tsr", authority)                                          // for others
	options := &cades.Options{Level: cades.LevelT, Timestamper: authority} // in this process

	server := httptest.NewServer(mux)
	defer server.Close()
	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL + "/tsr"}}, Policy: "1.2.3.4"})
	if err != nil {
		log.Fatal(err)
	}
	for _, stamper := range []tsp.Timestamper{authority, client} {
		options.Timestamper = stamper
		p7s, err := cades.Sign(context.Background(), demoSigner(pki.Leaf(testpki.P256)), sign.Bytes("", []byte("a contract")), options)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(levelOf(p7s))
	}
	// Output:
	// CAdES-T
	// CAdES-T
}

// Where chains and revocation values come from.
func ExampleOptions_revocation() {
	dir, err := os.MkdirTemp("", "signet")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	root := testpki.New(demoTB{}).Root.Certificate()

	source, err := revocation.NewClient(revocation.Config{
		CacheDir:     dir,                                                         // kept until the next value is due
		Known:        &revocation.Values{Certificates: []*x509.Certificate{root}}, // roots are seldom published
		Methods:      []revocation.Method{revocation.OCSP, revocation.CRLs},       // in this order, which is the default
		AllowPrivate: true,                                                        // only for authorities in your own network
	})
	if err != nil {
		log.Fatal(err)
	}
	_ = source
	// Output:
}

// A signature that exists, of anybody, is raised; every octet of it stays.
func ExampleMessage_Extend() {
	ctx := context.Background()
	signer, stamper, source, _ := demo()
	p7s, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("a contract")), nil)
	if err != nil {
		log.Fatal(err)
	}
	content := sign.Bytes("contract.pdf", []byte("a contract"))

	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	raised, err := message.Extend(ctx, cades.LevelLT, &cades.ExtendOptions{Timestamper: stamper, Revocation: source, Content: content})
	if err != nil {
		log.Fatal(err) // says why it was refused, and which authority failed
	}
	fmt.Println(levelOf(p7s), levelOf(raised))
	// Output: CAdES-BES CAdES-LT
}

// Years later: a further archive time-stamp, before the certificate of the last one expires.
func ExampleMessage_Extend_renewal() {
	ctx := context.Background()
	signer, stamper, source, roots := demo()
	text := []byte("a contract")
	archived, err := cades.Sign(ctx, signer, sign.Bytes("", text), &cades.Options{Level: cades.LevelLTA, Timestamper: stamper, Revocation: source})
	if err != nil {
		log.Fatal(err)
	}
	content := sign.Bytes("contract.pdf", text)
	options := &cades.ExtendOptions{Timestamper: stamper, Revocation: source, Content: content, Hash: crypto.SHA512}

	message, err := cades.Parse(archived)
	if err != nil {
		log.Fatal(err)
	}
	renewed, err := message.Extend(ctx, cades.LevelLTA, options)
	if err != nil {
		log.Fatal(err)
	}

	message, err = cades.Parse(renewed)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range message.Signatures()[0].Timestamps() {
		fmt.Println(t.Kind, t.Token.HashName())
	}
	report, err := message.Verify(ctx, sign.Bytes("", text), &cades.VerifyOptions{Roots: roots})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Trusted())
	// Output:
	// signature-time-stamp SHA-256
	// archive-time-stamp-v3 SHA-256
	// archive-time-stamp-v3 SHA-512
	// true
}

// One signature of several.
func ExampleSignature_Extend() {
	ctx := context.Background()
	signer, stamper, source, _ := demo()
	text := []byte("a contract")
	p7s, err := cades.Sign(ctx, signer, sign.Bytes("", text), nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	if p7s, err = message.AddSignature(ctx, signer, sign.Bytes("", text), nil); err != nil {
		log.Fatal(err)
	}
	if message, err = cades.Parse(p7s); err != nil {
		log.Fatal(err)
	}
	content := sign.Bytes("contract.pdf", text)
	options := &cades.ExtendOptions{Timestamper: stamper, Revocation: source, Content: content}

	raised, err := message.Signatures()[1].Extend(ctx, cades.LevelT, options)
	if err != nil {
		log.Fatal(err)
	}
	if message, err = cades.Parse(raised); err != nil {
		log.Fatal(err)
	}
	for _, s := range message.Signatures() {
		fmt.Println(s.LevelName())
	}
	// Output:
	// CAdES-BES
	// CAdES-T
}

// A caller who has digests only reaches LTA with the digest by the hash of the signature and by that of time-stamps.
func ExampleMessage_Extend_digest() {
	ctx := context.Background()
	signer, stamper, source, _ := demo()
	sum256, sum512 := sha256.Sum256([]byte("a contract")), sha512.Sum512([]byte("a contract"))

	first, err := sign.NewDigest(crypto.SHA256, sum256[:])
	if err != nil {
		log.Fatal(err)
	}
	second, err := sign.NewDigest(crypto.SHA512, sum512[:])
	if err != nil {
		log.Fatal(err)
	}

	content := sign.Digested("contract.pdf", first, second) // made by sign.NewDigest(crypto.SHA256, sum256[:]) and of SHA512
	options := &cades.Options{Level: cades.LevelLTA, Timestamper: stamper, Revocation: source, TimestampHash: crypto.SHA512}
	results, err := batch.Sign(ctx, signer, options, []batch.Content{content}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(results[0].Err, levelOf(results[0].Signature))

	message, err := cades.Parse(results[0].Signature)
	if err != nil {
		log.Fatal(err)
	}
	renewed, err := message.Extend(ctx, cades.LevelLTA, &cades.ExtendOptions{Timestamper: stamper, Revocation: source, Content: content, Hash: crypto.SHA512})
	fmt.Println(len(renewed) > len(results[0].Signature), err)
	// Output:
	// <nil> CAdES-LTA
	// true <nil>
}

// A notary has seen the signature.
func ExampleSignature_CounterSign() {
	ctx := context.Background()
	notary, stamper, _, _ := demo()
	signer, _, _, _ := demo()
	p7s, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("a contract")), nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}

	seen, err := message.Signatures()[0].CounterSign(ctx, notary, &cades.Options{Level: cades.LevelT, Timestamper: stamper})
	if err != nil {
		log.Fatal(err)
	}
	if message, err = cades.Parse(seen); err != nil {
		log.Fatal(err)
	}
	s := message.Signatures()[0]
	fmt.Println(s.LevelName(), "with a counter-signature at", s.CounterSignatures()[0].LevelName())
	// Output: CAdES-BES with a counter-signature at CAdES-T
}
