package pkcs11

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// Kinds of keys that the standard library does not have. What PKCS #11 and certificates say of them stands here; the mathematics is that
// of the schemes of the caller (Config.Schemes), and such a public key is a [sign.PublicKey].

// family is a kind of key of PKCS #11.
type family struct {
	name      string
	keyType   uint // CKK
	mechanism uint // CKM that signs
	pair      uint // CKM that makes keys
	variants  []*variant
	packaged  string // what gives Config.Schemes those of such keys
	// attributes are those of both halves that tell what a key is of, and keep takes them into an object. Of them and of CKA_VALUE of the
	// public half read makes a SubjectPublicKeyInfo where CKA_PUBLIC_KEY_INFO is not there.
	attributes []uint
	keep       func(o *object, values [][]byte)
	read       func(f *family, o *object) (sign.PublicKey, error)
	// disagrees is why an object that has a public key of a variant says that it is of another one, or nil.
	disagrees func(v *variant, o *object) error
	// template are the attributes of both halves that ask for a key of a variant.
	template func(v *variant) []p11.Attribute
}

// variant is what a family has several of: a parameter set.
type variant struct {
	*family
	kind   KeyKind
	name   string
	number uint // as CKA_PARAMETER_SET has it
	// Complete AlgorithmIdentifier of the SubjectPublicKeyInfo, and object identifier of the signatures that such a key makes.
	algorithm  []byte
	signatures []asn1.ObjectIdentifier
	public     int // octets of the public key
	size       int // octets of a signature
	gost       *gostVariant
}

// families are the kinds that are known. Tables do not change.
var families = []*family{mldsaFamily(), gostFamily(false), gostFamily(true)}

// mldsaFamily is ML-DSA: PKCS #11 3.2 section 6.67 for the token, FIPS 204 tables 1 and 2 for sizes, RFC 9881 section 2 for identifiers,
// which are the same for keys and signatures and have no parameters.
func mldsaFamily() *family {
	f := &family{name: "ML-DSA", keyType: p11.KeyMLDSA, mechanism: p11.MechMLDSA, pair: p11.MechMLDSAKeyPair, packaged: "mldsa.Schemes()",
		attributes: []uint{p11.AttrParameterSet}, keep: func(o *object, values [][]byte) { o.set = values[0] },
		read: bySet, disagrees: setDisagrees, template: func(v *variant) []p11.Attribute { return []p11.Attribute{p11.Ulong(p11.AttrParameterSet, v.number)} }}
	for _, v := range []variant{
		{kind: MLDSA44, name: "ML-DSA-44", number: p11.SetMLDSA44, public: 1312, size: 2420},
		{kind: MLDSA65, name: "ML-DSA-65", number: p11.SetMLDSA65, public: 1952, size: 3309},
		{kind: MLDSA87, name: "ML-DSA-87", number: p11.SetMLDSA87, public: 2592, size: 4627},
	} {
		last := 16 + int(v.number)
		v.family = f
		v.algorithm = append([]byte("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03"), byte(last))
		v.signatures = []asn1.ObjectIdentifier{{2, 16, 840, 1, 101, 3, 4, 3, last}}
		f.variants = append(f.variants, &v)
	}
	return f
}

// bySet makes the public key of CKA_PARAMETER_SET and of CKA_VALUE, whose length tells the same.
func bySet(f *family, o *object) (sign.PublicKey, error) {
	if len(o.value) == 0 {
		return nil, errNoPublic
	}
	for _, v := range f.variants {
		if len(o.value) != v.public {
			continue
		}
		if err := f.disagrees(v, o); err != nil {
			return nil, err
		}
		return v.spki(o.value), nil
	}
	return nil, fmt.Errorf("its public key has %d octets, which no key of %s has", len(o.value), f.name)
}

// setDisagrees compares CKA_PARAMETER_SET.
func setDisagrees(v *variant, o *object) error {
	set, told := p11.ParseUlong(o.set)
	if !told || set == v.number {
		return nil
	}
	other := fmt.Sprintf("of number %d", set)
	for _, w := range v.variants {
		if w.number == set {
			other = w.name
		}
	}
	return fmt.Errorf("its parameter set is %s (CKA_PARAMETER_SET) and its public key is one of %s; the object is damaged", other, v.name)
}

// spki is the SubjectPublicKeyInfo of a public key.
func (v *variant) spki(public []byte) sign.PublicKey {
	der, err := asn1.Marshal(struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}{asn1.RawValue{FullBytes: v.algorithm}, asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
	if err != nil {
		return nil
	}
	return der
}

// familyOf finds the kind of a private key object, or nil.
func familyOf(keyType uint) *family {
	for _, f := range families {
		if f.keyType == keyType {
			return f
		}
	}
	return nil
}

// variantOf finds what a SubjectPublicKeyInfo is of, or nil: it must be as v.spki makes it, or differ in what says nothing of the key.
func variantOf(spki []byte) *variant {
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(spki, &info); err != nil || len(rest) != 0 {
		return nil
	}
	for _, f := range families {
		for _, v := range f.variants {
			if (bytes.Equal(info.Algorithm.FullBytes, v.algorithm) || v.gost.hasAlgorithm(info.Algorithm.FullBytes)) && info.Key.BitLength == 8*v.public {
				return v
			}
		}
	}
	return nil
}

// variantOfKind finds what a kind of key to be made is of, or nil.
func variantOfKind(kind KeyKind) *variant {
	for _, f := range families {
		for _, v := range f.variants {
			if v.kind == kind && kind != "" {
				return v
			}
		}
	}
	return nil
}

// schemes are those of the caller that are for such keys.
func (v *variant) schemes(all []sign.Scheme) []sign.Scheme {
	var own []sign.Scheme
	for _, s := range all {
		var alg struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		if _, err := asn1.Unmarshal(s.SignatureAlg, &alg); err != nil || s.Verify == nil || s.NewHash == nil || s.Opts == nil {
			continue
		}
		if slices.ContainsFunc(v.signatures, alg.ID.Equal) {
			own = append(own, s)
		}
	}
	return own
}

// errNoScheme is in the errors of keys that are well, of which nobody has said how they sign.
var errNoScheme = errors.New("no scheme was given for such keys")

// noScheme says what to do about that.
func (v *variant) noScheme(op, place string) error {
	return &sign.Error{Op: op, Place: place, Class: sign.ErrUnsupported, Err: fmt.Errorf("the key is of %s, and %w", v.name, errNoScheme),
		Hint: "give the schemes of its package (Config.Schemes): " + v.packaged}
}

// scheme finds the scheme of the caller that options are of, or nil. The options must be its own: others, such as those with a context,
// would ask for a signature that the token is not asked for.
func (k *key) scheme(opts crypto.SignerOpts) *sign.Scheme {
	for i := range k.own {
		if reflect.DeepEqual(k.own[i].Opts, opts) {
			return &k.own[i]
		}
	}
	return nil
}

// checkOwn refuses options and digests of a key of a kind of its own that are not those of a scheme.
func (k *key) checkOwn(digest []byte, opts crypto.SignerOpts) error {
	s := k.scheme(opts)
	if s == nil {
		return &sign.Error{Op: "pkcs11: sign", Place: k.at4errors(), Class: sign.ErrUnsupported, Hint: "the options are not those of a scheme of the key; take them from the scheme"}
	}
	if size := s.NewHash().Size(); !s.Whole && len(digest) != size {
		return &sign.Error{Op: "pkcs11: sign", Place: k.at4errors(), Class: sign.ErrInput, Hint: fmt.Sprintf("the digest has %d octets instead of %d", len(digest), size)}
	}
	return nil
}

// digest is what is signed of a message.
func (k *key) digest(message []byte, opts crypto.SignerOpts) []byte {
	if len(k.own) == 0 {
		return digestOf(message, opts.HashFunc())
	}
	s := k.scheme(opts)
	if s == nil || s.Whole {
		return message // options of no scheme are refused later
	}
	h := s.NewHash()
	_, _ = h.Write(message)
	return h.Sum(nil)
}

// verifyOwn checks a signature with the scheme of the caller, whose code may have faults.
func (k *key) verifyOwn(digest []byte, opts crypto.SignerOpts, signature []byte) (err error) {
	defer sign.Recover(&err)
	s := k.scheme(opts)
	if s == nil {
		return errors.New("the signature is of no scheme of the key")
	}
	return s.Verify(k.spki, digest, signature)
}

// possible are the schemes of such keys, whether the token has mechanisms for them or not.
func (k *key) possible() []sign.Scheme {
	if len(k.own) != 0 {
		return k.own
	}
	return sign.Schemes(k.public)
}

// told reads CKA_PUBLIC_KEY_INFO, which some modules leave empty. One of another kind tells nothing.
func (f *family) told(o *object) (crypto.PublicKey, error) {
	v := variantOf(o.info)
	if v == nil || v.family != f {
		return nil, nil
	}
	if err := f.disagrees(v, o); err != nil {
		return nil, err
	}
	return sign.PublicKey(bytes.Clone(o.info)), nil
}
