package hsm_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/ThalesGroup/crypto11"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

func ours(t *testing.T, path string) *pkcs11.Provider {
	t.Helper()
	p, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: path, TokenLabel: label, PIN: pkcs11.PIN(sign.NewSecret([]byte(pin)))})
	check(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p
}

func signOnce(t *testing.T, key sign.Key) {
	t.Helper()
	digest := sha256.Sum256([]byte("message"))
	_, err := key.SignContext(t.Context(), digest[:], crypto.SHA256)
	check(t, err)
}

func certificate(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Signet"},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(2_500_000_000, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	c, err := x509.ParseCertificate(der)
	check(t, err)
	return c
}

// TestBesideCrypto11 has both libraries use one module in one process.
func TestBesideCrypto11(t *testing.T) {
	next := instances(t, makeToken(t), front{})
	configure := func(path string) (*crypto11.Context, error) {
		return crypto11.Configure(&crypto11.Config{Path: path, TokenLabel: label, Pin: pin, MaxSessions: 4})
	}
	t.Run("crypto11 second", func(t *testing.T) {
		path := next()
		p := ours(t, path)
		key, err := p.Key(t.Context(), sign.Ref{Label: "ecdsa-p256"})
		check(t, err)
		ctx, err := configure(path)
		if err == nil { // not in v1.5.0: it takes CKR_CRYPTOKI_ALREADY_INITIALIZED for a failure
			check(t, ctx.Close())
		}
		t.Logf("crypto11.Configure beside an open provider: %v", err)
		signOnce(t, key)
	})
	t.Run("crypto11 first, and closed under us", func(t *testing.T) {
		path := next()
		ctx, err := configure(path)
		check(t, err)
		p := ours(t, path)
		key, err := p.Key(t.Context(), sign.Ref{Label: "ecdsa-p256"})
		check(t, err)
		signOnce(t, key)
		check(t, ctx.Close()) // C_Finalize for the whole process
		signOnce(t, key)
	})
}

// TestKeysOfCrypto11 signs with keys and certificates that crypto11 made, and lets it use those that were made here.
func TestKeysOfCrypto11(t *testing.T) {
	next := instances(t, makeToken(t), front{})
	theirs, own := next(), next()
	ctx, err := crypto11.Configure(&crypto11.Config{Path: theirs, TokenLabel: label, Pin: pin, MaxSessions: 4})
	check(t, err)
	ec, err := ctx.GenerateECDSAKeyPairWithLabel([]byte{0x71}, []byte("theirs"), elliptic.P256())
	check(t, err)
	cert := certificate(t, ec)
	check(t, ctx.ImportCertificateWithLabel([]byte{0x71}, []byte("theirs"), cert))

	p := ours(t, own)
	signer, err := sign.Open(t.Context(), p, sign.Ref{Thumbprint: sign.Thumbprint(cert)})
	check(t, err)
	_, err = signer.Sign(t.Context(), []byte("message"))
	check(t, err)
	made, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.RSA2048, Label: "ours"})
	check(t, err)
	key, err := ctx.FindKeyPair(made.ID, nil)
	check(t, err)
	digest := sha256.Sum256([]byte("message"))
	_, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	check(t, err)

	// A program that has a crypto11 key in its hands already signs containers with it as with any crypto.Signer.
	bridge, err := soft.New(ec, soft.Config{Certificates: []*x509.Certificate{cert}, Limit: 3})
	check(t, err)
	signer, err = sign.Open(t.Context(), bridge, sign.Ref{})
	check(t, err)
	_, err = signer.Sign(t.Context(), []byte("message"))
	check(t, err)
	check(t, ctx.Close())
}
