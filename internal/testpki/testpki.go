// Package testpki makes throw-away certificates for tests: a root, an authority below it, and leaves of any kind of key,
// each field of which can be bent.
//
//	pki := testpki.New(t)
//	id := pki.Leaf(testpki.P256)
//	expired := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = testpki.Now().AddDate(-1, 0, 0) })
package testpki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/trust"
)

// Kind is a kind of key. Its text is good for names of subtests.
type Kind string

// The kinds of keys.
const (
	RSA2048 Kind = "rsa-2048"
	RSA3072 Kind = "rsa-3072"
	RSA4096 Kind = "rsa-4096"
	P256    Kind = "p256"
	P384    Kind = "p384"
	P521    Kind = "p521"
	Ed25519 Kind = "ed25519"
)

// Kinds returns all of them.
func Kinds() []Kind { return []Kind{RSA2048, RSA3072, RSA4096, P256, P384, P521, Ed25519} }

// Now is the moment that tests pretend it is: within the validity of every certificate that is not bent.
func Now() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

// NotBefore begins the validity of every certificate. Programs that look at the real clock accept it, too.
func NotBefore() time.Time { return time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC) }

// NotAfter ends the validity of every certificate.
func NotAfter() time.Time { return time.Date(2049, time.December, 31, 23, 59, 59, 0, time.UTC) }

// Identity is a private key and its certificates: its own first, then its issuers without the root.
type Identity struct {
	Key   crypto.Signer
	Chain []*x509.Certificate
}

// Certificate returns the certificate of the key.
func (i Identity) Certificate() *x509.Certificate { return i.Chain[0] }

// PKI is a root and an authority below it, which issues the leaves. Both have P-256 keys, or those of [NewOf].
type PKI struct {
	Root      Identity // the chain is the root itself
	Authority Identity

	t      testing.TB
	newKey func() crypto.Signer // of authorities
	mu     sync.Mutex
	serial int64
	issued map[Kind]int
}

// New makes a root and an authority.
func New(t testing.TB) *PKI {
	t.Helper()
	return NewOf(t, func() crypto.Signer { return NewKey(t, P256) })
}

// NewOf is New with keys of another kind for all authorities and responders; see [OwnKey].
func NewOf(t testing.TB, newKey func() crypto.Signer) *PKI {
	t.Helper()
	p := &PKI{t: t, issued: map[Kind]int{}, newKey: newKey}
	p.Root.Key = newKey()
	root := p.template("Signet test root")
	asAuthority(root)
	p.Root.Chain = []*x509.Certificate{p.create(root, root, p.Root.Key, p.Root.Key)}
	p.Authority = p.SubAuthority("Signet test authority", p.Root)
	return p
}

// SubAuthority makes an authority below another one.
func (p *PKI) SubAuthority(name string, issuer Identity, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	template := p.template(name)
	asAuthority(template)
	return p.Issue(issuer, p.newKey(), template, bend...)
}

// Leaf makes a key and a certificate for signing documents below [PKI.Authority]. Keys of one PKI differ; RSA keys are
// made once in a process and come again in the next PKI, since making them takes long.
func (p *PKI) Leaf(kind Kind, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	p.mu.Lock()
	n := p.issued[kind]
	p.issued[kind] = n + 1
	p.mu.Unlock()
	var key crypto.Signer
	if bits := rsaBits(kind); bits != 0 {
		key = rsaKey(p.t, kind, n)
	} else {
		key = NewKey(p.t, kind)
	}
	return p.LeafOf(key, fmt.Sprintf("Signet test %s %d", kind, n), bend...)
}

// LeafOf makes a certificate for signing documents for a key that exists.
func (p *PKI) LeafOf(key crypto.Signer, name string, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	template := p.template(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	return p.Issue(p.Authority, key, template, bend...)
}

// Issue makes a certificate after a template, which bend may change at last.
func (p *PKI) Issue(issuer Identity, key crypto.Signer, template *x509.Certificate, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	for _, b := range bend {
		b(template)
	}
	leaf := p.create(template, issuer.Certificate(), key, issuer.Key)
	chain := []*x509.Certificate{leaf}
	if issuer.Certificate() != p.Root.Certificate() {
		chain = append(chain, issuer.Chain...)
	}
	return Identity{Key: key, Chain: chain}
}

// SelfSigned makes a certificate that is its own issuer.
func (p *PKI) SelfSigned(key crypto.Signer, name string, bend ...func(*x509.Certificate)) Identity {
	p.t.Helper()
	template := p.template(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	for _, b := range bend {
		b(template)
	}
	return Identity{Key: key, Chain: []*x509.Certificate{p.create(template, template, key, key)}}
}

// Roots returns the root as what a verifier trusts.
func (p *PKI) Roots() *trust.Roots { return trust.New(p.Root.Certificate()) }

// Pool is Roots for crypto/x509.
func (p *PKI) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Root.Certificate())
	return pool
}

func (p *PKI) template(name string) *x509.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(1000 + p.serial),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Signet tests"}},
		NotBefore:    NotBefore(),
		NotAfter:     NotAfter(),
	}
}

func asAuthority(template *x509.Certificate) {
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
}

func (p *PKI) create(template, parent *x509.Certificate, key, signer crypto.Signer) *x509.Certificate {
	p.t.Helper()
	der, err := CreateCertificate(template, parent, key, signer)
	if err != nil {
		p.t.Fatalf("testpki: create %s: %v", template.Subject, err)
	}
	return parse(p.t, der)
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("testpki: %v", err)
	}
	return c
}

// NewKey makes a key that no other test has.
func NewKey(t testing.TB, kind Kind) crypto.Signer {
	t.Helper()
	var (
		key crypto.Signer
		err error
	)
	switch kind {
	case P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		bits := rsaBits(kind)
		if bits == 0 {
			t.Fatalf("testpki: no kind of key is called %q", kind)
		}
		key, err = rsa.GenerateKey(rand.Reader, bits)
	}
	if err != nil {
		t.Fatalf("testpki: make a %s key: %v", kind, err)
	}
	return key
}
