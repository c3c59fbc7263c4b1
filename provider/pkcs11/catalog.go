package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	maxKeys         = 10_000 // private keys of a token that are read
	maxCertificates = 10_000
)

// object holds the attributes of a key that somebody looks at. Nil means that the token does not tell.
type object struct {
	handle                   uint
	id, label                []byte
	stored                   []byte // the label as it is on the token, to look for
	kind                     uint
	modulus, exponent        []byte
	params, point, info      []byte
	set, value               []byte // CKA_PARAMETER_SET; CKA_VALUE of a public key, never of a private one
	curve, digest            []byte // CKA_GOSTR3410_PARAMS and CKA_GOSTR3411_PARAMS
	noSign, alwaysAuthorised bool
	allowed                  []uint // mechanisms; nil means all
}

// name is for errors.
func (o *object) name() string {
	return keyName(string(o.label), o.id)
}

// catalog is what a token holds.
type catalog struct {
	entries  []*keyring.Entry // of each key the certificate to sign with first
	attested []*keyring.Entry // with attestation certificates, which are taken when they are named only
	failures []error
	skipped  []string
	unusable []unusable
}

// unusable is a private key that is there and cannot sign, and why.
type unusable struct {
	*object
	err error
}

// why explains a reference that means a key that cannot sign, or is nil.
func (c *catalog) why(ref sign.Ref) error {
	for _, u := range c.unusable {
		if (sign.Ref{ID: ref.ID, Label: ref.Label}).IsZero() || len(ref.ID) != 0 && !bytes.Equal(ref.ID, u.id) || ref.Label != "" && ref.Label != string(u.label) {
			continue
		}
		return u.err
	}
	return nil
}

// read lists the keys that may sign, with their certificates. A reference with an identifier narrows it; its certificate
// may tell the public key of a key that has none on the token.
func (p *Provider) read(s *p11.Session, epoch uint64, ref sign.Ref) (*catalog, error) {
	template := []p11.Attribute{p11.Ulong(p11.AttrClass, p11.ClassPrivateKey)}
	if len(ref.ID) != 0 {
		template = append(template, p11.Bytes(p11.AttrID, ref.ID))
	}
	handles, err := s.Find(template...)
	if err != nil {
		return nil, err
	}
	c := &catalog{}
	certs, err := c.certificates(s)
	if err != nil {
		return nil, err
	}
	for _, cert := range p.config.Certificates {
		if cert != nil {
			certs = append(certs, keyring.Cert{Cert: cert})
		}
	}
	candidates := certs
	if ref.Certificate != nil {
		candidates = append(candidates[:len(candidates):len(candidates)], keyring.Cert{Cert: ref.Certificate})
	}
	ring := keyring.NewPool(certs, p.config.Root)
	for _, h := range handles[:min(len(handles), maxKeys)] {
		o, err := readKey(s, h)
		if err != nil {
			return nil, err
		}
		if o.noSign && o.agrees() == nil {
			c.unusable = append(c.unusable, unusable{o, &sign.Error{Op: "pkcs11: key", Place: p.place + ": " + o.name(), Class: sign.ErrUnsupported,
				Hint: "it may not sign (CKA_SIGN is false); name another one"}})
			continue
		}
		public, err := p.publicOf(s, o, candidates)
		if err != nil {
			if _, ok := errors.AsType[p11.RV](err); ok {
				return nil, err
			}
			e := &sign.Error{Op: "pkcs11: keys", Place: p.place + ": " + o.name(), Class: sign.ErrUnsupported, Err: coded(err)}
			if errors.Is(err, errNoPublic) {
				e.Hint = "give its certificate (Config.Certificates)"
			}
			c.failures = append(c.failures, e)
			c.unusable = append(c.unusable, unusable{o, e})
			continue
		}
		if v := variantOf(spkiOf(public)); v != nil && len(v.schemes(p.config.Schemes)) == 0 {
			err := v.noScheme("pkcs11: keys", p.place+": "+o.name())
			c.failures = append(c.failures, err)
			c.unusable = append(c.unusable, unusable{o, err})
			continue
		}
		c.add(p, o, public, ring, epoch)
		c.strangers(o, public, certs)
	}
	return c, nil
}

// strangers notes certificates that carry the identifier of a key and are not of it, which explains why it has none.
func (c *catalog) strangers(o *object, public crypto.PublicKey, certs []keyring.Cert) {
	name := sign.KeyName(spkiOf(public))
	for _, cert := range certs {
		if len(o.id) != 0 && bytes.Equal(cert.ID, o.id) && sign.KeyName(cert.Cert.RawSubjectPublicKeyInfo) != name {
			c.skipped = append(c.skipped, fmt.Sprintf("the certificate %s (%s) has the CKA_ID of %s and another public key", sign.Thumbprint(cert.Cert), cert.Cert.Subject, o.name()))
		}
	}
}

// certificates reads all certificate objects. One that cannot be parsed does not hide the others.
func (c *catalog) certificates(s *p11.Session) ([]keyring.Cert, error) {
	handles, err := s.Find(p11.Ulong(p11.AttrClass, p11.ClassCertificate))
	if err != nil {
		return nil, err
	}
	var certs []keyring.Cert
	for _, h := range handles[:min(len(handles), maxCertificates)] {
		values, err := s.Attributes(h, p11.AttrCertificateType, p11.AttrID, p11.AttrLabel, p11.AttrValue)
		if err != nil {
			return nil, err
		}
		if kind, ok := p11.ParseUlong(values[0]); ok && kind != p11.CertificateX509 {
			continue
		}
		cert, err := pki.ParseCertificate(bytes.Clone(values[3]))
		if err != nil {
			c.skipped = append(c.skipped, fmt.Sprintf("the certificate object %q could not be read: %v", values[2], err))
			continue
		}
		certs = append(certs, keyring.Cert{Cert: cert.Lenient(), Label: labelOf(values[2]), ID: values[1]})
	}
	return certs, nil
}

// labelOf cuts a label where a program written in C ended it. What may stand behind that is nobody's name.
func labelOf(b []byte) string {
	label, _, _ := strings.Cut(string(b), "\x00")
	return label
}

func readKey(s *p11.Session, h uint) (*object, error) {
	v, err := s.Attributes(h, p11.AttrID, p11.AttrLabel, p11.AttrKeyType, p11.AttrSign, p11.AttrAlwaysAuthenticate,
		p11.AttrModulus, p11.AttrPublicExponent, p11.AttrECParams, p11.AttrPublicKeyInfo, p11.AttrAllowedMechanisms)
	if err != nil {
		return nil, err
	}
	o := &object{handle: h, id: v[0], label: []byte(labelOf(v[1])), stored: v[1], modulus: v[5], exponent: v[6], params: v[7], info: v[8]}
	o.kind, _ = p11.ParseUlong(v[2])
	o.noSign = len(v[3]) == 1 && v[3][0] == 0
	o.allowed = p11.ParseUlongs(v[9])
	o.alwaysAuthorised = len(v[4]) == 1 && v[4][0] != 0
	if f := familyOf(o.kind); f != nil {
		if v, err = s.Attributes(h, f.attributes...); err != nil {
			return nil, err
		}
		f.keep(o, v)
	}
	return o, nil
}

// publicOf finds the public key of a private key: in its own attributes, in its public key object, in a certificate with
// its identifier, and at last by a test signature that one of the certificates verifies.
func (p *Provider) publicOf(s *p11.Session, o *object, certs []keyring.Cert) (crypto.PublicKey, error) {
	if len(o.info) != 0 && familyOf(o.kind) == nil {
		if public, err := x509.ParsePKIXPublicKey(o.info); err == nil && fits(o, public) {
			return public, nil
		}
	}
	public, err := publicOf(o)
	if !errors.Is(err, errNoPublic) {
		return public, err
	}
	public, unread, err := p.publicObject(s, o)
	if public != nil || err != nil {
		return public, err
	}
	var may []crypto.PublicKey
	for _, c := range certs {
		public := publicIn(c.Cert)
		if !fits(o, public) {
			continue
		}
		if len(o.id) != 0 && bytes.Equal(c.ID, o.id) {
			return public, nil
		}
		may = append(may, public)
	}
	if len(may) == 0 && unread != nil {
		return nil, unread
	}
	return p.byTrial(s, o, may)
}

// readPublic reads a public key object. What only some kinds have is asked of those.
func readPublic(s *p11.Session, h uint) (*object, error) {
	v, err := s.Attributes(h, p11.AttrID, p11.AttrLabel, p11.AttrKeyType, p11.AttrModulus, p11.AttrPublicExponent, p11.AttrECParams, p11.AttrECPoint)
	if err != nil {
		return nil, err
	}
	o := &object{handle: h, id: v[0], label: []byte(labelOf(v[1])), stored: v[1], modulus: v[3], exponent: v[4], params: v[5], point: v[6]}
	o.kind, _ = p11.ParseUlong(v[2])
	if f := familyOf(o.kind); f != nil {
		if v, err = s.Attributes(h, append([]uint{p11.AttrPublicKeyInfo, p11.AttrValue}, f.attributes...)...); err != nil {
			return nil, err
		}
		o.info, o.value = v[0], v[1]
		f.keep(o, v[2:])
	}
	return o, nil
}

// publicObject looks for the public key object of the same identifier, or of the same label when there is none. Unread is why
// one that is there tells nothing.
func (p *Provider) publicObject(s *p11.Session, o *object) (found crypto.PublicKey, unread, err error) {
	template := []p11.Attribute{p11.Ulong(p11.AttrClass, p11.ClassPublicKey), p11.Ulong(p11.AttrKeyType, o.kind)}
	switch {
	case len(o.id) != 0:
		template = append(template, p11.Bytes(p11.AttrID, o.id))
	case len(o.stored) != 0:
		template = append(template, p11.Bytes(p11.AttrLabel, o.stored))
	default:
		return nil, nil, nil
	}
	handles, err := s.Find(template...)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range handles {
		half, err := readPublic(s, h)
		if err != nil {
			return nil, nil, err
		}
		public, err := publicOf(half)
		if err != nil {
			unread = err
			continue
		}
		if !fits(o, public) {
			continue
		}
		// Two pairs may share an identifier; the label tells them apart.
		if bytes.Equal(half.label, o.label) {
			return public, nil, nil
		}
		if found == nil {
			found = public
		}
	}
	return found, unread, nil
}

// byTrial makes a test signature and sees which public key verifies it.
func (p *Provider) byTrial(s *p11.Session, o *object, may []crypto.PublicKey) (crypto.PublicKey, error) {
	if len(may) == 0 {
		return nil, fmt.Errorf("%w, and no certificate of it was given", errNoPublic)
	}
	message := make([]byte, 40)
	_, _ = rand.Read(message) // never fails
	for _, public := range may {
		k := newKey(p, o, public, 0)
		if len(k.schemes) == 0 {
			continue
		}
		opts := k.schemes[0].Opts
		sum := k.digest(message, opts)
		var c call
		if own := hashingOf(public, opts); k.hashes(own, opts) {
			k.prepare(&c, own, message, opts)
		} else {
			k.prepare(&c, mechanismOf(public, opts), sum, opts)
		}
		c.Object = o.handle
		if err := p.signOn(s, k, &c); err != nil {
			return nil, err
		}
		// The raw signature is the same for all candidates of a kind, so all are tried on it.
		for _, candidate := range may {
			other := newKey(p, o, candidate, 0)
			if signature, err := other.finish(&c); err == nil && other.verify(sum, opts, signature) == nil {
				return candidate, nil
			}
		}
		return nil, fmt.Errorf("%w, and none of the certificates is of it", errNoPublic)
	}
	return nil, errNoPublic
}
