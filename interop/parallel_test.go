package interop_test

import (
	"bytes"
	"crypto"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// addOurs puts a signature of this library beside those of a message.
func addOurs(t *testing.T, w *world, message []byte, id identity, s sign.Scheme) []byte {
	t.Helper()
	m, err := cades.Parse(message)
	require.NoError(t, err)
	var content io.Reader
	if m.Detached() {
		content = bytes.NewReader(w.content)
	}
	added, err := m.AddSignature(t.Context(), id.signer(t, s), sign.Reader("", content), nil)
	require.NoError(t, err)
	return added
}

// requireParallel has both sides verify a message of two signatures.
func requireParallel(t *testing.T, w *world, message []byte, detached bool, others ...func(*testing.T, *world, []byte, bool)) {
	t.Helper()
	report := w.verifyAll(t, message, detached)
	require.Len(t, report.Signatures, 2)
	for _, r := range report.Signatures {
		want := clean()
		delete(want, cades.CheckStructure) // who adds a signer of another version may leave the old one
		requireChecks(t, r, want)
	}
	for _, verify := range others {
		verify(t, w, message, detached)
	}
}

func TestParallelWithOpenSSL(t *testing.T) {
	haveOpenSSL(t)
	w := newWorld(t)
	theirs := w.identity(testpki.RSA2048)
	for _, s := range schemes() {
		if s.ed25519() {
			continue // OpenSSL 3.0 has no Ed25519 in CMS
		}
		ours := w.identity(s.kind)
		for _, f := range []struct {
			name     string
			detached bool
			args     []string
		}{
			{"detached", true, nil},
			{"attached", false, []string{"-nodetach"}},
			{"attached, as a stream", false, []string{"-nodetach", "-stream"}},
			{"by key identifier", true, []string{"-keyid"}},
		} {
			t.Run(s.Name+" ours beside theirs, "+f.name, func(t *testing.T) {
				message := openSSLSign(t, w, theirs, append([]string{"-cades"}, f.args...)...)
				requireParallel(t, w, addOurs(t, w, message, ours, s.Scheme), f.detached, openSSLVerify)
			})
		}
		t.Run(s.Name+" theirs beside ours", func(t *testing.T) {
			message, err := cades.Sign(t.Context(), ours.signer(t, s.Scheme), sign.Bytes("", w.content), nil)
			require.NoError(t, err)
			out := w.out()
			// OpenSSL takes the message-digest from the signer that is there, so the hash is that one's.
			openSSL(t, "cms", "-resign", "-binary", "-cades", "-md", s.hash, "-inform", "DER", "-in", w.message(message), "-content", w.path("content"), "-outform", "DER", "-out", out,
				"-certfile", theirs.issuers, "-signer", theirs.cert, "-inkey", theirs.key)
			requireParallel(t, w, read(t, out), true, openSSLVerify)
		})
	}
}

func TestParallelWithBouncyCastle(t *testing.T) {
	bc.need(t)
	w := newWorld(t)
	theirs := w.identity(testpki.P384)
	for _, s := range schemes() {
		ours := w.identity(s.kind)
		for _, f := range []struct {
			flags    string
			detached bool
		}{{"bes", true}, {"bes,attached", false}, {"bes,attached,ber", false}, {"bes,ski", true}} {
			t.Run(s.Name+" ours beside theirs, "+f.flags, func(t *testing.T) {
				out := w.out()
				bc.must(t, "sign", out, theirs.key, theirs.chain, w.path("content"), "SHA384withECDSA", f.flags)
				requireParallel(t, w, addOurs(t, w, read(t, out), ours, s.Scheme), f.detached, bouncyVerify)
			})
		}
		t.Run(s.Name+" theirs beside ours", func(t *testing.T) {
			message, err := cades.Sign(t.Context(), ours.signer(t, s.Scheme), sign.Bytes("", w.content), nil)
			require.NoError(t, err)
			out := w.out()
			bc.must(t, "add", w.message(message), out, theirs.key, theirs.chain, w.path("content"), "SHA384withECDSA")
			requireParallel(t, w, read(t, out), true, bouncyVerify)
		})
	}
}

func TestCounterSignedByBouncyCastle(t *testing.T) {
	bc.need(t)
	w := newWorld(t)
	ours, theirs := w.identity(testpki.P256), w.identity(testpki.RSA2048)
	message, err := cades.Sign(t.Context(), ours.signer(t, testpki.Must(sign.ECDSA(crypto.SHA256))), sign.Bytes("", w.content), nil)
	require.NoError(t, err)
	out := w.out()
	bc.must(t, "countersign", w.message(message), out, theirs.key, theirs.chain, "SHA256withRSA")
	r := w.verify(t, read(t, out), true)
	requireChecks(t, r, clean())
	require.Len(t, r.CounterSignatures, 1)
	requireChecks(t, r.CounterSignatures[0], map[string]cades.Status{
		cades.CheckSigner: cades.Passed, cades.CheckSigningCertificate: cades.Passed, cades.CheckMessageDigest: cades.Passed,
		cades.CheckSignature: cades.Passed, cades.CheckChain: cades.Passed,
	})
}
