package cades_test

import (
	"bytes"
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestWhatIsNoMessage: who hands over something else is told what it is, or what to do.
func TestWhatIsNoMessage(t *testing.T) {
	pki := testpki.New(t)
	p7s, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))), "")
	require.NoError(t, err)
	response := testpki.TimestampResponse(t, pki.TSA(testpki.P256), request.Raw)
	for name, c := range map[string]struct {
		octets []byte
		hint   string
	}{
		"mail":                   {[]byte("MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime\r\n\r\nMIIB"), "looks like a mail"},
		"PEM of nothing":         {[]byte("-----BEGIN CMS-----\n%%\n-----END CMS-----\n"), "no block of it can be read"},
		"certificate":            {pki.Root.Certificate().Raw, "it is a certificate"},
		"certificate in PEM":     {pemOf("CERTIFICATE", pki.Root.Certificate().Raw), "it is a certificate"},
		"key":                    {testpki.KeyPEM(t, pki.Root.Key), "it is a private key"},
		"PDF":                    {[]byte("%PDF-1.7\n"), "PDF"},
		"JWS":                    {[]byte("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"), "JWS"},
		"answer":                 {response, "tsp.ParseResponse"},
		"text":                   {[]byte("hello: world"), "SignedData in DER or BER, or in PEM"},
		"nothing":                {nil, "SignedData in DER or BER, or in PEM"},
		"a message that was cut": {p7s[:len(p7s)-1], "SignedData in DER or BER, or in PEM"},
		"two octets":             {[]byte("\x30\xff"), "SignedData in DER or BER, or in PEM"},
		"a length without end":   {[]byte("\x30\x80\x30\x80"), "SignedData in DER or BER, or in PEM"},
	} {
		_, err := cades.Parse(c.octets)
		require.ErrorContains(t, err, c.hint, name)
		require.ErrorIs(t, err, sign.ErrInput, name)
		_, err = cades.Open(bytes.NewReader(c.octets), int64(len(c.octets)), nil)
		require.ErrorContains(t, err, c.hint, name)
	}
}
