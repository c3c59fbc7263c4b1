package slhdsa_test

import (
	"compress/gzip"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/slhdsa"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	own "github.com/seed-116355fd/signet/slhdsa"
)

// spki encodes a key as in RFC 9909 section 4. The signature algorithm of the scheme is that of the key, too.
func spki(t *testing.T, s sign.Scheme, public []byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.SignatureAlg)
		b.AddASN1BitString(public)
	})
	return testpki.Must(b.Bytes())
}

func schemeOf(t *testing.T, name string) sign.Scheme {
	t.Helper()
	for _, set := range own.Sets() {
		if set.String() == name {
			return set.Scheme()
		}
	}
	t.Fatalf("there is no set %s", name)
	return sign.Scheme{}
}

// load reads a file of the vectors of ACVP, which the module below brings.
func load(t *testing.T, name string, v any) {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/cloudflare/circl/sign/slhdsa").Output()
	require.NoError(t, err)
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(folder)), "testdata", name))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(v))
}

// TestVectors are those of ACVP that have the pure form and an empty context.
func TestVectors(t *testing.T) {
	var prompts, results struct {
		TestGroups []struct {
			ID                                        int `json:"tgId"`
			ParameterSet, SignatureInterface, PreHash string
			Tests                                     []struct {
				ID                              int `json:"tcId"`
				PK, Message, Signature, Context string
				TestPassed                      bool
			}
		}
	}
	load(t, "verify_prompt.json.gz", &prompts)
	load(t, "verify_results.json.gz", &results)
	good, bad := 0, 0
	for i, g := range prompts.TestGroups {
		require.Equal(t, g.ID, results.TestGroups[i].ID)
		if g.SignatureInterface != "external" || g.PreHash != "pure" {
			continue
		}
		s := schemeOf(t, g.ParameterSet)
		for j, c := range g.Tests {
			r := results.TestGroups[i].Tests[j]
			require.Equal(t, c.ID, r.ID)
			key := spki(t, s, testpki.Must(hex.DecodeString(c.PK)))
			err := s.Verify(key, testpki.Must(hex.DecodeString(c.Message)), testpki.Must(hex.DecodeString(c.Signature)))
			if r.TestPassed && c.Context == "" {
				good++
				require.NoError(t, err, "%s, test %d", g.ParameterSet, c.ID)
			} else {
				bad++
				require.Error(t, err, "%s, test %d: with context %q", g.ParameterSet, c.ID, c.Context)
			}
		}
	}
	require.Equal(t, 5, good)
	require.Greater(t, bad, 30)
}

func TestSets(t *testing.T) {
	require.Len(t, own.Sets(), 12)
	require.Len(t, own.Schemes(), 12)
	require.Equal(t, "Set(0)", own.Set(0).String())
	require.Zero(t, own.Set(0).Scheme().Verify)
	require.Zero(t, own.Set(32).Scheme().Verify)
	require.Equal(t, "slh-dsa-shake-256f", own.SHAKE_256f.Scheme().Name)
	// RFC 9909 section 3 and RFC 9814 section 4.
	for name, oids := range map[string][2]string{
		"SLH-DSA-SHA2-128s": {"300b0609608648016503040314", "300b0609608648016503040201"}, "SLH-DSA-SHA2-128f": {"300b0609608648016503040315", "300b0609608648016503040201"},
		"SLH-DSA-SHA2-192s": {"300b0609608648016503040316", "300b0609608648016503040203"}, "SLH-DSA-SHA2-192f": {"300b0609608648016503040317", "300b0609608648016503040203"},
		"SLH-DSA-SHA2-256s": {"300b0609608648016503040318", "300b0609608648016503040203"}, "SLH-DSA-SHA2-256f": {"300b0609608648016503040319", "300b0609608648016503040203"},
		"SLH-DSA-SHAKE-128s": {"300b060960864801650304031a", "300b060960864801650304020b"}, "SLH-DSA-SHAKE-128f": {"300b060960864801650304031b", "300b060960864801650304020b"},
		"SLH-DSA-SHAKE-192s": {"300b060960864801650304031c", "300b060960864801650304020c"}, "SLH-DSA-SHAKE-192f": {"300b060960864801650304031d", "300b060960864801650304020c"},
		"SLH-DSA-SHAKE-256s": {"300b060960864801650304031e", "300b060960864801650304020c"}, "SLH-DSA-SHAKE-256f": {"300b060960864801650304031f", "300b060960864801650304020c"},
	} {
		s := schemeOf(t, name)
		require.Equal(t, oids[0], hex.EncodeToString(s.SignatureAlg), name)
		require.Equal(t, oids[1], hex.EncodeToString(s.DigestAlg), name)
		require.True(t, s.Whole)
		require.Equal(t, name, cms.OID(s.SignatureAlg[4:]).Name(), "as reports have it")
	}
}

// TestDigests has the digests of no octets, of FIPS 202, and more written after a sum.
func TestDigests(t *testing.T) {
	for set, want := range map[own.Set]string{
		own.SHAKE_128s: "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
		own.SHAKE_192f: "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762fd75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be",
	} {
		h := set.Scheme().NewHash()
		require.Equal(t, want, hex.EncodeToString(h.Sum(nil)))
		require.Equal(t, len(want)/2, h.Size())
		_, _ = h.Write([]byte("more"))
		sum := h.Sum([]byte("before"))
		require.Equal(t, "before", string(sum[:6]))
		require.Equal(t, sum[6:], h.Sum(nil))
		require.NotEqual(t, want, hex.EncodeToString(sum[6:]))
		h.Reset()
		require.Equal(t, want, hex.EncodeToString(h.Sum(nil)))
	}
}

// TestRefuses gives signatures and keys that are of something else.
func TestRefuses(t *testing.T) {
	public, private, err := slhdsa.GenerateKey(nil, slhdsa.SHA2_128f)
	require.NoError(t, err)
	octets, message := testpki.Must(public.MarshalBinary()), []byte("message")
	pure, err := slhdsa.SignDeterministic(&private, slhdsa.NewMessage(message), nil)
	require.NoError(t, err)
	s := own.SHA2_128f.Scheme()
	key := spki(t, s, octets)
	require.NoError(t, s.Verify(key, message, pure))
	require.Error(t, s.Verify(key, []byte("massage"), pure))
	require.Error(t, s.Verify(key, message, pure[:len(pure)-1]))
	require.Error(t, s.Verify(key, message, append(pure, 0)))
	require.Error(t, s.Verify(key, message, nil))

	context, err := slhdsa.SignDeterministic(&private, slhdsa.NewMessage(message), []byte("context"))
	require.NoError(t, err)
	require.Error(t, s.Verify(key, message, context))
	hashed, err := slhdsa.NewPreHashWithHash(crypto.SHA256)
	require.NoError(t, err)
	_, _ = hashed.Write(message)
	prehashed, err := hashed.BuildMessage()
	require.NoError(t, err)
	signature, err := slhdsa.SignDeterministic(&private, prehashed, nil)
	require.NoError(t, err)
	require.Error(t, s.Verify(key, message, signature), "HashSLH-DSA has identifiers of its own")

	for name, other := range map[string][]byte{
		"another set of the same sizes": spki(t, own.SHAKE_128f.Scheme(), octets),
		"short":                         spki(t, s, octets[1:]),
		"long":                          spki(t, s, append(octets, 0)),
		"something behind":              append(key[:len(key):len(key)], 0),
		"nothing":                       nil,
		"parameters": testpki.Must(func() ([]byte, error) {
			p := s
			p.SignatureAlg = append(append([]byte{0x30, 13}, s.SignatureAlg[2:]...), 5, 0)
			return spki(t, p, octets), nil
		}()),
	} {
		class := sign.ErrInput
		if name == "another set of the same sizes" || name == "parameters" {
			class = sign.ErrKeyMismatch
		}
		require.ErrorIs(t, s.Verify(other, message, pure), class, name)
	}
}

// TestSignsNothing has a signer refused that could not sign.
func TestSignsNothing(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(t, err)
	_, err = sign.New(key, []*x509.Certificate{id.Certificate()}, own.SHAKE_256s.Scheme())
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "slh-dsa-shake-256s")
}
