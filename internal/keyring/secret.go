package keyring

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/seed-116355fd/signet/sign"
)

// MaxSecret is the longest password or PIN in octets.
const MaxSecret = 4096

// SecretFile reads a secret from a file; kind is "password" or "PIN", for errors. One line end after it is not part of it.
func SecretFile(kind, path string) (sign.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return sign.Secret{}, errors.New(kind + " file " + path + ": " + Plain(err).Error())
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, MaxSecret+1) // of fixed size, so that no copy of the secret stays behind
	n, err := io.ReadFull(f, b)
	switch {
	case err == nil:
		clear(b)
		return sign.Secret{}, errors.New(kind + " file " + path + " is too long for a " + kind)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		clear(b)
		return sign.Secret{}, errors.New(kind + " file " + path + ": " + Plain(err).Error())
	}
	b, found := bytes.CutSuffix(b[:n], []byte("\r\n"))
	if !found {
		b = bytes.TrimSuffix(b, []byte("\n"))
	}
	return sign.NewSecret(b), nil
}

// SecretEnv takes a secret from a variable of the environment. A variable that is not set is an error, one that is empty
// is the empty secret.
func SecretEnv(name string) (sign.Secret, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return sign.Secret{}, errors.New("the variable " + name + " is not set")
	}
	return sign.NewSecret([]byte(value)), nil
}

// SecretCopy returns a copy of a secret, since whoever uses it wipes it.
func SecretCopy(secret sign.Secret) sign.Secret { return sign.NewSecret(bytes.Clone(secret.Bytes())) }

// Plain takes the path out of an error of package os, for errors that name the path already.
func Plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
