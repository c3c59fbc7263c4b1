package pkcs11

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"iter"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const maxPublicKeys = 10_000 // public key objects of a token that are read

// Object is a public key or a certificate of a token.
type Object struct {
	ID          []byte           // CKA_ID
	Label       string           // CKA_LABEL
	Public      crypto.PublicKey // a [sign.PublicKey] when the standard library does not know its kind; nil when nobody does
	Certificate *x509.Certificate
}

// Objects lists the public keys and certificates of the token, also those without a private key, then what could not be
// read, as errors. Most tokens show them without a login, when they show no private key yet.
func (p *Provider) Objects(ctx context.Context) iter.Seq2[Object, error] {
	const op = "pkcs11: objects"
	return func(yield func(Object, error) bool) {
		var objects []Object
		var failures []error
		err := p.do(ctx, op, func(s *p11.Session, _ uint64) (err error) {
			if objects, err = publicKeys(s); err != nil {
				return err
			}
			failures = nil
			c := &catalog{}
			certs, err := c.certificates(s)
			for _, cert := range certs {
				objects = append(objects, Object{ID: cert.ID, Label: cert.Label, Public: publicIn(cert.Cert), Certificate: cert.Cert})
			}
			for _, text := range c.skipped {
				failures = append(failures, &sign.Error{Op: op, Place: p.place, Class: sign.ErrInput, Err: errors.New(text)})
			}
			return err
		})
		if err != nil {
			yield(Object{}, err)
			return
		}
		for _, o := range objects {
			if !yield(o, nil) {
				return
			}
		}
		for _, err := range failures {
			if !yield(Object{}, err) {
				return
			}
		}
	}
}

// publicKeys reads all public key objects.
func publicKeys(s *p11.Session) ([]Object, error) {
	handles, err := s.Find(p11.Ulong(p11.AttrClass, p11.ClassPublicKey))
	if err != nil {
		return nil, err
	}
	var all []Object
	for _, h := range handles[:min(len(handles), maxPublicKeys)] {
		o, err := readPublic(s, h)
		if err != nil {
			return nil, err
		}
		public, err := publicOf(o)
		if err != nil {
			public = nil
		}
		all = append(all, Object{ID: o.id, Label: string(o.label), Public: public})
	}
	return all, nil
}
