package soft_test

import (
	"bytes"
	"errors"
	"hash"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// ownEncryption is a caller's, which knows one cipher of its own.
type ownEncryption struct {
	plain []byte
	size  int
	err   error // of the parameters
	wrong bool  // the password
	panic bool
	asked []byte // the parameters
	keys  int    // octets of the key that it was given
}

const ownCipher = "2.16.840.1.101.3.4.1.127"

func (*ownEncryption) PRF(string) func() hash.Hash             { return nil }
func (*ownEncryption) MAC(string) (func() hash.Hash, int, int) { return nil, 0, 0 }

func (e *ownEncryption) Cipher(oid string, parameters []byte) (int, func(key, data []byte) ([]byte, error), error) {
	if oid != ownCipher || e.err != nil {
		return 0, nil, e.err
	}
	e.asked = parameters
	return e.size, func(key, _ []byte) ([]byte, error) {
		if e.keys = len(key); e.panic {
			panic("a fault")
		}
		if e.wrong {
			return nil, errors.New("it does not fit")
		}
		return e.plain, nil
	}, nil
}

// TestEncryptionOfCaller: a cipher that only the caller knows, and what is not as it should be.
func TestEncryptionOfCaller(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44)
	require.NoError(t, err)
	der, err := key.MarshalPKCS8()
	require.NoError(t, err)
	aes256 := []byte("\x60\x86\x48\x01\x65\x03\x04\x01\x2a")
	file := bytes.Replace(encryptKey(t, der, "sesame"), aes256, append(aes256[:8:8], 0x7f), 1)
	for name, c := range map[string]struct {
		e     *ownEncryption
		class error
		says  string
	}{
		"it is read":        {&ownEncryption{plain: der, size: 24}, nil, ""},
		"another password":  {&ownEncryption{wrong: true, size: 24}, sign.ErrPIN, ""},
		"what is no key":    {&ownEncryption{plain: []byte("x"), size: 24}, sign.ErrPIN, ""},
		"parameters":        {&ownEncryption{err: errors.New("no salt"), size: 24}, sign.ErrInput, "no salt"},
		"no size":           {&ownEncryption{plain: der}, sign.ErrInput, "no size"},
		"a size of a file":  {&ownEncryption{plain: der, size: 1 << 30}, sign.ErrInput, "no size"},
		"a fault of itself": {&ownEncryption{size: 24, panic: true}, sign.ErrInput, "a fault"},
		"nobody":            {nil, sign.ErrUnsupported, ownCipher},
	} {
		t.Run(name, func(t *testing.T) {
			config := soft.Config{Parsers: parsers(), Password: soft.Password(sign.NewSecret([]byte("sesame"))), Encryption: []soft.Encryption{nil}}
			if c.e != nil {
				config.Encryption = append(config.Encryption, c.e)
			}
			_, err := soft.Parse(t.Context(), "k", file, config)
			if c.class == nil {
				require.NoError(t, err)
				require.Equal(t, 24, c.e.keys)
				require.NotEmpty(t, c.e.asked)
				return
			}
			require.ErrorIs(t, err, c.class)
			require.ErrorContains(t, err, c.says)
		})
	}
}
