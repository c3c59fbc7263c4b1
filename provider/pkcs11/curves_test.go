//go:build unix && !signet_static

package pkcs11_test

import (
	"encoding/asn1"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// TestCurvesThatAreNotSupported are listed with their names.
func TestCurvesThatAreNotSupported(t *testing.T) {
	module, label := newToken(t)
	oid := func(arcs ...int) []byte { return must(asn1.Marshal(asn1.ObjectIdentifier(arcs))) }
	text := func(name string) []byte { return must(asn1.MarshalWithParams(name, "printable")) }
	cases := map[string]struct {
		kind   uint
		params []byte
		says   string
	}{
		"a": {p11.KeyEC, oid(1, 3, 132, 0, 10), "its curve secp256k1 is not supported"},
		"b": {p11.KeyEC, oid(1, 3, 36, 3, 3, 2, 8, 1, 1, 7), "its curve brainpoolP256r1 is not supported"},
		"c": {p11.KeyEC, oid(1, 3, 36, 3, 3, 2, 8, 1, 1, 13), "its curve brainpoolP512r1 is not supported"},
		"d": {p11.KeyEC, oid(1, 2, 3, 4), "its curve 1.2.3.4 is not supported"},
		"e": {p11.KeyEC, []byte{0x30, 0x03, 0x02, 0x01, 0x01}, "its curve is given in another way than by its name"},
		"f": {p11.KeyECEdwards, oid(1, 3, 101, 113), "Ed448 is not supported"},
		"g": {p11.KeyECEdwards, text("edwards448"), "Ed448 is not supported"},
		"h": {p11.KeyECEdwards, oid(1, 3, 101, 110), "keys of X25519 are for key agreement, and cannot sign"},
		"i": {p11.KeyECEdwards, text("curve448"), "keys of X448 are for key agreement, and cannot sign"},
	}
	for name, c := range cases {
		create(t, module, label, p11.Ulong(p11.AttrClass, p11.ClassPrivateKey), p11.Ulong(p11.AttrKeyType, c.kind), p11.Bool(p11.AttrToken, true), p11.Bool(p11.AttrPrivate, true),
			p11.Bool(p11.AttrSign, name < "h"), p11.Bytes(p11.AttrECParams, c.params), p11.Bytes(p11.AttrValue, make([]byte, 32)), p11.Bytes(p11.AttrLabel, []byte(name)), p11.Bytes(p11.AttrID, []byte(name)))
	}
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	var failures []string
	for _, err := range p.Keys(t.Context()) {
		require.ErrorIs(t, err, sign.ErrUnsupported)
		failures = append(failures, err.Error())
	}
	require.Len(t, failures, len(cases))
	for name, c := range cases {
		_, err := p.Key(t.Context(), sign.Ref{Label: name})
		require.ErrorIs(t, err, sign.ErrUnsupported)
		require.ErrorContains(t, err, `key "`+name+`"`)
		require.ErrorContains(t, err, c.says)
		require.Contains(t, failures, err.Error())
		require.Equal(t, name >= "h", errors.Is(err, pkcs11.ErrNotForSigning))
	}
}
