package gost

import (
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/rand"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/gost/internal/cipher"
	"github.com/seed-116355fd/signet/gost/streebog"
	"github.com/seed-116355fd/signet/sign"
)

// Cipher is a block cipher of GOST R 34.12-2015, in CTR-ACPKM (RFC 9337 section 7.3).
type Cipher int

// The ciphers.
const (
	Kuznyechik Cipher = iota
	Magma
)

const (
	// DefaultIterations are those of PBKDF2 where Protection has none. Streebog makes each some 40 times as long as one of SHA-256.
	DefaultIterations = 20_000

	minIterations = 1_000
	saltSize      = 16 // octets; RFC 9337 section 4 has 8 to 32
)

// Protection says how a key file is encrypted under a password: by PBES2 with PBKDF2 and HMAC of Streebog-512 (RFC 9337). The zero value
// encrypts with Kuznyechik.
type Protection struct {
	Cipher Cipher
	// MAC is encryption with a MAC of its own, CTR-ACPKM-OMAC, as an example of RFC 9548 has it. OpenSSL's engine (3.0.1) cannot read that.
	MAC bool
	// Iterations of PBKDF2, at least 1000; 0 means DefaultIterations. Package soft reads up to 312,000 without being told.
	Iterations int
}

// The object identifiers that encryption writes.
var (
	oidPBES2         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMAC512       = asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 4, 2}
	oidMagma         = asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 5, 1, 1}
	oidMagmaMAC      = asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 5, 1, 2}
	oidKuznyechik    = asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 5, 2, 1}
	oidKuznyechikMAC = asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 5, 2, 2}
)

// check refuses what nothing can be written with; op begins the error.
func (p *Protection) check(op string, password sign.Secret) error {
	refuse := func(hint string) error { return &sign.Error{Op: op, Class: sign.ErrInput, Hint: hint} }
	switch {
	case fips140.Enforced():
		return &sign.Error{Op: op, Class: sign.ErrUnsupported, Hint: "HMAC of Streebog is forbidden in this process (fips140=only)"}
	case password.Len() == 0:
		return refuse("the password is empty; give one")
	case p.Cipher != Kuznyechik && p.Cipher != Magma:
		return refuse("the cipher is not known; take Kuznyechik or Magma")
	case p.Iterations != 0 && p.Iterations < minIterations:
		return refuse(fmt.Sprintf("%d iterations are too few; give at least %d, or 0", p.Iterations, minIterations))
	}
	return nil
}

func (p *Protection) iterations() int {
	if p.Iterations == 0 {
		return DefaultIterations
	}
	return p.Iterations
}

// encrypt returns the AlgorithmIdentifier of PBES2 in DER, and what plain is under it.
func (p *Protection) encrypt(password, plain []byte) (algorithm, data []byte, err error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	key, err := pbkdf2.Key(streebog.New512, string(password), salt, p.iterations(), cipher.KeySize)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	kind, oid := cipher.KindKuznyechik, oidKuznyechik
	switch {
	case p.Cipher == Magma && p.MAC:
		kind, oid = cipher.KindMagma, oidMagmaMAC
	case p.Cipher == Magma:
		kind, oid = cipher.KindMagma, oidMagma
	case p.MAC:
		oid = oidKuznyechikMAC
	}
	ukm := make([]byte, kind.Block/2+seedSize)
	_, _ = rand.Read(ukm)
	iv, seed := ukm[:kind.Block/2], ukm[kind.Block/2:]
	if p.MAC {
		keys := kdfTree(key, []byte("kdf tree"), seed)
		defer clear(keys)
		text := append(make([]byte, 0, len(plain)+kind.Block), plain...)
		defer clear(text)
		data = kind.CTRACPKM(keys[:cipher.KeySize], iv, append(text, kind.OMAC(keys[cipher.KeySize:], plain)...))
	} else {
		data = kind.CTRACPKM(key, iv, plain)
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidPBES2)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidPBKDF2)
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(salt)
					b.AddASN1Int64(int64(p.iterations()))
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidHMAC512)
						b.AddASN1NULL()
					})
				})
			})
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oid)
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(ukm) })
			})
		})
	})
	algorithm, err = b.Bytes()
	return algorithm, data, err
}

// MarshalEncryptedPKCS8 encodes the key as an EncryptedPrivateKeyInfo (RFC 5958 section 3), which soft.Open reads with [Encryption]. Nil
// options are the zero value. The password is UTF-8.
func (k *Key) MarshalEncryptedPKCS8(password sign.Secret, o *Protection) ([]byte, error) {
	const op = "gost: encrypt key"
	if o == nil {
		o = &Protection{}
	}
	if err := o.check(op, password); err != nil {
		return nil, err
	}
	plain, err := k.MarshalPKCS8()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	algorithm, data, err := o.encrypt(password.Bytes(), plain)
	if err != nil {
		return nil, &sign.Error{Op: op, Class: sign.ErrUnavailable, Err: err}
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm)
		b.AddASN1OctetString(data)
	})
	return b.Bytes()
}
