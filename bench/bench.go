// Package bench measures this library against the bare key operation, and against other libraries that make CMS
// signatures. Its benchmarks name what they measure as key=value, so that benchstat can put the implementations beside
// each other; run.sh does that.
//
// The floor is what no library can go below: the digest of the content and one operation of the key. What a library adds
// are attributes, their digest and the container.
package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// Algorithm is a kind of key and how it signs.
type Algorithm struct {
	Name   string
	Scheme sign.Scheme
	Hash   crypto.Hash // of the content
	newKey func() (crypto.Signer, error)
}

// Algorithms returns what is measured.
func Algorithms() []Algorithm {
	rsaKey := func(bits int) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
	}
	curve := func(c elliptic.Curve) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return ecdsa.GenerateKey(c, rand.Reader) }
	}
	edwards := func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	lattice := func(set mldsa.Set) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return mldsa.GenerateKey(set) }
	}
	return []Algorithm{
		{"rsa-2048", testpki.Must(sign.PKCS1(crypto.SHA256)), crypto.SHA256, rsaKey(2048)},
		{"rsa-3072", testpki.Must(sign.PKCS1(crypto.SHA256)), crypto.SHA256, rsaKey(3072)},
		{"rsa-4096", testpki.Must(sign.PKCS1(crypto.SHA256)), crypto.SHA256, rsaKey(4096)},
		{"ecdsa-p256", testpki.Must(sign.ECDSA(crypto.SHA256)), crypto.SHA256, curve(elliptic.P256())},
		{"ecdsa-p384", testpki.Must(sign.ECDSA(crypto.SHA384)), crypto.SHA384, curve(elliptic.P384())},
		{"ed25519", sign.Ed25519(), crypto.SHA512, edwards},
		{"ml-dsa-44", mldsa.MLDSA44.Scheme(), crypto.SHA512, lattice(mldsa.MLDSA44)},
		{"ml-dsa-65", mldsa.MLDSA65.Scheme(), crypto.SHA512, lattice(mldsa.MLDSA65)},
		{"ml-dsa-87", mldsa.MLDSA87.Scheme(), crypto.SHA512, lattice(mldsa.MLDSA87)},
	}
}

// Identity is a key, and its certificate as a root would have issued it.
type Identity struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
	Signer      *sign.Signer // over a key of provider/soft
}

var identities sync.Map // name of the algorithm: func() (*Identity, error)

// Identity returns the key of an algorithm, which is made once in a process: a large RSA key takes seconds.
func (a Algorithm) Identity() (*Identity, error) {
	once, _ := identities.LoadOrStore(a.Name, sync.OnceValues(a.newIdentity))
	return once.(func() (*Identity, error))()
}

func (a Algorithm) newIdentity() (*Identity, error) {
	key, err := a.newKey()
	if err != nil {
		return nil, err
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Signet bench root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signet bench " + a.Name},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
	}
	public := key.Public()
	own, ok := key.(*mldsa.Key)
	if ok {
		public = rootKey.Public() // and another one below: crypto/x509 has no ML-DSA before Go 1.27
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root, public, rootKey)
	if err != nil {
		return nil, err
	}
	id := &Identity{Key: key}
	if ok {
		der, err = withKey(der, own.SubjectPublicKeyInfo(), rootKey)
		if err != nil {
			return nil, err
		}
	}
	if id.Certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	if ok {
		id.Signer, err = sign.New(own, []*x509.Certificate{id.Certificate}, a.Scheme)
		return id, err
	}
	bound, err := soft.NewKey(key, 0)
	if err != nil {
		return nil, err
	}
	id.Signer, err = sign.New(bound, []*x509.Certificate{id.Certificate}, a.Scheme)
	return id, err
}

// withKey replaces the SubjectPublicKeyInfo of a certificate, the seventh field of its TBSCertificate, and has the root sign again.
func withKey(der, spki []byte, root *ecdsa.PrivateKey) ([]byte, error) {
	var c struct {
		TBS       []asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		return nil, err
	}
	c.TBS[6] = asn1.RawValue{FullBytes: spki}
	tbs, err := asn1.Marshal(c.TBS)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, root, sum[:])
	if err != nil {
		return nil, err
	}
	c.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(c)
}

// Floor is the least that a signature over a content costs.
func (a Algorithm) Floor(id *Identity, content []byte) error {
	h := a.Hash.New()
	h.Write(content)
	_, err := id.Key.Sign(rand.Reader, h.Sum(nil), a.Scheme.Opts)
	return err
}

// AlgorithmByName finds an algorithm by its name.
func AlgorithmByName(name string) (Algorithm, error) {
	for _, a := range Algorithms() {
		if a.Name == name {
			return a, nil
		}
	}
	return Algorithm{}, fmt.Errorf("bench: no algorithm is called %q", name)
}
