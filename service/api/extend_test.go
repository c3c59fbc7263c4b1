package api_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/sign"
)

func decode(t *testing.T, data []byte) object {
	t.Helper()
	var v object
	require.NoError(t, json.Unmarshal(data, &v), string(data))
	return v
}

func TestExtend(t *testing.T) {
	for level, want := range map[string]string{"": "CAdES-T", "t": "CAdES-T", "T": "CAdES-T", "lt": "CAdES-LT", "lta": "CAdES-LTA", "xlong1": "CAdES-X Long Type 1", "a": "CAdES-A"} {
		t.Run(level, func(t *testing.T) {
			o := newOffice(t, false, gate.Limits{})
			o.transport.Loose = level == "T" // taken, and not described
			q := object{"signature": o.sign(o.plain, "x", nil), "content": []byte("x"), "key": "seal", "level": level}
			if level == "" {
				delete(q, "level")
			}
			status, answer := o.post("/v1/extend", q)
			require.Equal(t, http.StatusOK, status, answer)
			require.Equal(t, "seal", answer["key"])
			raised, err := base64.StdEncoding.DecodeString(answer["signature"].(string))
			require.NoError(t, err)
			m, err := cades.Parse(raised)
			require.NoError(t, err)
			require.Equal(t, m.Signatures()[0].LevelName(), answer["level"])
			require.Contains(t, answer["level"], want)
			report, err := m.Verify(t.Context(), sign.Bytes("", []byte("x")), &cades.VerifyOptions{Roots: o.pki.Roots()})
			require.NoError(t, err)
			require.True(t, report.Trusted())

			require.Len(t, o.ledger.records, 1)
			r := o.ledger.records[0]
			require.Equal(t, "extend", r.Event)
			require.Equal(t, "seal", r.Key)
			require.Equal(t, sign.Thumbprint(o.seal.Certificate()), r.Thumbprint)
			require.Equal(t, "SHA-256", r.Hash)
			require.Equal(t, "clerk", r.Principal)
			sum := sha256.Sum256([]byte("x"))
			require.Equal(t, sum[:], r.Items[0].Digest)
			require.Empty(t, r.Items[0].Err)
		})
	}
}

// The plain curl line of the description.
func TestExtendParts(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	body, contentType := form(part{"signature", string(o.sign(o.plain, "x", nil))}, part{"content", "x"}, part{"key", "seal"}, part{"level", "lta"})
	resp, data := o.call(http.MethodPost, "/v1/extend", body, "Content-Type", contentType, "Accept", "application/pkcs7-signature")
	require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
	require.Equal(t, "application/pkcs7-signature", resp.Header.Get("Content-Type"))
	require.Equal(t, "CAdES-LTA", resp.Header.Get("X-Signature-Level"))
	m, err := cades.Parse(data)
	require.NoError(t, err)
	require.Equal(t, cades.LevelLTA, m.Signatures()[0].Level())
}

// Digests stand for the content where that is enough, and without either a time-stamp on the signature is.
func TestExtendWithoutContent(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	p7s := o.sign(o.seal, "x", nil)
	for _, test := range []struct {
		request object
		status  int
		want    string
	}{
		{object{"level": "t"}, 200, "CAdES-T"},
		{object{"level": "lt"}, 200, "CAdES-LT"},
		{object{"level": "lta", "digests": []object{digestOf("x")}}, 200, "CAdES-LTA"},
		{object{"level": "lta"}, 400, "is over the content"},
		{object{"level": "a"}, 400, "is over the content"},
		{object{"level": "a", "digests": []object{digestOf("x")}}, 400, "over the content itself"},
		{object{"level": "t", "digests": []object{digestOf("y")}}, 400, "does not verify"},
		{object{"level": "t", "content": []byte("y")}, 400, "does not verify"},
	} {
		test.request["signature"], test.request["key"] = p7s, "seal"
		status, answer := o.post("/v1/extend", test.request)
		assert.Equal(t, test.status, status, answer)
		if status == 200 {
			assert.Equal(t, test.want, answer["level"])
		} else {
			assert.Contains(t, answer["Message"], test.want)
		}
	}
}

func TestExtendRefuses(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	p7s := o.sign(o.seal, "x", nil)
	pkcs7 := o.sign(o.seal, "x", &cades.Options{Level: cades.LevelPKCS7})
	q := func(more object) object {
		all := object{"signature": p7s, "content": []byte("x"), "key": "seal", "level": "t"}
		for k, v := range more {
			if all[k] = v; v == nil {
				delete(all, k)
			}
		}
		return all
	}
	for _, test := range []struct {
		request object
		status  int
		want    string
	}{
		{q(object{"key": nil}), 400, "key is missing"},
		{q(object{"key": "nothing"}), 400, "there is no such key"},
		{q(object{"key": "foreign"}), 400, "there is no such key"},
		{q(object{"key": "broken"}), 503, "cannot be used now"},
		{q(object{"key": "plain"}), 400, `key "plain" is configured without a time-stamp authority`},
		{q(object{"key": "plain", "level": nil}), 400, "level is missing"},
		{q(object{"key": "lonely", "level": "lt"}), 400, "without a source of revocation values"},
		{q(object{"key": "dead"}), 503, "a time-stamp authority or a source of revocation values failed"},
		{q(object{"level": "bes"}), 400, "is none that a signature is raised to"},
		{q(object{"level": "best"}), 400, "is none that a signature is raised to"},
		{q(object{"signature": []byte("junk")}), 400, "signature cannot be read"},
		{q(object{"signature": pkcs7}), 400, "plain PKCS #7"},
		{q(object{"levle": "t"}), 400, `field "levle" is not known; "level"`},
		{q(object{"signatureOnly": true}), 400, `field "signatureOnly" is not known`},
	} {
		status, answer := o.post("/v1/extend", test.request)
		assert.Equal(t, test.status, status, answer)
		assert.Contains(t, answer["Message"], test.want)
		assert.NotContains(t, answer["Message"], "secret")
		assert.NotContains(t, answer["Message"], "internal")
	}
	assert.Contains(t, o.log.String(), "tsa.internal") // for the operator

	// What failed is on record as well.
	last := o.ledger.records[len(o.ledger.records)-1]
	assert.Equal(t, "extend", last.Event)
	assert.NotEmpty(t, last.Items[0].Err)
}

// What cannot be kept on record is not handed out.
func TestExtendAudit(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	o.ledger.err = errors.New("the disk is full")
	status, answer := o.post("/v1/extend", object{"signature": o.sign(o.seal, "x", nil), "content": []byte("x"), "key": "seal"})
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Nil(t, answer["signature"])
	require.Contains(t, answer["Message"], "audit log")
}

// A signature that expired before it was time-stamped proves nothing any more.
func TestExtendExpired(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	expired := o.pki.Leaf(testpki.P256, expiredYearsAgo)
	status, answer := o.post("/v1/extend", object{"signature": o.sign(expired, "x", &cades.Options{SigningTime: time.Now().AddDate(-1, -6, 0)}), "content": []byte("x"), "key": "seal"})
	require.Equal(t, http.StatusBadRequest, status, answer)
	require.Contains(t, answer["Message"], "expired")
}

func expiredYearsAgo(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
}

// Each signature asks an authority.
func TestExtendBoundsItsWork(t *testing.T) {
	o := newOffice(t, false, gate.Limits{})
	one := o.sign(o.seal, "x", &cades.Options{Certificates: cades.SignerOnly})
	var info struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	_, err := asn1.Unmarshal(one, &info)
	require.NoError(t, err)
	var fields []asn1.RawValue
	_, err = asn1.Unmarshal(info.Content.Bytes, &fields)
	require.NoError(t, err)
	signers := &fields[len(fields)-1]
	signers.Bytes, signers.FullBytes = bytes.Repeat(signers.Bytes, 101), nil
	info.Content.FullBytes = nil
	info.Content.Bytes, err = asn1.Marshal(fields)
	require.NoError(t, err)
	many, err := asn1.Marshal(info)
	require.NoError(t, err)
	status, answer := o.post("/v1/extend", object{"signature": many, "content": []byte("x"), "key": "seal"})
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer["Message"], "the message has 101 signatures")
	require.Empty(t, o.ledger.records)
}
