package cryptoapi_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/openapitest"
	"github.com/seed-116355fd/signet/service/internal/xdeclient"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// house is a server as a client of the existing service finds it: below a prefix, with a key in a PKCS#12 file, one that
// only others may use, and one that cannot be opened.
type house struct {
	*testing.T
	pki         *testpki.PKI
	seal, other testpki.Identity
	url         string
	transport   *openapitest.Transport
}

type houseConfig struct {
	rootless bool
	broken   bool // there is a key that cannot be opened
	limits   gate.Limits
}

const prefix = "/crypto"

func newHouse(t *testing.T, c houseConfig) *house {
	t.Helper()
	pki := testpki.New(t)
	h := &house{T: t, pki: pki, seal: pki.Leaf(testpki.RSA2048), other: pki.Leaf(testpki.P256)}
	all := []keys.Key{
		{Name: "seal", Store: h.file("seal.p12", h.seal)},
		{Name: "other", Store: h.file("other.p12", h.other)},
	}
	if c.broken {
		all = append(all, keys.Key{Name: "broken", Store: &keys.Store{Name: "/secret/place", Open: func(context.Context) (sign.Provider, error) {
			return nil, &sign.Error{Op: "soft: open", Place: "/secret/place", Class: sign.ErrUnavailable, Err: errors.New("secret cause")}
		}}})
	}
	set, err := keys.New(all, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	g, err := gate.New(gate.Config{Auth: auth.Func(houseCallers), Limits: c.limits})
	require.NoError(t, err)
	config := cryptoapi.Config{Keys: set, Gate: g, Roots: pki.Roots()}
	if c.rootless {
		config.Roots = nil
	}
	handler, err := cryptoapi.New(config)
	require.NoError(t, err)
	server := httptest.NewServer(http.StripPrefix(prefix, handler))
	t.Cleanup(server.Close)
	h.url = server.URL + prefix
	wire := server.Client().Transport.(*http.Transport)
	wire.ExpectContinueTimeout = time.Minute // a client that waits for 100 does so
	h.transport = openapitest.New(t, wire)
	h.transport.Prefix = prefix
	return h
}

// file puts a key and its chain into a PKCS#12 file.
func (h *house) file(name string, id testpki.Identity) *keys.Store {
	h.Helper()
	path := filepath.Join(h.TempDir(), name)
	data, err := pkcs12.Modern.Encode(id.Key, id.Certificate(), id.Chain[1:], "secret")
	require.NoError(h, err)
	require.NoError(h, os.WriteFile(path, data, 0o600))
	return &keys.Store{Name: name, Files: []string{path}, Open: func(ctx context.Context) (sign.Provider, error) {
		return soft.Open(ctx, path, soft.Config{Password: soft.Password(sign.NewSecret([]byte("secret")))})
	}}
}

// houseCallers know themselves by their tokens.
func houseCallers(r *http.Request) (*auth.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok:
		return nil, auth.ErrNone
	case token == "good":
		return &auth.Principal{Name: "good", Keys: []string{"seal", "broken"}, Endpoints: []string{"*"}}, nil
	case token == "none":
		return &auth.Principal{Name: "none", Keys: []string{"seal"}, Endpoints: []string{"keys"}}, nil
	}
	return nil, auth.ErrRefused
}

// client is the one of the existing service; only its address was changed.
func (h *house) client(style xdeclient.Style) *xdeclient.Client {
	h.transport.Loose = style.CamelCase // names in another case are taken, and not described
	return &xdeclient.Client{Base: h.url, Token: "good", HTTP: h.transport.Client(), Style: style}
}

// refused is the error object that a call ended with.
func (h *house) refused(err error, status int, message string) *xdeclient.Error {
	h.Helper()
	e, ok := errors.AsType[*xdeclient.Error](err)
	require.True(h, ok, "%v", err)
	require.Equal(h, status, e.Status, e.Message)
	require.Contains(h, e.Message, message)
	require.NotEmpty(h, e.RequestID)
	require.Equal(h, e.RequestID, e.Header.Get("X-Request-Id"))
	require.Contains(h, e.Details, "Api.")
	return e
}

// openssl verifies a detached signature with its program; skipped loudly where there is none.
func (h *house) openssl(signature, content []byte) {
	h.Helper()
	dir := h.TempDir()
	for name, data := range map[string][]byte{"s.p7s": signature, "c.bin": content, "root.pem": testpki.CertPEM(h.pki.Root.Certificate())} {
		require.NoError(h, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	testpki.OpenSSL(h, dir, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "s.p7s", "-content", "c.bin", "-CAfile", "root.pem", "-purpose", "any", "-out", "out.bin")
	got, err := os.ReadFile(filepath.Join(dir, "out.bin"))
	require.NoError(h, err)
	require.Equal(h, content, got)
}

func thumbprints(list []xdeclient.Certificate) []string {
	all := []string{}
	for _, c := range list {
		all = append(all, c.Thumbprint)
	}
	return all
}

func thumbprint(c *x509.Certificate) string { return sign.Thumbprint(c) }
