//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// without returns a copy of SoftHSM2 that has all mechanisms but some, by its own configuration.
func without(t testing.TB, mechanisms string) (module string) {
	t.Helper()
	dir, err := os.MkdirTemp(softHSM.dir, "trimmed-")
	require.NoError(t, err)
	conf, err := os.ReadFile(filepath.Join(softHSM.dir, "softhsm2.conf"))
	require.NoError(t, err)
	own := filepath.Join(dir, "softhsm2.conf")
	// The first name behind the minus is passed over by SoftHSM2 2.6.1.
	require.NoError(t, os.WriteFile(own, append(conf, "slots.mechanisms = -,"+mechanisms+"\n"...), 0o600))
	t.Setenv("SOFTHSM2_CONF", own)
	module = filepath.Join(dir, "libsofthsm2.so")
	copyFile(t, softhsmModule(t), module)
	return module
}

// TestConformanceHashing passes the suite over tokens of which some or all keys cannot sign digests.
func TestConformanceHashing(t *testing.T) {
	pki := testpki.New(t)
	imported := func(t *testing.T, kinds ...testpki.Kind) (module, label string, keys []providertest.Key) {
		module, label = newToken(t)
		for i, kind := range kinds {
			id := pki.Leaf(kind)
			importKey(t, module, label, id, fmt.Sprintf("0%d", i), string(kind))
			keys = append(keys, providertest.Key{ID: []byte{byte(i)}, Label: string(kind), Certificate: id.Certificate()})
		}
		importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
		return module, label, keys
	}
	run := func(t *testing.T, module, label string, keys []providertest.Key, hashed func(label string) bool) {
		p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
		for i := range keys {
			key, err := p.Key(t.Context(), sign.Ref{Label: keys[i].Label})
			require.NoError(t, err)
			require.Len(t, key.(sign.Schemer).Schemes(), len(sign.Schemes(key.Public())), "all schemes are there")
			require.Empty(t, key.(sign.SchemeExplainer).ExplainSchemes())
			for _, scheme := range sign.Schemes(key.Public()) {
				_, err := sign.SignMessage(t.Context(), key, []byte("message"), scheme.Opts)
				require.NoError(t, err)
				name, hashes := pkcs11.MechanismOf(key, scheme)
				require.Equal(t, hashed(keys[i].Label), hashes, "%s by %s", scheme.Name, name)
			}
		}
		require.NoError(t, p.Close())
		providertest.Run(t, providertest.Config{
			Open: func(t testing.TB) sign.Provider {
				return open(t, pkcs11.Config{Module: module, TokenLabel: label, Sessions: 3})
			},
			Keys: keys, Secrets: []string{goodPIN},
		})
	}
	t.Run("SoftHSM2 without CKM_RSA_PKCS and CKM_RSA_PKCS_PSS", func(t *testing.T) {
		_, label, keys := imported(t, testpki.RSA2048, testpki.RSA3072, testpki.P256)
		run(t, without(t, "CKM_RSA_PKCS,CKM_RSA_PKCS_PSS"), label, keys, func(label string) bool { return strings.HasPrefix(label, "rsa") })
	})
	for name, bits := range map[string]int64{"not listed": hideRaw | addECDSA | checkLen, "refused late": lateRaw | addECDSA, "refused late, and the other not listed": lateRaw | addECDSA | hideHash} {
		t.Run("digests "+name, func(t *testing.T) {
			module, label, keys := imported(t, testpki.RSA2048, testpki.P256, testpki.P384, testpki.P521)
			s := newShim(t, module)
			s.hash(bits)
			run(t, s.path, label, keys, func(string) bool { return true })
		})
	}
}

// TestConformanceHashingNSS has NSS make the digests.
func TestConformanceHashingNSS(t *testing.T) {
	config := newNSS(t)
	s := makeShim(t, config.Module, false)
	s.hash(hideRaw)
	config.Module = s.path
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	keys := conformanceKeys(t, testpki.New(t), p, pkcs11.RSA2048, pkcs11.P256, pkcs11.P384, pkcs11.P521)
	require.Len(t, keys, 4)
	for _, k := range keys {
		key, err := p.Key(t.Context(), sign.Ref{ID: k.ID})
		require.NoError(t, err)
		for _, scheme := range sign.Schemes(key.Public()) {
			name, hashes := pkcs11.MechanismOf(key, scheme)
			require.True(t, hashes, name)
		}
	}
	require.NoError(t, p.Close())
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := pkcs11.Open(t.Context(), config)
			require.NoError(t, err)
			return p
		},
		Keys: keys, Secrets: []string{goodPIN},
	})
}

// TestHashingContainers: a container does not tell who made the digest.
func TestHashingContainers(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	ids := map[string]testpki.Identity{"rsa": pki.Leaf(testpki.RSA2048), "p256": pki.Leaf(testpki.P256)}
	importKey(t, module, label, ids["rsa"], "01", "rsa")
	importKey(t, module, label, ids["p256"], "02", "p256")
	s := newShim(t, module)
	s.hash(hideRaw | addECDSA | checkLen)
	raw := open(t, pkcs11.Config{Module: module, TokenLabel: label, Certificates: pki.Authority.Chain})
	hashed := open(t, pkcs11.Config{Module: s.path, TokenLabel: label, Certificates: pki.Authority.Chain})
	now := time.Now()
	options := &cades.Options{Attached: true, Clock: func() time.Time { return now }}
	content := []byte("the content of a container")
	for name, id := range ids {
		for _, scheme := range sign.Schemes(id.Key.Public()) {
			t.Run(name+" with "+scheme.Name, func(t *testing.T) {
				one, err := sign.Open(t.Context(), raw, sign.Ref{Label: name}, sign.WithScheme(scheme))
				require.NoError(t, err)
				other, err := sign.Open(t.Context(), hashed, sign.Ref{Label: name}, sign.WithScheme(scheme))
				require.NoError(t, err)
				made := func(signer *sign.Signer) (container, signature []byte) {
					d, err := cades.Prepare(t.Context(), signer, sign.Bytes("", content), options)
					require.NoError(t, err)
					signature, err = signer.Sign(t.Context(), d.ToBeSigned())
					require.NoError(t, err)
					container, err = d.Finish(t.Context(), signature)
					require.NoError(t, err)
					return container, signature
				}
				want, first := made(one)
				got, second := made(other)
				for len(first) != len(second) { // an INTEGER of ECDSA may be an octet shorter
					want, first = made(one)
				}
				if strings.HasPrefix(scheme.Name, "rsa-pkcs1") {
					require.Equal(t, want, got)
				}
				require.Equal(t, bytes.TrimSuffix(want, first), bytes.TrimSuffix(got, second))
				m, err := cades.Parse(got)
				require.NoError(t, err)
				report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
				require.NoError(t, err)
				require.True(t, report.Valid(), "%v", report)
			})
		}
	}
	signer, err := sign.Open(t.Context(), hashed, sign.Ref{Label: "p256"})
	require.NoError(t, err)
	contents := make([]sign.Content, 100)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), fmt.Appendf(nil, "content %d", i))
	}
	results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents, nil)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
}

// TestHashingRequests: crypto/x509 makes requests and certificates with such keys.
func TestHashingRequests(t *testing.T) {
	s := softStage(t)
	importKey(t, softhsmModule(t), s.label, testpki.New(t).Leaf(testpki.RSA2048), "02", "rsa")
	s.hash(hideRaw | addECDSA | checkLen)
	p, _ := s.open(t)
	group, err := pkcs11.NewGroup(p)
	require.NoError(t, err)
	for _, label := range []string{s.name, "rsa"} {
		for _, source := range []sign.Provider{p, group} {
			key, err := source.Key(t.Context(), sign.Ref{Label: label})
			require.NoError(t, err)
			der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "Signet test"}}, key)
			require.NoError(t, err)
			request, err := x509.ParseCertificateRequest(der)
			require.NoError(t, err)
			require.NoError(t, request.CheckSignature())
			template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Signet test"}, NotAfter: time.Now().Add(time.Hour)}
			_, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			require.NoError(t, err)

			_, err = key.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
			require.ErrorIs(t, err, sign.ErrUnsupported)
			require.ErrorContains(t, err, "give the key the message (sign.SignMessage), not its digest, which the token makes by CKM_")
		}
	}
}

// TestHashingInAGroup has members of which one makes the digests of messages and the other does not.
func TestHashingInAGroup(t *testing.T) {
	s := softStage(t)
	other := newShim(t, softhsmModule(t))
	other.hash(hideRaw | addECDSA | checkLen)
	config := s.config()
	config.Module = other.path
	first, _ := s.open(t)
	second, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	group, err := pkcs11.NewGroup(first, second)
	require.NoError(t, err)
	t.Cleanup(func() { _ = group.Close() })
	signer, err := sign.Open(t.Context(), group, sign.Ref{Label: s.name}, sign.WithChain(s.id.Chain...))
	require.NoError(t, err)
	results, err := batch.Sign(t.Context(), signer, &cades.Options{}, slices.Repeat([]sign.Content{sign.Bytes("a", []byte("a"))}, 200), nil)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	require.Positive(t, s.count(fnSign))
	require.Positive(t, other.count(fnSign))
}

var pssSHA256 = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

// TestHashingLongMessages: buffers of long messages do not stay, and what is signed after one is not a rest of it.
func TestHashingLongMessages(t *testing.T) {
	s := softStage(t)
	s.hash(hideRaw | addECDSA)
	_, key := s.open(t)
	for _, size := range []int{0, 1, 1 << 20, 31, 5 << 20, 32} {
		message := bytes.Repeat([]byte{byte(size)}, size)
		for range 2 { // on both ways through the pool
			_, err := sign.SignMessage(t.Context(), key, message, crypto.SHA256) // verified by the provider
			require.NoError(t, err)
		}
	}
}

// TestParametersOfTheCallBefore: what a call is made of is used again, and schemes without parameters have none.
func TestParametersOfTheCallBefore(t *testing.T) {
	s := softStage(t)
	importKey(t, softhsmModule(t), s.label, testpki.New(t).Leaf(testpki.RSA2048), "02", "rsa")
	p, ec := s.open(t, func(c *pkcs11.Config) { c.Sessions = 1 })
	key, err := p.Key(t.Context(), sign.Ref{Label: "rsa"})
	require.NoError(t, err)
	for _, bits := range []int64{0, hideRaw | addECDSA} {
		s.hash(bits)
		for _, ctx := range []context.Context{t.Context(), context.WithoutCancel(t.Context())} {
			for _, scheme := range append(sign.Schemes(key.Public()), testpki.Must(sign.PSS(crypto.SHA256)), testpki.Must(sign.PKCS1(crypto.SHA256)), testpki.Must(sign.PSS(crypto.SHA384))) {
				_, err = sign.SignMessage(ctx, key, []byte("message"), scheme.Opts)
				require.NoError(t, err)
				_, err = sign.SignMessage(ctx, ec, []byte("message"), crypto.SHA256)
				require.NoError(t, err)
			}
		}
	}
}
