package server

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// listed is an authority that publishes CRLs, and its own root nowhere; below it a key in seal.p12, with the authority and
// the root inside, and an authority of time-stamps.
func (w *world) listed(revoked ...bool) (tsa string, id testpki.Identity) {
	w.t.Helper()
	var lists [2][]byte
	files := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/root.crl" {
			_, _ = rw.Write(lists[0])
		} else {
			_, _ = rw.Write(lists[1])
		}
	}))
	w.t.Cleanup(files.Close)
	at := func(path string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.CRLDistributionPoints = []string{files.URL + path} }
	}
	w.pki.Authority = w.pki.SubAuthority("Signet listed", w.pki.Root, at("/root.crl"))
	id = w.pki.Leaf(testpki.P256, at("/ca.crl"))
	now := func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	var gone []*x509.Certificate
	if len(revoked) != 0 {
		gone = append(gone, id.Certificate())
	}
	lists = [2][]byte{testpki.RevocationList(w.t, w.pki.Root, nil, now), testpki.RevocationList(w.t, w.pki.Authority, gone, now)}

	stamping := w.pki.TSA(testpki.P256, at("/ca.crl"))
	p, err := soft.New(stamping.Key, soft.Config{Certificates: stamping.Chain})
	require.NoError(w.t, err)
	signer, err := sign.Open(w.t.Context(), p, sign.Ref{})
	require.NoError(w.t, err)
	authority, err := tsp.NewAuthority(signer, &tsp.AuthorityOptions{Accuracy: time.Second})
	require.NoError(w.t, err)
	server := httptest.NewServer(authority)
	w.t.Cleanup(server.Close)

	inside, err := pkcs12.Modern.Encode(id.Key, id.Chain[0], append(id.Chain[1:len(id.Chain):len(id.Chain)], w.pki.Root.Certificate()), "x")
	require.NoError(w.t, err)
	w.write("seal.p12", inside)
	inside, err = pkcs12.Modern.Encode(id.Key, id.Chain[0], id.Chain[1:], "x")
	require.NoError(w.t, err)
	w.write("rootless.p12", inside)
	w.write("root.pem", testpki.CertPEM(w.pki.Root.Certificate()))
	w.write("seal.pass", []byte("x\n"))
	w.id = id
	return server.URL, id
}

func (w *world) listedConfig(tsa, file, level, more string) string {
	return `
listen: {addresses: "127.0.0.1:0"}
stores: [{name: s, file: ` + file + `, password: file:seal.pass}]
keys: [{name: seal, store: s, level: ` + level + `}]
auth: {tokens: tokens}
audit: {path: audit.log}
sources: {timestamp: {url: "` + tsa + `"}, revocation: {allow-private: true}}
` + more
}

// TestAtHand: a root that is published nowhere is taken from the file of the key, and from what the configuration names.
func TestAtHand(t *testing.T) {
	for _, c := range []struct{ file, more, lacks string }{
		{file: "seal.p12"},
		{file: "rootless.p12", lacks: "put the certificates up to the root into certificates: of the store"},
		{file: "rootless.p12", more: "verify: {roots: root.pem}\n"},
	} {
		w := newWorld(t)
		tsa, _ := w.listed()
		found := w.checked(w.listedConfig(tsa, c.file, "lt", c.more))
		if c.lacks != "" {
			require.Contains(t, found, "failed key seal: CAdES-LT cannot be reached, since the issuer of CN=Signet listed")
			require.Contains(t, found, c.lacks)
			continue
		}
		require.Contains(t, found, "ok key seal: revocation values of 2 certificates were found")
		cfg, err := Load(w.path("signet.yaml"))
		require.NoError(t, err)
		s := w.runConfig(cfg)
		s.signs(w, w.token)
	}

	w := newWorld(t)
	tsa, _ := w.listed()
	config := w.listedConfig(tsa, "rootless.p12", "lt", "")
	require.Contains(t, w.checked(strings.Replace(config, "file:seal.pass", "file:seal.pass, certificates: root.pem", 1)), "ok key seal: revocation values of 2")
	require.Contains(t, w.checked(strings.Replace(config, "allow-private: true", "allow-private: true, certificates: root.pem", 1)), "ok key seal: revocation values of 2")
	require.Contains(t, w.checked(strings.Replace(w.listedConfig(tsa, "seal.p12", "lt", ""), "allow-private: true", "timeout: 5s", 1)), "say revocation: allow-private: true")

	w = newWorld(t)
	tsa, _ = w.listed(true)
	require.Contains(t, w.checked(w.listedConfig(tsa, "seal.p12", "lt", "")), "failed key seal: the certificate of CN=Signet test p256")
}

// TestBESWithSources: a key of level BES makes BES with no root inside, and what is signed by it can be raised.
func TestBESWithSources(t *testing.T) {
	w := newWorld(t)
	tsa, _ := w.listed()
	w.write("signet.yaml", []byte(w.listedConfig(tsa, "seal.p12", "bes", "")))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	s := w.runConfig(c)

	signed := func(line string) []byte {
		a := s.do(http.MethodPost, "/v1/sign?key=seal", w.token, strings.NewReader(line+"\n"))
		require.Equal(t, http.StatusOK, a.status, a.body)
		var answer struct{ Signature []byte }
		first, _, _ := strings.Cut(a.body, "\n")
		require.NoError(t, json.Unmarshal([]byte(first), &answer), a.body)
		require.NotEmpty(t, answer.Signature, a.body)
		return answer.Signature
	}
	level := func(der []byte) *cades.Message {
		m, err := cades.Parse(der)
		require.NoError(t, err)
		return m
	}
	bes := level(signed(`{"content":"aGVsbG8="}`))
	require.Equal(t, "CAdES-BES", bes.Signatures()[0].LevelName())
	for _, c := range bes.Certificates() {
		require.NotEqual(t, w.pki.Root.Certificate().Raw, c.Raw, "the root stands in a container")
	}
	require.Len(t, bes.Certificates(), 2)
	require.Equal(t, "CAdES-T", level(signed(`{"content":"aGVsbG8=","level":"t"}`)).Signatures()[0].LevelName())
	body, err := json.Marshal(map[string]any{"key": "seal", "level": "lt", "signature": signed(`{"content":"aGVsbG8="}`)})
	require.NoError(t, err)
	a := s.do(http.MethodPost, "/v1/extend", w.token, strings.NewReader(string(body)))
	require.Equal(t, http.StatusOK, a.status, a.body+w.log.String())
	var answer struct{ Level string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &answer))
	require.Equal(t, "CAdES-LT", answer.Level)
}
