package soft

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/rc4"
	"crypto/sha1" // files of others ask for it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	convertPKCS8       = "openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW"
	convertPKCS8Legacy = "openssl pkcs8 -topk8 -v2 aes-256-cbc -provider default -provider legacy -in OLD -out NEW"
)

// algorithm is an AlgorithmIdentifier.
type algorithm struct {
	oid    string
	params cryptobyte.String // the whole element, or empty
}

func readAlgorithm(s *cryptobyte.String) (algorithm, bool) {
	var inner cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&oid) {
		return algorithm{}, false
	}
	return algorithm{oid.String(), inner}, true
}

// encryptedKey takes an EncryptedPrivateKeyInfo (RFC 5208 section 6).
func (r *reader) encryptedKey(der []byte, label string, id []byte) error {
	s, inner, data := cryptobyte.String(der), cryptobyte.String(nil), cryptobyte.String(nil)
	ok := s.ReadASN1(&inner, casn1.SEQUENCE) && s.Empty()
	alg, okAlg := readAlgorithm(&inner)
	if !ok || !okAlg || !inner.ReadASN1(&data, casn1.OCTET_STRING) {
		return r.error(errors.New("the encrypted private key is not an EncryptedPrivateKeyInfo"))
	}
	plain, err := r.decrypt(alg, data)
	if err != nil {
		return r.error(err)
	}
	defer clear(plain)
	return r.key(plain, label, id)
}

// decrypt undoes password-based encryption of a SEQUENCE: PBES2 (RFC 8018 section 6.2) or the kinds of PKCS#12
// (RFC 7292 appendix C).
func (r *reader) decrypt(alg algorithm, data []byte) ([]byte, error) {
	var (
		plain []byte
		err   error
	)
	switch {
	case alg.oid == "1.2.840.113549.1.5.13":
		plain, err = r.pbes2(alg.params, data)
	case strings.HasPrefix(alg.oid, "1.2.840.113549.1.12.1."):
		plain, err = r.pkcs12PBE(alg, data)
	case strings.HasPrefix(alg.oid, "1.2.840.113549.1.5."):
		return nil, &convertError{"it is encrypted with PBES1 (" + alg.oid + ")", convertPKCS8Legacy}
	default:
		return nil, fmt.Errorf("encryption %s: %w", alg.oid, errUnsupported)
	}
	if err != nil {
		return nil, err
	}
	// A wrong password leaves a good padding behind once in 256 times.
	s := cryptobyte.String(plain)
	if !s.SkipASN1(casn1.SEQUENCE) || !s.Empty() {
		return nil, errPassword
	}
	return plain, nil
}

func (r *reader) pbes2(params cryptobyte.String, data []byte) ([]byte, error) {
	var inner cryptobyte.String
	ok := params.ReadASN1(&inner, casn1.SEQUENCE)
	kdf, okKDF := readAlgorithm(&inner)
	enc, okEnc := readAlgorithm(&inner)
	var iv cryptobyte.String
	if !ok || !okKDF || !okEnc {
		return nil, errors.New("the parameters of PBES2 are damaged")
	}
	switch kdf.oid {
	case "1.2.840.113549.1.5.12":
	case "1.3.6.1.4.1.11591.4.11":
		return nil, &convertError{"its password derivation is scrypt", convertPKCS8}
	default:
		return nil, fmt.Errorf("password derivation %s: %w", kdf.oid, errUnsupported)
	}
	var newBlock func([]byte) (cipher.Block, error)
	var keyLen int
	switch enc.oid {
	case "2.16.840.1.101.3.4.1.2":
		newBlock, keyLen = aes.NewCipher, 16
	case "2.16.840.1.101.3.4.1.22":
		newBlock, keyLen = aes.NewCipher, 24
	case "2.16.840.1.101.3.4.1.42":
		newBlock, keyLen = aes.NewCipher, 32
	case "1.2.840.113549.3.7":
		newBlock, keyLen = des.NewTripleDESCipher, 24
	default:
		return r.ownCipher(kdf, enc, data)
	}
	if !enc.params.ReadASN1(&iv, casn1.OCTET_STRING) {
		return nil, errors.New("the parameters of the cipher are damaged")
	}
	key, err := r.pbkdf2(kdf.params, keyLen, true)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := newBlock(key)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, iv, data)
}

// pbkdf2 derives a key after RFC 8018 appendix A.2. A length that stands in the parameters must be the one that is
// needed, or, when fixed is false, replaces it.
func (r *reader) pbkdf2(params cryptobyte.String, keyLen int, fixed bool) ([]byte, error) {
	var inner, salt cryptobyte.String
	var iterations int
	if !params.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1(&salt, casn1.OCTET_STRING) || !inner.ReadASN1Integer(&iterations) {
		return nil, errors.New("the parameters of PBKDF2 are damaged")
	}
	if inner.PeekASN1Tag(casn1.INTEGER) {
		var n int
		if !inner.ReadASN1Integer(&n) || (fixed && n != keyLen) || (!fixed && (n < minMACKey || n > sha512.Size)) {
			return nil, errors.New("the key length of PBKDF2 does not go with the cipher")
		}
		keyLen = n
	} else if !fixed {
		return nil, errors.New("PBMAC1 needs a key length (RFC 9579 section 4)")
	}
	prf, newPRF := crypto.SHA1, newHash(crypto.SHA1)
	if !inner.Empty() {
		alg, ok := readAlgorithm(&inner)
		if !ok {
			return nil, errors.New("the parameters of PBKDF2 are damaged")
		}
		var err error
		if prf, newPRF, err = r.prf(alg.oid); err != nil {
			return nil, err
		}
	}
	if err := inFIPS(prf, salt); err != nil {
		return nil, err
	}
	return r.derive(newPRF, prf == 0, salt, iterations, keyLen)
}

// ownWeight is how much longer than one of the standard library a hash of the caller is taken to need: Streebog needs some 40 times as long.
const ownWeight = 32

// derive is PBKDF2 with the password, by a hash of the caller or not. Each digest of the key costs all iterations (RFC 8018 section 5.2).
func (r *reader) derive(newHash func() hash.Hash, own bool, salt []byte, iterations, keyLen int) ([]byte, error) {
	size := newHash().Size()
	if size < 1 {
		return nil, errors.New("the hash of its password derivation has no size")
	}
	times := max(1, (keyLen+size-1)/size)
	if own {
		times *= ownWeight
	}
	if err := r.spend(iterations, times); err != nil {
		return nil, err
	}
	password, err := r.password.get(r.ctx)
	if err != nil {
		return nil, err
	}
	return pbkdf2.Key(newHash, string(password), salt, iterations, keyLen)
}

// spend refuses a derivation that would take too long, alone or together with the others of the file. Its iterations cost so many times
// what one of the standard library costs.
func (r *reader) spend(iterations, times int) error {
	if most := min(r.limit, r.left/times); iterations < 1 || iterations > most {
		return fmt.Errorf("its password derivation asks for %d iterations, the limit is %d here (Config.MaxIterations)", iterations, most)
	}
	r.left -= iterations * times
	return nil
}

// hmacHash returns the hash of an HMAC (RFC 8018 appendix B.1), or 0.
func hmacHash(oid string) crypto.Hash {
	switch oid {
	case "1.2.840.113549.2.7":
		return crypto.SHA1
	case "1.2.840.113549.2.8":
		return crypto.SHA224
	case "1.2.840.113549.2.9":
		return crypto.SHA256
	case "1.2.840.113549.2.10":
		return crypto.SHA384
	case "1.2.840.113549.2.11":
		return crypto.SHA512
	}
	return 0
}

// inFIPS refuses what GODEBUG=fips140=only forbids, by a panic or an error that does not say what to do: hashes of before SHA-2,
// and short salts, which are those of OpenSSL before 3.5.
func inFIPS(h crypto.Hash, salt []byte) error {
	switch {
	case !fips140.Enforced():
		return nil
	case h == crypto.SHA1:
		return &convertError{"its password goes through SHA-1, which is forbidden in this process (fips140=only)", convertFIPS}
	case salt != nil && len(salt) < minFIPSSalt:
		return &convertError{fmt.Sprintf("the salt of its password has %d octets, and fewer than %d are forbidden in this process (fips140=only)", len(salt), minFIPSSalt), convertFIPS}
	}
	return nil
}

const (
	minFIPSSalt = 16 // NIST SP 800-132 section 5.1
	convertFIPS = "keytool -importkeystore -srckeystore OLD.p12 -destkeystore NEW.p12 -deststoretype PKCS12"
)

// newHash makes one of the hashes of hmacHash and digestHash.
func newHash(h crypto.Hash) func() hash.Hash {
	switch h {
	case crypto.SHA224:
		return sha256.New224
	case crypto.SHA256:
		return sha256.New
	case crypto.SHA384:
		return sha512.New384
	case crypto.SHA512:
		return sha512.New
	}
	return sha1.New
}

func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size {
		return nil, errors.New("the initialisation vector has a wrong length")
	}
	if len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("the encrypted data has a wrong length")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n == 0 || n > size {
		return nil, errPassword
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, errPassword
		}
	}
	return plain[:len(plain)-n], nil
}

func decryptRC4(key, data []byte) ([]byte, error) {
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(data))
	c.XORKeyStream(plain, data)
	return plain, nil
}
