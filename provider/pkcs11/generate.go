package pkcs11

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

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
	MLDSA44 KeyKind = "ml-dsa-44" // these need their schemes, Config.Schemes
	MLDSA65 KeyKind = "ml-dsa-65"
	MLDSA87 KeyKind = "ml-dsa-87"

	// Of GOST R 34.10-2012, by the curve; these need their schemes, too.
	GOST256CryptoProA    KeyKind = "gost2012-256-cryptopro-a"
	GOST256CryptoProB    KeyKind = "gost2012-256-cryptopro-b"
	GOST256CryptoProC    KeyKind = "gost2012-256-cryptopro-c"
	GOST256CryptoProXchA KeyKind = "gost2012-256-cryptopro-xcha" // the curve of CryptoPro-A
	GOST256CryptoProXchB KeyKind = "gost2012-256-cryptopro-xchb" // that of CryptoPro-C
	GOST256A             KeyKind = "gost2012-256-tc26-a"
	GOST256B             KeyKind = "gost2012-256-tc26-b" // that of CryptoPro-A, and so on
	GOST256C             KeyKind = "gost2012-256-tc26-c"
	GOST256D             KeyKind = "gost2012-256-tc26-d"
	GOST512A             KeyKind = "gost2012-512-tc26-a"
	GOST512B             KeyKind = "gost2012-512-tc26-b"
	GOST512C             KeyKind = "gost2012-512-tc26-c"
)

// KeyKinds returns all of them.
func KeyKinds() []KeyKind {
	kinds := []KeyKind{RSA2048, RSA3072, RSA4096, P256, P384, P521, Ed25519}
	for _, f := range families {
		for _, v := range f.variants {
			if v.kind != "" {
				kinds = append(kinds, v.kind)
			}
		}
	}
	return kinds
}

// The DER of CKA_EC_PARAMS: named curves of RFC 5480, and for Ed25519 the name of PKCS #11 3.0 section 6.3.5, or the object
// identifier of RFC 8410, which is all that some tokens take.
var curveParams = map[KeyKind]struct {
	params    []byte
	other     []byte // another form of it
	mechanism uint
	keyType   uint
}{
	P256:    {[]byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), nil, p11.MechECKeyPair, p11.KeyEC},
	P384:    {[]byte("\x06\x05\x2b\x81\x04\x00\x22"), nil, p11.MechECKeyPair, p11.KeyEC},
	P521:    {[]byte("\x06\x05\x2b\x81\x04\x00\x23"), nil, p11.MechECKeyPair, p11.KeyEC},
	Ed25519: {[]byte("\x13\x0cedwards25519"), []byte("\x06\x03\x2b\x65\x70"), p11.MechEdwardsKeyPair, p11.KeyECEdwards},
}

var rsaBits = map[KeyKind]uint{RSA2048: 2048, RSA3072: 3072, RSA4096: 4096}

// NewKey says what key is to be made.
type NewKey struct {
	Kind  KeyKind
	Label string
	ID    []byte // CKA_ID; empty means 16 random octets
}

// only takes other uses from a private key that its kind has, and that some tokens allow when nothing is said. Some know no
// such attributes.
func (n NewKey) only() []p11.Attribute {
	if rsaBits[n.Kind] != 0 {
		return []p11.Attribute{p11.Bool(p11.AttrDecrypt, false), p11.Bool(p11.AttrUnwrap, false)}
	}
	return []p11.Attribute{p11.Bool(p11.AttrDerive, false)}
}

// GenerateKey makes a key pair on the token: private, sensitive, never extractable, for signing only if the token takes such
// limits. It refuses an identifier or label that the token has already, with [sign.ErrInput]. A call that failed because
// the token was lost is repeated when no key has the identifier.
func (p *Provider) GenerateKey(ctx context.Context, spec NewKey) (sign.Entry, error) {
	const op = "pkcs11: generate key"
	public, private, mechanism, err := spec.templates()
	if err != nil {
		return sign.Entry{}, err
	}
	if v := variantOfKind(spec.Kind); v != nil && len(v.schemes(p.config.Schemes)) == 0 {
		return sign.Entry{}, v.noScheme(op, p.place) // nothing was made
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
	free := false // the identifier was of no key before the first attempt, so a key that has it is this one
	err = p.writing(ctx, op, 1+maxRepeats, func(s *p11.Session) error {
		if free {
			if made, err := s.Find(p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Bytes(p11.AttrID, id)); err != nil || len(made) != 0 {
				return err
			}
		} else if err := p.isFree(s, id, spec.Label); err != nil {
			return err
		}
		free = true
		return spec.generate(s, mechanism, public, private, id)
	})
	if err != nil {
		return sign.Entry{}, p.explainKind(op, spec.Kind, mechanism, err)
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
	e := &sign.Error{Op: op, Place: p.place, Class: sign.ErrKeyNotFound, Hint: "the key was made and cannot be found; its CKA_ID is " + hex.EncodeToString(id)}
	if len(made.failures) != 0 {
		e.Class, e.Err = sign.ErrUnsupported, made.failures[0]
		e.Hint = "the key was made and cannot be used; its CKA_ID is " + hex.EncodeToString(id)
	}
	return sign.Entry{}, e
}

// generate makes the key, and when the token does not take the limits on its use, without them; and when it does not take the
// curve, with the other form of its name.
func (n NewKey) generate(s *p11.Session, mechanism uint, public, private []p11.Attribute, id []byte) error {
	limited := append(private[:len(private):len(private)], n.only()...)
	_, _, err := s.GenerateKeyPair(mechanism, public, limited)
	if other := curveParams[n.Kind].other; other != nil && refusesCurve(err) {
		for i := range public {
			if public[i].Type == p11.AttrECParams {
				public[i].Value = other
			}
		}
		_, _, err = s.GenerateKeyPair(mechanism, public, limited)
	}
	switch code, _ := errors.AsType[p11.RV](err); code {
	case p11.AttributeReadOnly, p11.AttributeTypeInvalid, p11.AttributeInvalid, p11.TemplateInconsistent:
	case p11.GeneralError, p11.FunctionFailed:
		// Some modules say no more than that of a template. But the key may have been made all the same.
		made, findErr := s.Find(p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Bytes(p11.AttrID, id))
		if findErr != nil || len(made) != 0 {
			return err
		}
	default:
		return err
	}
	_, _, err = s.GenerateKeyPair(mechanism, public, private)
	return err
}

func refusesCurve(err error) bool {
	code, _ := errors.AsType[p11.RV](err)
	switch code {
	case p11.DomainParamsInvalid, p11.CurveNotSupported, p11.AttributeInvalid, p11.TemplateInconsistent:
		return true
	}
	return false
}

// explainKind says of the codes that tokens have for a kind of key that they do not make that it is this.
func (p *Provider) explainKind(op string, kind KeyKind, mechanism uint, err error) error {
	code, _ := errors.AsType[p11.RV](err)
	switch code {
	case p11.MechanismInvalid, p11.KeySizeRange, p11.AttributeInvalid, p11.TemplateInconsistent, p11.CurveNotSupported, p11.DomainParamsInvalid:
	default:
		return err
	}
	e := &sign.Error{Op: op, Place: p.place, Class: sign.ErrUnsupported, Err: Code(code), Hint: "the token does not make keys of kind " + string(kind)}
	if bits := rsaBits[kind]; bits != 0 {
		info, infoErr := p.module.Mechanism(p.slotNow(), mechanism)
		if infoErr == nil && info.MaxKey != 0 && (bits < info.MinKey || bits > info.MaxKey) {
			e.Hint += fmt.Sprintf("; it lists RSA keys of %d to %d bits", info.MinKey, info.MaxKey)
		}
	}
	return e
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
	if v := variantOfKind(n.Kind); v != nil {
		public = append(append(public, p11.Ulong(p11.AttrKeyType, v.keyType)), v.template(v)...)
		private = append(private, p11.Ulong(p11.AttrKeyType, v.keyType))
		if v.gost != nil { // tokens want them in both
			private = append(private, v.template(v)...)
		}
		return public, private, v.pair, nil
	}
	var names []string
	for _, k := range KeyKinds() {
		names = append(names, string(k))
	}
	return nil, nil, 0, &sign.Error{Op: "pkcs11: generate key", Place: fmt.Sprintf("%.40q", n.Kind), Class: sign.ErrUnsupported, Hint: "choose one of " + strings.Join(names, ", ")}
}

// isFree checks that no key has the identifier or the label.
func (p *Provider) isFree(s *p11.Session, id []byte, label string) error {
	for _, a := range []struct {
		is   p11.Attribute
		text string
	}{
		{p11.Bytes(p11.AttrID, id), "id " + hex.EncodeToString(id)},
		{p11.Bytes(p11.AttrLabel, []byte(label)), "label " + quote(label)},
	} {
		if len(a.is.Value) == 0 {
			continue
		}
		found, err := s.Find(p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), a.is)
		if err != nil {
			return err
		}
		if len(found) != 0 {
			return &sign.Error{Op: "pkcs11: generate key", Place: p.place, Class: sign.ErrInput, Err: errors.New("there is a key with the " + a.text + " already"), Hint: "choose another one"}
		}
	}
	return nil
}
