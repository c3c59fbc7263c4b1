//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// limited makes an RSA key that may be used with some mechanisms only.
func limited(t *testing.T, module, label, name string, mechanisms ...uint) {
	t.Helper()
	m, err := p11.Open(module, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	s, err := m.OpenSession(slotOf(t, label).ID, true)
	require.NoError(t, err)
	require.NoError(t, s.Login([]byte(goodPIN)))
	id := p11.Bytes(p11.AttrID, []byte(name))
	_, _, err = s.GenerateKeyPair(p11.MechRSAKeyPair,
		[]p11.Attribute{p11.Bool(p11.AttrToken, true), p11.Ulong(p11.AttrModulusBits, 2048), p11.Bytes(p11.AttrPublicExponent, []byte{1, 0, 1}), id},
		[]p11.Attribute{p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, true), p11.Bool(p11.AttrSign, true), id,
			p11.Bytes(p11.AttrLabel, []byte(name)), p11.Ulongs(p11.AttrAllowedMechanisms, mechanisms...)})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestAllowedMechanisms: the default scheme is one that the key allows, and an error says which it does not.
func TestAllowedMechanisms(t *testing.T) {
	module, label := newToken(t)
	limited(t, module, label, "pss", p11.MechPSS)
	limited(t, module, label, "pkcs1", p11.MechRSA, p11.MechSHA256RSA)
	limited(t, module, label, "hashing", p11.MechSHA256RSA, p11.MechSHA384PSS)
	tool(t, module, label, "--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "free")
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	pki := testpki.New(t)
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	for name, c := range map[string]struct {
		scheme  string
		refused crypto.SignerOpts
		says    string
	}{
		"pss":   {"rsa-pss-sha256", crypto.SHA256, "the key may not be used with CKM_RSA_PKCS (CKA_ALLOWED_MECHANISMS); choose another scheme of the key: rsa-pss-sha256"},
		"pkcs1": {"rsa-pkcs1-sha256", pss, "the key may not be used with CKM_RSA_PKCS_PSS (CKA_ALLOWED_MECHANISMS); choose another scheme of the key: rsa-pkcs1-sha256"},
		"free":  {"", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := p.Key(t.Context(), sign.Ref{Label: name})
			require.NoError(t, err)
			signer, err := sign.Open(t.Context(), p, sign.Ref{Label: name}, sign.WithChain(pki.LeafOf(key, name).Certificate()))
			require.NoError(t, err)
			if c.scheme == "" {
				c.scheme = sign.Schemes(key.Public())[0].Name
			}
			require.Equal(t, c.scheme, signer.Scheme().Name)
			signature, err := signer.Sign(t.Context(), []byte("message"))
			require.NoError(t, err)
			require.NoError(t, signer.Verify([]byte("message"), signature))
			if c.refused == nil {
				require.Empty(t, key.(sign.SchemeExplainer).ExplainSchemes())
				return
			}
			_, err = key.SignContext(t.Context(), make([]byte, 32), c.refused)
			require.ErrorIs(t, err, sign.ErrUnsupported)
			require.ErrorContains(t, err, c.says)
		})
	}
	key, err := p.Key(t.Context(), sign.Ref{Label: "hashing"})
	require.NoError(t, err)
	var names []string
	for _, scheme := range key.(sign.Schemer).Schemes() {
		names = append(names, scheme.Name)
		_, err := sign.SignMessage(t.Context(), key, []byte("message"), scheme.Opts) // verified by the provider
		require.NoError(t, err)
	}
	require.Equal(t, []string{"rsa-pkcs1-sha256", "rsa-pss-sha384"}, names)
	_, err = sign.SignMessage(t.Context(), key, []byte("message"), pss)
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "the key may not be used with CKM_RSA_PKCS_PSS (CKA_ALLOWED_MECHANISMS); choose another scheme of the key: rsa-pkcs1-sha256")
	require.Equal(t, "the key may not be used with CKM_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS, "+
		"CKM_SHA256_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS (CKA_ALLOWED_MECHANISMS)", key.(sign.SchemeExplainer).ExplainSchemes())
}

// TestPublicExponents: which of them no key has, or are not computed with, and the error says so.
func TestPublicExponents(t *testing.T) {
	module, label := newToken(t)
	octets := bytes.Repeat([]byte{0xc5}, 256)
	for name, e := range map[string][]byte{"wide": {1, 0, 0, 0, 0, 1}, "even": {1, 0, 0}, "one": {1}} {
		template := []p11.Attribute{
			p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Ulong(p11.AttrKeyType, p11.KeyRSA), p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, true),
			p11.Bool(p11.AttrSign, true), p11.Bytes(p11.AttrModulus, octets), p11.Bytes(p11.AttrPublicExponent, e), p11.Bytes(p11.AttrLabel, []byte(name)),
		}
		for attr := uint(0x123); attr <= 0x128; attr++ { // the private parts
			template = append(template, p11.Bytes(attr, octets[:128]))
		}
		create(t, module, label, template...)
	}
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	for name, says := range map[string]string{
		"wide": "its public exponent has 41 bits, and 31 are the most",
		"even": "its public exponent is 65536, which no RSA key has",
		"one":  "its public exponent is 1, which no RSA key has",
	} {
		_, err := p.Key(t.Context(), sign.Ref{Label: name})
		require.ErrorIs(t, err, sign.ErrUnsupported)
		require.ErrorContains(t, err, says)
	}
}
