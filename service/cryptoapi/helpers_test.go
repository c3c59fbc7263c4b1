package cryptoapi_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

func softKey(id testpki.Identity) (sign.Key, error) { return soft.NewKey(id.Key, 0) }

func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}) }

// repeatSigner writes the first SignerInfo of a message many times.
func repeatSigner(t *testing.T, message []byte, n int) []byte {
	t.Helper()
	type contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue // [0]
	}
	var info contentInfo
	_, err := asn1.Unmarshal(message, &info)
	require.NoError(t, err)
	var fields []asn1.RawValue
	_, err = asn1.Unmarshal(info.Content.Bytes, &fields)
	require.NoError(t, err)
	last := &fields[len(fields)-1]
	last.Bytes, last.FullBytes = bytes.Repeat(last.Bytes, n), nil
	body, err := asn1.Marshal(fields)
	require.NoError(t, err)
	out, err := asn1.Marshal(contentInfo{info.Type, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: body}})
	require.NoError(t, err)
	return out
}

// newWithout calls New without what it needs.
func newWithout() []error {
	set, _ := keys.New(nil, nil)
	g, _ := gate.New(gate.Config{Auth: auth.Func(func(*http.Request) (*auth.Principal, error) { return nil, auth.ErrNone })})
	_, noKeys := cryptoapi.New(cryptoapi.Config{Gate: g})
	_, noGate := cryptoapi.New(cryptoapi.Config{Keys: set})
	return []error{noKeys, noGate}
}
