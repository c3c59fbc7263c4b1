package cryptoapi_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/internal/xdeclient"
	"github.com/seed-116355fd/signet/sign"
)

// styles are how clients write: those of .NET first.
var styles = map[string]xdeclient.Style{
	"plain":          {},
	"HttpWebRequest": {BOM: true, Expect: true, Nulls: true},
	"chunked":        {Chunked: true, Nulls: true},
	"System.Text":    {EscapePlus: true, CamelCase: true},
	"DataContract":   {EscapeSlash: true, BOM: true, Chunked: true, Expect: true},
	"line breaks":    {LineBreaks: true, Nulls: true, EscapePlus: true, EscapeSlash: true},
}

// Whatever the style of the client, the whole way goes: list, describe, sign, validate.
func TestClient(t *testing.T) {
	for name, style := range styles {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, houseConfig{})
			c := h.client(style)
			ctx := t.Context()

			list, err := c.Certificates(ctx, true, true, false)
			require.NoError(t, err)
			require.Equal(t, []string{thumbprint(h.seal.Certificate())}, thumbprints(list))

			about, err := c.Metadata(ctx, nil, list[0].Thumbprint)
			require.NoError(t, err)
			require.Equal(t, &list[0], about)

			contents := [][]byte{[]byte("Hello"), bytes.Repeat([]byte{0xfb, 0xff, 0xfe, '\n'}, 5000), {}}
			for _, by := range []xdeclient.SignRequest{
				{Thumbprint: list[0].Thumbprint}, {CertificateRawData: list[0].RawData},
				{Thumbprint: list[0].Thumbprint, CertificateRawData: list[0].RawData, ThrowOnErrors: true},
			} {
				by.Contents = contents
				results, err := c.Sign(ctx, by)
				require.NoError(t, err)
				require.Len(t, results, len(contents))
				for i, r := range results {
					require.Empty(t, r.ErrorMessage)
					status, body, err := c.Validate(ctx, xdeclient.ValidateRequest{Content: contents[i], Signature: r.Result})
					require.NoError(t, err)
					require.Equal(t, http.StatusOK, status)
					require.Equal(t, true, body["IsValid"], body)
				}
				h.openssl(results[1].Result, contents[1])
			}
		})
	}
}

// One that is no base64 or null is that item's error; with ThrowOnErrors it is everybody's.
func TestClientErrorsOfItems(t *testing.T) {
	h := newHouse(t, houseConfig{})
	c := h.client(xdeclient.Style{})
	h.transport.Loose = true
	q := xdeclient.SignRequest{Thumbprint: strings.ToLower(thumbprint(h.seal.Certificate())), Contents: [][]byte{[]byte("a"), nil, []byte("c")}}
	results, err := c.Sign(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, results, 3)
	require.Empty(t, results[1].Result)
	require.NotEmpty(t, results[1].ErrorMessage)
	h.openssl(results[0].Result, []byte("a"))
	h.openssl(results[2].Result, []byte("c"))

	q.ThrowOnErrors = true
	_, err = c.Sign(t.Context(), q)
	e := h.refused(err, http.StatusBadRequest, "")
	require.Equal(t, "/v2/sign", e.Path)
	require.Equal(t, "POST", e.Method)
	require.True(t, strings.HasPrefix(e.Details, "Api.ValidationException: "), e.Details)
}

// The same for a key that is not there and one that is somebody else's.
func TestClientKeys(t *testing.T) {
	h := newHouse(t, houseConfig{})
	c := h.client(xdeclient.Style{})
	var messages []string
	for _, print := range []string{thumbprint(h.other.Certificate()), strings.Repeat("AB", 20)} {
		_, err := c.Sign(t.Context(), xdeclient.SignRequest{Thumbprint: print, Contents: [][]byte{{1}}})
		messages = append(messages, h.refused(err, http.StatusBadRequest, "").Message)
		_, err = c.Metadata(t.Context(), nil, print)
		messages = append(messages, h.refused(err, http.StatusBadRequest, "").Message)
	}
	require.Equal(t, messages[:2], messages[2:])
	_, err := c.Sign(t.Context(), xdeclient.SignRequest{Contents: [][]byte{{1}}})
	h.refused(err, http.StatusBadRequest, "")
	_, err = c.Metadata(t.Context(), nil, "")
	h.refused(err, http.StatusBadRequest, "give RawData")
	_, err = c.Metadata(t.Context(), nil, "12")
	h.refused(err, http.StatusBadRequest, "40 hexadecimal digits")
}

func TestClientAuthentication(t *testing.T) {
	h := newHouse(t, houseConfig{})
	for token, want := range map[string]int{"": http.StatusUnauthorized, "expired": http.StatusUnauthorized, "none": http.StatusForbidden} {
		c := h.client(xdeclient.Style{})
		c.Token = token
		ctx := t.Context()
		_, err := c.Sign(ctx, xdeclient.SignRequest{Thumbprint: thumbprint(h.seal.Certificate()), Contents: [][]byte{{1}}})
		h.refused(err, want, "")
		_, err = c.Certificates(ctx, false, false, false)
		h.refused(err, want, "")
		_, err = c.Metadata(ctx, h.seal.Certificate().Raw, "")
		h.refused(err, want, "")
		_, _, err = c.Validate(ctx, xdeclient.ValidateRequest{Signature: []byte{1}})
		h.refused(err, want, "")
	}
}

func TestCertificates(t *testing.T) {
	h := newHouse(t, houseConfig{broken: true})
	c := h.client(xdeclient.Style{})
	list, err := c.Certificates(t.Context(), false, false, false)
	require.NoError(t, err)
	require.Equal(t, []string{thumbprint(h.seal.Certificate()), thumbprint(h.pki.Authority.Certificate())}, thumbprints(list))
	require.Empty(t, list[0].RawData)
	require.Empty(t, list[0].PublicKeyRawData)
	require.True(t, list[0].HasPrivateKey)
	require.False(t, list[1].HasPrivateKey)

	// What keeps a key from being opened is not for callers.
	_, err = c.Certificates(t.Context(), false, false, true)
	e := h.refused(err, http.StatusBadRequest, `key "broken" cannot be opened now: the key cannot be used now`)
	require.NotContains(t, e.Message+e.Details, "secret")
}

// Names in any case, values as different programs write them.
func TestCertificatesQuery(t *testing.T) {
	h := newHouse(t, houseConfig{broken: true})
	h.transport.Loose = true
	for query, want := range map[string]int{
		"":                        2,
		"?":                       2,
		"?HasPrivateKey":          2,
		"?HasPrivateKey=":         2,
		"?hasprivatekey=TRUE":     1,
		"?HASPRIVATEKEY=1":        1,
		"?HasPrivateKey=0":        2,
		"?HasPrivateKey=False&x=": 2,
		"?x=1&x=2":                2,
		"?HasPrivateKey=yes":      -1,
		"?HasPrivateKey=true&hasPrivateKey=false": -1,
		"?HasPrivateKey=true&HasPrivateKey=true":  -1,
		"?ThrowOnParsingErrors=true":              -1,
		"?HasPrivateKey=%zz":                      -1,
	} {
		status, data := h.raw(http.MethodGet, "/v2/certificates"+query, "", "")
		if want < 0 {
			assert.Equal(t, http.StatusBadRequest, status, query)
			continue
		}
		var list []map[string]any
		require.NoError(t, json.Unmarshal(data, &list), query)
		assert.Len(t, list, want, query)
	}
}

// raw sends a request of any kind.
func (h *house) raw(method, path, contentType, body string) (int, []byte) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, h.url+path, strings.NewReader(body))
	require.NoError(h, err)
	r.Header.Set("Authorization", "Bearer good")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := h.transport.Client().Do(r)
	require.NoError(h, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(h, err)
	return resp.StatusCode, data
}

func TestMetadata(t *testing.T) {
	h := newHouse(t, houseConfig{})
	c := h.client(xdeclient.Style{})
	for kind, id := range map[string]testpki.Identity{"rsa": h.seal, "ec": h.other, "ed": h.pki.Leaf(testpki.Ed25519),
		"high serial": h.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x80) })} {
		cert := id.Certificate()
		for form, raw := range map[string][]byte{"der": cert.Raw, "pem": testpki.CertPEM(cert), "pem with BOM": append([]byte("\xEF\xBB\xBF\r\n"), testpki.CertPEM(cert)...)} {
			d, err := c.Metadata(t.Context(), raw, "")
			require.NoError(t, err, kind+form)
			sum := sha1.Sum(cert.Raw)
			require.Equal(t, strings.ToUpper(hex.EncodeToString(sum[:])), d.Thumbprint)
			require.Equal(t, cert.Raw, d.RawData)
			require.Equal(t, cert.NotBefore.UTC().Format("2006-01-02T15:04:05.000Z"), d.ValidFrom)
			require.Equal(t, cert.NotAfter.UTC().Format("2006-01-02T15:04:05.000Z"), d.ValidTo)
			require.Equal(t, kind == "rsa", d.HasPrivateKey)
			// As .NET has it: the octets of the INTEGER, which asn1 writes behind two octets.
			der, err := asn1.Marshal(cert.SerialNumber)
			require.NoError(t, err)
			require.Equal(t, strings.ToUpper(hex.EncodeToString(der[2:])), d.SerialNumber)
			if kind == "rsa" {
				_, err := x509.ParsePKCS1PublicKey(d.PublicKeyRawData)
				require.NoError(t, err)
			}
		}
	}
	_, data := h.raw(http.MethodPost, "/certificates/metadata", "application/json", `{"RawData":"`+base64.StdEncoding.EncodeToString(h.seal.Certificate().Raw)+`"}`)
	var all map[string]any
	require.NoError(t, json.Unmarshal(data, &all))
	require.Equal(t, "RSA", all["PublicKeyAlgorithm"])
	require.EqualValues(t, 2048, all["PublicKeySize"])
	require.Contains(t, all["SubjectName"], "CN=")
	require.Equal(t, h.seal.Certificate().Issuer.String(), all["IssuerName"])
	require.NotEmpty(t, all["KeyUsage"])
}

func TestMetadataOfSignatures(t *testing.T) {
	h := newHouse(t, houseConfig{})
	c := h.client(xdeclient.Style{})
	one := h.sign(h.other, "x", nil)
	d, err := c.Metadata(t.Context(), one, "")
	require.NoError(t, err)
	require.Equal(t, thumbprint(h.other.Certificate()), d.Thumbprint)

	m, err := cades.Parse(one)
	require.NoError(t, err)
	both, err := m.AddSignature(t.Context(), h.signer(h.seal), sign.Bytes("", []byte("x")), nil)
	require.NoError(t, err)
	d, err = c.Metadata(t.Context(), both, "")
	require.NoError(t, err)
	require.False(t, d.HasPrivateKey)
	d, err = c.Metadata(t.Context(), both, thumbprint(h.seal.Certificate()))
	require.NoError(t, err)
	require.Equal(t, thumbprint(h.seal.Certificate()), d.Thumbprint)
	require.True(t, d.HasPrivateKey)
	_, err = c.Metadata(t.Context(), both, strings.Repeat("00", 20))
	h.refused(err, http.StatusBadRequest, "holds no certificate with this Thumbprint")
	_, err = c.Metadata(t.Context(), h.seal.Certificate().Raw, thumbprint(h.other.Certificate()))
	h.refused(err, http.StatusBadRequest, "holds no certificate with this Thumbprint")

	bare := h.sign(h.seal, "x", &cades.Options{Level: cades.LevelPKCS7, Certificates: cades.NoCertificates})
	_, err = c.Metadata(t.Context(), bare, "")
	h.refused(err, http.StatusBadRequest, "does not hold the certificate of its signer")
	for _, junk := range [][]byte{[]byte("junk"), h.seal.Certificate().Raw[:100], {0x30}, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")} {
		_, err = c.Metadata(t.Context(), junk, "")
		h.refused(err, http.StatusBadRequest, "neither a certificate nor a signature")
	}
	_, err = c.Metadata(t.Context(), make([]byte, 1<<20+1), "")
	h.refused(err, http.StatusRequestEntityTooLarge, "RawData is larger than 1 MiB")
	h.transport.Loose = true
	status, data := h.raw(http.MethodPost, "/certificates/metadata", "application/json", `{"x":"`+strings.Repeat(" ", 3<<20)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, status, string(data))
}

func (h *house) signer(id testpki.Identity) *sign.Signer {
	h.Helper()
	key, err := softKey(id)
	require.NoError(h, err)
	s, err := sign.New(key, id.Chain, sign.Schemes(id.Key.Public())[0])
	require.NoError(h, err)
	return s
}

func (h *house) sign(id testpki.Identity, content string, o *cades.Options) []byte {
	h.Helper()
	p7s, err := cades.Sign(h.Context(), h.signer(id), sign.Bytes("", []byte(content)), o)
	require.NoError(h, err)
	return p7s
}

func TestAddresses(t *testing.T) {
	h := newHouse(t, houseConfig{})
	h.transport.Loose = true
	for _, path := range []string{"/V2/CERTIFICATES", "/v2/certificates/", "/v2/Certificates?hasPrivateKey=true"} {
		status, _ := h.raw(http.MethodGet, path, "", "")
		assert.Equal(t, http.StatusOK, status, path)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/v2/sign", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v2/certificates", http.StatusMethodNotAllowed},
		{http.MethodGet, "/v3/validate", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/certificates/metadata", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v2/encrypt", http.StatusNotFound},
		{http.MethodOptions, "/v2/sign", http.StatusNoContent},
		{http.MethodHead, "/v2/certificates", http.StatusOK},
	} {
		status, data := h.raw(c.method, c.path, "", "")
		assert.Equal(t, c.status, status, "%s %s", c.method, c.path)
		if c.status == http.StatusNoContent || c.method == http.MethodHead {
			assert.Empty(t, data)
		}
	}
}

func TestNewNeedsKeysAndGate(t *testing.T) {
	for _, err := range newWithout() {
		require.Error(t, err)
		require.Contains(t, fmt.Sprint(err), "give ")
	}
}
