package interop_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mozilla.org/pkcs7"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// openSSLSign makes a message; more arguments come after those that are always there.
func openSSLSign(t *testing.T, w *world, id identity, more ...string) []byte {
	t.Helper()
	out := w.out()
	openSSL(t, append([]string{
		"cms", "-sign", "-binary", "-in", w.path("content"), "-outform", "DER", "-out", out,
		"-certfile", id.issuers, "-signer", id.cert, "-inkey", id.key,
	}, more...)...)
	return read(t, out)
}

func TestOpenSSLReadByUs(t *testing.T) {
	haveOpenSSL(t)
	w := newWorld(t)
	for _, s := range schemes() {
		if s.ed25519() {
			continue // OpenSSL 3.0 has no Ed25519 in CMS
		}
		id := w.identity(s.kind)
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
			if s.pss() && len(f.args) == 2 {
				continue // OpenSSL 3.0 cannot write PSS as a stream: "illegal zero content"
			}
			t.Run(s.Name+" "+f.name, func(t *testing.T) {
				args := append([]string{"-cades", "-md", s.hash}, f.args...)
				if s.pss() {
					args = append(args, "-keyopt", "rsa_padding_mode:pss")
				}
				requireChecks(t, w.verify(t, openSSLSign(t, w, id, args...), f.detached), clean())
			})
		}
	}

	rsa, p256 := w.identity(testpki.RSA2048), w.identity(testpki.P256)
	t.Run("without attributes", func(t *testing.T) {
		for _, id := range []identity{rsa, p256} {
			r := w.verify(t, openSSLSign(t, w, id, "-noattr"), true)
			requireChecks(t, r, map[string]cades.Status{
				cades.CheckSignature: cades.Passed, cades.CheckMessageDigest: cades.Passed, cades.CheckChain: cades.Passed,
				cades.CheckSigningCertificate: cades.Unchecked, cades.CheckContentType: cades.Unchecked,
			})
			require.Equal(t, cades.LevelPKCS7, r.Signature.Level())
		}
	})
	t.Run("plain CMS", func(t *testing.T) {
		r := w.verify(t, openSSLSign(t, w, rsa, "-nodetach"), false)
		requireChecks(t, r, but(clean(), cades.CheckSigningCertificate, cades.Unchecked))
		require.Equal(t, cades.LevelPKCS7, r.Signature.Level())
	})
	t.Run("longest PSS salt", func(t *testing.T) {
		r := w.verify(t, openSSLSign(t, w, rsa, "-cades", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:max"), true)
		requireChecks(t, r, clean())
	})
	t.Run("PSS with another hash in MGF1", func(t *testing.T) { // which the standard library cannot do
		m, err := cades.Parse(openSSLSign(t, w, rsa, "-cades", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1"))
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", w.content), &cades.VerifyOptions{Roots: w.pki.Roots()})
		require.NoError(t, err)
		require.True(t, report.Trusted())
		require.Contains(t, []cades.Status{cades.Passed, cades.Tolerated}, report.Signatures[0].Status(cades.CheckSignature))
	})
	t.Run("SHA-1", func(t *testing.T) {
		for _, id := range []identity{rsa, p256} {
			r := w.verify(t, openSSLSign(t, w, id, "-cades", "-md", "sha1"), true)
			requireChecks(t, r, but(clean(), cades.CheckAlgorithms, cades.Tolerated))
		}
	})
	t.Run("other content type", func(t *testing.T) {
		r := w.verify(t, openSSLSign(t, w, p256, "-cades", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-nodetach"), false)
		requireChecks(t, r, clean())
	})
	t.Run("certificate elsewhere", func(t *testing.T) {
		out := w.out()
		openSSL(t, "cms", "-sign", "-binary", "-cades", "-nocerts", "-in", w.path("content"), "-outform", "DER", "-out", out, "-signer", p256.cert, "-inkey", p256.key)
		report := w.verifyAll(t, read(t, out), true, p256.Chain...)
		requireChecks(t, report.Signatures[0], clean())
	})
	t.Run("two signers", func(t *testing.T) {
		message := openSSLSign(t, w, rsa, "-cades", "-signer", p256.cert, "-inkey", p256.key)
		report := w.verifyAll(t, message, true)
		require.Len(t, report.Signatures, 2)
		for _, r := range report.Signatures {
			requireChecks(t, r, clean())
		}
	})
	t.Run("signed again", func(t *testing.T) {
		in, out := w.message(openSSLSign(t, w, rsa, "-cades")), w.out()
		openSSL(t, "cms", "-resign", "-binary", "-cades", "-inform", "DER", "-in", in, "-content", w.path("content"), "-outform", "DER", "-out", out, "-signer", p256.cert, "-inkey", p256.key)
		require.Len(t, w.verifyAll(t, read(t, out), true).Signatures, 2)
	})
	t.Run("another content", func(t *testing.T) {
		m, err := cades.Parse(openSSLSign(t, w, rsa, "-cades"))
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", w.content[1:]), &cades.VerifyOptions{Roots: w.pki.Roots()})
		require.NoError(t, err)
		require.False(t, report.Valid())
		requireChecks(t, report.Signatures[0], but(clean(), cades.CheckMessageDigest, cades.Failed))
	})
}

// signingCertificateV2 is the attribute of RFC 5035 with the SHA-256 of a certificate and nothing else.
func signingCertificateV2(c *x509.Certificate) pkcs7.Attribute {
	type id struct{ Hash []byte }
	type attribute struct{ Certs []id }
	sum := sha256.Sum256(c.Raw)
	return pkcs7.Attribute{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, Value: attribute{[]id{{sum[:]}}}}
}

func TestMozillaReadByUs(t *testing.T) {
	w := newWorld(t)
	digests := map[string]asn1.ObjectIdentifier{"sha256": pkcs7.OIDDigestAlgorithmSHA256, "sha384": pkcs7.OIDDigestAlgorithmSHA384, "sha512": pkcs7.OIDDigestAlgorithmSHA512}
	for _, s := range schemes() {
		if s.pss() || s.ed25519() {
			continue // pkcs7 has neither
		}
		id := w.identity(s.kind)
		for _, detached := range []bool{true, false} {
			t.Run(s.Name+map[bool]string{true: " detached", false: " attached"}[detached], func(t *testing.T) {
				data, err := pkcs7.NewSignedData(w.content)
				require.NoError(t, err)
				data.SetDigestAlgorithm(digests[s.hash])
				require.NoError(t, data.AddSignerChain(id.Certificate(), id.Key, id.Chain[1:], pkcs7.SignerInfoConfig{
					ExtraSignedAttributes: []pkcs7.Attribute{signingCertificateV2(id.Certificate())},
				}))
				if detached {
					data.Detach()
				}
				message, err := data.Finish()
				require.NoError(t, err)
				requireChecks(t, w.verify(t, message, detached), clean())
			})
		}
	}
}

func TestBouncyCastleReadByUs(t *testing.T) {
	bc.need(t)
	w := newWorld(t)
	for _, s := range schemes() {
		id := w.identity(s.kind)
		for _, f := range []struct {
			flags    string
			detached bool
		}{
			{"bes", true}, {"bes,attached", false}, {"bes,attached,ber", false}, {"bes,ber", true}, {"bes,ski", true}, {"epes", true},
		} {
			t.Run(s.Name+" "+f.flags, func(t *testing.T) {
				out := w.out()
				bc.must(t, "sign", out, id.key, id.chain, w.path("content"), s.bc, f.flags)
				r := w.verify(t, read(t, out), f.detached)
				requireChecks(t, r, clean())
				require.Equal(t, cades.Passed, r.Status(cades.CheckAlgorithmProtection))
				if f.flags == "epes" {
					require.Equal(t, "CAdES-EPES", r.Signature.LevelName())
					require.Contains(t, detail(r, cades.CheckPolicy), "1.3.6.1.4.1.99999.1")
				}
			})
		}
		t.Run(s.Name+" bare", func(t *testing.T) {
			out := w.out()
			bc.must(t, "sign", out, id.key, id.chain, w.path("content"), s.bc, "bare,attached")
			requireChecks(t, w.verify(t, read(t, out), false), map[string]cades.Status{cades.CheckSignature: cades.Passed, cades.CheckMessageDigest: cades.Passed})
		})
	}
}

func detail(r cades.SignatureReport, name string) string {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Detail
		}
	}
	return ""
}
