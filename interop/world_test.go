package interop_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// world is a folder with a content, a root, and identities, as the programs of the other side want them.
type world struct {
	t       *testing.T
	pki     *testpki.PKI
	dir     string
	content []byte
	count   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pki: testpki.New(t), dir: t.TempDir()}
	// Larger than the buffers of all sides, so that what is streamed comes in several segments; not text.
	w.content = bytes.Repeat([]byte("signed by one, read by another\r\n\x00\n"), 4000)
	w.write("content", w.content)
	w.write("root.pem", testpki.CertPEM(w.pki.Root.Certificate()))
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name string, data []byte) string {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.path(name), data, 0o600))
	return w.path(name)
}

// message writes a message under a name of its own.
func (w *world) message(data []byte) string {
	w.count++
	return w.write(fmt.Sprintf("message-%d.p7", w.count), data)
}

// out is the name of a message that another program writes.
func (w *world) out() string {
	w.count++
	return w.path(fmt.Sprintf("message-%d.p7", w.count))
}

// identity is a key of the world with its files.
type identity struct {
	testpki.Identity
	kind               testpki.Kind
	key, cert, issuers string // PEM files
	chain              string // certificate and issuers
}

// identity makes a key and its files. Certificates name their key by a subject key identifier, so that messages can.
func (w *world) identity(kind testpki.Kind) identity {
	w.t.Helper()
	id := w.pki.Leaf(kind, func(c *x509.Certificate) {
		sum := sha256.Sum256([]byte(c.Subject.CommonName))
		c.SubjectKeyId = sum[:20]
	})
	w.count++
	name := func(what string) string { return fmt.Sprintf("%s-%d-%s.pem", kind, w.count, what) }
	return identity{
		Identity: id, kind: kind,
		key:     w.write(name("key"), testpki.KeyPEM(w.t, id.Key)),
		cert:    w.write(name("cert"), testpki.CertPEM(id.Certificate())),
		issuers: w.write(name("issuers"), testpki.CertPEM(id.Chain[1:]...)),
		chain:   w.write(name("chain"), testpki.CertPEM(id.Chain...)),
	}
}

func (i identity) signer(t *testing.T, s sign.Scheme) *sign.Signer {
	t.Helper()
	key, err := soft.NewKey(i.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, i.Chain, s)
	require.NoError(t, err)
	return signer
}

// scheme is a row of the matrix.
type scheme struct {
	sign.Scheme
	kind testpki.Kind
	bc   string // the name in Bouncy Castle
	hash string // the name in OpenSSL
}

func (s scheme) pss() bool     { return s.Name[:7] == "rsa-pss" }
func (s scheme) ed25519() bool { return s.Whole }

func schemes() []scheme {
	return []scheme{
		{testpki.Must(sign.PKCS1(crypto.SHA256)), testpki.RSA2048, "SHA256withRSA", "sha256"},
		{testpki.Must(sign.PKCS1(crypto.SHA384)), testpki.RSA2048, "SHA384withRSA", "sha384"},
		{testpki.Must(sign.PKCS1(crypto.SHA512)), testpki.RSA3072, "SHA512withRSA", "sha512"},
		{testpki.Must(sign.PSS(crypto.SHA256)), testpki.RSA2048, "SHA256withRSAandMGF1", "sha256"},
		{testpki.Must(sign.PSS(crypto.SHA384)), testpki.RSA2048, "SHA384withRSAandMGF1", "sha384"},
		{testpki.Must(sign.PSS(crypto.SHA512)), testpki.RSA3072, "SHA512withRSAandMGF1", "sha512"},
		{testpki.Must(sign.ECDSA(crypto.SHA256)), testpki.P256, "SHA256withECDSA", "sha256"},
		{testpki.Must(sign.ECDSA(crypto.SHA384)), testpki.P384, "SHA384withECDSA", "sha384"},
		{testpki.Must(sign.ECDSA(crypto.SHA512)), testpki.P521, "SHA512withECDSA", "sha512"},
		{sign.Ed25519(), testpki.Ed25519, "Ed25519", ""},
	}
}

// verify checks a message with this library and returns the report of its only signature.
func (w *world) verify(t *testing.T, message []byte, detached bool) cades.SignatureReport {
	t.Helper()
	report := w.verifyAll(t, message, detached)
	require.Len(t, report.Signatures, 1)
	return report.Signatures[0]
}

// verifyAll checks a message and requires that every signature is valid and trusted.
func (w *world) verifyAll(t *testing.T, message []byte, detached bool, more ...*x509.Certificate) *cades.Report {
	t.Helper()
	m, err := cades.Parse(message)
	require.NoError(t, err)
	require.Equal(t, detached, m.Detached())
	var content io.Reader
	if detached {
		content = bytes.NewReader(w.content)
	}
	report, err := m.Verify(t.Context(), sign.Reader("", content), &cades.VerifyOptions{Roots: w.pki.Roots(), Certificates: more})
	require.NoError(t, err)
	for i := range report.Signatures {
		require.NoError(t, report.Signatures[i].Err())
	}
	require.True(t, report.Trusted(), "%+v", report)
	if !detached {
		var inside bytes.Buffer
		require.NoError(t, m.WriteContent(&inside))
		require.True(t, bytes.Equal(w.content, inside.Bytes()), "the content inside is another one")
	}
	return report
}

// requireChecks compares the checks of a report by name with what they are to be.
func requireChecks(t *testing.T, r cades.SignatureReport, want map[string]cades.Status) {
	t.Helper()
	for name, status := range want {
		require.Equal(t, status, r.Status(name), "check %q of %+v", name, r.Checks)
	}
}

// clean is a report of which nothing had to be tolerated.
func clean() map[string]cades.Status {
	return map[string]cades.Status{
		cades.CheckSigner:             cades.Passed,
		cades.CheckSigningCertificate: cades.Passed,
		cades.CheckContentType:        cades.Passed,
		cades.CheckMessageDigest:      cades.Passed,
		cades.CheckAlgorithms:         cades.Passed,
		cades.CheckSigningTime:        cades.Passed,
		cades.CheckSignature:          cades.Passed,
		cades.CheckAttributeOrder:     cades.Passed,
		cades.CheckChain:              cades.Passed,
		cades.CheckStructure:          cades.Passed,
	}
}

// but returns a copy of want in which one check is to be different.
func but(want map[string]cades.Status, name string, status cades.Status) map[string]cades.Status {
	copied := map[string]cades.Status{}
	for n, s := range want {
		copied[n] = s
	}
	copied[name] = status
	return copied
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}
