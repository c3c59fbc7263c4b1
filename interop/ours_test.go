package interop_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mozilla.org/pkcs7"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// form is a way to make a container.
type form struct {
	name     string
	detached bool
	ber      bool
	make     func(ctx context.Context, w *world, s *sign.Signer, o cades.Options) ([]byte, error)
}

func forms() []form {
	return []form{
		{"detached", true, false, func(ctx context.Context, w *world, s *sign.Signer, o cades.Options) ([]byte, error) {
			return cades.Sign(ctx, s, sign.Bytes("", w.content), &o)
		}},
		{"attached", false, false, func(ctx context.Context, w *world, s *sign.Signer, o cades.Options) ([]byte, error) {
			o.Attached = true
			return cades.Sign(ctx, s, sign.Bytes("", w.content), &o)
		}},
		{"attached, from a file", false, false, func(ctx context.Context, w *world, s *sign.Signer, o cades.Options) ([]byte, error) {
			o.Attached = true
			f, err := os.Open(w.path("content"))
			if err != nil {
				return nil, err
			}
			defer f.Close()
			var b bytes.Buffer
			err = cades.SignTo(ctx, &b, s, sign.Reader("", f), &o)
			return b.Bytes(), err
		}},
		{"attached, as a stream", false, true, func(ctx context.Context, w *world, s *sign.Signer, o cades.Options) ([]byte, error) {
			o.Attached = true
			var b bytes.Buffer
			err := cades.SignTo(ctx, &b, s, sign.Reader("", io.MultiReader(bytes.NewReader(w.content))), &o) // hides Seek
			return b.Bytes(), err
		}},
	}
}

// verifier is a program of somebody else.
type verifier struct {
	name   string
	need   func(*testing.T)
	cannot func(scheme, form) string // why it is not asked, or ""
	verify func(t *testing.T, w *world, message []byte, detached bool)
}

func verifiers() []verifier {
	return []verifier{
		{"OpenSSL", haveOpenSSL, func(s scheme, _ form) string {
			if s.ed25519() {
				return "OpenSSL 3.0 has no Ed25519 in CMS"
			}
			return ""
		}, openSSLVerify},
		{"pkcs7", func(*testing.T) {}, func(s scheme, f form) string {
			switch {
			case s.ed25519() || s.pss():
				return "pkcs7 has neither PSS nor Ed25519"
			case f.ber:
				return "pkcs7 reads the first segment of a content only"
			}
			return ""
		}, mozillaVerify},
		{"Bouncy Castle", bc.need, func(scheme, form) string { return "" }, bouncyVerify},
	}
}

func openSSLVerify(t *testing.T, w *world, message []byte, detached bool) {
	t.Helper()
	out := w.out()
	args := []string{"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.message(message), "-CAfile", w.path("root.pem"), "-no-CApath", "-no-CAstore", "-out", out}
	if detached {
		args = append(args, "-content", w.path("content"))
	}
	openSSL(t, args...)
	require.True(t, bytes.Equal(w.content, read(t, out)), "OpenSSL sees another content")
}

func mozillaVerify(t *testing.T, w *world, message []byte, detached bool) {
	t.Helper()
	p, err := pkcs7.Parse(message)
	require.NoError(t, err)
	if detached {
		require.Empty(t, p.Content)
		p.Content = w.content
	}
	require.True(t, bytes.Equal(w.content, p.Content), "pkcs7 sees another content")
	require.NoError(t, p.VerifyWithChain(w.pki.Pool()))
	m, err := cades.Parse(message)
	require.NoError(t, err)
	require.Len(t, p.Signers, len(m.Signatures())) // it drops signers that it does not understand
}

func bouncyVerify(t *testing.T, w *world, message []byte, detached bool) {
	t.Helper()
	content := ""
	if detached {
		content = w.path("content")
	}
	bc.must(t, "verify", w.message(message), content, w.path("root.pem"))
}

func TestOursReadByOthers(t *testing.T) {
	w := newWorld(t)
	made := map[string][]byte{}
	for _, s := range schemes() {
		signer := w.identity(s.kind).signer(t, s.Scheme)
		for _, f := range forms() {
			message, err := f.make(t.Context(), w, signer, cades.Options{})
			require.NoError(t, err)
			requireChecks(t, w.verify(t, message, f.detached), clean())
			made[s.Name+f.name] = message
		}
	}
	for _, v := range verifiers() {
		t.Run(v.name, func(t *testing.T) {
			v.need(t)
			for _, s := range schemes() {
				for _, f := range forms() {
					if v.cannot(s, f) != "" {
						continue
					}
					t.Run(s.Name+" "+f.name, func(t *testing.T) {
						v.verify(t, w, made[s.Name+f.name], f.detached)
					})
				}
			}
		})
	}
}

// TestOthersRefuse makes sure that the verifiers look: a message over another content is refused by each.
func TestOthersRefuse(t *testing.T) {
	w := newWorld(t)
	signer := w.identity(testpki.P256).signer(t, testpki.Must(sign.ECDSA(crypto.SHA256)))
	message, err := cades.Sign(t.Context(), signer, sign.Bytes("", []byte("another content")), nil)
	require.NoError(t, err)
	path := w.message(message)
	t.Run("OpenSSL", func(t *testing.T) {
		haveOpenSSL(t)
		_, err := tryOpenSSL(t, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", path, "-content", w.path("content"), "-CAfile", w.path("root.pem"), "-out", w.out())
		require.Error(t, err)
	})
	t.Run("pkcs7", func(t *testing.T) {
		p, err := pkcs7.Parse(message)
		require.NoError(t, err)
		p.Content = w.content
		require.Error(t, p.Verify())
	})
	t.Run("Bouncy Castle", func(t *testing.T) {
		bc.need(t)
		_, err := bc.ask(t, "verify", path, w.path("content"), w.path("root.pem"))
		require.Error(t, err)
	})
	t.Run("DSS", func(t *testing.T) {
		dss.need(t)
		answer := dss.must(t, "validate", path, w.path("content"), w.path("root.pem"))
		require.Equal(t, "false", answer["0.intact"])
	})
}

// decorated are options with everything that can be signed beside the content.
func decorated() cades.Options {
	digest := sha256.Sum256([]byte("the policy"))
	return cades.Options{
		SigningTime: testpki.Now(),
		Policy: &cades.Policy{
			OID: "1.3.6.1.4.1.99999.2", Hash: crypto.SHA256, Digest: digest[:], URI: "https://policy.example/2",
			UserNotice: &cades.UserNotice{Organization: "Øst Example", Numbers: []int{1, 300}, Text: "for tests only"},
		},
		Commitments:       []cades.Commitment{cades.ProofOfApproval},
		Location:          &cades.Location{Country: "NO", Locality: "Tromsø", Postal: []string{"Storgata 1", "9008 Tromsø"}},
		ClaimedRoles:      []string{"registrar", "keeper of seals"},
		MimeType:          "application/pdf",
		ContentIdentifier: []byte("content 17"),
	}
}

func TestAttributesReadByOthers(t *testing.T) {
	w := newWorld(t)
	s := schemes()[6]
	signer := w.identity(s.kind).signer(t, s.Scheme)
	detached := forms()[0]
	digest := sha256.Sum256([]byte("the policy"))
	full := map[string]string{
		"policy.implied": "false", "policy.oid": "1.3.6.1.4.1.99999.2", "policy.hash": "2.16.840.1.101.3.4.2.1",
		"policy.digest": hex.EncodeToString(digest[:]), "policy.uri": "https://policy.example/2",
		"policy.text": "for tests only", "policy.organization": "Øst Example", "policy.numbers": "1,300",
		"commitments":      "1.2.840.113549.1.9.16.6.5",
		"location.country": "NO", "location.locality": "Tromsø", "location.postal": "Storgata 1|9008 Tromsø",
		"roles": "registrar|keeper of seals", "mime": "application/pdf", "identifier": hex.EncodeToString([]byte("content 17")),
	}
	cases := []struct {
		name string
		bend func(*cades.Options)
		want map[string]string
	}{
		{"all", func(*cades.Options) {}, full},
		{"implied policy", func(o *cades.Options) { *o = cades.Options{Policy: &cades.Policy{Implied: true}} }, map[string]string{"policy.implied": "true", "commitments": ""}},
		{"content hints", func(o *cades.Options) {
			*o = cades.Options{ContentHints: &cades.ContentHints{Description: "Ein Brief über Österreich"}}
		}, map[string]string{"hints.type": "1.2.840.113549.1.7.1", "hints.description": "Ein Brief über Österreich", "commitments": ""}},
		{"specification by OID", func(o *cades.Options) {
			*o = cades.Options{Policy: &cades.Policy{OID: "1.2.3", Hash: crypto.SHA256, Digest: digest[:], Specification: "1.2.3.4"}}
		}, map[string]string{
			"policy.implied": "false", "policy.oid": "1.2.3", "policy.hash": "2.16.840.1.101.3.4.2.1",
			"policy.digest": hex.EncodeToString(digest[:]), "policy.specification": "1.2.3.4", "commitments": "",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := decorated()
			c.bend(&o)
			message, err := detached.make(t.Context(), w, signer, o)
			require.NoError(t, err)
			requireChecks(t, w.verify(t, message, true), clean())
			t.Run("OpenSSL", func(t *testing.T) {
				haveOpenSSL(t)
				openSSLVerify(t, w, message, true)
			})
			t.Run("pkcs7", func(t *testing.T) { mozillaVerify(t, w, message, true) })
			t.Run("Bouncy Castle", func(t *testing.T) {
				bc.need(t)
				bouncyVerify(t, w, message, true)
				require.Equal(t, c.want, bc.must(t, "attributes", w.message(message)))
			})
		})
	}
}

// TestPSSOnlyKey signs with a key whose certificate says id-RSASSA-PSS, which crypto/x509 does not read.
func TestPSSOnlyKey(t *testing.T) {
	w := newWorld(t)
	id := identity{Identity: w.pki.PSSLeaf(testpki.RSA2048)}
	message, err := forms()[0].make(t.Context(), w, id.signer(t, testpki.Must(sign.PSS(crypto.SHA256))), cades.Options{})
	require.NoError(t, err)
	requireChecks(t, w.verify(t, message, true), clean())
	t.Run("OpenSSL", func(t *testing.T) {
		haveOpenSSL(t)
		openSSLVerify(t, w, message, true)
	})
	t.Run("Bouncy Castle", func(t *testing.T) { bouncyVerify(t, w, message, true) })
	t.Run("DSS", func(t *testing.T) { validate(t, w, message, true) })
}
