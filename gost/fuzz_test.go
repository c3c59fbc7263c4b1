package gost_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// fuzzKeys are keys on every kind of curve.
func fuzzKeys(f *testing.F) (keys []*gost.Key) {
	f.Helper()
	for _, curve := range []string{"1.2.643.2.2.36.0", "1.2.643.2.2.35.2", "1.2.643.7.1.2.1.1.1", "1.2.643.7.1.2.1.2.1", "1.2.643.7.1.2.1.2.3"} {
		keys = append(keys, newKey(f, curve))
	}
	return keys
}

// FuzzParsePKCS8 takes any octets for a private key: one that is taken is written as it is read again, and signs.
func FuzzParsePKCS8(f *testing.F) {
	for _, key := range fuzzKeys(f) {
		der, err := key.MarshalPKCS8()
		require.NoError(f, err)
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := gost.ParsePKCS8(der)
		if err != nil {
			require.Nil(t, key)
			require.True(t, errors.Is(err, sign.ErrInput) || errors.Is(err, sign.ErrUnsupported), "%v", err)
			return
		}
		again, err := key.MarshalPKCS8()
		require.NoError(t, err)
		same, err := gost.ParsePKCS8(again)
		require.NoError(t, err)
		require.Equal(t, key.SubjectPublicKeyInfo(), same.SubjectPublicKeyInfo())
		scheme := key.Schemes()[0]
		digest := make([]byte, scheme.NewHash().Size())
		signature, err := key.Sign(nil, digest, scheme.Opts)
		require.NoError(t, err)
		require.NoError(t, scheme.Verify(key.SubjectPublicKeyInfo(), digest, signature))
	})
}

// FuzzSubjectPublicKeyInfo takes any octets for a public key, of 2012 or of 2001, and a signature by it.
func FuzzSubjectPublicKeyInfo(f *testing.F) {
	for _, key := range fuzzKeys(f) {
		scheme := key.Schemes()[0]
		digest := make([]byte, scheme.NewHash().Size())
		signature, err := key.Sign(nil, digest, scheme.Opts)
		require.NoError(f, err)
		f.Add(key.SubjectPublicKeyInfo(), digest, signature)
	}
	old := certificate(f, "testdata/rfc4491.crt")
	f.Add(old.RawSubjectPublicKeyInfo, make([]byte, 32), old.Signature)
	f.Fuzz(func(t *testing.T, spki, digest, signature []byte) {
		key, err := gost.ParsePublicKey(spki)
		if err == nil {
			require.Len(t, key.Bytes(), 2*key.Curve().Size())
			require.True(t, bytes.Contains(spki, key.Bytes()))
		}
		for _, s := range gost.Schemes() {
			if s.Verify(spki, digest, signature) == nil {
				require.Len(t, digest, s.NewHash().Size())
			}
		}
	})
}

// FuzzCipher gives any octets as the parameters of a cipher, and to decrypt.
func FuzzCipher(f *testing.F) {
	oids := []string{"1.2.643.7.1.1.5.1.1", "1.2.643.7.1.1.5.1.2", "1.2.643.7.1.1.5.2.1", "1.2.643.7.1.1.5.2.2", "1.2.643.2.2.21"}
	for i := range oids {
		f.Add(uint8(i), []byte("\x30\x0e\x04\x0c123456789012"), []byte("what was encrypted"))
		f.Add(uint8(i), []byte("\x30\x12\x04\x101234567890123456"), []byte("what was encrypted"))
		f.Add(uint8(i), []byte("\x30\x13\x04\x0812345678\x06\x07\x2a\x85\x03\x02\x02\x1f\x01"), []byte("what was encrypted"))
	}
	f.Fuzz(func(t *testing.T, which uint8, parameters, data []byte) {
		oid := oids[int(which)%len(oids)]
		size, decrypt, err := gost.Encryption{}.Cipher(oid, parameters)
		if err != nil {
			require.Nil(t, decrypt)
			return
		}
		before := bytes.Clone(data)
		plain, err := decrypt(make([]byte, size), data)
		require.Equal(t, before, data, "what is decrypted stays")
		switch oid {
		case "1.2.643.7.1.1.5.1.2", "1.2.643.7.1.1.5.2.2":
			require.True(t, err != nil || len(plain) < len(data))
		default:
			require.NoError(t, err)
			require.Len(t, plain, len(data))
		}
	})
}

// FuzzContainer takes any octets for a container.
func FuzzContainer(f *testing.F) {
	for _, name := range []string{"rfc9548-kuznyechik.p12", "rfc9548-magma.p12", "r50-masked.p12"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	key := newKey(f, "1.2.643.2.2.36.0")
	der, err := key.MarshalPKCS12(secret("x"), &gost.PKCS12{Protection: gost.Protection{Iterations: 1000}})
	require.NoError(f, err)
	f.Add(der)
	f.Fuzz(func(t *testing.T, data []byte) {
		c := config("x")
		c.MaxIterations = 40_000 // of Streebog 1,250
		p, err := soft.Parse(t.Context(), "a.p12", data, c)
		if err != nil {
			require.Nil(t, p)
			return
		}
		require.NoError(t, p.Close())
	})
}
