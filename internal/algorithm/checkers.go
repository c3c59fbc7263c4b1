package algorithm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"sync"

	"github.com/seed-116355fd/signet/internal/p256verify"
	"github.com/seed-116355fd/signet/internal/rsaverify"
)

// maxCheckers bounds the keys that are kept: some 500 octets each, and 16 MB of tables for all of them.
const maxCheckers = 1024

// Checkers are keys by which signatures were checked, with what makes the next one quicker: a table of the key on P-256, the prepared
// modulus of RSA. They are for judges of many messages of the same signers and authorities. What a checker takes is what the standard
// library takes, and what it does not is asked of that: strangers who fill them with keys of their own cost others time, and no more
// than it takes without. The zero value and nil are ready to use; nil keeps nothing.
type Checkers struct {
	mu     sync.RWMutex
	known  map[string]*checker // by SubjectPublicKeyInfo
	tables p256verify.Tables
}

// checker has what is of use for a kind of key; the other is nil.
type checker struct {
	p256 *p256verify.Verifier
	rsa  *rsaverify.Verifier
}

// of finds the checker of a key, or makes it; nil when there is none for its kind.
func (c *Checkers) of(spki []byte, k *Key) *checker {
	if c == nil || k.rsa == nil && (k.nist == nil || k.nist.Curve != elliptic.P256()) {
		return nil
	}
	c.mu.RLock()
	found := c.known[string(spki)]
	c.mu.RUnlock()
	if found != nil {
		return found
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.known[string(spki)]; found != nil {
		return found
	}
	if c.known == nil {
		c.known = map[string]*checker{}
	}
	if len(c.known) >= maxCheckers {
		for other := range c.known { // any
			delete(c.known, other)
			break
		}
	}
	made := &checker{}
	if k.nist != nil {
		made.p256 = p256verify.New(k.nist, &c.tables)
	} else {
		made.rsa = rsaverify.New(k.rsa)
	}
	c.known[string(spki)] = made
	return made
}

// Checking returns a registry that uses checkers for the signatures that it verifies.
func (r Registry) Checking(c *Checkers) *Registry {
	r.checkers = c
	return &r
}

func (r *Registry) checker(spki []byte, k *Key) *checker {
	if r == nil {
		return nil
	}
	return r.checkers.of(spki, k)
}

// verifyPKCS1 is that of crypto/rsa.
func (v *verification) verifyPKCS1(h crypto.Hash, digest []byte) error {
	if c := v.r.checker(v.spki, v.key); c != nil && c.rsa != nil {
		return c.rsa.Verify(h, digest, v.signature)
	}
	return rsa.VerifyPKCS1v15(v.key.rsa, h, digest, v.signature)
}

// verifyECDSA is that of crypto/ecdsa, of a value in DER.
func (v *verification) verifyECDSA(digest, value []byte) bool {
	if c := v.r.checker(v.spki, v.key); c != nil && c.p256 != nil {
		return c.p256.Verify(digest, value)
	}
	return ecdsa.VerifyASN1(v.key.nist, digest, value)
}
