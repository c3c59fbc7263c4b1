package crypto11_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	peer "github.com/ThalesGroup/crypto11"
	"github.com/stretchr/testify/require"
	"go.mozilla.org/pkcs7"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/crypto11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

const pin, soPIN = "1234", "87654321"

func softhsm(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if found, _ := filepath.Glob(pattern); len(found) != 0 {
			return found[0]
		}
	}
	t.Skip("SKIPPED: libsofthsm2.so is not here (apt-get install softhsm2)")
	return ""
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "signet-crypto11-")
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "tokens"), 0o700)
	}
	conf := filepath.Join(dir, "softhsm2.conf")
	if err == nil {
		err = os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600)
	}
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("SOFTHSM2_CONF", conf) // before a module is loaded, which reads the environment of C
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var tokens atomic.Int64

// token makes a token and a context of it, with a module of its own: crypto11 does not take one that is initialised.
func token(t testing.TB) (context *peer.Context, module, label string) {
	t.Helper()
	data, err := os.ReadFile(softhsm(t))
	require.NoError(t, err)
	module = filepath.Join(t.TempDir(), "module.so")
	require.NoError(t, os.WriteFile(module, data, 0o700))
	label = fmt.Sprintf("t%d", tokens.Add(1))
	tool(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", pin)
	context, err = peer.Configure(&peer.Config{Path: module, TokenLabel: label, Pin: pin, MaxSessions: 5})
	require.NoError(t, err)
	t.Cleanup(func() {
		defer func() { _ = recover() }() // it panics when the test has closed it
		_ = context.Close()
	})
	return context, module, label
}

func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

func open(t testing.TB, context *peer.Context, config crypto11.Config) *crypto11.Provider {
	t.Helper()
	p, err := crypto11.New(context, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestConformance passes the suite over SoftHSM2 with RSA and ECDSA keys that crypto11 made.
func TestConformance(t *testing.T) {
	c, _, _ := token(t)
	pki := testpki.New(t)
	var keys []providertest.Key
	add := func(id byte, label string, signer crypto.Signer, err error) {
		t.Helper()
		require.NoError(t, err)
		leaf := pki.LeafOf(signer, label)
		require.NoError(t, c.ImportCertificateWithLabel([]byte{id}, []byte(label), leaf.Certificate()))
		keys = append(keys, providertest.Key{ID: []byte{id}, Label: label, Certificate: leaf.Certificate(), Chain: leaf.Chain})
	}
	rsaKey, err := c.GenerateRSAKeyPairWithLabel([]byte{1}, []byte("rsa"), 2048)
	add(1, "rsa", rsaKey, err)
	for i, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		id, label := byte(2+i), curve.Params().Name
		key, err := c.GenerateECDSAKeyPairWithLabel([]byte{id}, []byte(label), curve)
		add(id, label, key, err)
	}
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			return open(t, c, crypto11.Config{Limit: 4, Certificates: []*x509.Certificate{pki.Authority.Certificate()}})
		},
		Keys:    keys,
		Secrets: []string{pin, soPIN},
	})
}

// TestContainers signs many contents, and a reader that is not ours verifies them.
func TestContainers(t *testing.T) {
	c, _, _ := token(t)
	key, err := c.GenerateECDSAKeyPairWithLabel([]byte{1}, []byte("seal"), elliptic.P256())
	require.NoError(t, err)
	pki := testpki.New(t)
	leaf := pki.LeafOf(key, "Seal")
	p := open(t, c, crypto11.Config{Certificates: leaf.Chain}) // no certificate on the token
	for _, ref := range []sign.Ref{{}, {Label: "seal"}, {ID: []byte{1}}, {Thumbprint: sign.Thumbprint(leaf.Certificate())}, {Certificate: leaf.Certificate()}} {
		signer, err := sign.Open(t.Context(), p, ref)
		require.NoError(t, err)
		require.Len(t, signer.Chain(), 2)
		contents := make([]sign.Content, 20)
		for i := range contents {
			contents[i] = sign.Bytes(fmt.Sprint(i), fmt.Appendf(nil, "content %d", i))
		}
		results, err := batch.Sign(t.Context(), signer, &cades.Options{Attached: true}, contents, nil)
		require.NoError(t, err)
		for i, r := range results {
			require.NoError(t, r.Err)
			message, err := pkcs7.Parse(r.Signature)
			require.NoError(t, err)
			require.NoError(t, message.VerifyWithChain(pki.Pool()))
			require.Equal(t, fmt.Sprintf("content %d", i), string(message.Content))
		}
	}
}

// TestKeysThatCannotSign are listed with the reason, and do not hide the others: one of a kind that crypto11 does not know, one
// that wants its PIN each time.
func TestKeysThatCannotSign(t *testing.T) {
	c, module, label := token(t)
	require.NoError(t, c.Close())
	for i, args := range [][]string{{"EC:prime256v1"}, {"EC:edwards25519"}, {"EC:prime256v1", "--always-auth"}} {
		tool(t, "pkcs11-tool", append([]string{"--module", module, "--token-label", label, "--login", "--pin", pin, "--keypairgen",
			"--id", fmt.Sprintf("0%d", i+1), "--label", fmt.Sprintf("k%d", i+1), "--key-type"}, args...)...)
	}
	c, err := peer.Configure(&peer.Config{Path: module, TokenLabel: label, Pin: pin})
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	p := open(t, c, crypto11.Config{Name: "token " + label})
	var failures []string
	var found []sign.Entry
	for e, err := range p.Keys(t.Context()) {
		if err != nil {
			failures = append(failures, err.Error())
			continue
		}
		found = append(found, e)
	}
	require.Len(t, found, 1)
	require.Equal(t, "k1", found[0].Label)
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], `token `+label+`: key "k3" (id 03)`)
	require.Contains(t, failures[0], "use provider/pkcs11")
	_, err = p.Key(t.Context(), sign.Ref{Label: "k3"})
	require.ErrorIs(t, err, sign.ErrUnsupported)
}

// TestClosed: the context is its owner's. When that is closed, calls fail and say so; when the provider is, the context works on.
func TestClosed(t *testing.T) {
	c, _, _ := token(t)
	ec, err := c.GenerateECDSAKeyPairWithLabel([]byte{1}, []byte("seal"), elliptic.P256())
	require.NoError(t, err)
	p := open(t, c, crypto11.Config{})
	key, err := p.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	require.NoError(t, p.Ping(t.Context()))
	require.NoError(t, p.Close())
	digest := sha256.Sum256(nil)
	_, err = key.SignContext(t.Context(), digest[:], crypto.SHA256)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	signature, err := ec.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.True(t, ecdsa.VerifyASN1(ec.Public().(*ecdsa.PublicKey), digest[:], signature))

	p = open(t, c, crypto11.Config{})
	key, err = p.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.ErrorIs(t, p.Ping(t.Context()), sign.ErrUnavailable)
	_, err = key.SignContext(t.Context(), digest[:], crypto.SHA256)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	_, err = p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.ErrorIs(t, err, sign.ErrUnavailable)
	for _, err := range p.Keys(t.Context()) {
		require.ErrorIs(t, err, sign.ErrUnavailable)
	}

	_, err = crypto11.New(nil, crypto11.Config{})
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestContextThatEnds: nothing is asked of the token.
func TestContextThatEnds(t *testing.T) {
	c, _, _ := token(t)
	p := open(t, c, crypto11.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Key(ctx, sign.Ref{})
	require.True(t, errors.Is(err, context.Canceled), err)
	require.ErrorIs(t, p.Ping(ctx), context.Canceled)
}

// TestThumbprintIsOfThisToken: a certificate without its key is none of the provider.
func TestThumbprintIsOfThisToken(t *testing.T) {
	c, _, _ := token(t)
	other := testpki.New(t).Leaf(testpki.P256)
	_, err := c.GenerateECDSAKeyPairWithLabel([]byte{1}, []byte("seal"), elliptic.P256())
	require.NoError(t, err)
	require.NoError(t, c.ImportCertificateWithLabel([]byte{1}, []byte("seal"), other.Certificate())) // of another key, with its CKA_ID
	p := open(t, c, crypto11.Config{})
	_, err = p.Key(t.Context(), sign.Ref{Thumbprint: sign.Thumbprint(other.Certificate())})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	key, err := p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	chain, err := p.Chain(t.Context(), key)
	require.NoError(t, err)
	require.Empty(t, chain)
}
