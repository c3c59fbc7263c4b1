//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestSeveralCertificatesOfAKey: which is taken, whatever their order is.
func TestSeveralCertificatesOfAKey(t *testing.T) {
	module, label := newToken(t)
	tool(t, module, label, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "seal")
	pki := testpki.New(t)
	plain := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	bare, err := plain.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	now := time.Now()
	issue := func(name string, from, to time.Duration, bend ...func(*x509.Certificate)) *x509.Certificate {
		return pki.LeafOf(bare, name, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = now.Add(from), now.Add(to)
			for _, b := range bend {
				b(c)
			}
		}).Certificate()
	}
	const day = 24 * time.Hour
	encryption := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }
	extension := func(oid ...int) func(c *x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier(oid), Value: []byte{5, 0}})
		}
	}
	expired, first, renewed, next := issue("expired", -9*day, -day), issue("first", -5*day, 5*day), issue("renewed", -2*day, 30*day), issue("next", day, 90*day)
	other := issue("for another use", -day, 5*day, encryption)
	late := issue("expired later", -8*day, -day/2)
	yubikey := issue("attested", -day, 99*day, extension(1, 3, 6, 1, 4, 1, 41482, 3, 3))
	yubihsm := issue("attested, too", -day, 99*day, extension(1, 3, 6, 1, 4, 1, 41482, 4, 1))
	named := issue("YubiKey PIV Attestation 9c", -day, 99*day)
	vendor := issue("of a vendor", -day, 99*day, extension(1, 3, 6, 1, 4, 1, 41482, 5, 1))

	for name, c := range map[string]struct {
		certs []*x509.Certificate
		want  *x509.Certificate
	}{
		"a renewal":                {[]*x509.Certificate{expired, first, renewed}, renewed},
		"one fetched in advance":   {[]*x509.Certificate{first, next}, first},
		"one for another use":      {[]*x509.Certificate{first, other}, first},
		"valid before for signing": {[]*x509.Certificate{expired, other}, other},
		"all have expired":         {[]*x509.Certificate{expired, late}, late},
		"attestation":              {[]*x509.Certificate{expired, yubikey, yubihsm, named}, expired},
		"attestation only":         {[]*x509.Certificate{yubikey, yubihsm, named}, nil},
		"a vendor's own extension": {[]*x509.Certificate{first, vendor}, vendor},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				p := open(t, pkcs11.Config{Module: module, TokenLabel: label, Certificates: c.certs})
				for _, ref := range []sign.Ref{{}, {Label: "seal"}, {ID: []byte{1}}} {
					key, err := p.Key(t.Context(), ref)
					require.NoError(t, err)
					chain, err := p.Chain(t.Context(), key)
					require.NoError(t, err)
					require.Equal(t, c.want == nil, len(chain) == 0)
					if c.want != nil {
						require.Equal(t, c.want.Subject.CommonName, chain[0].Subject.CommonName)
					}
				}
				for _, is := range c.certs {
					for _, ref := range []sign.Ref{{Certificate: is}, {Thumbprint: sign.Thumbprint(is)}} {
						key, err := p.Key(t.Context(), ref)
						require.NoError(t, err)
						chain, err := p.Chain(t.Context(), key)
						require.NoError(t, err)
						require.Equal(t, is.Raw, chain[0].Raw, "what was named")
					}
				}
				for e, err := range p.Keys(t.Context()) {
					require.NoError(t, err)
					require.False(t, e.Certificate() != nil && slices.Contains([]*x509.Certificate{yubikey, yubihsm, named}, e.Certificate()))
				}
				slices.Reverse(c.certs)
			}
		})
	}
}

// TestTwoKeysAreNotOne: another key is not a certificate more.
func TestTwoKeysAreNotOne(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.P256)
	importKey(t, module, label, a, "01", "seal")
	importKey(t, module, label, b, "02", "seal")
	importCert(t, module, label, pki.LeafOf(a.Key, "renewed").Certificate(), "01", "seal")
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	_, err := p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	key, err := p.Key(t.Context(), sign.Ref{Certificate: b.Certificate()})
	require.NoError(t, err)
	require.Equal(t, b.Key.Public(), key.Public())
}
