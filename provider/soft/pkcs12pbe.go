package soft

import (
	"crypto"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1" // RFC 7292 appendix C knows nothing else
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
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
	if r.form = [][]byte{toBMP(password)}; len(password) == 0 {
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
		derive := func(id byte, n int) []byte { return pkcs12KDF(sha1.New, id, form, salt, iterations, n) }
		if plain, err = decryptPBE(alg.oid, derive, data); !errors.Is(err, errPassword) {
			break
		}
	}
	return plain, err
}

func decryptPBE(oid string, derive func(id byte, n int) []byte, data []byte) ([]byte, error) {
	const forKey, forIV = 1, 2
	var block cipher.Block
	var err error
	switch oid {
	case "1.2.840.113549.1.12.1.1":
		return decryptRC4(derive(forKey, 16), data)
	case "1.2.840.113549.1.12.1.2":
		return decryptRC4(derive(forKey, 5), data)
	case "1.2.840.113549.1.12.1.3":
		block, err = des.NewTripleDESCipher(derive(forKey, 24))
	case "1.2.840.113549.1.12.1.4":
		key := derive(forKey, 16)
		block, err = des.NewTripleDESCipher(append(key, key[:8]...))
	case "1.2.840.113549.1.12.1.5":
		block = newRC2(derive(forKey, 16))
	case "1.2.840.113549.1.12.1.6":
		block = newRC2(derive(forKey, 5))
	default:
		return nil, fmt.Errorf("encryption %s: %w", oid, errUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, derive(forIV, 8), data)
}

// pkcs12KDF derives n octets after RFC 7292 appendix B.2. The id says what for: 1 key, 2 initialisation vector, 3 MAC.
func pkcs12KDF(newHash func() hash.Hash, id byte, password, salt []byte, iterations, n int) []byte {
	h := newHash()
	v := h.BlockSize()
	diversifier := make([]byte, v)
	for i := range diversifier {
		diversifier[i] = id
	}
	input := append(repeat(salt, v), repeat(password, v)...)
	var out []byte
	for {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		a := h.Sum(nil)
		for range iterations - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		if out = append(out, a...); len(out) >= n {
			clear(input)
			return out[:n]
		}
		b := repeat(a, v)[:v]
		for j := 0; j < len(input); j += v {
			addOne(input[j:j+v], b)
		}
	}
}

// repeat fills a multiple of v octets with b.
func repeat(b []byte, v int) []byte {
	out := make([]byte, (len(b)+v-1)/v*v)
	for i := 0; i < len(out); i += len(b) {
		copy(out[i:], b)
	}
	return out
}

// addOne makes a = a + b + 1, big-endian, without the carry out of it.
func addOne(a, b []byte) {
	carry := 1
	for i := len(a) - 1; i >= 0; i-- {
		carry += int(a[i]) + int(b[i])
		a[i] = byte(carry)
		carry >>= 8
	}
}
