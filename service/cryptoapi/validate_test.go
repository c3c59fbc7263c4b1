package cryptoapi_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/xdeclient"
)

func TestValidate(t *testing.T) {
	h := newHouse(t, houseConfig{})
	c := h.client(xdeclient.Style{Nulls: true})
	stranger := testpki.New(t).Leaf(testpki.P256)
	expired := h.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
	})
	attached := &cades.Options{Attached: true}
	spoiled := bytes.Clone(h.sign(h.seal, "x", nil))
	spoiled[len(spoiled)-1] ^= 1
	for _, test := range []struct {
		name          string
		content       []byte
		signature     []byte
		signatureOnly bool
		verdict       string
		message       string
	}{
		{"detached", []byte("x"), h.sign(h.seal, "x", nil), false, "passed", "trusted root"},
		{"attached", nil, h.sign(h.seal, "x", attached), false, "passed", "trusted root"},
		{"attached with its content", []byte("x"), h.sign(h.seal, "x", attached), false, "passed", ""},
		{"attached with another content", []byte("y"), h.sign(h.seal, "x", attached), false, "failed", "not the one inside"},
		{"attached with an empty content", []byte{}, h.sign(h.seal, "x", attached), false, "failed", "not the one inside"},
		{"another content", []byte("y"), h.sign(h.seal, "x", nil), false, "failed", "message-digest"},
		{"an empty content", []byte{}, h.sign(h.seal, "", nil), false, "passed", ""},
		{"in PEM", []byte("x"), pemOf(h.sign(h.seal, "x", nil)), false, "passed", ""},
		{"spoiled", []byte("x"), spoiled, false, "failed", "signature value"},
		{"spoiled, signature only", []byte("x"), spoiled, true, "failed", "signature value"},
		{"stranger", []byte("x"), h.sign(stranger, "x", nil), false, "indeterminate", "chain"},
		{"stranger, signature only", []byte("x"), h.sign(stranger, "x", nil), true, "passed", "was not checked"},
		{"expired", []byte("x"), h.sign(expired, "x", &cades.Options{AnyCertificate: true}), false, "indeterminate", "chain"},
		{"no signature at all", []byte("x"), []byte("junk"), false, "failed", "cannot be read"},
		{"a certificate", []byte("x"), h.seal.Certificate().Raw, false, "failed", "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := xdeclient.ValidateRequest{Content: test.content, Signature: test.signature, VerifySignatureOnly: test.signatureOnly}
			status, body, err := c.Validate(t.Context(), q)
			if test.verdict == "passed" {
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				require.Equal(t, "passed", body["Verdict"], body)
				require.Equal(t, true, body["IsValid"])
				require.Contains(t, body["Message"], test.message)
				require.Equal(t, true, body["Signatures"].([]any)[0].(map[string]any)["IsValid"])
			} else {
				e := h.refused(err, http.StatusBadRequest, test.message)
				require.Contains(t, e.Details, "not valid ("+test.verdict+")")
			}

			q.DefaultOnFail = true
			status, _, err = c.Validate(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, test.verdict == "passed", status == http.StatusOK)
			require.Equal(t, test.verdict != "passed", status == http.StatusNoContent)
		})
	}
}

// Without roots nothing says who the signer is, and so nothing is valid unless only the signature was asked for.
func TestValidateWithoutRoots(t *testing.T) {
	h := newHouse(t, houseConfig{rootless: true})
	c := h.client(xdeclient.Style{})
	q := xdeclient.ValidateRequest{Content: []byte("x"), Signature: h.sign(h.seal, "x", nil)}
	_, _, err := c.Validate(t.Context(), q)
	require.Contains(t, h.refused(err, http.StatusBadRequest, "no trusted roots").Details, "(indeterminate)")
	q.DefaultOnFail = true
	status, _, err := c.Validate(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)

	q.VerifySignatureOnly = true
	_, body, err := c.Validate(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, true, body["IsValid"])
	require.Equal(t, "not checked", statusOf(body, "chain"))
	require.Equal(t, "not checked", statusOf(body, "revocation"))
	q.Content = []byte("y")
	status, _, err = c.Validate(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
}

// statusOf is the status of a check of the first signature.
func statusOf(body map[string]any, name string) string {
	first := body["Signatures"].([]any)[0].(map[string]any)
	for _, c := range first["Checks"].([]any) {
		if c := c.(map[string]any); c["Name"] == name {
			return c["Status"].(string)
		}
	}
	return "absent"
}

func TestValidateSaysWhatItFound(t *testing.T) {
	h := newHouse(t, houseConfig{})
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	m, err := cades.Parse(h.sign(h.seal, "x", &cades.Options{SigningTime: at, MimeType: "text/plain"}))
	require.NoError(t, err)
	counter, err := m.Signatures()[0].CounterSign(t.Context(), h.signer(h.other), nil)
	require.NoError(t, err)
	_, body, err := h.client(xdeclient.Style{}).Validate(t.Context(), xdeclient.ValidateRequest{Content: []byte("x"), Signature: counter})
	require.NoError(t, err)
	require.Equal(t, true, body["IsValid"], body)
	s := body["Signatures"].([]any)[0].(map[string]any)
	require.Equal(t, "2026-05-04T03:02:01.000Z", s["SigningTime"])
	require.Equal(t, "CAdES-BES", s["Level"])
	require.Equal(t, "SHA-256", s["DigestAlgorithm"])
	require.Equal(t, thumbprint(h.seal.Certificate()), s["Certificate"].(map[string]any)["Thumbprint"])
	require.Equal(t, "passed", statusOf(body, "signature value"))
	require.NotEmpty(t, s["SignedAttributes"])
	below := s["CounterSignatures"].([]any)[0].(map[string]any)
	require.Equal(t, thumbprint(h.other.Certificate()), below["Certificate"].(map[string]any)["Thumbprint"])
	require.Equal(t, true, below["IsValid"])
}

func TestValidateBadRequests(t *testing.T) {
	h := newHouse(t, houseConfig{limits: gate.Limits{Content: 1 << 20, Body: 4 << 20}})
	h.transport.Loose = true
	detached := base64.StdEncoding.EncodeToString(h.sign(h.seal, "x", nil))
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{``, 400, "empty"},
		{`{}`, 400, "Signature is missing"},
		{`{"Signature":null}`, 400, "Signature is missing"},
		{`{"Signature":""}`, 400, "Signature is missing"},
		{`{"Signature":"` + detached + `"}`, 400, "Content is missing"},
		{`{"Signature":"` + detached + `","DefaultOnFail":true}`, 400, "Content is missing"},
		{`{"Signature":"` + detached + `","Content":"_w=="}`, 400, "Content: it is base64url"},
		{`{"Signature":"` + detached + `","Content":"eA"}`, 400, "Content: it is not base64"},
		{`{"Signature":"` + detached + `","Content":7}`, 400, "Content has to be a string"},
		{`{"Signature":"` + detached + `","Content":"eA==","content":"eA=="}`, 400, "Content stands twice"},
		{`{"Signature":"` + detached + `","Content":"eA==","DefaultOnFail":"true"}`, 400, "DefaultOnFail has to be true or false"},
		{`{"Signature":"` + detached + `","Content":"eA=="}}`, 400, "not valid JSON"},
		{`{"Signature":"` + detached, 400, "not valid JSON"},
		{`{"Content":"` + strings.Repeat("AAAA", 400_000) + `"}`, 413, "Content is larger than 1 MiB"},
		{`{"x":"` + strings.Repeat("A", 5<<20) + `"}`, 413, "larger than 4 MiB"},
	} {
		status, data := h.raw(http.MethodPost, "/v3/validate", "application/json", test.body)
		assert.Equal(t, test.status, status, "%.80s", test.body)
		assert.Contains(t, string(data), test.want, "%.80s", test.body)
	}
}

// A message of a few octets for each signature makes the work of many; it is refused before that.
func TestValidateBoundsItsWork(t *testing.T) {
	h := newHouse(t, houseConfig{})
	one := h.sign(h.other, "x", &cades.Options{Level: cades.LevelPKCS7})
	many := repeatSigner(t, one, 1001)
	_, _, err := h.client(xdeclient.Style{}).Validate(t.Context(), xdeclient.ValidateRequest{Content: []byte("x"), Signature: many})
	h.refused(err, http.StatusBadRequest, "more than 1000 signatures")
	_, err = h.client(xdeclient.Style{}).Metadata(t.Context(), many, "")
	h.refused(err, http.StatusBadRequest, "more than 100 signatures")
	few := repeatSigner(t, one, 3)
	_, body, err := h.client(xdeclient.Style{}).Validate(t.Context(), xdeclient.ValidateRequest{Content: []byte("x"), Signature: few})
	require.NoError(t, err)
	require.Len(t, body["Signatures"], 3)
}
