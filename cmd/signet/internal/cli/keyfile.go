package cli

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// newKeyFile is what makes a key in a file.
type newKeyFile struct {
	out          string
	passwordFile string
	plain        bool // without a password
}

// make makes a key file: PKCS #8 in PEM, that of a key of ML-DSA with its seed.
func (n *newKeyFile) make(ctx context.Context, a *app, kind pkcs11.KeyKind) error {
	var secret sign.Secret
	if !n.plain {
		var err error
		secret, err = a.newSecret(ctx, n.passwordFile, passwordVariable, n.out,
			"with what password? Give --password-file FILE or set SIGNET_PASSWORD (there is no terminal to ask on), or --no-password")
		if err != nil {
			return err
		}
		defer secret.Wipe()
	}
	der, err := newPKCS8(kind)
	if err != nil {
		return keyFailure(err)
	}
	defer clear(der)
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if !n.plain {
		if gostCurves[kind] != "" {
			der, err = encryptedGOST(der, secret)
		} else {
			der, err = encrypted(der, secret.Bytes(), rounds)
		}
		if err != nil {
			return keyFailure(err)
		}
		block = &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}
	}
	err = writeSecret(n.out, func(w io.Writer) error { return pem.Encode(w, block) })
	if errors.Is(err, errExists) {
		return usage("--out %s: there is such a file already, and a key is never written over; choose another name", n.out)
	}
	if err != nil {
		return &failure{ExitFailed, fmt.Errorf("write %s: %w", n.out, plainCause(err))}
	}
	a.note("made a key of type %s; signet csr makes a request for its certificate", kind)
	return a.printf("%s\n", n.out)
}

// newSecret is the password of a new file: from a file, from a variable or from the terminal; missing says that there is none of these.
func (a *app) newSecret(ctx context.Context, file, variable, what, missing string) (sign.Secret, error) {
	ask := a.passwordOr(file, variable)
	if ask == nil {
		return sign.Secret{}, usage("%s", missing)
	}
	secret, err := ask(ctx, what)
	if err != nil {
		return secret, keyFailure(err)
	}
	if _, set := a.LookupEnv(variable); file == "" && !set { // a slip of the fingers would lose the key
		again, err := ask(ctx, what+" once more")
		if err != nil {
			secret.Wipe()
			return secret, keyFailure(err)
		}
		defer again.Wipe()
		if !bytes.Equal(secret.Bytes(), again.Bytes()) {
			secret.Wipe()
			return secret, usage("the two passwords are not the same")
		}
	}
	if secret.Len() == 0 {
		return secret, usage("the password of %s is empty; give one", what)
	}
	return secret, nil
}

// newPKCS8 makes a private key.
func newPKCS8(kind pkcs11.KeyKind) ([]byte, error) {
	sets := map[pkcs11.KeyKind]mldsa.Set{pkcs11.MLDSA44: mldsa.MLDSA44, pkcs11.MLDSA65: mldsa.MLDSA65, pkcs11.MLDSA87: mldsa.MLDSA87}
	if set, ok := sets[kind]; ok {
		key, err := mldsa.GenerateKey(set)
		if err != nil {
			return nil, err
		}
		return key.MarshalPKCS8()
	}
	if curve := gostCurves[kind]; curve != "" {
		key, err := gost.GenerateNamed(curve)
		if err != nil {
			return nil, err
		}
		return key.MarshalPKCS8()
	}
	var key crypto.PrivateKey
	var err error
	switch kind {
	case pkcs11.RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case pkcs11.RSA3072:
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case pkcs11.RSA4096:
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	case pkcs11.P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case pkcs11.P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case pkcs11.P521:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case pkcs11.Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("keys of type %s are not made in files", kind)
	}
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// gostCurves are the object identifiers of curves (RFC 9215 section 4.2).
var gostCurves = map[pkcs11.KeyKind]string{
	pkcs11.GOST256CryptoProA: "1.2.643.2.2.35.1", pkcs11.GOST256CryptoProB: "1.2.643.2.2.35.2", pkcs11.GOST256CryptoProC: "1.2.643.2.2.35.3",
	pkcs11.GOST256CryptoProXchA: "1.2.643.2.2.36.0", pkcs11.GOST256CryptoProXchB: "1.2.643.2.2.36.1",
	pkcs11.GOST256A: "1.2.643.7.1.2.1.1.1", pkcs11.GOST256B: "1.2.643.7.1.2.1.1.2", pkcs11.GOST256C: "1.2.643.7.1.2.1.1.3", pkcs11.GOST256D: "1.2.643.7.1.2.1.1.4",
	pkcs11.GOST512A: "1.2.643.7.1.2.1.2.1", pkcs11.GOST512B: "1.2.643.7.1.2.1.2.2", pkcs11.GOST512C: "1.2.643.7.1.2.1.2.3",
}

// rounds of PBKDF2: what OWASP asks for with HMAC-SHA-256.
const rounds = 600_000

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// encryptedGOST is encrypted by the algorithms of the key's own world, which its programs read.
func encryptedGOST(der []byte, password sign.Secret) ([]byte, error) {
	key, err := gost.ParsePKCS8(der)
	if err != nil {
		return nil, err
	}
	return key.MarshalEncryptedPKCS8(password, nil)
}

// encrypted is an EncryptedPrivateKeyInfo (RFC 5958 section 3).
func encrypted(der, password []byte, rounds int) ([]byte, error) {
	algorithm, data, err := pbes2(der, password, rounds)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Algorithm asn1.RawValue
		Data      []byte
	}{asn1.RawValue{FullBytes: algorithm}, data})
}

// pbes2 encrypts by PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC (RFC 8018), and returns the AlgorithmIdentifier as well.
func pbes2(plain, password []byte, rounds int) (identifier, data []byte, err error) {
	salt, iv := make([]byte, 16), make([]byte, aes.BlockSize)
	_, _ = rand.Read(salt) // never fails
	_, _ = rand.Read(iv)
	key, err := pbkdf2.Key(sha256.New, string(password), salt, rounds, 32)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	data = make([]byte, len(plain)+pad)
	copy(data, plain)
	for i := len(plain); i < len(data); i++ {
		data[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	type algorithm struct {
		ID         asn1.ObjectIdentifier
		Parameters any
	}
	type kdf struct {
		Salt   []byte
		Rounds int
		PRF    pkix.AlgorithmIdentifier
	}
	identifier, err = asn1.Marshal(algorithm{oidPBES2, struct{ KDF, Cipher algorithm }{
		algorithm{oidPBKDF2, kdf{salt, rounds, pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue}}},
		algorithm{oidAES256CBC, iv},
	}})
	return identifier, data, err
}
