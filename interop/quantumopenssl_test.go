package interop_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

func (m modern) verify(t *testing.T, w *world, message []byte, detached bool, more ...string) {
	t.Helper()
	out := w.out()
	args := []string{"cms", "-verify", "-binary", "-inform", "DER", "-in", w.message(message), "-CAfile", w.path("root.pem"), "-no-CApath", "-no-CAstore", "-out", out}
	if detached {
		args = append(args, "-content", w.path("content"))
	}
	m.must(t, append(args, more...)...)
	require.True(t, bytes.Equal(w.content, read(t, out)), "OpenSSL sees another content")
}

// TestMLDSAOursReadByOpenSSL has it check what is signed here.
func TestMLDSAOursReadByOpenSSL(t *testing.T) {
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		id, _ := q.leaf()
		signer := id.signer(t)
		for _, f := range forms() {
			message, err := f.make(t.Context(), q.world, signer, cades.Options{})
			require.NoError(t, err)
			report := q.judge(t, message, f.detached)
			require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
			requireChecks(t, report.Signatures[0], clean())
			eachModern(t, func(t *testing.T, m modern) {
				t.Run(set.String()+" "+f.name, func(t *testing.T) {
					m.verify(t, q.world, message, f.detached, "-cades")
				})
			})
		}
	}
}

// make is an authority of OpenSSL's own: a root, one below it, and a signer, whose files are returned. The algorithm is a name of OpenSSL.
func (m modern) make(t *testing.T, w *world, algorithm string) identity {
	t.Helper()
	w.write("extensions", []byte("[authority]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"+
		"[leaf]\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"+
		"[stamps]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"))
	for _, name := range []string{"root", "authority", "leaf", "stamps"} {
		m.must(t, "genpkey", "-algorithm", algorithm, "-out", w.path(name+".key"))
		m.must(t, "req", "-new", "-key", w.path(name+".key"), "-subj", "/O=OpenSSL/CN="+name, "-out", w.path(name+".csr"))
	}
	issue := func(name, issuer, section string) {
		args := []string{"x509", "-req", "-in", w.path(name + ".csr"), "-days", "3650", "-extfile", w.path("extensions"), "-extensions", section, "-out", w.path(name + ".pem")}
		if issuer == "" {
			args = append(args, "-signkey", w.path(name+".key"))
		} else {
			args = append(args, "-CA", w.path(issuer+".pem"), "-CAkey", w.path(issuer+".key"), "-CAcreateserial")
		}
		m.must(t, args...)
	}
	issue("root", "", "authority")
	issue("authority", "root", "authority")
	issue("leaf", "authority", "leaf")
	issue("stamps", "authority", "stamps")
	return identity{key: w.path("leaf.key"), cert: w.path("leaf.pem"), issuers: w.path("authority.pem")}
}

func certificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(read(t, path))
	require.NotNil(t, block)
	return testpki.Must(x509.ParseCertificate(block.Bytes))
}

func (m modern) sign(t *testing.T, w *world, id identity, more ...string) ([]byte, error) {
	t.Helper()
	out := w.out()
	said, err := m.try(t, append([]string{
		"cms", "-sign", "-binary", "-in", w.path("content"), "-outform", "DER", "-out", out,
		"-certfile", id.issuers, "-signer", id.cert, "-inkey", id.key,
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	return read(t, out), nil
}

// TestMLDSAOpenSSLReadByUs reads what OpenSSL makes with certificates that it made.
func TestMLDSAOpenSSLReadByUs(t *testing.T) {
	for _, set := range mldsa.Sets() {
		eachModern(t, func(t *testing.T, m modern) {
			q := &quantum{world: newWorld(t)}
			id := m.make(t, q.world, set.String())
			root := certificate(t, q.path("root.pem"))
			bes := but(clean(), cades.CheckSigningCertificate, cades.Passed)
			plain := but(clean(), cades.CheckSigningCertificate, cades.Unchecked)
			bare := map[string]cades.Status{cades.CheckSignature: cades.Passed, cades.CheckMessageDigest: cades.Passed, cades.CheckChain: cades.Passed}
			for _, c := range []struct {
				name     string
				want     map[string]cades.Status
				digest   string
				from     int // the major version that can do it
				detached bool
				args     string
			}{
				{"BES, SHA-512", bes, "SHA-512", 3, true, "-cades -md sha512"},
				{"BES, SHA-512, attached", bes, "SHA-512", 3, false, "-cades -md sha512 -nodetach"},
				{"BES, SHA-512, attached, as a stream", bes, "SHA-512", 3, false, "-cades -md sha512 -nodetach -stream"},
				{"BES, SHA-512, by key identifier", bes, "SHA-512", 3, true, "-cades -md sha512 -keyid"},
				{"BES, SHA-384", bes, "SHA-384", 3, true, "-cades -md sha384"},
				{"BES, SHA3-512", bes, "SHA3-512", 3, true, "-cades -md sha3-512"},
				{"plain, SHA-512, attached", plain, "SHA-512", 3, false, "-md sha512 -nodetach"},
				{"plain, SHAKE256", plain, "SHAKE256", 3, true, "-md shake256"},
				{"plain, by default", plain, "SHAKE256", 4, true, ""},
				{"without attributes", bare, "SHA-512", 4, true, "-noattr"},
				{"without attributes, attached", bare, "SHA-512", 4, false, "-noattr -nodetach"},
				{"without attributes, SHAKE256", bare, "SHAKE256", 4, false, "-noattr -nodetach -md shake256"},
			} {
				t.Run(set.String()+" "+c.name, func(t *testing.T) {
					message, err := m.sign(t, q.world, id, strings.Fields(c.args)...)
					if m.major < c.from {
						require.Error(t, err, "it can now; say so in docs/quantum.md")
						return
					}
					require.NoError(t, err)
					report := q.judge(t, message, c.detached, root)
					require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
					want := c.want
					if c.digest == "SHA-384" && set == mldsa.MLDSA87 { // RFC 9882 section 3.3, table 1
						want = but(want, cades.CheckAlgorithms, cades.Tolerated)
					}
					requireChecks(t, report.Signatures[0], want)
					require.Equal(t, c.digest, report.Signatures[0].Signature.DigestAlgorithm())
				})
			}
		})
	}
}

// TestMLDSAKeysOfOpenSSL reads keys in every form that it writes, and has it read ours and check a signature.
func TestMLDSAKeysOfOpenSSL(t *testing.T) {
	for _, set := range mldsa.Sets() {
		eachModern(t, func(t *testing.T, m modern) {
			w := newWorld(t)
			for _, form := range []string{"seed-priv", "seed-only", "priv-only"} {
				t.Run(set.String()+" "+form, func(t *testing.T) {
					path := w.path(form + ".pem")
					m.must(t, "genpkey", "-algorithm", set.String(), "-provparam", "ml-dsa.output_formats="+form, "-out", path)
					m.must(t, "pkey", "-in", path, "-pubout", "-outform", "DER", "-out", w.path("public"))
					block, _ := pem.Decode(read(t, path))
					key, err := mldsa.ParsePKCS8(block.Bytes)
					require.NoError(t, err)
					require.Equal(t, read(t, w.path("public")), key.SubjectPublicKeyInfo())
					signature, err := key.SignContext(t.Context(), w.content, crypto.Hash(0))
					require.NoError(t, err)
					m.must(t, "pkeyutl", "-verify", "-rawin", "-inkey", path, "-in", w.path("content"), "-sigfile", w.write("signature", signature))
					if form == "priv-only" {
						_, err := key.MarshalPKCS8()
						require.ErrorIs(t, err, sign.ErrUnsupported, "the seed is not known")
						return
					}
					again := w.write("again.pem", keyPEM(t, key))
					m.must(t, "pkey", "-in", again, "-pubout", "-outform", "DER", "-out", w.path("again"))
					require.Equal(t, key.SubjectPublicKeyInfo(), read(t, w.path("again")))
				})
			}
		})
	}
}
