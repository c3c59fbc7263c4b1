//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"crypto/ecdh"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// TestLabelThatEndsInC has a key whose label has a zero in it, and something behind that. Its name ends there; after a
// recovery it is found by what is on the token.
func TestLabelThatEndsInC(t *testing.T) {
	before := runtime.NumGoroutine()
	s := softStage(t)
	stored := []byte("short\x00\x00old name")
	create(t, softhsmModule(t), s.label,
		p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Ulong(p11.AttrKeyType, p11.KeyEC), p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, true),
		p11.Bool(p11.AttrSign, true), p11.Bytes(p11.AttrECParams, unhex(t, "06082a8648ce3d030107")), p11.Bytes(p11.AttrValue, bytes.Repeat([]byte{1}, 32)),
		p11.Bytes(p11.AttrLabel, stored))
	scalar, err := ecdh.P256().NewPrivateKey(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	point := append([]byte{4, 65}, scalar.PublicKey().Bytes()...) // an OCTET STRING
	create(t, softhsmModule(t), s.label,
		p11.Ulong(p11.AttrClass, p11.ClassPublicKey), p11.Ulong(p11.AttrKeyType, p11.KeyEC), p11.Bool(p11.AttrToken, true),
		p11.Bytes(p11.AttrECParams, unhex(t, "06082a8648ce3d030107")), p11.Bytes(p11.AttrECPoint, point), p11.Bytes(p11.AttrLabel, stored))
	p, _ := s.open(t)
	key, err := p.Key(t.Context(), sign.Ref{Label: "short"})
	require.NoError(t, err)
	s.public = key.Public()
	require.Empty(t, s.many(t.Context(), key, 4, 2))
	s.do(fnSignInit, 0, doLogout)
	require.Empty(t, s.many(t.Context(), key, 4, 2))
	leakFree(t, s.shim, before, p)
}

// TestNamesThatTellNothingApart: a hint to name what has one name helps nobody.
func TestNamesThatTellNothingApart(t *testing.T) {
	s := softStage(t)
	run(t, "softhsm2-util", "--init-token", "--free", "--label", s.label, "--so-pin", soPIN, "--pin", goodPIN)
	_, err := pkcs11.Open(t.Context(), s.config())
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, "by label and serial: ")
	s.blankSerial(1 << 40)
	_, err = pkcs11.Open(t.Context(), s.config())
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, "name one token by its slot, since some have the same label and serial: ")

	module, label := newToken(t)
	for range 2 {
		tool(t, module, label, "--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "twin")
	}
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	_, err = p.Key(t.Context(), sign.Ref{Label: "twin"})
	require.ErrorIs(t, err, sign.ErrKeyAmbiguous)
	require.ErrorContains(t, err, "no name tells them apart")
	require.NotContains(t, err.Error(), "name one of them by")
}

// TestErrorsNameTheCall: what failed is in front, whatever it was in the module.
func TestErrorsNameTheCall(t *testing.T) {
	s := softStage(t)
	p, key := s.open(t)
	require.NoError(t, p.Close())
	for op, f := range map[string]func() error{
		"pkcs11: sign: ":     func() error { return s.one(t.Context(), key, "message") },
		"pkcs11: ping: ":     func() error { return p.Ping(t.Context()) },
		"pkcs11: diagnose: ": func() error { _, err := p.Diagnose(t.Context()); return err },
	} {
		require.ErrorContains(t, f(), op[:len(op)-2])
	}
}
