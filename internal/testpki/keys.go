package testpki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"fmt"
	"sync"
	"testing"
)

// The first RSA key of each size is a file, so that most tests make none and golden files stay as they are.
//
//go:embed testdata/rsa-*.pem
var rsaFiles embed.FS

// rsaKeys holds the RSA keys that were made in this process; a test binary would take minutes without it.
var rsaKeys struct {
	sync.Mutex
	made map[string]*rsa.PrivateKey
}

func rsaBits(kind Kind) int {
	switch kind {
	case RSA2048:
		return 2048
	case RSA3072:
		return 3072
	case RSA4096:
		return 4096
	}
	return 0
}

// rsaKey returns key number n of a kind.
func rsaKey(t testing.TB, kind Kind, n int) *rsa.PrivateKey {
	t.Helper()
	rsaKeys.Lock()
	defer rsaKeys.Unlock()
	name := fmt.Sprintf("%s/%d", kind, n)
	key := rsaKeys.made[name]
	if key != nil {
		return key
	}
	if n == 0 {
		key = rsaFile(t, kind)
	} else {
		key = NewKey(t, kind).(*rsa.PrivateKey)
	}
	if rsaKeys.made == nil {
		rsaKeys.made = map[string]*rsa.PrivateKey{}
	}
	rsaKeys.made[name] = key
	return key
}

func rsaFile(t testing.TB, kind Kind) *rsa.PrivateKey {
	t.Helper()
	data, err := rsaFiles.ReadFile("testdata/" + string(kind) + ".pem")
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("testpki: no PEM in the file of %s", kind)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	return key.(*rsa.PrivateKey)
}

// CertPEM encodes certificates.
func CertPEM(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.Bytes()
}

// KeyPEM encodes a private key as PKCS#8, also one of a kind of its own that does so itself.
func KeyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	marshal := func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) }
	if k, ok := key.(interface{ MarshalPKCS8() ([]byte, error) }); ok {
		marshal = k.MarshalPKCS8
	}
	der, err := marshal()
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// OldKeyPEM encodes an RSA key as PKCS#1 and an elliptic curve key as SEC 1.
func OldKeyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatalf("testpki: %v", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	}
	t.Fatalf("testpki: there is no old form of %T", key)
	return nil
}

// FixedRSA is the key of a kind that is a file, the same in every run.
func FixedRSA(t testing.TB, kind Kind) crypto.Signer {
	t.Helper()
	return rsaKey(t, kind, 0)
}
