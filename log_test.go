package signet_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/provider/cloudsign"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

const (
	loggedPIN     = "pin-7391"
	loggedContent = "the content that nobody else may read"
)

// logged is a value as the two handlers of package slog write it, and as fmt prints it.
func logged(t *testing.T, v any) map[string]string {
	t.Helper()
	var asJSON, asText bytes.Buffer
	slog.New(slog.NewJSONHandler(&asJSON, nil)).Info("x", "value", v)
	slog.New(slog.NewTextHandler(&asText, nil)).Info("x", "value", v)
	require.True(t, json.Valid(asJSON.Bytes()))
	return map[string]string{"JSON": asJSON.String(), "text": asText.String()}
}

// TestLogValues logs one of each, and looks for what must be there and what must not.
func TestLogValues(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	subject := id.Certificate().Subject.String()
	signer, err := sign.New(softKey(t, id), id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	results, err := batch.Sign(t.Context(), signer, &cades.Options{Attached: true, Clock: testpki.Now}, []sign.Content{sign.Bytes("bill.pdf", []byte(loggedContent))}, nil)
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	m, err := cades.Parse(results[0].Signature)
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Clock: testpki.Now})
	require.NoError(t, err)
	require.True(t, report.Valid())

	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))), "")
	require.NoError(t, err)
	token, err := request.Token(testpki.TimestampResponse(t, pki.TSA(testpki.P256), request.Raw), nil)
	require.NoError(t, err)

	gone := errors.New("the cable is out")
	scheme := testpki.Must(sign.ECDSA(crypto.SHA256))
	slot := pkcs11.Slot{ID: 7, Description: "reader", Token: &pkcs11.Token{Label: "seal", Serial: "4711", PINFinalTry: true}}
	verdict := []string{"TOTAL-PASSED", "B-B", id.Certificate().Subject.CommonName}
	for name, c := range map[string]struct {
		value any
		has   []string
	}{
		"ref":              {sign.Ref{Label: "seal", Certificate: id.Certificate()}, []string{"seal", sign.Thumbprint(id.Certificate())}},
		"entry":            {sign.Entry{ID: []byte{0xab, 1}, Label: "seal", Public: id.Key.Public(), Chain: id.Chain, Schemes: []sign.Scheme{scheme}}, []string{"ab01", "seal", scheme.Name, sign.Thumbprint(id.Certificate())}},
		"scheme":           {scheme, []string{"value", "ecdsa-sha256"}},
		"signer":           {signer, []string{sign.Thumbprint(id.Certificate()), "ecdsa-sha256"}},
		"no signer":        {(*sign.Signer)(nil), []string{"none"}},
		"event":            {sign.Event{Kind: sign.EventTokenLost, Place: "token seal", To: "other", When: time.Now(), Took: time.Second, Count: 3, Err: gone}, []string{"token lost", "token seal", "other", "the cable is out", "3"}},
		"authority":        {sign.AuthorityState{Place: "http://tsa.example/", Resting: true, Until: testpki.Now(), Failures: 5, Err: gone}, []string{"http://tsa.example/", "true", "5", "the cable is out", "until"}},
		"result":           {results[0], []string{"bill.pdf", "octets", fmt.Sprint(len(results[0].Signature))}},
		"failed result":    {batch.Result{Name: "bill.pdf", Err: gone}, []string{"bill.pdf", "the cable is out"}},
		"observation":      {batch.Observation{Step: batch.StepKey, Index: 3, Name: "bill.pdf", Count: 5, Took: time.Second, Err: gone}, []string{"key", "bill.pdf", "the cable is out"}},
		"progress":         {batch.Progress{Done: 17, Failed: 3, Total: 20}, []string{"17", "20"}},
		"step":             {batch.StepRaise, []string{"raise"}},
		"message":          {m, []string{"detached", "false", "signatures"}},
		"signature":        {m.Signatures()[0], []string{"CAdES-BES", "SHA-256", id.Certificate().Subject.CommonName}},
		"report":           {report, append(verdict, "trusted", "true")},
		"signature report": {report.Signatures[0], verdict},
		"outcome":          {report.Outcome(), verdict},
		"asic": {&asic.Report{Kind: asic.E, Signatures: []asic.SignatureReport{{Name: "META-INF/signature.p7s", Message: report, Files: []asic.FileReport{{Name: "a", Err: asic.ErrChanged}}, Unread: gone}}},
			append(verdict, "ASiC-E", "META-INF/signature.p7s", "the cable is out")},
		"pades":           {&pades.Report{Message: report, Behind: 77}, append(verdict, "77")},
		"token":           {*slot.Token, []string{"seal", "4711", "pinFinalTry"}},
		"slot":            {slot, []string{"reader", "seal", "4711"}},
		"diagnosis":       {pkcs11.Diagnosis{Module: "libp11.so", Slot: slot, Mechanisms: make([]pkcs11.Mechanism, 93)}, []string{"libp11.so", "seal", "93"}},
		"URI":             {pkcs11.URI{Token: "seal", PINValue: sign.NewSecret([]byte(loggedPIN))}, []string{"pkcs11:token=seal"}},
		"time-stamp":      {token, []string{"1.2.3.4", "SHA-256", "authority"}},
		"status":          {&revocation.Status{Certificate: id.Certificate(), Issuer: id.Chain[1], State: revocation.Revoked, Reason: revocation.KeyCompromise, Method: revocation.OCSP, Place: "http://ocsp.example/"}, []string{id.Certificate().Subject.CommonName, "revoked", "keyCompromise", "http://ocsp.example/"}},
		"no report":       {(*cades.Report)(nil), []string{"none"}},
		"connect options": {dearOptions(t, id), []string{"proxy.example:3128", "client certificates: 1", "robot", "X-Api-Key"}},
	} {
		for form, text := range logged(t, c.value) {
			for _, want := range c.has {
				require.Contains(t, text, want, "%s as %s", name, form)
			}
			harmless(t, name+" as "+form, text, results[0].Signature)
			require.NotContains(t, text, "panicked", name)
			require.Less(t, len(text), 1500, "%s as %s: %s", name, form, text)
		}
	}
	require.Contains(t, subject, id.Certificate().Subject.CommonName)
}

// harmless looks for what is in no log: secrets, contents, containers, and the inside of certificates and keys.
func harmless(t *testing.T, what, text string, container []byte) {
	t.Helper()
	for _, never := range []string{
		loggedPIN, base64.StdEncoding.EncodeToString([]byte(loggedPIN)), fmt.Sprint([]byte(loggedPIN)), hex.EncodeToString([]byte(loggedPIN)),
		loggedContent, base64.StdEncoding.EncodeToString([]byte(loggedContent))[:40],
		"RawTBSCertificate", "PublicKeyAlgorithm", "PrivateKey", "SubjectKeyId", "0xc0",
	} {
		require.NotContains(t, text, never, what)
	}
	if len(container) > 60 {
		require.NotContains(t, text, base64.StdEncoding.EncodeToString(container[:60]), what)
		require.NotContains(t, text, strings.Trim(fmt.Sprint(container[:20]), "[]"), what)
	}
}

// dearOptions has a secret in each field that can hold one.
func dearOptions(t *testing.T, id testpki.Identity) connect.Options {
	t.Helper()
	proxy, err := url.Parse("http://user:" + loggedPIN + "@proxy.example:3128")
	require.NoError(t, err)
	return connect.Options{Proxy: proxy, Certificates: []tls.Certificate{{Certificate: [][]byte{id.Certificate().Raw}, PrivateKey: id.Key}},
		User: "robot", Password: sign.NewSecret([]byte(loggedPIN)), Header: http.Header{"X-Api-Key": {loggedPIN}}}
}

// TestConfigurationsKeepSecrets prints and logs what holds secrets, in every way.
func TestConfigurationsKeepSecrets(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	secret := sign.NewSecret([]byte(loggedPIN))
	ask := func(context.Context) (sign.Secret, error) { return secret, nil }
	options := dearOptions(t, id)
	for name, config := range map[string]any{
		"connect.Options":   options,
		"*connect.Options":  &options,
		"tsp.Config":        tsp.Config{Endpoints: []tsp.Endpoint{{URL: "https://user:" + loggedPIN + "@tsa.example/tsr?key=" + loggedPIN, Connect: options}}, Connect: options},
		"revocation.Config": revocation.Config{Connect: options, Servers: map[string]connect.Options{"https://ocsp.example": options}},
		"pkcs11.Config":     pkcs11.Config{Module: "m.so", PIN: pkcs11.PIN(secret), KeyPIN: pkcs11.PIN(secret)},
		"pkcs11.URI":        pkcs11.URI{PINValue: secret, KeyPINValue: secret},
		"soft.Config":       soft.Config{Password: soft.Password(secret), Certificates: []*x509.Certificate{id.Certificate()}},
		"cloudsign.Config":  cloudsign.Config{URL: "https://sign.example", Token: secret, TokenFunc: ask, Code: func(context.Context, cloudsign.Challenge) (sign.Secret, error) { return secret, nil }},
	} {
		texts := logged(t, config)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			texts[verb] = fmt.Sprintf(verb, config)
		}
		if data, err := json.Marshal(config); err == nil {
			texts["json.Marshal"] = string(data)
		}
		for form, text := range texts {
			require.NotContains(t, text, loggedPIN, "%s by %s", name, form)
			require.NotContains(t, text, hex.EncodeToString([]byte(loggedPIN)), "%s by %s", name, form)
			require.NotContains(t, text, strings.Trim(fmt.Sprint([]byte(loggedPIN)), "[]"), "%s by %s", name, form)
			require.NotContains(t, text, `"D":`, "%s by %s has a private key", name, form)
		}
	}
}

func softKey(t *testing.T, id testpki.Identity) sign.Key {
	t.Helper()
	key, err := soft.NewKey(id.Key, 1)
	require.NoError(t, err)
	return key
}
