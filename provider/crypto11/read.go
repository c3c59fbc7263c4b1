package crypto11

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// catalog is what a token holds.
type catalog struct {
	entries  []*keyring.Entry
	failures []error
}

// found is a key of the token.
type found struct {
	signer    crypto11.Signer
	id, label []byte
	spki      []byte
}

// read lists the keys with their certificates.
func (p *Provider) read(ctx context.Context, op string) (*catalog, error) {
	if err := p.usable(ctx, op); err != nil {
		return nil, err
	}
	all, err := detached(ctx, func() (*catalog, error) { return p.list(op) })
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, p.explain(op, err)
	}
	return all, nil
}

func (p *Provider) list(op string) (*catalog, error) {
	c := &catalog{}
	var keys []found
	var certs []keyring.Cert
	// Kind by kind, since one key of a kind that crypto11 does not know makes it fail for all.
	for _, kind := range []uint{pkcs11.CKK_RSA, pkcs11.CKK_EC} {
		attributes := crypto11.NewAttributeSet()
		if err := attributes.Set(crypto11.CkaKeyType, kind); err != nil {
			return nil, err
		}
		signers, err := p.context.FindKeyPairsWithAttributes(attributes)
		if err != nil {
			if code, ok := errors.AsType[pkcs11.Error](err); !ok || code != pkcs11.CKR_ATTRIBUTE_VALUE_INVALID {
				return nil, fmt.Errorf("the keys of the token could not be listed: %w", err)
			}
			continue // a token that has no such kind
		}
		for _, signer := range signers {
			k, err := p.look(signer)
			if err != nil {
				c.failures = append(c.failures, &sign.Error{Op: op, Place: p.config.Name + ": " + k.name(), Class: sign.ErrUnsupported, Err: err})
				continue
			}
			keys = append(keys, k)
			for _, by := range [][2][]byte{{k.id, nil}, {nil, k.label}} {
				if len(by[0]) == 0 && len(by[1]) == 0 {
					continue
				}
				// One that cannot be read is no reason to fail: the key may have another one, or be given one.
				if cert, err := p.context.FindCertificate(by[0], by[1], nil); err == nil && cert != nil {
					certs = append(certs, keyring.Cert{Cert: cert, ID: k.id, Label: string(k.label)})
				}
			}
		}
	}
	for _, cert := range p.config.Certificates {
		if cert != nil {
			certs = append(certs, keyring.Cert{Cert: cert})
		}
	}
	ring := keyring.NewPool(certs, p.config.Root)
	for _, k := range keys {
		c.entries = append(c.entries, p.entries(k, ring)...)
	}
	return c, nil
}

// look reads what a key is called and whether it can be used.
func (p *Provider) look(signer crypto11.Signer) (found, error) {
	k := found{signer: signer}
	for _, a := range []struct {
		kind crypto11.AttributeType
		dst  *[]byte
	}{{crypto11.CkaId, &k.id}, {crypto11.CkaLabel, &k.label}} {
		if attribute, err := p.context.GetAttribute(signer, a.kind); err == nil && attribute != nil {
			*a.dst = bytes.Clone(attribute.Value)
		}
	}
	if a, err := p.context.GetAttribute(signer, crypto11.CkaSign); err == nil && a != nil && isFalse(a.Value) {
		return k, errors.New("it may not sign (CKA_SIGN)")
	}
	if a, err := p.context.GetAttribute(signer, crypto11.CkaAlwaysAuthenticate); err == nil && a != nil && len(a.Value) != 0 && !isFalse(a.Value) {
		return k, errors.New("it wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which crypto11 cannot give; use provider/pkcs11")
	}
	public := signer.Public()
	var err error
	if k.spki, err = x509.MarshalPKIXPublicKey(public); err != nil {
		return k, fmt.Errorf("its public key cannot be used: %w", err)
	}
	if len(sign.Schemes(public)) == 0 {
		return k, errors.New("keys of its kind are not supported")
	}
	return k, nil
}

func isFalse(value []byte) bool { return len(value) == 1 && value[0] == 0 }

func (k *found) name() string { return fmt.Sprintf("key %q (id %x)", k.label, k.id) }

// entries are those of a key, one for each certificate that has its public key.
func (p *Provider) entries(k found, ring *keyring.Pool) []*keyring.Entry {
	name := sign.KeyName(k.spki)
	entry := func(chain []*x509.Certificate) *keyring.Entry {
		own := &key{p: p, signer: k.signer, public: k.signer.Public(), name: k.name(), chain: chain}
		return &keyring.Entry{Key: own, Name: name, Entry: sign.Entry{
			ID: k.id, Label: string(k.label), Public: own.public, Schemes: own.Schemes(), Chain: chain,
		}}
	}
	var all []*keyring.Entry
	for _, leaf := range ring.ByKey(name) {
		all = append(all, entry(ring.Chain(leaf.Cert)))
	}
	if len(all) == 0 {
		all = append(all, entry(nil))
	}
	return all
}
