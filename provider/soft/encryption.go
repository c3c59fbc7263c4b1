package soft

import (
	"crypto"
	"crypto/fips140"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/cryptobyte"

	"github.com/seed-116355fd/signet/sign"
)

const (
	maxKeyOfCaller = 1 << 10 // octets of a key that an algorithm of the caller asks for
	useGOST        = "set Config.Encryption to gost.Encryption{} of package gost"
)

// unknown says of an algorithm that is not known here who knows it, or what converts the file.
func unknown(what, oid, convert string) error {
	if strings.HasPrefix(oid, "1.2.643.") { // the arc of Russia
		return &parserError{"its " + what + " is " + oid + ", of GOST", useGOST}
	}
	if convert == "" {
		return fmt.Errorf("the %s %s: %w", what, oid, errUnsupported)
	}
	return &convertError{"its " + what + " is " + oid, convert}
}

// prf finds the hash of an HMAC: one of crypto, or one of the caller, for which the first result is 0.
func (r *reader) prf(oid string) (h crypto.Hash, new func() hash.Hash, err error) {
	if h = hmacHash(oid); h != 0 {
		return h, newHash(h), nil
	}
	defer sign.Recover(&err)
	for _, e := range r.config.Encryption {
		if e == nil {
			continue
		}
		if new = e.PRF(oid); new != nil {
			return 0, new, notInFIPS("pseudo-random function")
		}
	}
	return 0, nil, unknown("pseudo-random function", oid, "")
}

// ownCipher undoes PBES2 with a cipher of the caller.
func (r *reader) ownCipher(kdf, enc algorithm, data []byte) (plain []byte, err error) {
	defer sign.Recover(&err)
	for _, e := range r.config.Encryption {
		if e == nil {
			continue
		}
		size, decrypt, err := e.Cipher(enc.oid, enc.params)
		switch {
		case err != nil:
			return nil, fmt.Errorf("the parameters of the cipher: %w", err)
		case decrypt == nil:
			continue
		case size < 1 || size > maxKeyOfCaller:
			return nil, errors.New("the cipher of the caller asks for a key that has no size")
		}
		if err := notInFIPS("cipher"); err != nil {
			return nil, err
		}
		key, err := r.pbkdf2(kdf.params, size, true)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		if plain, err = decrypt(key, data); err != nil {
			return nil, errPassword
		}
		return plain, nil
	}
	return nil, unknown("cipher", enc.oid, convertPKCS8Legacy)
}

// ownMAC checks the MAC of a PKCS#12 file by a digest of the caller.
func (p *pfx) ownMAC(oid string, sum, salt cryptobyte.String, iterations int, message []byte) (err error) {
	defer sign.Recover(&err)
	for _, e := range p.config.Encryption {
		if e == nil {
			continue
		}
		newHash, size, skip := e.MAC(oid)
		switch {
		case newHash == nil:
			continue
		case skip < 0 || size-skip < minMACKey || size > maxKeyOfCaller:
			return errors.New("the MAC of the caller asks for a key that has no size")
		}
		if err := notInFIPS("MAC"); err != nil {
			return err
		}
		key, err := p.derive(newHash, true, salt, iterations, size)
		if err != nil {
			return err
		}
		defer clear(key)
		h := hmac.New(newHash, key[skip:])
		h.Write(message)
		if !hmac.Equal(h.Sum(nil), sum) {
			return errPassword
		}
		return nil
	}
	if strings.HasPrefix(oid, "1.2.643.") {
		return unknown("MAC", oid, "")
	}
	return &convertError{"the digest of its MAC is " + oid, convertPKCS12}
}

// notInFIPS refuses what crypto/hmac and crypto/pbkdf2 answer with a panic.
func notInFIPS(what string) error {
	if !fips140.Enforced() {
		return nil
	}
	return &convertError{"its " + what + " is forbidden in this process (fips140=only)", convertFIPS}
}
