package soft_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// opaque hides what kind of private key a signer is, as the libraries of cloud services do.
type opaque struct{ crypto.Signer }

func TestConformancePEM(t *testing.T) {
	pki := testpki.New(t)
	var data []byte
	var keys []providertest.Key
	for _, kind := range testpki.Kinds() {
		id := pki.Leaf(kind)
		data = append(data, testpki.CertPEM(id.Chain...)...)
		data = append(data, testpki.KeyPEM(t, id.Key)...)
		keys = append(keys, providertest.Key{Certificate: id.Certificate(), Chain: id.Chain})
	}
	pss := pki.PSSLeaf(testpki.RSA2048)
	data = append(data, testpki.CertPEM(pss.Chain...)...)
	data = append(data, testpki.OldKeyPEM(t, pss.Key)...)
	keys = append(keys, providertest.Key{
		Certificate: pss.Certificate(), Public: pss.Key.Public(),
		Schemes: []sign.Scheme{testpki.Must(sign.PSS(crypto.SHA256)), testpki.Must(sign.PSS(crypto.SHA384)), testpki.Must(sign.PSS(crypto.SHA512))},
	})
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := soft.Parse(t.Context(), "all.pem", data, soft.Config{Certificates: []*x509.Certificate{pki.Root.Certificate()}})
			require.NoError(t, err)
			return p
		},
		Keys:      keys,
		Ambiguous: []sign.Ref{{Label: "all.pem"}},
		Rounds:    1,
	})
}

func TestConformancePKCS12(t *testing.T) {
	open := func(secret string) (sign.Provider, error) {
		p, err := soft.Open(t.Context(), "testdata/modern.p12", soft.Config{Password: password(secret)})
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	good, err := soft.Open(t.Context(), "testdata/modern.p12", soft.Config{Password: password(sesame)})
	require.NoError(t, err)
	all, _ := entries(t, good)
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := open(sesame)
			require.NoError(t, err)
			return p
		},
		Keys:    []providertest.Key{{ID: all[0].ID, Label: "the seal", Certificate: all[0].Certificate(), Chain: all[0].Chain}},
		Secrets: []string{sesame, "wrong horse"},
		OpenRefused: func(testing.TB) error {
			_, err := open("wrong horse")
			return err
		},
	})
}

func TestConformanceForeign(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P384)
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := soft.New(opaque{id.Key}, soft.Config{Certificates: []*x509.Certificate{id.Chain[1], id.Chain[0]}, Label: "cloud", Limit: 2})
			require.NoError(t, err)
			require.Equal(t, 2, p.Limit())
			return p
		},
		Keys: []providertest.Key{{Label: "cloud", Certificate: id.Certificate(), Chain: id.Chain}},
	})
}

func TestConformanceBare(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := soft.New(id.Key, soft.Config{Label: "bare"})
			require.NoError(t, err)
			return p
		},
		Keys: []providertest.Key{{Label: "bare", Certificate: id.Certificate(), Bare: true, Chain: []*x509.Certificate{}}},
	})
}

func TestTrusted(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range testpki.Kinds() {
		id := pki.Leaf(kind)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		trusted, ok := key.(sign.TrustedKey)
		require.True(t, ok && trusted.Trusted())
		key, err = soft.NewKey(opaque{id.Key}, 0)
		require.NoError(t, err)
		_, ok = key.(sign.TrustedKey)
		require.False(t, ok)
		require.Equal(t, soft.DefaultLimit, key.(sign.Limiter).Limit())
	}
}

// TestAllocations: a standard key costs what the standard library costs.
func TestAllocations(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.Ed25519} {
		id := pki.Leaf(kind)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		var opts crypto.SignerOpts = crypto.SHA256
		if kind == testpki.Ed25519 {
			opts = crypto.Hash(0)
		}
		digest := make([]byte, 32)
		bare := testing.AllocsPerRun(20, func() { _, _ = id.Key.Sign(rand.Reader, digest, opts) })
		ours := testing.AllocsPerRun(20, func() { _, _ = key.SignContext(t.Context(), digest, opts) })
		require.Equal(t, bare, ours, kind)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, signer := range map[string]crypto.Signer{
		"nil":     nil,
		"rsa":     (*rsa.PrivateKey)(nil),
		"empty":   &rsa.PrivateKey{},
		"ed25519": ed25519.PrivateKey("short"),
		"silent":  silent{},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := soft.New(signer, soft.Config{})
			require.Nil(t, p)
			_, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok, err)
		})
	}
}

type silent struct{}

func (silent) Public() crypto.PublicKey { return nil }
func (silent) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("out of order")
}

func TestOptions(t *testing.T) {
	pki := testpki.New(t)
	key := func(kind testpki.Kind) sign.Key {
		k, err := soft.NewKey(pki.Leaf(kind).Key, 0)
		require.NoError(t, err)
		return k
	}
	rsaKey, edKey := key(testpki.RSA2048), key(testpki.Ed25519)
	for name, c := range map[string]struct {
		key  sign.Key
		opts crypto.SignerOpts
		ok   bool
	}{
		"pss salt as hash":      {rsaKey, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, true},
		"pss salt 32":           {rsaKey, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}, true},
		"pss salt auto":         {rsaKey, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256}, false},
		"pss salt 20":           {rsaKey, &rsa.PSSOptions{SaltLength: 20, Hash: crypto.SHA256}, false},
		"pss without hash":      {rsaKey, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}, false},
		"pss nil":               {rsaKey, (*rsa.PSSOptions)(nil), false},
		"sha-1":                 {rsaKey, crypto.SHA1, false},
		"sha-512/256":           {rsaKey, crypto.SHA512_256, false},
		"ed25519":               {edKey, crypto.Hash(0), true},
		"ed25519ph":             {edKey, &ed25519.Options{Hash: crypto.SHA512}, false},
		"ed25519 with context":  {edKey, &ed25519.Options{Context: "c"}, false},
		"ed25519 plain options": {edKey, &ed25519.Options{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.key.SignContext(t.Context(), make([]byte, 32), c.opts)
			require.Equal(t, c.ok, err == nil, err)
			if err != nil {
				_, ok := errors.AsType[*sign.Error](err)
				require.True(t, ok)
			}
		})
	}
}

func TestChains(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	// An authority of the same name with another key, and the same authority renewed.
	other := pki.SubAuthority("Signet test authority", pki.Root)
	self := pki.SelfSigned(testpki.NewKey(t, testpki.P256), "Alone")
	mixed := []*x509.Certificate{pki.Root.Certificate(), other.Certificate(), id.Chain[1], id.Chain[0]}

	chain := func(key crypto.Signer, config soft.Config) []*x509.Certificate {
		p, err := soft.New(key, config)
		require.NoError(t, err)
		all, _ := entries(t, p)
		require.Len(t, all, 1)
		return all[0].Chain
	}
	require.Equal(t, id.Chain, chain(id.Key, soft.Config{Certificates: mixed}))
	require.Equal(t, append(id.Chain[:2:2], pki.Root.Certificate()), chain(id.Key, soft.Config{Certificates: mixed, Root: true}))
	require.Equal(t, self.Chain, chain(self.Key, soft.Config{Certificates: self.Chain}), "a self-signed leaf is its own chain")
	require.Empty(t, chain(other.Key, soft.Config{Certificates: self.Chain}))

	// Two authorities that certify each other do not go on for ever.
	a, b := testpki.NewKey(t, testpki.P256), testpki.NewKey(t, testpki.P256)
	ca := func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }
	rootA, rootB := pki.SelfSigned(a, "A", ca), pki.SelfSigned(b, "B", ca)
	ab := pki.Issue(rootB, a, &x509.Certificate{SerialNumber: rootA.Certificate().SerialNumber, Subject: pkix.Name{CommonName: "A", Organization: []string{"Signet tests"}}}, ca)
	ba := pki.Issue(rootA, b, &x509.Certificate{SerialNumber: rootB.Certificate().SerialNumber, Subject: pkix.Name{CommonName: "B", Organization: []string{"Signet tests"}}}, ca)
	require.Len(t, chain(a, soft.Config{Certificates: []*x509.Certificate{ab.Certificate(), ba.Certificate()}}), 2)
}

func TestRenewedCertificate(t *testing.T) {
	pki := testpki.New(t)
	old := pki.Leaf(testpki.P256)
	renewed := pki.LeafOf(old.Key, "renewed")
	p, err := soft.New(old.Key, soft.Config{Certificates: append(old.Chain[:2:2], renewed.Certificate())})
	require.NoError(t, err)
	_, err = p.Key(t.Context(), sign.Ref{})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, sign.Thumbprint(old.Certificate()))
	require.ErrorContains(t, err, sign.Thumbprint(renewed.Certificate()))
	for _, c := range []*x509.Certificate{old.Certificate(), renewed.Certificate()} {
		for _, ref := range []sign.Ref{{Certificate: c}, {Thumbprint: sign.Thumbprint(c)}} {
			signer, err := sign.Open(t.Context(), p, ref)
			require.NoError(t, err)
			require.Equal(t, c, signer.Certificate())
			require.Equal(t, pki.Authority.Certificate(), signer.Chain()[1])
		}
	}
}

func TestManyCertificates(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	data := append(testpki.KeyPEM(t, id.Key), []byte(strings.Repeat(string(testpki.CertPEM(id.Chain[1])), 1001))...)
	_, err := soft.Parse(t.Context(), "many.pem", data, soft.Config{})
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "more than 1000 certificates")
}
