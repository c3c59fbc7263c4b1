package gost

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/x509"

	"github.com/seed-116355fd/signet/internal/pkcs12"
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
	secret := password.Bytes()
	c := &pkcs12.Container{Key: key, SPKI: k.spki, Label: o.Label, MAC: func(content []byte) (pkcs12.MAC, error) { return o.Protection.mac(secret, content) }}
	for _, certificate := range o.Certificates {
		c.Certificates = append(c.Certificates, certificate.Raw)
	}
	if !o.PlainCertificates {
		c.Encrypt = func(plain []byte) (algorithm, data []byte, err error) { return o.Protection.encrypt(secret, plain) }
	}
	der, err := c.Marshal()
	if err != nil {
		return nil, &sign.Error{Op: op, Class: sign.ErrInput, Err: err}
	}
	return der, nil
}

// mac is the MAC of a container (RFC 9548 section 3).
func (p *Protection) mac(password, content []byte) (pkcs12.MAC, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	newHash, size, skip := Encryption{}.MAC("1.2.643.7.1.1.2.3")
	key, err := pbkdf2.Key(newHash, string(password), salt, p.iterations(), size)
	if err != nil {
		return pkcs12.MAC{}, err
	}
	defer clear(key)
	h := hmac.New(newHash, key[skip:])
	h.Write(content)
	return pkcs12.MAC{Algorithm: Streebog512.Algorithm(), Sum: h.Sum(nil), Salt: salt, Iterations: p.iterations()}, nil
}
