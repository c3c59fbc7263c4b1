//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// gostKinds are the kinds of keys of GOST.
func gostKinds() (kinds []pkcs11.KeyKind) {
	for _, kind := range pkcs11.KeyKinds() {
		if strings.HasPrefix(string(kind), "gost") {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// gostTokenKeys makes a key of each kind with this package, and its certificate.
func gostTokenKeys(t testing.TB, p *pkcs11.Provider, kinds ...pkcs11.KeyKind) (keys []providertest.Key) {
	t.Helper()
	for _, kind := range kinds {
		label := fmt.Sprintf("signet test %s %s", kind, testLabel())
		e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, Label: label})
		require.NoError(t, err, kind)
		require.Len(t, e.Schemes, 1)
		key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
		require.NoError(t, err)
		name, hashes := pkcs11.MechanismOf(key, e.Schemes[0])
		require.Equal(t, map[bool]string{false: "CKM_GOSTR3410", true: "CKM_GOSTR3410_512"}[strings.Contains(string(kind), "-512-")], name)
		require.False(t, hashes)
		c := selfSigned(t, key, e.Schemes[0], "Signet test "+string(kind))
		require.NoError(t, p.ImportCertificate(t.Context(), c))
		keys = append(keys, providertest.Key{ID: e.ID, Label: label, Certificate: c, Chain: []*x509.Certificate{c}})
	}
	return keys
}

// TestConformanceGOST passes the conformance suite over a token that is played by this test.
func TestConformanceGOST(t *testing.T) {
	for _, withoutInfo := range []bool{false, true} {
		t.Run(fmt.Sprintf("without CKA_PUBLIC_KEY_INFO %t", withoutInfo), func(t *testing.T) {
			f := newFake(t)
			f.with(func() { f.withoutInfo = withoutInfo })
			p := open(t, f.config())
			keys := gostTokenKeys(t, p, pkcs11.GOST256CryptoProA, pkcs11.GOST512A, pkcs11.GOST512C)
			d, err := p.Diagnose(t.Context())
			require.NoError(t, err)
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

// TestGOSTKinds makes a key of every kind, whose certificate it signs itself.
func TestGOSTKinds(t *testing.T) {
	require.Len(t, gostKinds(), 12)
	f := newFake(t)
	p := open(t, f.config())
	for i, k := range gostTokenKeys(t, p, gostKinds()...) {
		signer, err := sign.Open(t.Context(), p, sign.Ref{Certificate: k.Certificate})
		require.NoError(t, err, gostKinds()[i])
		_, err = signer.Sign(t.Context(), []byte("message"))
		require.NoError(t, err, gostKinds()[i])
	}
}

// TestGOSTObjects: what a token says of a key must go together, and has several forms.
func TestGOSTObjects(t *testing.T) {
	const cpA, digest = "1.2.643.2.2.35.1", "1.2.643.7.1.1.2.2"
	bare := func(a, b map[uint][]byte) { delete(a, attrInfo); delete(b, attrInfo) }
	for name, c := range map[string]struct {
		bend func(public, private map[uint][]byte)
		want string // of the error; empty when there is none
	}{
		"nothing wrong":              {func(_, _ map[uint][]byte) {}, ""},
		"no CKA_PUBLIC_KEY_INFO":     {bare, ""},
		"value in an octet string":   {func(a, b map[uint][]byte) { bare(a, b); a[attrValue] = append([]byte{4, 64}, a[attrValue]...) }, ""},
		"no hash":                    {func(a, b map[uint][]byte) { bare(a, b); delete(a, attrDigest); delete(b, attrDigest) }, ""},
		"the private half says less": {func(_, b map[uint][]byte) { delete(b, attrCurve); delete(b, attrDigest) }, ""},
		"another name of the curve": {func(a, b map[uint][]byte) {
			bare(a, b)
			b[attrCurve] = []byte("\x06\x09\x2a\x85\x03\x07\x01\x02\x01\x01\x02")
		}, ""},
		"no curve":        {func(a, b map[uint][]byte) { bare(a, b); delete(a, attrCurve) }, "CKA_GOSTR3410_PARAMS"},
		"unknown curve":   {func(a, b map[uint][]byte) { bare(a, b); a[attrCurve] = []byte("\x06\x01\x2a") }, "is not known here"},
		"another curve":   {func(_, b map[uint][]byte) { b[attrCurve] = []byte("\x06\x07\x2a\x85\x03\x02\x02\x23\x02") }, "the object is damaged"},
		"half a value":    {func(a, b map[uint][]byte) { bare(a, b); a[attrValue] = a[attrValue][32:] }, "32 octets instead of 64"},
		"of 2001":         {func(a, b map[uint][]byte) { bare(a, b); a[attrDigest], b[attrDigest] = hash94(), hash94() }, "GOST R 34.10-2001 on CryptoPro-A"},
		"half of it 2001": {func(_, b map[uint][]byte) { b[attrDigest] = hash94() }, "does not go with its public key"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			public, private, made := f.gostKey(t, cpA, digest, "k")
			f.with(func() { c.bend(public, private) })
			p := open(t, f.config())
			key, err := p.Key(t.Context(), sign.Ref{Label: "k"})
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				require.Zero(t, f.made())
				return
			}
			require.NoError(t, err)
			public2, err := gost.ParsePublicKey(key.(sign.SPKIKey).SubjectPublicKeyInfo())
			require.NoError(t, err)
			require.True(t, public2.Equal(made.Public().(*gost3410.PublicKey)))
			signature, err := key.SignContext(t.Context(), make([]byte, 32), gost.Streebog256)
			require.NoError(t, err)
			require.NoError(t, gost.Scheme(gost.Streebog256).Verify(made.SubjectPublicKeyInfo(), make([]byte, 32), signature))
		})
	}
}

// hash94 is CKA_GOSTR3411_PARAMS of keys of GOST R 34.10-2001: id-GostR3411-94-CryptoProParamSet.
func hash94() []byte { return []byte("\x06\x07\x2a\x85\x03\x02\x02\x1e\x01") }

// TestGOSTCertificate: a key finds its certificate that has another name of its curve.
func TestGOSTCertificate(t *testing.T) {
	f := newFake(t)
	_, _, made := f.gostKey(t, "1.2.643.2.2.35.1", "1.2.643.7.1.1.2.2", "k")
	spki := bytes.Replace(made.SubjectPublicKeyInfo(), []byte("\x2a\x85\x03\x02\x02\x23\x01"), []byte("\x2a\x85\x03\x02\x02\x24\x00"), 1)
	require.NotEqual(t, made.SubjectPublicKeyInfo(), spki)
	c := selfSigned(t, otherSPKI{made, spki}, made.Schemes()[0], "Seal")
	config := f.config()
	config.Certificates = []*x509.Certificate{c}
	signer, err := sign.Open(t.Context(), open(t, config), sign.Ref{Certificate: c})
	require.NoError(t, err)
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
}

// otherSPKI says its public key in another way.
type otherSPKI struct {
	*gost.Key
	spki []byte
}

func (k otherSPKI) SubjectPublicKeyInfo() []byte { return k.spki }

// TestGOSTOptions: only digests by the hash that goes with the key are signed, and what a token makes wrong is not handed out.
func TestGOSTOptions(t *testing.T) {
	f := newFake(t)
	f.gostKey(t, "1.2.643.7.1.2.1.2.1", "1.2.643.7.1.1.2.3", "k")
	key, err := open(t, f.config()).Key(t.Context(), sign.Ref{Label: "k"})
	require.NoError(t, err)
	for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), crypto.SHA512, gost.Streebog256} {
		_, err := key.SignContext(t.Context(), make([]byte, 64), opts)
		require.Error(t, err)
	}
	for _, size := range []int{0, 32, 63, 65} {
		_, err := key.SignContext(t.Context(), make([]byte, size), gost.Streebog512)
		require.ErrorIs(t, err, sign.ErrInput)
	}
	require.Zero(t, f.made())
	f.with(func() { f.spoil = func(s []byte) []byte { s[70] ^= 1; return s } })
	signature, err := key.SignContext(t.Context(), make([]byte, 64), gost.Streebog512)
	require.Error(t, err)
	require.Empty(t, signature)
}

// TestGOSTSchemeNotGiven says what to give.
func TestGOSTSchemeNotGiven(t *testing.T) {
	f := newFake(t)
	f.gostKey(t, "1.2.643.2.2.36.0", "1.2.643.7.1.1.2.2", "k")
	config := f.config()
	config.Schemes = nil
	_, err := open(t, config).Key(t.Context(), sign.Ref{Label: "k"})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "gost.Schemes()")
	require.ErrorContains(t, err, "CryptoPro-XchA")
}
