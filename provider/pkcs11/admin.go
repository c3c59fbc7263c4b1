package pkcs11

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// writing runs f with a session that may write, again when the token was lost, at most so many times.
func (p *Provider) writing(ctx context.Context, op string, times int, f func(s *p11.Session) error) error {
	return p.doAtMost(ctx, op, times, func(own *p11.Session, _ uint64) error {
		if own.Writable {
			return f(own)
		}
		s, err := p.module.OpenSession(p.slotNow(), true)
		if code, ok := errors.AsType[p11.RV](err); ok && code == p11.SessionCount {
			if err := p.trade(ctx, own); err != nil {
				return err
			}
			return f(own)
		}
		if err != nil {
			return err
		}
		defer drop(s)
		if _, err := p.checkToken(op, p.slotNow()); err != nil {
			return err // nothing is written to another one
		}
		return f(s)
	})
}

// trade makes a session one that may write, on a token that has no more sessions. If it is the last one, the login goes
// with it: the PIN is asked again, and keys are found again.
func (p *Provider) trade(ctx context.Context, s *p11.Session) error {
	slot := p.slotNow()
	p.trading.Lock() // or a worker would take the place of the session before the login is made again
	defer p.trading.Unlock()
	if err := s.Close(); err != nil {
		return err
	}
	writable, err := p.module.OpenSession(slot, true)
	if err != nil {
		return err
	}
	s.Become(writable)
	p.mu.Lock()
	p.epoch++
	p.mu.Unlock()
	token, err := p.checkToken("pkcs11: log in", slot)
	if err != nil {
		return err
	}
	return p.login(ctx, s, token, true)
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
	name := sign.KeyName(c.RawSubjectPublicKeyInfo)
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
	return p.writing(ctx, op, 1, func(s *p11.Session) error {
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
	Functions      string // version of the functions that are called: "3.0" where the module has them by C_GetInterface
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
	Used           bool // by this library; one that hashes what it signs, where the token lists no other for its family
}

// Diagnose asks module and token about themselves. No signature is made.
func (p *Provider) Diagnose(ctx context.Context) (Diagnosis, error) {
	d := Diagnosis{Module: p.config.Module, Shared: !p.module.Owned(), OneAtATime: p.module.Serial(), Sessions: p.limit, Functions: p.module.Interface()}
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
			m := Mechanism{ID: id, Name: mechanismName(id), Used: mechanismNames[id] != "" || isHashing(id) && !slices.Contains(list, digestsOf(id))}
			if i, err := p.module.Mechanism(slot, id); err == nil {
				m.MinKey, m.MaxKey, m.Sign = int(i.MinKey), int(i.MaxKey), i.Flags&p11.MechanismSign != 0
			}
			d.Mechanisms = append(d.Mechanisms, m)
		}
		return nil
	})
	return d, err
}
