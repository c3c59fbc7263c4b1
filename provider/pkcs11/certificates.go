package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// add makes an entry for each certificate of a key, or one without. The one to sign with comes first.
func (c *catalog) add(p *Provider, o *object, public crypto.PublicKey, ring *keyring.Pool, epoch uint64) {
	base := newKey(p, o, public, epoch)
	name := sign.KeyName(base.spki)
	entry := func(leaf keyring.Cert) *keyring.Entry {
		k := base.clone()
		e := &keyring.Entry{Entry: sign.Entry{ID: o.id, Label: string(o.label), Public: public, Schemes: k.schemes}, Key: k, Name: name}
		if e.Label == "" {
			e.Label = leaf.Label
		}
		if leaf.Cert != nil {
			k.chain = ring.Chain(leaf.Cert)
			e.Chain = k.chain
		}
		return e
	}
	leaves := slices.Clone(ring.ByKey(name))
	now := time.Now()
	slices.SortStableFunc(leaves, func(a, b keyring.Cert) int { return better(a.Cert, b.Cert, now) })
	found := false
	for _, leaf := range leaves {
		if isAttestation(leaf.Cert) {
			c.attested = append(c.attested, entry(leaf))
			continue
		}
		c.entries = append(c.entries, entry(leaf))
		found = true
	}
	if !found {
		c.entries = append(c.entries, entry(keyring.Cert{}))
	}
}

// better orders the certificates of one key: one that is valid now, that is for signing, that was issued last. A renewal
// with the same key leaves the old one on the token, as a rule, and so does one that was fetched in advance.
func better(a, b *x509.Certificate, now time.Time) int {
	for _, is := range []func(*x509.Certificate) bool{
		func(c *x509.Certificate) bool { return !now.Before(c.NotBefore) && !now.After(c.NotAfter) },
		isForSigning,
	} {
		if x, y := is(a), is(b); x != y {
			if x {
				return -1
			}
			return 1
		}
	}
	if order := b.NotBefore.Compare(a.NotBefore); order != 0 {
		return order
	}
	return b.NotAfter.Compare(a.NotAfter)
}

// isForSigning reports whether a certificate is for signatures under documents (RFC 5280 section 4.2.1.3).
func isForSigning(c *x509.Certificate) bool {
	return (c.KeyUsage == 0 || c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0) && !(c.BasicConstraintsValid && c.IsCA)
}

// yubico is the arc of extensions that say in an attestation certificate where the key was made: 3 of a YubiKey, 4 of a
// YubiHSM.
var yubico = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482}

// isAttestation reports whether a certificate says where a key was made, and not whose it is. A YubiKey makes one on the fly
// for each of its keys, and ykcs11 shows it with the CKA_ID of the key.
func isAttestation(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if n := len(yubico); len(e.Id) > n+1 && e.Id[:n].Equal(yubico) && (e.Id[n] == 3 || e.Id[n] == 4) {
			return true
		}
	}
	return strings.HasPrefix(c.Subject.CommonName, "YubiKey PIV Attestation ")
}

// choice is what a reference is looked for in: of each key the certificate to sign with, unless it names another one.
func (c *catalog) choice(ref sign.Ref) []*keyring.Entry {
	all := append(slices.Clone(c.entries), c.attested...)
	if ref.Thumbprint != "" || ref.Certificate != nil && slices.ContainsFunc(all, func(e *keyring.Entry) bool {
		own := e.Certificate()
		return own != nil && bytes.Equal(own.Raw, ref.Certificate.Raw)
	}) {
		return all
	}
	var chosen []*keyring.Entry
	seen := map[*location]bool{}
	for _, e := range c.entries {
		own, ok := e.Key.(*key)
		if !ok || !ref.Matches(e.Entry) { // a key without a label has that of its certificate
			continue
		}
		if !seen[own.location] {
			chosen = append(chosen, e)
		}
		seen[own.location] = true
	}
	if len(chosen) == 0 {
		return c.entries // to tell which there are
	}
	return chosen
}
