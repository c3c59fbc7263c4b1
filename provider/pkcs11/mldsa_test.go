//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// selfSigned makes a certificate for a key by the key itself.
func selfSigned(t testing.TB, key sign.Key, s sign.Scheme, name string) *x509.Certificate {
	t.Helper()
	spki, err := certify.PublicKey(key)
	require.NoError(t, err)
	der, err := certify.Certificate(t.Context(), &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, spki, nil, key, s)
	require.NoError(t, err)
	c, err := trust.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// mldsaKeys makes a key of each set with this package, and its certificate.
func mldsaKeys(t testing.TB, p *pkcs11.Provider) (keys []providertest.Key) {
	t.Helper()
	for _, kind := range []pkcs11.KeyKind{pkcs11.MLDSA44, pkcs11.MLDSA65, pkcs11.MLDSA87} {
		label := fmt.Sprintf("signet test %s %s", kind, testLabel())
		e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, Label: label})
		require.NoError(t, err)
		require.Len(t, e.Schemes, 1)
		require.Equal(t, string(kind), e.Schemes[0].Name)
		key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
		require.NoError(t, err)
		name, hashes := pkcs11.MechanismOf(key, e.Schemes[0])
		require.Equal(t, "CKM_ML_DSA", name)
		require.False(t, hashes)
		c := selfSigned(t, key, e.Schemes[0], "Signet test "+string(kind))
		require.NoError(t, p.ImportCertificate(t.Context(), c))
		require.NoError(t, p.ImportCertificate(t.Context(), c), "again")
		keys = append(keys, providertest.Key{ID: e.ID, Label: label, Certificate: c, Chain: []*x509.Certificate{c}})
	}
	return keys
}

// TestConformanceMLDSA passes the conformance suite over a token that is played by this test.
func TestConformanceMLDSA(t *testing.T) {
	for _, withoutInfo := range []bool{false, true} {
		t.Run(fmt.Sprintf("without CKA_PUBLIC_KEY_INFO %t", withoutInfo), func(t *testing.T) {
			f := newFake(t)
			f.with(func() { f.withoutInfo = withoutInfo })
			p := open(t, f.config())
			keys := mldsaKeys(t, p)
			d, err := p.Diagnose(t.Context())
			require.NoError(t, err)
			require.Equal(t, "3.2", d.Functions)
			for _, m := range d.Mechanisms {
				require.True(t, m.Used, m.Name)
			}
			providertest.Run(t, providertest.Config{
				Open:    func(t testing.TB) sign.Provider { return open(t, f.config()) },
				Keys:    keys,
				Secrets: []string{goodPIN},
			})
			f.requireHidden(t)
		})
	}
}

// failures are the errors that a listing has.
func failures(t testing.TB, p *pkcs11.Provider) (all []error) {
	t.Helper()
	for _, err := range p.Keys(t.Context()) {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// TestSchemeNotGiven: keys of which nobody has said how they sign are listed with what to do.
func TestSchemeNotGiven(t *testing.T) {
	f := newFake(t)
	f.key(t, mldsa.MLDSA65, "k")
	config := f.config()
	config.Schemes = []sign.Scheme{mldsa.MLDSA44.Scheme()} // of another set
	p := open(t, config)
	errs := failures(t, p)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], sign.ErrUnsupported)
	require.ErrorContains(t, errs[0], "ML-DSA-65")
	require.ErrorContains(t, errs[0], "Config.Schemes")
	_, err := p.Key(t.Context(), sign.Ref{Label: "k"})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "mldsa.Schemes()")

	var before, after int
	f.with(func() { before = len(f.objects) })
	_, err = p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.MLDSA87, Label: "new"})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	f.with(func() { after = len(f.objects) })
	require.Equal(t, before, after, "nothing was made")
	for o, err := range p.Objects(t.Context()) {
		require.NoError(t, err)
		require.IsType(t, sign.PublicKey{}, o.Public, "public keys are listed all the same")
	}
}

// TestObjectsThatDisagree: what a token says of a key must go together.
func TestObjectsThatDisagree(t *testing.T) {
	for name, c := range map[string]struct {
		bend func(public, private map[uint][]byte)
		want string // of the error; empty when there is none
	}{
		"nothing wrong":           {func(_, _ map[uint][]byte) {}, ""},
		"no CKA_PUBLIC_KEY_INFO":  {func(a, b map[uint][]byte) { delete(a, attrInfo); delete(b, attrInfo) }, ""},
		"no CKA_PARAMETER_SET":    {func(a, b map[uint][]byte) { delete(a, attrSet); delete(b, attrSet); delete(b, attrInfo) }, ""},
		"empty":                   {func(a, b map[uint][]byte) { a[attrInfo], b[attrInfo] = []byte{}, []byte{} }, ""},
		"info that is none":       {func(_, b map[uint][]byte) { b[attrInfo] = []byte{0x30, 0} }, ""},
		"set of the private half": {func(_, b map[uint][]byte) { b[attrSet] = ulongs(1) }, "its parameter set is ML-DSA-44 (CKA_PARAMETER_SET) and its public key is one of ML-DSA-65"},
		"set of the public half":  {func(a, b map[uint][]byte) { delete(a, attrInfo); delete(b, attrInfo); a[attrSet] = ulongs(3) }, "its parameter set is ML-DSA-87"},
		"set that there is not":   {func(_, b map[uint][]byte) { b[attrSet] = ulongs(9) }, "number 9"},
		"value of another length": {func(a, b map[uint][]byte) { delete(a, attrInfo); delete(b, attrInfo); a[attrValue] = a[attrValue][1:] }, "1951 octets"},
		"value of another set": {func(a, b map[uint][]byte) {
			delete(a, attrInfo)
			delete(b, attrInfo)
			a[attrValue] = make([]byte, 2592)
		}, "one of ML-DSA-87"},
		"no public half":           {func(a, b map[uint][]byte) { delete(b, attrInfo); a[attrClass] = ulongs(9) }, "its public key is not on the token"},
		"the signature not listed": {func(_, b map[uint][]byte) { b[attrAllowed] = ulongs(0x1f) }, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			public, private := f.key(t, mldsa.MLDSA65, "k")
			f.with(func() { c.bend(public, private) })
			p := open(t, f.config())
			key, err := p.Key(t.Context(), sign.Ref{Label: "k"})
			switch c.want {
			case "":
				require.NoError(t, err)
				_, err = key.SignContext(t.Context(), []byte("m"), crypto.Hash(0))
				require.NoError(t, err)
			case "-":
				require.NoError(t, err)
				require.Empty(t, key.(sign.Schemer).Schemes())
				require.Contains(t, key.(sign.SchemeExplainer).ExplainSchemes(), "may not be used with CKM_ML_DSA")
				_, err = key.SignContext(t.Context(), []byte("m"), crypto.Hash(0))
				require.ErrorIs(t, err, sign.ErrUnsupported)
				require.Zero(t, f.made())
			default:
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, failures(t, p)[0], c.want)
			}
		})
	}
}

// TestKeyByCertificate: a key whose public half is nowhere but in a certificate.
func TestKeyByCertificate(t *testing.T) {
	f := newFake(t)
	public, private := f.key(t, mldsa.MLDSA44, "k")
	f.key(t, mldsa.MLDSA44, "other")
	p := open(t, f.config())
	key, err := p.Key(t.Context(), sign.Ref{Label: "k"})
	require.NoError(t, err)
	c := selfSigned(t, key, mldsa.MLDSA44.Scheme(), "Seal")
	require.NoError(t, p.Close())

	f.with(func() {
		delete(private, attrInfo)
		public[attrClass] = ulongs(9)
	})
	config := f.config()
	config.Certificates = []*x509.Certificate{c}
	p = open(t, config)
	signer, err := sign.Open(t.Context(), p, sign.Ref{Label: "k"})
	require.NoError(t, err)
	_, err = signer.Sign(t.Context(), []byte("m"))
	require.NoError(t, err)
}

// TestSignaturesThatAreWrong are of another length, set or key. None leaves the provider.
func TestSignaturesThatAreWrong(t *testing.T) {
	other, err := mldsa.GenerateKey(mldsa.MLDSA65)
	require.NoError(t, err)
	set, err := mldsa.GenerateKey(mldsa.MLDSA87)
	require.NoError(t, err)
	by := func(k *mldsa.Key) func([]byte) []byte {
		return func([]byte) []byte {
			signature, _ := k.Sign(nil, []byte("m"), crypto.Hash(0))
			return signature
		}
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"too short": func(s []byte) []byte { return s[1:] }, "too long": func(s []byte) []byte { return append(s, 0) }, "empty": func([]byte) []byte { return nil },
		"of another set": by(set), "of another key": by(other), "a bit": func(s []byte) []byte { s[100] ^= 1; return s },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.key(t, mldsa.MLDSA65, "k")
			p := open(t, f.config())
			key, err := p.Key(t.Context(), sign.Ref{Label: "k"})
			require.NoError(t, err)
			f.with(func() { f.spoil = spoil })
			signature, err := key.SignContext(t.Context(), []byte("m"), crypto.Hash(0))
			require.Error(t, err)
			require.Empty(t, signature)
			f.with(func() { f.spoil = nil })
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				signature, err := key.SignContext(t.Context(), []byte("m"), crypto.Hash(0))
				require.NoError(c, err)
				require.NoError(c, mldsa.MLDSA65.Scheme().Verify(key.(sign.SPKIKey).SubjectPublicKeyInfo(), []byte("m"), signature))
			}, 5*time.Second, 10*time.Millisecond)
		})
	}
}

// TestSkipCheckOfOwnKinds: the same configuration leaves out the check of these as of others.
func TestSkipCheckOfOwnKinds(t *testing.T) {
	f := newFake(t)
	f.key(t, mldsa.MLDSA65, "k")
	f.with(func() { f.spoil = func(s []byte) []byte { s[100] ^= 1; return s } })
	config := f.config()
	config.SkipCheck = true
	key, err := open(t, config).Key(t.Context(), sign.Ref{Label: "k"})
	require.NoError(t, err)
	signature, err := key.SignContext(t.Context(), []byte("m"), crypto.Hash(0))
	require.NoError(t, err)
	require.Error(t, mldsa.MLDSA65.Scheme().Verify(key.(sign.SPKIKey).SubjectPublicKeyInfo(), []byte("m"), signature))
	require.Equal(t, 1, f.made())
}

// withContext are options that ask for another signature than the token would make.
type withContext struct{}

func (withContext) HashFunc() crypto.Hash { return 0 }

// TestOptionsOfOwnKinds: only those of the scheme are taken.
func TestOptionsOfOwnKinds(t *testing.T) {
	f := newFake(t)
	f.key(t, mldsa.MLDSA65, "k")
	key, err := open(t, f.config()).Key(t.Context(), sign.Ref{Label: "k"})
	require.NoError(t, err)
	for _, opts := range []crypto.SignerOpts{withContext{}, crypto.SHA512, nil} {
		_, err := key.SignContext(t.Context(), bytes.Repeat([]byte{1}, 64), opts)
		require.Error(t, err)
		_, err = sign.SignMessage(t.Context(), key, []byte("m"), opts)
		require.Error(t, err)
	}
	require.Zero(t, f.made())
}
