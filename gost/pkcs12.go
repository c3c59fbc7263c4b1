package gost

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/gost/streebog"
	"github.com/seed-116355fd/signet/sign"
)

// PKCS12 is what a transport key container holds beside the key (RFC 9548). The zero value has no certificate and no label.
type PKCS12 struct {
	// Certificates are that of the key, and then its issuers.
	Certificates []*x509.Certificate
	// PlainCertificates leaves them readable without the password, as the first example of RFC 9548 has them.
	PlainCertificates bool
	// Label is the friendlyName.
	Label string
	// Protection of the key and of the certificates.
	Protection Protection
}

// The object identifiers of RFC 7292 sections 4 and 5, and of RFC 2985 section 5.5.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
)

var context0 = casn1.Tag(0).ContextSpecific().Constructed()

// MarshalPKCS12 encodes the key and its certificates as a PFX (RFC 7292, RFC 9548), which soft.Open reads with [Encryption]: both under the
// password as Protection says, and all of it under a MAC by HMAC of Streebog-512. Nil options are the zero value. The password is UTF-8. A
// first certificate that is not of the key is refused with [sign.ErrKeyMismatch].
func (k *Key) MarshalPKCS12(password sign.Secret, o *PKCS12) ([]byte, error) {
	const op = "gost: encode PKCS#12"
	if o == nil {
		o = &PKCS12{}
	}
	if err := o.Protection.check(op, password); err != nil {
		return nil, err
	}
	key, err := k.MarshalEncryptedPKCS8(password, &o.Protection)
	if err != nil {
		return nil, err
	}
	for i, c := range o.Certificates {
		if c == nil {
			return nil, &sign.Error{Op: op, Class: sign.ErrInput, Hint: "a certificate is nil"}
		}
		if i == 0 && sign.KeyName(c.RawSubjectPublicKeyInfo) != sign.KeyName(k.spki) {
			return nil, &sign.Error{Op: op, Class: sign.ErrKeyMismatch, Hint: "the first certificate is not of this key; give that of the key first"}
		}
	}
	pfx, err := o.encode(password.Bytes(), key, k.spki)
	if err != nil {
		return nil, &sign.Error{Op: op, Class: sign.ErrInput, Err: err}
	}
	return pfx, nil
}

func (o *PKCS12) encode(password, key, spki []byte) ([]byte, error) {
	sum := sha256.Sum256(spki)
	id := sum[:20] // any octets do; key and certificate have the same
	var bags cryptobyte.Builder
	bags.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, c := range o.Certificates {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidCertBag)
				b.AddASN1(context0, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidX509)
						b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(c.Raw) })
					})
				})
				if i == 0 {
					o.addAttributes(b, id)
				}
			})
		}
	})
	certificates, err := bags.Bytes()
	if err != nil {
		return nil, err
	}
	keys := cryptobyte.NewBuilder(nil)
	keys.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidKeyBag)
			b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddBytes(key) })
			o.addAttributes(b, id)
		})
	})
	keyBags, err := keys.Bytes()
	if err != nil {
		return nil, err
	}
	var safe cryptobyte.Builder
	safe.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		switch {
		case len(o.Certificates) == 0:
		case o.PlainCertificates:
			addData(b, certificates)
		default:
			if err := o.addEncrypted(b, password, certificates); err != nil {
				b.SetError(err)
			}
		}
		addData(b, keyBags)
	})
	content, err := safe.Bytes()
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	newHash, size, skip := Encryption{}.MAC("1.2.643.7.1.1.2.3")
	macKey, err := pbkdf2.Key(newHash, string(password), salt, o.Protection.iterations(), size)
	if err != nil {
		return nil, err
	}
	defer clear(macKey)
	mac := hmac.New(streebog.New512, macKey[skip:])
	mac.Write(content)
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, content)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { // MacData
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(Streebog512.Algorithm())
				b.AddASN1OctetString(mac.Sum(nil))
			})
			b.AddASN1OctetString(salt)
			b.AddASN1Int64(int64(o.Protection.iterations()))
		})
	})
	return b.Bytes()
}

// addData adds a ContentInfo of type data.
func addData(b *cryptobyte.Builder, content []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidData)
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
	})
}

// addEncrypted adds a ContentInfo of type encryptedData (RFC 5652 section 8).
func (o *PKCS12) addEncrypted(b *cryptobyte.Builder, password, content []byte) error {
	algorithm, data, err := o.Protection.encrypt(password, content)
	if err != nil {
		return err
	}
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidEncryptedData)
		b.AddASN1(context0, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidData)
					b.AddBytes(algorithm)
					b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(data) })
				})
			})
		})
	})
	return nil
}

// addAttributes adds friendlyName and localKeyId, in the order of DER.
func (o *PKCS12) addAttributes(b *cryptobyte.Builder, id []byte) {
	attribute := func(oid asn1.ObjectIdentifier, value func(b *cryptobyte.Builder)) []byte {
		var b cryptobyte.Builder
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(casn1.SET, value)
		})
		return b.BytesOrPanic() // short values cannot fail
	}
	all := [][]byte{attribute(oidLocalKeyID, func(b *cryptobyte.Builder) { b.AddASN1OctetString(id) })}
	if o.Label != "" {
		all = append(all, attribute(oidFriendlyName, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.Tag(30), func(b *cryptobyte.Builder) { // BMPString
				for _, unit := range utf16.Encode([]rune(o.Label)) {
					b.AddUint16(unit)
				}
			})
		}))
		if bytes.Compare(all[1], all[0]) < 0 {
			all[0], all[1] = all[1], all[0]
		}
	}
	b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
		for _, a := range all {
			b.AddBytes(a)
		}
	})
}
