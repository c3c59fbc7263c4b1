package gost

import (
	"crypto/hmac"
	"encoding/asn1"
	"errors"
	"hash"

	"github.com/seed-116355fd/signet/gost/gost94"
	"github.com/seed-116355fd/signet/gost/internal/cipher"
	"github.com/seed-116355fd/signet/gost/streebog"
)

// Encryption reads key files that are encrypted with the algorithms of GOST under a password, as soft.Config.Encryption takes it: PBKDF2
// with HMAC of Streebog, Kuznyechik and Magma in CTR-ACPKM with and without a MAC (RFC 9337), GOST 28147-89 in CFB as files of before have
// it (RFC 4357), and the MAC of PKCS#12 (RFC 9548).
type Encryption struct{}

// PRF is the hash of an HMAC (RFC 9337 section 7.1, RFC 4357 section 10.2), or nil.
func (Encryption) PRF(oid string) func() hash.Hash {
	switch oid {
	case "1.2.643.7.1.1.4.1":
		return streebog.New256
	case "1.2.643.7.1.1.4.2":
		return streebog.New512
	case "1.2.643.2.2.10":
		return gost94.New
	}
	return nil
}

// MAC is the hash of the HMAC of a PKCS#12 file, whose key is the last 32 of 96 octets of PBKDF2 (RFC 9548 section 3), or nil.
func (Encryption) MAC(oid string) (newHash func() hash.Hash, keySize, skip int) {
	switch oid {
	case "1.2.643.7.1.1.2.2":
		newHash = streebog.New256
	case "1.2.643.7.1.1.2.3":
		newHash = streebog.New512
	case "1.2.643.2.2.9":
		newHash = gost94.New
	}
	return newHash, 96, 64
}

var (
	errParameters = errors.New("the parameters of the GOST cipher are damaged, or not known")
	errMAC        = errors.New("the MAC of what was encrypted does not fit")
)

// Cipher is an encryption scheme of PBES2 (RFC 9337 section 7.3), or nil.
func (Encryption) Cipher(oid string, parameters []byte) (keySize int, decrypt func(key, data []byte) ([]byte, error), err error) {
	switch oid {
	case "1.2.643.7.1.1.5.1.1":
		decrypt, err = ctrACPKM(cipher.KindMagma, parameters, false)
	case "1.2.643.7.1.1.5.1.2":
		decrypt, err = ctrACPKM(cipher.KindMagma, parameters, true)
	case "1.2.643.7.1.1.5.2.1":
		decrypt, err = ctrACPKM(cipher.KindKuznyechik, parameters, false)
	case "1.2.643.7.1.1.5.2.2":
		decrypt, err = ctrACPKM(cipher.KindKuznyechik, parameters, true)
	case "1.2.643.2.2.21":
		decrypt, err = cfb(parameters)
	}
	return cipher.KeySize, decrypt, err
}

const seedSize = 8 // octets of a UKM that the keys are made of (RFC 9337 section 5.1.1)

// ctrACPKM reads Gost3412-15-Encryption-Parameters. The data of a scheme with a MAC end with it, encrypted as they are.
func ctrACPKM(kind cipher.Kind, parameters []byte, withMAC bool) (func(key, data []byte) ([]byte, error), error) {
	var p struct{ UKM []byte }
	if rest, err := asn1.Unmarshal(parameters, &p); err != nil || len(rest) != 0 || len(p.UKM) != kind.Block/2+seedSize {
		return nil, errParameters
	}
	iv, seed := p.UKM[:kind.Block/2], p.UKM[kind.Block/2:]
	return func(key, data []byte) ([]byte, error) {
		if !withMAC {
			return kind.CTRACPKM(key, iv, data), nil
		}
		if len(data) < kind.Block {
			return nil, errMAC
		}
		keys := kdfTree(key, []byte("kdf tree"), seed)
		defer clear(keys)
		plain := kind.CTRACPKM(keys[:cipher.KeySize], iv, data)
		text, mac := plain[:len(plain)-kind.Block], plain[len(plain)-kind.Block:]
		if !hmac.Equal(kind.OMAC(keys[cipher.KeySize:], text), mac) {
			clear(plain)
			return nil, errMAC
		}
		return text, nil
	}, nil
}

// kdfTree makes two keys of one: KDF_TREE_GOSTR3411_2012_256 with R = 1 and 512 bits (RFC 7836 section 4.5).
func kdfTree(key, label, seed []byte) []byte {
	out := make([]byte, 0, 2*cipher.KeySize)
	for i := byte(1); i <= 2; i++ {
		h := hmac.New(streebog.New256, key)
		h.Write([]byte{i})
		h.Write(label)
		h.Write([]byte{0})
		h.Write(seed)
		h.Write([]byte{2, 0}) // bits of all keys
		out = h.Sum(out)
	}
	return out
}

// cfb reads Gost28147-89-Parameters (RFC 4357 section 10.2).
func cfb(parameters []byte) (func(key, data []byte) ([]byte, error), error) {
	var p struct {
		IV  []byte
		Set asn1.ObjectIdentifier
	}
	if rest, err := asn1.Unmarshal(parameters, &p); err != nil || len(rest) != 0 || len(p.IV) != 8 {
		return nil, errParameters
	}
	var sbox *cipher.Sbox
	switch p.Set.String() {
	case "1.2.643.7.1.2.5.1.1":
		sbox = &cipher.ParamZ
	case "1.2.643.2.2.31.1":
		sbox = &cipher.CryptoProA
	default:
		return nil, errParameters
	}
	return func(key, data []byte) ([]byte, error) {
		return cipher.NewGOST28147(sbox, key).DecryptCFB(p.IV, data), nil
	}, nil
}
