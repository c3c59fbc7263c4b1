package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/streebog"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/gate"
)

type object = map[string]any

func digestOf(content string) object {
	sum := sha256.Sum256([]byte(content))
	return object{"algorithm": "SHA-256", "value": sum[:]}
}

func TestVerify(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	p7s := o.sign(o.seal, "x", nil)
	attached := o.sign(o.seal, "x", &cades.Options{Attached: true})
	stranger := o.sign(testpki.New(t).Leaf(testpki.P256), "x", nil)
	sum := sha256.Sum256([]byte("x"))
	for name, test := range map[string]struct {
		request object
		verdict string
		reason  string
	}{
		"content":                {object{"signature": p7s, "content": []byte("x")}, "passed", "trusted root"},
		"digest":                 {object{"signature": p7s, "digests": []object{digestOf("x")}}, "passed", ""},
		"digest in hexadecimal":  {object{"signature": p7s, "digests": []object{{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}}}, "passed", ""},
		"another content":        {object{"signature": p7s, "content": []byte("y")}, "failed", "message-digest"},
		"another digest":         {object{"signature": p7s, "digests": []object{digestOf("y")}}, "failed", "message-digest"},
		"digest of another hash": {object{"signature": p7s, "digests": []object{{"algorithm": "SHA-512", "value": make([]byte, 64)}}}, "indeterminate", "message-digest"},
		"attached":               {object{"signature": attached}, "passed", ""},
		"nulls":                  {object{"signature": attached, "content": nil, "digests": nil, "signatureOnly": nil}, "passed", ""},
		"attached, another":      {object{"signature": attached, "content": []byte("y")}, "failed", "not the one inside"},
		"stranger":               {object{"signature": stranger, "content": []byte("x")}, "indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"},
		"stranger, only":         {object{"signature": stranger, "content": []byte("x"), "signatureOnly": true}, "passed", "was not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := o.post("/v1/verify", test.request)
			require.Equal(t, http.StatusOK, status, answer)
			require.Equal(t, test.verdict, answer["verdict"], answer)
			require.Contains(t, answer["reason"], test.reason)
			first := answer["signatures"].([]any)[0].(object)
			require.Equal(t, "CAdES-BES", first["level"])
			require.NotEmpty(t, first["certificate"])
		})
	}
}

func TestVerifyWithoutRoots(t *testing.T) {
	o := newOffice(t, true, gate.Limits{})
	q := object{"signature": o.sign(o.seal, "x", nil), "content": []byte("x")}
	_, answer := o.post("/v1/verify", q)
	require.Equal(t, "indeterminate", answer["verdict"])
	require.Contains(t, answer["reason"], "no trusted roots")
	q["content"] = []byte("y")
	_, answer = o.post("/v1/verify", q)
	require.Equal(t, "failed", answer["verdict"])
}

// A time-stamp is told with its time, and that its authority was not checked is part of the description.
func TestVerifyTimestamps(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	status, raised := o.post("/v1/extend", object{"signature": o.sign(o.seal, "x", nil), "content": []byte("x"), "key": "seal"})
	require.Equal(t, http.StatusOK, status, raised)
	_, answer := o.post("/v1/verify", object{"signature": raised["signature"], "content": []byte("x")})
	require.Equal(t, "passed", answer["verdict"], answer)
	first := answer["signatures"].([]any)[0].(object)
	require.Equal(t, "CAdES-T", first["level"])
	stamp := first["timestamps"].([]any)[0].(object)
	require.Equal(t, "passed", stamp["status"])
	require.NotEmpty(t, stamp["time"])
	require.Equal(t, "SHA-256", stamp["hash"])
	require.NotEmpty(t, stamp["authority"])
}

// As curl -F sends it, in any order.
func TestVerifyParts(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	sig := part{"signature", string(o.sign(o.seal, "x", nil))}
	sum := sha256.Sum256([]byte("x"))
	for name, test := range map[string]struct {
		parts   []part
		verdict string
	}{
		"signature first": {[]part{sig, {"content", "x"}}, "passed"},
		"content first":   {[]part{{"content", "x"}, sig}, "passed"},
		"another":         {[]part{{"content", "y"}, sig}, "failed"},
		"digest":          {[]part{sig, {"digest", "SHA-256:" + hex.EncodeToString(sum[:])}}, "passed"},
		"base64 digest":   {[]part{sig, {"digest", "SHA-256: " + base64.StdEncoding.EncodeToString(sum[:]) + "\n"}}, "passed"},
		"flag":            {[]part{sig, {"content", "x"}, {"signatureOnly", "true"}}, "passed"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := o.parts("/v1/verify", test.parts...)
			require.Equal(t, http.StatusOK, status, answer)
			require.Equal(t, test.verdict, answer["verdict"])
		})
	}
}

// A content of more than is held in memory goes by way of a file.
func TestVerifyLarge(t *testing.T) {
	o := newOffice(t, false, gate.Limits{Content: 4 << 20})
	content := strings.Repeat("0123456789abcdef", 4<<20/16)
	sig := string(o.sign(o.seal, content, nil))
	status, answer := o.parts("/v1/verify", part{"content", content}, part{"signature", sig})
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, "passed", answer["verdict"])
	status, answer = o.post("/v1/verify", object{"signature": []byte(sig), "content": []byte(content)})
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, "passed", answer["verdict"])
	status, answer = o.parts("/v1/verify", part{"content", content + "x"}, part{"signature", sig})
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	require.Contains(t, answer["Message"], "content is larger than 4 MiB")
	status, answer = o.post("/v1/verify", object{"signature": []byte(sig), "content": []byte(content + "x")})
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	require.Contains(t, answer["Message"], "content is larger than 4 MiB")
}

func TestVerifyBadRequests(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	p7s, attached := o.sign(o.seal, "x", nil), o.sign(o.seal, "x", &cades.Options{Attached: true})
	for _, test := range []struct {
		request any
		want    string
	}{
		{``, "empty"},
		{`{}`, "signature is missing"},
		{object{"signature": p7s}, "the signature is detached"},
		{object{"signature": p7s, "Content": []byte("x")}, `field "Content" is not known; "content" is perhaps`},
		{object{"signature": p7s, "contents": []byte("x")}, `"content" is perhaps`},
		{object{"signature": p7s, "key": "seal"}, `field "key" is not known; there are`},
		{object{"signature": p7s, "content": []byte("x"), "digests": []object{digestOf("x")}}, "both there"},
		{object{"signature": attached, "digests": []object{digestOf("x")}}, "leave the digests out"},
		{object{"signature": []byte("junk"), "content": []byte("x")}, "signature cannot be read"},
		{object{"signature": p7s, "digests": []object{{"algorithm": "MD5", "value": "AA=="}}}, "not known"},
		{object{"signature": p7s, "digests": []object{{"algorithm": "SHA-256", "value": "AA=="}}}, "has to be 32 octets"},
		{object{"signature": p7s, "digests": []object{{"algorithm": "SHA-256", "valu": "AA=="}}}, `digests[0].valu`},
		{object{"signature": p7s, "digests": "x"}, "digests has to be a list"},
		{object{"signature": p7s, "signatureOnly": "true", "content": []byte("x")}, "signatureOnly has to be true or false"},
	} {
		status, answer := o.post("/v1/verify", test.request)
		assert.Equal(t, http.StatusBadRequest, status, test.want)
		assert.Contains(t, answer["Message"], test.want)
	}
	sig := part{"signature", string(p7s)}
	for _, test := range []struct {
		parts []part
		want  string
	}{
		{nil, "cannot be read"},
		{[]part{{"content", "x"}}, "signature is missing"},
		{[]part{sig}, "the signature is detached"},
		{[]part{sig, sig}, `part "signature" stands twice`},
		{[]part{sig, {"contant", "x"}}, `part "contant" is not known; "content" is perhaps`},
		{[]part{sig, {"content", "x"}, {"signatureOnly", "maybe"}}, "true or false"},
		{[]part{sig, {"digest", "x"}}, "not known"},
		{append([]part{sig}, make20Digests()...), "more than 16 parts"},
	} {
		status, answer := o.parts("/v1/verify", test.parts...)
		assert.Equal(t, http.StatusBadRequest, status, test.want)
		assert.Contains(t, answer["Message"], test.want)
	}
	body, contentType := form(sig, part{"content", "x"})
	cut := bytes.NewReader(body.Bytes()[:body.Len()-10])
	resp, data := o.call(http.MethodPost, "/v1/verify", cut, "Content-Type", contentType)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, string(data), "cannot be read")
	for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=other"} {
		resp, _ = o.call(http.MethodPost, "/v1/verify", bytes.NewReader(body.Bytes()), "Content-Type", kind)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	}
	encoded := "--b\r\nContent-Disposition: form-data; name=\"content\"\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--b--\r\n"
	resp, data = o.call(http.MethodPost, "/v1/verify", strings.NewReader(encoded), "Content-Type", "multipart/form-data; boundary=b")
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, string(data), "Content-Transfer-Encoding")
	status, answer := o.parts("/v1/verify", sig, part{"signatureOnly", strings.Repeat("x", 257)})
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Contains(t, answer["Message"], "signatureOnly is larger than 256 octets")
	// curl -d calls everything a form.
	resp, data = o.call(http.MethodPost, "/v1/verify", strings.NewReader(`{"signature":"`+base64.StdEncoding.EncodeToString(attached)+`"}`), "Content-Type", "application/x-www-form-urlencoded")
	assert.Equal(t, http.StatusOK, resp.StatusCode, string(data))
}

func make20Digests() []part {
	sum := sha256.Sum256([]byte("x"))
	var all []part
	for range 20 {
		all = append(all, part{"digest", "SHA-256:" + hex.EncodeToString(sum[:])})
	}
	return all
}

func TestKeys(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	resp, data := o.call(http.MethodGet, "/v1/keys", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NotContains(t, string(data), "foreign")
	require.NotContains(t, string(data), "secret")
	list := decode(t, data)["keys"].([]any)
	require.Len(t, list, 5)
	byName := object{}
	for _, k := range list {
		byName[k.(object)["name"].(string)] = k
	}
	seal := byName["seal"].(object)
	assert.Equal(t, "ready", seal["state"])
	assert.Equal(t, "CAdES-T", seal["level"])
	assert.Equal(t, "ecdsa-sha256", seal["scheme"])
	assert.Equal(t, false, seal["attached"])
	cert := o.seal.Certificate()
	sum := sha256.Sum256(cert.Raw)
	about := seal["certificate"].(object)
	assert.Equal(t, strings.ToUpper(hex.EncodeToString(sum[:])), about["sha256"])
	assert.Equal(t, cert.NotAfter.UTC().Format("2006-01-02T15:04:05Z"), about["notAfter"])
	assert.Equal(t, cert.Issuer.String(), about["issuer"])
	assert.Equal(t, true, byName["plain"].(object)["attached"])
	broken := byName["broken"].(object)
	assert.Equal(t, "unavailable", broken["state"])
	assert.Equal(t, "the PIN or password was refused", broken["reason"])
	assert.Nil(t, broken["certificate"])
	assert.Contains(t, o.log.String(), "secret cause") // for the operator
}

func TestWhoCalls(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	for _, path := range []string{"/v1/verify", "/v1/extend", "/v1/sign"} {
		resp, _ := o.call(http.MethodPost, path, strings.NewReader("{}"), "Authorization", "")
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, path)
	}
	resp, _ := o.call(http.MethodGet, "/v1/keys", nil, "Authorization", "")
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	resp, _ = o.call(http.MethodPost, "/v1/sign", strings.NewReader("{}"))
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	resp, _ = o.call(http.MethodGet, "/v1/verify", nil)
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	resp, _ = o.call(http.MethodGet, "/v1/nothing", nil, "Authorization", "")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}

// TestVerifyStreebog verifies a signature by GOST from digests, in JSON and in parts.
func TestVerifyStreebog(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	key, err := gost.GenerateNamed("1.2.643.7.1.2.1.2.1")
	require.NoError(t, err)
	p7s := o.sign(o.pki.LeafOf(key, "GOST"), "x", nil)
	right, wrong, other := streebog.Sum512([]byte("x")), streebog.Sum512([]byte("y")), streebog.Sum256([]byte("x"))
	for _, c := range []struct {
		algorithm string
		sum       []byte
		verdict   string
	}{
		{"Streebog-512", right[:], "passed"}, {"GOST R 34.11-2012 512", right[:], "passed"}, {"1.2.643.7.1.1.2.3", right[:], "passed"},
		{"Streebog-512", wrong[:], "failed"}, {"Streebog-256", other[:], "indeterminate"},
	} {
		status, answer := o.post("/v1/verify", object{"signature": p7s, "digests": []object{{"algorithm": c.algorithm, "value": c.sum}}})
		require.Equal(t, http.StatusOK, status, answer)
		require.Equal(t, c.verdict, answer["verdict"], "%s: %v", c.algorithm, answer)
		body, contentType := form(part{"signature", string(p7s)}, part{"digest", c.algorithm + ":" + hex.EncodeToString(c.sum)})
		_, data := o.call(http.MethodPost, "/v1/verify", body, "Content-Type", contentType)
		require.Contains(t, string(data), c.verdict)
	}
	status, answer := o.post("/v1/verify", object{"signature": p7s, "digests": []object{{"algorithm": "Streebog-512", "value": right[:32]}}})
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer["Message"], "has to be 64 octets")
}
