package gost_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/internal/testfips"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// protections are all ciphers, quick to open.
func protections() map[string]gost.Protection {
	return map[string]gost.Protection{
		"kuznyechik":     {Iterations: 1000},
		"magma":          {Cipher: gost.Magma, Iterations: 1000},
		"kuznyechik mac": {MAC: true, Iterations: 1000},
		"magma mac":      {Cipher: gost.Magma, MAC: true, Iterations: 1000},
	}
}

func newKey(t testing.TB, curve string) *gost.Key {
	t.Helper()
	key, err := gost.GenerateNamed(curve)
	require.NoError(t, err)
	return key
}

// certified is a key with a chain.
func certified(t testing.TB) (*gost.Key, []*x509.Certificate) {
	t.Helper()
	key := newKey(t, "1.2.643.2.2.36.0")
	w := testsign.NewOf(t, testsign.Config{Schemes: gost.Schemes()})
	return key, append(w.Issue(testsign.Certificate{Name: "Seal", Key: key}).Chain(), w.Root())
}

func secret(s string) sign.Secret { return sign.NewSecret([]byte(s)) }

func TestEncryptedPKCS8(t *testing.T) {
	for name, protection := range protections() {
		for _, curve := range []string{"1.2.643.2.2.35.1", "1.2.643.7.1.2.1.2.3"} {
			key := newKey(t, curve)
			der, err := key.MarshalEncryptedPKCS8(secret("Пароль"), &protection)
			require.NoError(t, err, name)
			p, err := soft.Parse(t.Context(), "a.key", der, config("Пароль"))
			require.NoError(t, err, name)
			found, err := p.Key(t.Context(), sign.Ref{})
			require.NoError(t, err)
			require.Equal(t, key.SubjectPublicKeyInfo(), found.(sign.SPKIKey).SubjectPublicKeyInfo(), "the name of the curve, too")
			_, err = soft.Parse(t.Context(), "a.key", der, config("пароль"))
			require.ErrorIs(t, err, sign.ErrPIN)
			plain, err := key.MarshalPKCS8()
			require.NoError(t, err)
			require.False(t, bytes.Contains(der, plain[len(plain)-32:]))

			der[len(der)-1] ^= 1 // of the key, or of the MAC
			_, err = soft.Parse(t.Context(), "a.key", der, config("Пароль"))
			if protection.MAC {
				require.ErrorIs(t, err, sign.ErrPIN)
			}
		}
	}
}

// TestFresh finds salt, vector and seed made anew each time.
func TestFresh(t *testing.T) {
	key := newKey(t, "1.2.643.2.2.35.1")
	type algorithm[P any] struct {
		OID        asn1.ObjectIdentifier
		Parameters P
	}
	type pbes2 struct {
		KDF algorithm[struct {
			Salt       []byte
			Iterations int
			PRF        algorithm[asn1.RawValue]
		}]
		Cipher algorithm[struct{ UKM []byte }]
	}
	var seen [2]struct {
		Algorithm algorithm[pbes2]
		Data      []byte
	}
	for i := range seen {
		der, err := key.MarshalEncryptedPKCS8(secret("x"), &gost.Protection{Iterations: 1000})
		require.NoError(t, err)
		_, err = asn1.Unmarshal(der, &seen[i])
		require.NoError(t, err)
	}
	a, b := seen[0].Algorithm.Parameters, seen[1].Algorithm.Parameters
	require.Len(t, a.KDF.Parameters.Salt, 16)
	require.NotEqual(t, a.KDF.Parameters.Salt, b.KDF.Parameters.Salt)
	require.Equal(t, 1000, a.KDF.Parameters.Iterations)
	require.Equal(t, "1.2.643.7.1.1.4.2", a.KDF.Parameters.PRF.OID.String())
	require.Len(t, a.Cipher.Parameters.UKM, 16)
	require.NotEqual(t, a.Cipher.Parameters.UKM[:8], b.Cipher.Parameters.UKM[:8])
	require.NotEqual(t, a.Cipher.Parameters.UKM[8:], b.Cipher.Parameters.UKM[8:])
}

func TestPKCS12(t *testing.T) {
	key, chain := certified(t)
	for name, protection := range protections() {
		for _, plain := range []bool{false, true} {
			der, err := key.MarshalPKCS12(secret("Пароль"), &gost.PKCS12{Certificates: chain, PlainCertificates: plain, Label: "Печать 😀", Protection: protection})
			require.NoError(t, err, name)
			for _, c := range chain {
				require.Equal(t, plain, bytes.Contains(der, c.Raw))
			}
			open := config("Пароль")
			open.Root = true
			p, err := soft.Parse(t.Context(), "a.p12", der, open)
			require.NoError(t, err, name)
			signer, err := sign.Open(t.Context(), p, sign.Ref{Label: "Печать 😀"})
			require.NoError(t, err)
			require.Equal(t, chain, signer.Chain())
			require.Equal(t, key.SubjectPublicKeyInfo(), signer.Key().(sign.SPKIKey).SubjectPublicKeyInfo())
			_, err = soft.Parse(t.Context(), "a.p12", der, config("Парол"))
			require.ErrorIs(t, err, sign.ErrPIN)
			for i := 40; i < len(der); i += 101 {
				bad := bytes.Clone(der)
				bad[i] ^= 4
				_, err := soft.Parse(t.Context(), "a.p12", bad, config("Пароль"))
				require.Error(t, err, "octet %d", i)
			}
		}
	}
	der, err := key.MarshalPKCS12(secret("x"), nil)
	require.NoError(t, err)
	p, err := soft.Parse(t.Context(), "a.p12", der, config("x"))
	require.NoError(t, err, "what is written by default is within what is read by default")
	_, err = p.Key(t.Context(), sign.Ref{Label: "a.p12"})
	require.NoError(t, err)
}

// TestMaxIterations has the most that package soft reads, in a hundredth of it.
func TestMaxIterations(t *testing.T) {
	key, chain := certified(t)
	for iterations, fits := range map[int]bool{3_125: true, 3_126: false} {
		der, err := key.MarshalPKCS12(secret("x"), &gost.PKCS12{Certificates: chain, Protection: gost.Protection{Iterations: iterations}})
		require.NoError(t, err)
		c := config("x")
		c.MaxIterations = soft.DefaultMaxIterations / 100
		_, err = soft.Parse(t.Context(), "a.p12", der, c)
		require.Equal(t, fits, err == nil, "%d: %v", iterations, err)
	}
}

// TestDERAttributes compares the SETs of a container with their order in DER, and the structure with that of RFC 9548.
func TestDERAttributes(t *testing.T) {
	key, chain := certified(t)
	for _, label := range []string{"a", "a name that is longer than the identifier beside it"} {
		der, err := key.MarshalPKCS12(secret("x"), &gost.PKCS12{Certificates: chain[:1], PlainCertificates: true, Label: label, Protection: gost.Protection{Iterations: 1000}})
		require.NoError(t, err)
		type contentInfo struct {
			Type    asn1.ObjectIdentifier
			Content []byte `asn1:"explicit,tag:0"`
		}
		var pfx struct {
			Version int
			Safe    contentInfo
			MAC     struct {
				Digest struct {
					Algorithm struct{ OID asn1.ObjectIdentifier }
					Sum       []byte
				}
				Salt       []byte
				Iterations int
			}
		}
		rest, err := asn1.Unmarshal(der, &pfx)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, 3, pfx.Version)
		require.Equal(t, "1.2.643.7.1.1.2.3", pfx.MAC.Digest.Algorithm.OID.String())
		require.Len(t, pfx.MAC.Digest.Sum, 64)
		require.Len(t, pfx.MAC.Salt, 16)
		require.Equal(t, 1000, pfx.MAC.Iterations)
		var safes []contentInfo
		rest, err = asn1.Unmarshal(pfx.Safe.Content, &safes)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Len(t, safes, 2)
		for _, safe := range safes {
			var bags []struct {
				Type       asn1.ObjectIdentifier
				Value      asn1.RawValue   `asn1:"explicit,tag:0"`
				Attributes []asn1.RawValue `asn1:"set"`
			}
			_, err = asn1.Unmarshal(safe.Content, &bags)
			require.NoError(t, err)
			require.Len(t, bags, 1)
			require.Len(t, bags[0].Attributes, 2)
			require.Negative(t, bytes.Compare(bags[0].Attributes[0].FullBytes, bags[0].Attributes[1].FullBytes))
		}
	}
}

func TestProtectionRefused(t *testing.T) {
	key, chain := certified(t)
	for name, o := range map[string]*gost.Protection{"cipher": {Cipher: 2}, "iterations": {Iterations: 999}, "negative": {Iterations: -1}} {
		_, err := key.MarshalEncryptedPKCS8(secret("x"), o)
		require.ErrorIs(t, err, sign.ErrInput, name)
		_, err = key.MarshalPKCS12(secret("x"), &gost.PKCS12{Protection: *o})
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	_, err := key.MarshalEncryptedPKCS8(sign.Secret{}, nil)
	require.ErrorContains(t, err, "the password is empty")
	_, err = key.MarshalPKCS12(sign.Secret{}, nil)
	require.ErrorContains(t, err, "the password is empty")
	_, err = (*gost.Key)(nil).MarshalPKCS12(secret("x"), nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = new(gost.Key).MarshalEncryptedPKCS8(secret("x"), nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = key.MarshalPKCS12(secret("x"), &gost.PKCS12{Certificates: []*x509.Certificate{chain[0], nil}})
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = key.MarshalPKCS12(secret("x"), &gost.PKCS12{Certificates: chain[1:]})
	require.ErrorIs(t, err, sign.ErrKeyMismatch)
}

// TestOtherCurveName takes a certificate that names the curve of the key otherwise.
func TestOtherCurveName(t *testing.T) {
	_, chain := certified(t)
	key, err := gost3410.GenerateKey(gost3410.Curves()[0])
	require.NoError(t, err)
	other, err := gost.NewKey(key)
	require.NoError(t, err)
	_, err = other.MarshalPKCS12(secret("x"), &gost.PKCS12{Certificates: chain})
	require.ErrorIs(t, err, sign.ErrKeyMismatch)
}

// TestProtectionFIPS asks for what is forbidden, which is an error and no panic.
func TestProtectionFIPS(t *testing.T) {
	if !testfips.Only(t) {
		return
	}
	key := newKey(t, "1.2.643.2.2.35.1")
	_, err := key.MarshalPKCS12(secret("x"), nil)
	require.ErrorIs(t, err, sign.ErrUnsupported)
}

// TestEngineReadsContainers has OpenSSL's engine open what is written here. After 1 KiB it changes the key of Magma, and not after 8 as RFC
// 9337 has it, so its certificates are in the clear.
func TestEngineReadsContainers(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	key, chain := certified(t)
	plain, err := key.MarshalPKCS8()
	require.NoError(t, err)
	for name, protection := range protections() {
		if protection.MAC {
			continue
		}
		t.Run(name, func(t *testing.T) {
			protection.Iterations = 0
			der, err := key.MarshalEncryptedPKCS8(secret("secret"), &protection)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path("e.key"), pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), 0o600))
			engine(t, "pkcs8", "-in", path("e.key"), "-passin", "pass:secret", "-outform", "DER", "-nocrypt", "-topk8", "-out", path("k.der"))
			got, err := os.ReadFile(path("k.der"))
			require.NoError(t, err)
			back, err := gost.ParsePKCS8(got)
			require.NoError(t, err)
			require.Equal(t, key.SubjectPublicKeyInfo(), back.SubjectPublicKeyInfo())

			der, err = key.MarshalPKCS12(secret("secret"), &gost.PKCS12{
				Certificates: chain, PlainCertificates: protection.Cipher == gost.Magma, Label: "the seal", Protection: protection,
			})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path("e.p12"), der, 0o600))
			out := engine(t, "pkcs12", "-in", path("e.p12"), "-passin", "pass:secret", "-nodes")
			require.Contains(t, out, "friendlyName: the seal")
			var keys, certificates int
			for rest := []byte(out); ; {
				var block *pem.Block
				if block, rest = pem.Decode(rest); block == nil {
					break
				}
				if block.Type == "PRIVATE KEY" {
					keys++
					require.Equal(t, plain, block.Bytes)
				} else {
					require.True(t, slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, block.Bytes) }))
					certificates++
				}
			}
			require.Equal(t, 1, keys)
			require.Equal(t, len(chain), certificates)
		})
	}
}
