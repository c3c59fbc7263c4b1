package pkcs11

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// KeyKind is a kind of key that can be made on a token. Its text is what people write.
type KeyKind string

// The kinds of keys.
const (
	RSA2048 KeyKind = "rsa-2048"
	RSA3072 KeyKind = "rsa-3072"
	RSA4096 KeyKind = "rsa-4096"
	P256    KeyKind = "p256"
	P384    KeyKind = "p384"
	P521    KeyKind = "p521"
	Ed25519 KeyKind = "ed25519"
)

// KeyKinds returns all of them.
func KeyKinds() []KeyKind { return []KeyKind{RSA2048, RSA3072, RSA4096, P256, P384, P521, Ed25519} }

// The DER of CKA_EC_PARAMS: named curves of RFC 5480, and for Ed25519 the name of PKCS #11 3.0 section 6.3.5.
var curveParams = map[KeyKind]struct {
	params    []byte
	mechanism uint
	keyType   uint
}{
	P256:    {[]byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), p11.MechECKeyPair, p11.KeyEC},
	P384:    {[]byte("\x06\x05\x2b\x81\x04\x00\x22"), p11.MechECKeyPair, p11.KeyEC},
	P521:    {[]byte("\x06\x05\x2b\x81\x04\x00\x23"), p11.MechECKeyPair, p11.KeyEC},
	Ed25519: {[]byte("\x13\x0cedwards25519"), p11.MechEdwardsKeyPair, p11.KeyECEdwards},
}

var rsaBits = map[KeyKind]uint{RSA2048: 2048, RSA3072: 3072, RSA4096: 4096}

// NewKey says what key is to be made.
type NewKey struct {
	Kind  KeyKind
	Label string
	ID    []byte // CKA_ID; empty means 16 random octets
}

// only takes other uses from a private key, which some tokens allow when nothing is said. Some know no such attributes.
var only = []p11.Attribute{p11.Bool(p11.AttrDecrypt, false), p11.Bool(p11.AttrUnwrap, false), p11.Bool(p11.AttrDerive, false)}

// GenerateKey makes a key pair on the token: private, sensitive, never extractable, for signing only. It refuses an
// identifier or label that the token has already. A call that was cut off is not repeated, since the key may be there.
func (p *Provider) GenerateKey(ctx context.Context, spec NewKey) (sign.Entry, error) {
	const op = "pkcs11: generate key"
	public, private, mechanism, err := spec.templates()
	if err != nil {
		return sign.Entry{}, err
	}
	id := spec.ID
	if len(id) == 0 {
		id = make([]byte, 16)
		_, _ = rand.Read(id) // never fails
	}
	for _, t := range []*[]p11.Attribute{&public, &private} {
		*t = append(*t, p11.Bytes(p11.AttrID, id))
		if spec.Label != "" {
			*t = append(*t, p11.Bytes(p11.AttrLabel, []byte(spec.Label)))
		}
	}
	err = p.writing(ctx, op, func(s *p11.Session) error {
		if err := p.isFree(s, id, spec.Label); err != nil {
			return err
		}
		_, _, err := s.GenerateKeyPair(mechanism, public, append(private, only...))
		switch code, _ := errors.AsType[Code](err); code {
		case p11.AttributeTypeInvalid, p11.AttributeInvalid, p11.TemplateInconsistent:
			_, _, err = s.GenerateKeyPair(mechanism, public, private)
		}
		return err
	})
	if err != nil {
		if code, ok := errors.AsType[Code](err); ok && code == p11.MechanismInvalid {
			return sign.Entry{}, &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnsupported, Err: code, Hint: "the token does not make keys of kind " + string(spec.Kind)}
		}
		return sign.Entry{}, err
	}
	var made *catalog
	err = p.do(ctx, op, func(s *p11.Session, epoch uint64) (err error) {
		made, err = p.read(s, epoch, sign.Ref{ID: id})
		return err
	})
	if err != nil {
		return sign.Entry{}, err
	}
	if len(made.entries) != 0 {
		return made.entries[0].Entry, nil
	}
	return sign.Entry{}, &sign.Error{Op: op, Place: p.place, Class: sign.ErrKeyNotFound, Hint: "the key was made and cannot be found; its CKA_ID is " + hex.EncodeToString(id)}
}

// templates are the attributes of both halves.
func (n NewKey) templates() (public, private []p11.Attribute, mechanism uint, err error) {
	public = []p11.Attribute{p11.Ulong(p11.AttrClass, p11.ClassPublicKey), p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrVerify, true)}
	private = []p11.Attribute{
		p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, true),
		p11.Bool(p11.AttrSensitive, true), p11.Bool(p11.AttrExtractable, false), p11.Bool(p11.AttrSign, true),
	}
	if bits := rsaBits[n.Kind]; bits != 0 {
		public = append(public, p11.Ulong(p11.AttrKeyType, p11.KeyRSA), p11.Ulong(p11.AttrModulusBits, bits), p11.Bytes(p11.AttrPublicExponent, []byte{1, 0, 1}))
		private = append(private, p11.Ulong(p11.AttrKeyType, p11.KeyRSA))
		return public, private, p11.MechRSAKeyPair, nil
	}
	if curve, ok := curveParams[n.Kind]; ok {
		public = append(public, p11.Ulong(p11.AttrKeyType, curve.keyType), p11.Bytes(p11.AttrECParams, curve.params))
		private = append(private, p11.Ulong(p11.AttrKeyType, curve.keyType))
		return public, private, curve.mechanism, nil
	}
	var names []string
	for _, k := range KeyKinds() {
		names = append(names, string(k))
	}
	return nil, nil, 0, &sign.Error{Op: "pkcs11: generate key", Place: fmt.Sprintf("%.40q", n.Kind), Class: sign.ErrUnsupported, Hint: "choose one of " + strings.Join(names, ", ")}
}

// writing runs f with a session that may write, once.
func (p *Provider) writing(ctx context.Context, op string, f func(s *p11.Session) error) error {
	return p.doAtMost(ctx, op, 1, func(_ *p11.Session, _ uint64) error {
		s, err := p.module.OpenSession(p.slotNow(), true)
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		return f(s)
	})
}

// isFree checks that no key has the identifier or the label.
func (p *Provider) isFree(s *p11.Session, id []byte, label string) error {
	for _, a := range []p11.Attribute{p11.Bytes(p11.AttrID, id), p11.Bytes(p11.AttrLabel, []byte(label))} {
		if len(a.Value) == 0 {
			continue
		}
		found, err := s.Find(p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), a)
		if err != nil {
			return err
		}
		if len(found) != 0 {
			return &sign.Error{Op: "pkcs11: generate key", Place: p.place, Class: sign.ErrKeyAmbiguous,
				Hint: fmt.Sprintf("there is a key with this CKA_ID (%s) or label (%q) already; choose another one", hex.EncodeToString(id), label)}
		}
	}
	return nil
}

// ImportCertificate writes the certificate of a key to the token, with the CKA_ID and label of the key, and then its
// issuers. A certificate of no key of the token is refused with [sign.ErrKeyMismatch]. What is there already is left.
func (p *Provider) ImportCertificate(ctx context.Context, c *x509.Certificate, issuers ...*x509.Certificate) error {
	const op = "pkcs11: import certificate"
	if c == nil || slices.Contains(issuers, nil) {
		return &sign.Error{Op: op, Place: p.place, Class: sign.ErrInput, Hint: "the certificate is nil"}
	}
	var all *catalog
	var there []keyring.Cert
	err := p.do(ctx, op, func(s *p11.Session, epoch uint64) (err error) {
		if all, err = p.read(s, epoch, sign.Ref{Certificate: c}); err == nil {
			there, err = (&catalog{}).certificates(s)
		}
		return err
	})
	if err != nil {
		return err
	}
	name := keyring.KeyName(c.RawSubjectPublicKeyInfo)
	var owner *keyring.Entry
	var names []string
	for _, e := range all.entries {
		if e.Name == name {
			owner = e
		}
		names = append(names, fmt.Sprintf("%q (id %s)", e.Label, hex.EncodeToString(e.ID)))
	}
	if owner == nil {
		hint := "no key of the token has its public key"
		if len(names) != 0 {
			hint += "; there are: " + firstOf(names)
		}
		return &sign.Error{Op: op, Place: p.place + ": " + c.Subject.String(), Class: sign.ErrKeyMismatch, Hint: hint}
	}
	return p.writing(ctx, op, func(s *p11.Session) error {
		if err := write(s, there, c, owner.ID, owner.Label); err != nil {
			return err
		}
		for _, issuer := range issuers {
			if err := write(s, there, issuer, issuer.SubjectKeyId, issuer.Subject.CommonName); err != nil {
				return err
			}
		}
		return nil
	})
}

// write creates a certificate object unless the certificate is there.
func write(s *p11.Session, there []keyring.Cert, c *x509.Certificate, id []byte, label string) error {
	if slices.ContainsFunc(there, func(t keyring.Cert) bool { return t.Cert.Equal(c) }) {
		return nil
	}
	serial, err := asn1.Marshal(new(big.Int).Set(c.SerialNumber))
	if err != nil {
		return err
	}
	template := []p11.Attribute{
		p11.Ulong(p11.AttrClass, p11.ClassCertificate), p11.Ulong(p11.AttrCertificateType, p11.CertificateX509),
		p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, false),
		p11.Bytes(p11.AttrSubject, c.RawSubject), p11.Bytes(p11.AttrIssuer, c.RawIssuer), p11.Bytes(p11.AttrSerialNumber, serial),
		p11.Bytes(p11.AttrValue, c.Raw), p11.Bytes(p11.AttrLabel, []byte(label)),
	}
	if len(id) != 0 {
		template = append(template, p11.Bytes(p11.AttrID, id))
	}
	_, err = s.Create(template...)
	return err
}

// Diagnosis is what a provider can say about its module and token, for a person who looks for a fault.
type Diagnosis struct {
	Module         string // path
	Interface      string // version of PKCS #11: "2.40"
	Manufacturer   string
	Library        string
	LibraryVersion string
	Shared         bool // somebody else in the process has initialised the module: it cannot be initialised again
	OneAtATime     bool // the module cannot be used by several threads
	Slot           Slot
	LoggedIn       bool
	Sessions       int // that the provider opens at most
	Mechanisms     []Mechanism
}

// Mechanism is one that the token lists.
type Mechanism struct {
	ID             uint
	Name           string // of those that this library uses, else CKM 0x…
	MinKey, MaxKey int    // in the unit of the mechanism
	Sign           bool
	Used           bool // by this library
}

var mechanismNames = map[uint]string{
	p11.MechRSAKeyPair: "CKM_RSA_PKCS_KEY_PAIR_GEN", p11.MechRSA: "CKM_RSA_PKCS", p11.MechPSS: "CKM_RSA_PKCS_PSS",
	p11.MechECKeyPair: "CKM_EC_KEY_PAIR_GEN", p11.MechECDSA: "CKM_ECDSA",
	p11.MechEdwardsKeyPair: "CKM_EC_EDWARDS_KEY_PAIR_GEN", p11.MechEdDSA: "CKM_EDDSA",
}

// Diagnose asks module and token about themselves. No signature is made.
func (p *Provider) Diagnose(ctx context.Context) (Diagnosis, error) {
	d := Diagnosis{Module: p.config.Module, Shared: !p.module.Owned(), OneAtATime: p.module.Serial(), Sessions: p.limit}
	err := p.do(ctx, "pkcs11: diagnose", func(s *p11.Session, _ uint64) error {
		info, err := p.module.Info()
		if err != nil {
			return err
		}
		d.Interface, d.Manufacturer, d.Library, d.LibraryVersion = info.Version, info.Manufacturer, info.Library, info.LibraryVersion
		session, err := s.Info()
		if err != nil {
			return err
		}
		d.LoggedIn = session.LoggedIn()
		slot := p.slotNow()
		d.Slot = slotOf(p.module, p.config.Module, slot)
		list, err := p.module.Mechanisms(slot)
		if err != nil {
			return err
		}
		d.Mechanisms = nil
		for _, id := range list {
			m := Mechanism{ID: id, Name: mechanismNames[id]}
			m.Used = m.Name != ""
			if !m.Used {
				m.Name = fmt.Sprintf("CKM 0x%X", id)
			}
			if i, err := p.module.Mechanism(slot, id); err == nil {
				m.MinKey, m.MaxKey, m.Sign = int(i.MinKey), int(i.MaxKey), i.Flags&p11.MechanismSign != 0
			}
			d.Mechanisms = append(d.Mechanisms, m)
		}
		return nil
	})
	return d, err
}
