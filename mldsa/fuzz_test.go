package mldsa_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

// FuzzParsePKCS8: a key that is read is written as one that is the same; all else is an error with a class.
func FuzzParsePKCS8(f *testing.F) {
	for _, set := range mldsa.Sets() {
		expanded := mldsa.Expand(set, seedOfRFC())
		for _, private := range [][]byte{choice(seedOfRFC(), nil), choice(nil, expanded), choice(seedOfRFC(), expanded)} {
			f.Add(container(set, 0, private))
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := mldsa.ParsePKCS8(der)
		if err != nil {
			if !errors.Is(err, sign.ErrInput) && !errors.Is(err, sign.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		again, err := key.MarshalPKCS8()
		if err != nil {
			if key.Trusted() {
				t.Fatal(err)
			}
			return
		}
		same, err := mldsa.ParsePKCS8(again)
		if err != nil || !bytes.Equal(same.SubjectPublicKeyInfo(), key.SubjectPublicKeyInfo()) {
			t.Fatal("another key", err)
		}
	})
}

// FuzzParsePublicKey: there is one encoding of a key.
func FuzzParsePublicKey(f *testing.F) {
	for _, set := range mldsa.Sets() {
		key, err := mldsa.ParsePKCS8(container(set, 0, choice(seedOfRFC(), nil)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(key.SubjectPublicKeyInfo())
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		set, public, err := mldsa.ParsePublicKey(der)
		if err != nil {
			if !errors.Is(err, sign.ErrInput) && !errors.Is(err, sign.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(spki(set, public.Bytes()), der) {
			t.Fatal("two encodings")
		}
	})
}
