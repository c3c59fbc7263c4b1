package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	expiresSoon = 30 * 24 * time.Hour
	weakRSA     = 2048                   // bits; fewer are not accepted any more
	slow        = 250 * time.Millisecond // for one signature
)

// key finds the key that is meant.
func (d *diagnosis) key(ctx context.Context, keys *keyring) sign.Key {
	if lister, ok := sign.As[sign.Lister](keys.Provider); ok {
		for _, err := range lister.Keys(ctx) {
			if err != nil && ctx.Err() == nil {
				d.add(checkNote, "key", "", "%s", sentence(err))
			}
		}
	}
	key, err := keys.bare(ctx)
	if err != nil {
		d.fail("key", err)
		return nil
	}
	kind := ""
	if spki, err := certify.PublicKey(key); err == nil {
		kind = inspect.KeyKind(spki)
	}
	if public, ok := key.Public().(*rsa.PublicKey); ok && public.N.BitLen() < weakRSA {
		d.add(checkWarning, "key", "make one of at least 2048 bits, with signet keygen", "%s is too short to be trusted", kind)
		return key
	}
	d.add(checkOK, "key", "", "%s", orDash(kind))
	return key
}

// signing checks the certificate, makes a test signature and measures.
func (d *diagnosis) signing(ctx context.Context, keys *keyring, key sign.Key, noRate bool) {
	signer, err := sign.Open(ctx, keys.Provider, keys.ref)
	switch {
	case errors.Is(err, sign.ErrNoCertificate):
		advice := "give its certificate with --cert, or have one issued: signet csr makes a request"
		if keys.token != nil {
			advice = "signet csr makes a request for one, signet import-cert puts it on the token; or give its file with --cert"
		}
		d.add(checkWarning, "certificate", advice, "the key has none")
	case err != nil:
		d.fail("certificate", keys.explain(ctx, err))
		return
	default:
		d.certificate(signer.Chain())
		d.moreCertificates(ctx, keys, signer.Certificate())
	}
	scheme, ok := schemeOf(key, signer)
	if !ok {
		text := "there is no scheme that the key can do"
		if e, ok := sign.As[sign.SchemeExplainer](key); ok && e.ExplainSchemes() != "" {
			text += ": " + e.ExplainSchemes()
		}
		d.add(checkFailed, "signature", "", "%s", text)
		return
	}
	message := []byte(rand.Text())
	limited, cancel := context.WithTimeout(ctx, d.app.Patience)
	defer cancel()
	start := time.Now()
	err = testSignature(limited, key, signer, scheme, message)
	took := time.Since(start)
	switch {
	case ctx.Err() != nil:
		return
	case limited.Err() != nil:
		d.add(checkFailed, "signature", "check the device, its daemon and the connection to it", "there was no answer within %s", plain.Duration(d.app.Patience))
		return
	case err != nil:
		d.fail("signature", err)
		return
	case took > slow:
		d.add(checkNote, "signature", "", "%s, verified%s; it took %s, which is usual for smart cards and slow for an HSM", scheme.Name, whoHashes(key, scheme), plain.Duration(took))
	default:
		d.add(checkOK, "signature", "", "%s, verified%s", scheme.Name, whoHashes(key, scheme))
	}
	if !noRate {
		if keys.token != nil {
			d.otherSchemes(ctx, key, scheme)
		}
		d.rates(ctx, keys, key, scheme)
	}
}

// otherSchemes makes a signature with one scheme of each other family. Some tokens list what they refuse when they have to sign.
func (d *diagnosis) otherSchemes(ctx context.Context, key sign.Key, used sign.Scheme) {
	family := func(s sign.Scheme) string { return s.Name[:strings.LastIndexByte(s.Name, '-')+1] } // without the hash
	tried := map[string]bool{family(used): true}
	s, ok := sign.As[sign.Schemer](key)
	if !ok {
		return
	}
	listed := s.Schemes()
	for i, scheme := range append(listed[:len(listed):len(listed)], sign.Schemes(key.Public())...) {
		if tried[family(scheme)] || ctx.Err() != nil {
			continue
		}
		tried[family(scheme)] = true
		limited, cancel := context.WithTimeout(ctx, d.app.Patience)
		_, err := sign.SignMessage(limited, key, testMessage, scheme.Opts) // verified by the provider
		cancel()
		switch {
		case err == nil && i >= len(listed):
			d.add(checkNote, "signature", "", "%s works when --scheme asks for it, though the token does not list it", scheme.Name)
		case err == nil:
			d.add(checkOK, "signature", "", "%s, verified%s", scheme.Name, whoHashes(key, scheme))
		case ctx.Err() == nil && i < len(listed):
			d.add(checkNote, "signature", "sign without --scheme "+scheme.Name, "%s is refused: %s", scheme.Name, sentence(err))
		}
	}
}

// whoHashes says when it is the token that makes the digest.
func whoHashes(key sign.Key, scheme sign.Scheme) string {
	if name, hashes := pkcs11.MechanismOf(key, scheme); hashes {
		return ", by " + name + ": the token makes the digest"
	}
	return ""
}

// schemeOf is what the key would sign with.
func schemeOf(key sign.Key, signer *sign.Signer) (sign.Scheme, bool) {
	if signer != nil {
		return *signer.Scheme(), true
	}
	all := schemesOf(key)
	if len(all) == 0 {
		return sign.Scheme{}, false
	}
	return all[0], true
}

// testSignature signs and verifies. A key without a certificate signs a request for one, which is verified.
func testSignature(ctx context.Context, key sign.Key, signer *sign.Signer, scheme sign.Scheme, message []byte) error {
	if signer == nil {
		subject, err := parseSubject("CN=signet doctor")
		if err == nil {
			_, err = request(ctx, key, subject, &scheme)
		}
		return err
	}
	signature, err := signer.Sign(ctx, message)
	if err != nil {
		return err
	}
	return signer.Verify(message, signature)
}

// moreCertificates says that a key has others than the one that is taken.
func (d *diagnosis) moreCertificates(ctx context.Context, keys *keyring, taken *x509.Certificate) {
	lister, ok := sign.As[sign.Lister](keys.Provider)
	if !ok {
		return
	}
	more := 0
	for e, err := range lister.Keys(ctx) {
		if c := e.Certificate(); err == nil && c != nil && !c.Equal(taken) && bytes.Equal(c.RawSubjectPublicKeyInfo, taken.RawSubjectPublicKeyInfo) {
			more++
		}
	}
	if more > 0 {
		d.add(checkNote, "certificate", "", "the key has %s more; of those that are valid, the one issued last is taken, unless --cert names another", plain.Plural(more, "certificate"))
	}
}

// certificate checks what verifiers will look at.
func (d *diagnosis) certificate(chain []*x509.Certificate) {
	c, now := chain[0], d.app.Now()
	name := inspect.Name(c.RawSubject)
	switch left := c.NotAfter.Sub(now); {
	case left < 0:
		d.add(checkWarning, "certificate", "have it renewed; signet csr makes a request", "%s expired on %s; verifiers will refuse the signatures", name, day(c.NotAfter))
	case now.Before(c.NotBefore):
		d.add(checkWarning, "certificate", "check the clock of this machine", "%s is valid from %s only; verifiers will refuse the signatures", name, day(c.NotBefore))
	case left < expiresSoon:
		d.add(checkWarning, "certificate", "have it renewed; signet csr makes a request", "%s expires on %s", name, day(c.NotAfter))
	default:
		d.add(checkOK, "certificate", "", "%s, of this key, %s to %s, %s", name, day(c.NotBefore), day(c.NotAfter), sign.Thumbprint(c))
	}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		d.add(checkWarning, "certificate", "have one issued with keyUsage digitalSignature or nonRepudiation", "its keyUsage does not allow signatures")
	}
	d.chain(chain)
}

// chain checks that issuers are known as far as a verifier, who has the root, needs them.
func (d *diagnosis) chain(chain []*x509.Certificate) {
	last := chain[len(chain)-1]
	for _, c := range chain[1:] {
		if d.app.Now().After(c.NotAfter) {
			d.add(checkWarning, "chain", "ask the issuer for its new certificate", "the issuer %s expired on %s", inspect.Name(c.RawSubject), day(c.NotAfter))
			return
		}
	}
	switch {
	case bytes.Equal(last.RawSubject, last.RawIssuer):
		d.add(checkOK, "chain", "", "%s, up to the root %s", plain.Plural(len(chain), "certificate"), inspect.Name(last.RawSubject))
	case len(chain) == 1:
		d.add(checkNote, "chain", "if that is not a root, verifiers need its certificate: put it beside that of the key",
			"the issuer %s is not here", inspect.Name(last.RawIssuer))
	default:
		d.add(checkOK, "chain", "", "%s, issued by %s, which verifiers must know", plain.Plural(len(chain), "certificate"), inspect.Name(last.RawIssuer))
	}
}
