package mldsa_test

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

// example reads one of RFC 9881 appendix C; nil when there is none of that form.
func example(t *testing.T, set mldsa.Set, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "rfc9881", set.String()[len("ML-DSA-"):]+"-"+name+".pem"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	block, rest := pem.Decode(data)
	require.NotNil(t, block)
	require.Empty(t, rest)
	return block.Bytes
}

func seedOfRFC() []byte {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	return seed
}

// choice are the octets of the three forms of a private key.
func choice(seed, expanded []byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	switch {
	case expanded == nil:
		b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(seed) })
	case seed == nil:
		b.AddASN1OctetString(expanded)
	default:
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(seed)
			b.AddASN1OctetString(expanded)
		})
	}
	return b.BytesOrPanic()
}

// container is OneAsymmetricKey around a private key.
func container(set mldsa.Set, version int64, private []byte, after ...[]byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(version)
		b.AddBytes(set.Scheme().SignatureAlg)
		b.AddASN1OctetString(private)
		for _, more := range after {
			b.AddBytes(more)
		}
	})
	return b.BytesOrPanic()
}

// expandedOf is the expanded key in a file.
func expandedOf(t *testing.T, der []byte) []byte {
	t.Helper()
	s, private, expanded := cryptobyte.String(der), cryptobyte.String(nil), cryptobyte.String(nil)
	require.True(t, s.ReadASN1(&s, casn1.SEQUENCE) && s.SkipASN1(casn1.INTEGER) && s.SkipASN1(casn1.SEQUENCE) &&
		s.ReadASN1(&private, casn1.OCTET_STRING) && private.ReadASN1(&expanded, casn1.OCTET_STRING))
	return expanded
}

func TestExamples(t *testing.T) {
	for _, set := range mldsa.Sets() {
		public := example(t, set, "public")
		got, _, err := mldsa.ParsePublicKey(public)
		require.NoError(t, err)
		require.Equal(t, set, got)
		n := 0
		for _, form := range []string{"key-seed", "key-expanded", "key-both"} {
			der := example(t, set, form)
			if der == nil {
				continue
			}
			n++
			key, err := mldsa.ParsePKCS8(der)
			require.NoError(t, err, "%s %s", set, form)
			require.Equal(t, set, key.Set())
			require.Equal(t, public, key.SubjectPublicKeyInfo())
			require.Equal(t, form != "key-expanded", key.Trusted(), form)
			signature, err := key.Sign(nil, []byte("message"), crypto.Hash(0))
			require.NoError(t, err)
			require.NoError(t, set.Scheme().Verify(public, []byte("message"), signature))
			again, err := key.MarshalPKCS8()
			if form == "key-expanded" {
				require.ErrorIs(t, err, sign.ErrUnsupported)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, example(t, set, "key-seed"), again)
		}
		require.NotZero(t, n)

		certificate, err := pki.ParseCertificate(example(t, set, "certificate"))
		require.NoError(t, err)
		require.Equal(t, public, certificate.SPKI)
		v, err := cms.ReadValue(certificate.Raw)
		require.NoError(t, err)
		signed, err := cms.ParseSigned(v)
		require.NoError(t, err)
		require.NoError(t, set.Scheme().Verify(public, signed.TBS.Raw(), signed.Signature))
		damaged := bytes.Clone(signed.Signature)
		damaged[len(damaged)/2] ^= 1
		require.Error(t, set.Scheme().Verify(public, signed.TBS.Raw(), damaged))
		for _, other := range mldsa.Sets() {
			if other != set {
				require.ErrorContains(t, other.Scheme().Verify(public, signed.TBS.Raw(), signed.Signature), set.String())
			}
		}
	}
}

// TestInconsistent: the private keys of RFC 9881 appendix C.4 are a pair of which the seed is another one, and expanded keys whose
// digest of the public key, or whose vectors, do not belong to the rest. They are made here from the good ones.
func TestInconsistent(t *testing.T) {
	for _, set := range mldsa.Sets() {
		t.Run(set.String(), func(t *testing.T) {
			seed, expanded := seedOfRFC(), mldsa.Expand(set, seedOfRFC())
			if der := example(t, set, "key-expanded"); der != nil {
				require.Equal(t, expandedOf(t, der), expanded)
			}
			for name, good := range map[string][]byte{"seed": choice(seed, nil), "expanded": choice(nil, expanded), "both": choice(seed, expanded)} {
				_, err := mldsa.ParsePKCS8(container(set, 0, good))
				require.NoError(t, err, name)
			}
			otherSeed := append(bytes.Clone(seed[:31]), 0xff)
			at := func(i int, mask byte) []byte {
				changed := bytes.Clone(expanded)
				changed[i] ^= mask
				return changed
			}
			last := len(expanded) - 1
			for name, bad := range map[string][]byte{
				"another seed":             choice(otherSeed, expanded),
				"both, changed at the end": choice(seed, at(last, 1)),
				"rho":                      choice(nil, at(0, 1)),
				"rho in both":              choice(seed, at(0, 1)),
				"K in both":                choice(seed, at(40, 1)),
				"tr":                       choice(nil, at(64, 1)),
				"tr at its end":            choice(nil, at(127, 0x80)),
				"s1 out of range":          choice(nil, at(128, 0xff)),
				"s1":                       choice(nil, at(140, 3)),
				"too short":                choice(nil, expanded[:last]),
				"too long":                 choice(nil, append(bytes.Clone(expanded), 0)),
				"short seed":               choice(seed[:31], nil),
				"long seed":                choice(append(bytes.Clone(seed), 0), nil),
				"no expanded key":          choice(seed, []byte{}),
				"no seed beside it":        choice([]byte{}, expanded),
				"empty":                    {},
				"an octet behind":          append(choice(seed, nil), 0),
				"the seed constructed":     append([]byte{0xa0, 0x20}, seed...),
				"the bare seed":            seed,
			} {
				_, err := mldsa.ParsePKCS8(container(set, 0, bad))
				require.ErrorIs(t, err, sign.ErrInput, name)
				require.NotContains(t, err.Error(), "000102", name)
			}
		})
	}
}

// TestContainer reads what RFC 5958 has beside the key.
func TestContainer(t *testing.T) {
	set := mldsa.MLDSA44
	private := choice(seedOfRFC(), nil)
	key, err := mldsa.ParsePKCS8(container(set, 0, private))
	require.NoError(t, err)
	spki := key.SubjectPublicKeyInfo()
	bits := append([]byte{0}, spki[len(spki)-1312:]...)
	tagged := func(content []byte) []byte {
		b := cryptobyte.NewBuilder(nil)
		b.AddASN1(casn1.Tag(1).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(content) })
		return b.BytesOrPanic()
	}
	attributes := []byte{0xa0, 0x00}
	for name, good := range map[string][]byte{
		"attributes":                  container(set, 0, private, attributes),
		"the public key":              container(set, 1, private, tagged(bits)),
		"attributes and a public key": container(set, 1, private, attributes, tagged(bits)),
	} {
		_, err := mldsa.ParsePKCS8(good)
		require.NoError(t, err, name)
	}
	other := bytes.Clone(bits)
	other[99] ^= 1
	unused := bytes.Clone(bits)
	unused[0] = 1
	null := bytes.Replace(container(set, 0, private), set.Scheme().SignatureAlg, append([]byte{0x30, 0x0d}, append(set.Scheme().SignatureAlg[2:], 5, 0)...), 1)
	null[1] += 2
	for name, bad := range map[string][]byte{
		"another public key": container(set, 1, private, tagged(other)),
		"unused bits":        container(set, 1, private, tagged(unused)),
		"no public key":      container(set, 1, private, tagged(nil)),
		"in another order":   container(set, 1, private, tagged(bits), attributes),
		"a third version":    container(set, 2, private),
		"a negative version": container(set, -1, private),
		"something else":     container(set, 0, private, []byte{5, 0}),
		"an octet behind":    append(container(set, 0, private), 0),
		"NULL parameters":    null,
		"nothing":            nil,
		"cut off":            container(set, 0, private)[:20],
	} {
		_, err := mldsa.ParsePKCS8(bad)
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	// The public key with parameters, of another algorithm, of another length.
	_, _, err = mldsa.ParsePublicKey(spki[:len(spki)-1])
	require.ErrorIs(t, err, sign.ErrInput)
	_, _, err = mldsa.ParsePublicKey(append(bytes.Clone(spki), 0))
	require.ErrorIs(t, err, sign.ErrInput)
	_, _, err = mldsa.ParsePublicKey(bytes.Replace(spki, []byte{0x65, 3, 4, 3, 17}, []byte{0x65, 3, 4, 3, 18}, 1))
	require.ErrorIs(t, err, sign.ErrInput, "as long as one of another set")
	_, _, err = mldsa.ParsePublicKey(bytes.Replace(spki, []byte{0x65, 3, 4, 3, 17}, []byte{0x65, 3, 4, 3, 20}, 1))
	require.ErrorIs(t, err, sign.ErrUnsupported)
	signer, err := mldsa.Parse(bytes.Replace(container(set, 0, private), []byte{0x65, 3, 4, 3, 17}, []byte{0x65, 3, 4, 3, 20}, 1))
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.True(t, signer == nil, "a nil key in an interface would not be nil")
}
