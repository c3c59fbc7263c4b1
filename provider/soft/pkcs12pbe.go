package soft

import (
	"crypto"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1" // RFC 7292 appendix C knows nothing else
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/internal/pkcs12"
)

// forms returns the password as the derivation of PKCS#12 takes it. The empty password has two forms, and which one a
// file means is known when its MAC, or a padding, fits.
func (r *reader) forms() ([][]byte, error) {
	if r.form != nil {
		return r.form, nil
	}
	password, err := r.password.get(r.ctx)
	if err != nil {
		return nil, err
	}
	if r.form = [][]byte{pkcs12.BMP(password)}; len(password) == 0 {
		r.form = append(r.form, nil)
	}
	return r.form, nil
}

// pkcs12PBE decrypts with a scheme of RFC 7292 appendix C.
func (r *reader) pkcs12PBE(alg algorithm, data []byte) ([]byte, error) {
	var inner, salt cryptobyte.String
	var iterations int
	if !alg.params.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1(&salt, casn1.OCTET_STRING) || !inner.ReadASN1Integer(&iterations) {
		return nil, errors.New("the parameters of the encryption are damaged")
	}
	if err := inFIPS(crypto.SHA1, nil); err != nil {
		return nil, err
	}
	forms, err := r.forms()
	if err != nil {
		return nil, err
	}
	var plain []byte
	for _, form := range forms {
		if err := r.spend(iterations, 1); err != nil {
			return nil, err
		}
		derive := func(id byte, n int) []byte { return pkcs12.Derive(sha1.New, id, form, salt, iterations, n) }
		if plain, err = decryptPBE(alg.oid, derive, data); !errors.Is(err, errPassword) {
			break
		}
	}
	return plain, err
}

func decryptPBE(oid string, derive func(id byte, n int) []byte, data []byte) ([]byte, error) {
	var block cipher.Block
	var err error
	switch oid {
	case "1.2.840.113549.1.12.1.1":
		return decryptRC4(derive(pkcs12.ForKey, 16), data)
	case "1.2.840.113549.1.12.1.2":
		return decryptRC4(derive(pkcs12.ForKey, 5), data)
	case "1.2.840.113549.1.12.1.3":
		block, err = des.NewTripleDESCipher(derive(pkcs12.ForKey, 24))
	case "1.2.840.113549.1.12.1.4":
		key := derive(pkcs12.ForKey, 16)
		block, err = des.NewTripleDESCipher(append(key, key[:8]...))
	case "1.2.840.113549.1.12.1.5":
		block = newRC2(derive(pkcs12.ForKey, 16))
	case "1.2.840.113549.1.12.1.6":
		block = newRC2(derive(pkcs12.ForKey, 5))
	default:
		return nil, fmt.Errorf("encryption %s: %w", oid, errUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, derive(pkcs12.ForIV, 8), data)
}
