package cades_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestWhatIsNoMessage: who hands over a message in another spelling, or the answer of an authority, is told what to do.
func TestWhatIsNoMessage(t *testing.T) {
	pki := testpki.New(t)
	p7s, err := cades.Sign(t.Context(), p256(t, pki), strings.NewReader("content"), &cades.Options{Attached: true})
	require.NoError(t, err)
	request, err := tsp.NewRequest(sign.NewDigest(crypto.SHA256, make([]byte, 32)), "")
	require.NoError(t, err)
	response := testpki.TimestampResponse(t, pki.TSA(testpki.P256), request.Raw)
	base := []byte(base64.StdEncoding.EncodeToString(p7s))
	for name, c := range map[string]struct {
		octets []byte
		hint   string
	}{
		"PEM":                    {pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: p7s}), "pem.Decode"},
		"PEM after a mark":       {append([]byte("\xef\xbb\xbf\r\n"), pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: p7s})...), "pem.Decode"},
		"base64":                 {base, "decode it first"},
		"mail":                   {append([]byte("MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime\r\n\r\n"), base...), "looks like a mail"},
		"answer":                 {response, "tsp.ParseResponse"},
		"text":                   {[]byte("hello: world"), "SignedData in DER or BER"},
		"nothing":                {nil, "SignedData in DER or BER"},
		"a message that was cut": {p7s[:len(p7s)-1], "SignedData in DER or BER"},
		"two octets":             {[]byte("\x30\xff"), "SignedData in DER or BER"},
		"a length without end":   {[]byte("\x30\x80\x30\x80"), "SignedData in DER or BER"},
	} {
		_, err := cades.Parse(c.octets)
		require.ErrorContains(t, err, c.hint, name)
		require.ErrorIs(t, err, sign.ErrInput, name)
		_, err = cades.Open(bytes.NewReader(c.octets), int64(len(c.octets)), nil)
		require.ErrorContains(t, err, c.hint, name)
	}
	block, _ := pem.Decode(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: p7s}))
	_, err = cades.Parse(block.Bytes)
	require.NoError(t, err, "what the hint says works")
}
