package interop_test

import (
	"crypto"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

func algorithms() *trust.Algorithms { return &trust.Algorithms{Schemes: beyond()} }

// ca runs the authority of OpenSSL.
func (m modern) ca(t *testing.T, w *world, args ...string) {
	t.Helper()
	m.must(t, append([]string{"ca", "-config", w.path("ca.cnf"), "-keyfile", w.path("authority.key"), "-cert", w.path("authority.pem"), "-md", "default"}, args...)...)
}

// TestMLDSARevocationOfOpenSSL reads CRLs and OCSP responses of an authority of OpenSSL, before and after a certificate is revoked.
func TestMLDSARevocationOfOpenSSL(t *testing.T) {
	for _, m := range moderns(t) {
		for _, set := range mldsa.Sets() {
			w := newWorld(t) // outside of t.Run, which makes names of folders that have a # in them: a comment in the configuration
			m.make(t, w, set.String())
			w.write("index.txt", nil)
			w.write("crlnumber", []byte("1000\n"))
			w.write("ca.cnf", []byte("[ca]\ndefault_ca=it\n[it]\ndatabase="+w.path("index.txt")+"\ncrlnumber="+w.path("crlnumber")+"\ndefault_crl_days=30\n"))
			leaf, authority := certificate(t, w.path("leaf.pem")), certificate(t, w.path("authority.pem"))
			m.ca(t, w, "-valid", w.path("leaf.pem"))
			m.ca(t, w, "-valid", w.path("stamps.pem"))
			check := &revocation.CheckOptions{Algorithms: algorithms()}
			for _, want := range []revocation.State{revocation.Good, revocation.Revoked} {
				t.Run(m.version+" "+set.String()+" "+want.String(), func(t *testing.T) {
					if want == revocation.Revoked {
						m.ca(t, w, "-revoke", w.path("leaf.pem"), "-crl_reason", "keyCompromise")
					}
					m.ca(t, w, "-gencrl", "-out", w.path("crl.pem"))
					block, _ := pem.Decode(read(t, w.path("crl.pem")))
					crl, err := revocation.ParseCRL(block.Bytes)
					require.NoError(t, err)
					status, err := crl.Check(leaf, authority, check)
					require.NoError(t, err)
					require.Equal(t, want, status.State)
					_, err = crl.Check(leaf, authority, nil)
					require.Error(t, err, "without the schemes")

					m.must(t, "ocsp", "-issuer", w.path("authority.pem"), "-cert", w.path("leaf.pem"), "-reqout", w.path("request.der"))
					m.must(t, "ocsp", "-index", w.path("index.txt"), "-CA", w.path("authority.pem"), "-rsigner", w.path("authority.pem"), "-rkey", w.path("authority.key"),
						"-reqin", w.path("request.der"), "-respout", w.path("response.der"), "-ndays", "1")
					response, err := revocation.ParseResponse(read(t, w.path("response.der")))
					require.NoError(t, err)
					status, err = response.Check(leaf, authority, check)
					require.NoError(t, err)
					require.Equal(t, want, status.State)
				})
			}
		}
	}
}

// TestMLDSACRLReadByOpenSSL has OpenSSL check a list that is signed here.
func TestMLDSACRLReadByOpenSSL(t *testing.T) {
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		id, files := q.leaf()
		der := testpki.RevocationList(t, testpki.Identity{Key: testpki.NewKey(t, testpki.P256), Chain: []*x509.Certificate{{RawSubject: q.authority.chain[0].RawSubject, Subject: q.authority.chain[0].Subject, SubjectKeyId: q.authority.chain[0].SubjectKeyId, KeyUsage: x509.KeyUsageCRLSign}}},
			[]*x509.Certificate{id.chain[0]}, func(l *x509.RevocationList) { l.Number = big.NewInt(7) })
		der = resign(t, der, q.authority.key, nil)
		list := q.write("list.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
		authority := q.write("authority.pem", testpki.CertPEM(q.authority.chain[0]))
		eachModern(t, func(t *testing.T, m modern) {
			require.Contains(t, string(m.must(t, "crl", "-in", list, "-noout", "-CAfile", authority)), "verify OK")
			out, err := m.try(t, "verify", "-CAfile", q.path("root.pem"), "-untrusted", authority, "-CRLfile", list, "-crl_check", "-attime", "1772366400", files.cert)
			require.Error(t, err)
			require.Contains(t, string(out), "certificate revoked")
		})
	}
}

// TestMLDSATimestamps has OpenSSL check tokens of an authority here. Its command for time-stamps neither makes nor checks signatures by
// ML-DSA, so that it is asked about the message that a token is.
func TestMLDSATimestamps(t *testing.T) {
	usage := testpki.Must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	stamps := func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
	}
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		id, _ := q.leaf(stamps)
		a, err := tsp.NewAuthority(id.signer(t), nil)
		require.NoError(t, err)
		sum := sha512.Sum512(q.content)
		imprint, err := sign.NewDigest(crypto.SHA512, sum[:])
		require.NoError(t, err)
		token, err := a.Timestamp(t.Context(), imprint)
		require.NoError(t, err)
		require.NoError(t, token.Verify(imprint, &tsp.VerifyOptions{Roots: trust.New(q.root.chain[0]), Algorithms: algorithms()}))
		require.Error(t, token.Verify(imprint, &tsp.VerifyOptions{Roots: trust.New(q.root.chain[0])}), "without the schemes")
		path := q.message(token.Raw)
		eachModern(t, func(t *testing.T, m modern) {
			t.Run(set.String(), func(t *testing.T) {
				issuers := q.write("issuers.pem", testpki.CertPEM(id.chain[1:]...))
				m.must(t, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", path, "-CAfile", q.path("root.pem"), "-certfile", issuers, "-purpose", "timestampsign", "-out", q.out())
				out, err := m.try(t, "ts", "-verify", "-in", path, "-token_in", "-CAfile", q.path("root.pem"), "-untrusted", issuers, "-digest", hex.EncodeToString(sum[:]))
				require.Error(t, err, "it can now; say so in docs/quantum.md")
				require.Contains(t, string(out), "provider signature not supported")
			})
		})
	}
}

// TestMLDSATimestampsOfOpenSSL fails when its command for time-stamps can sign with such keys.
func TestMLDSATimestampsOfOpenSSL(t *testing.T) {
	for _, m := range moderns(t) {
		w := newWorld(t)
		m.make(t, w, mldsa.MLDSA65.String())
		w.write("serial", []byte("0100\n"))
		w.write("tsa.cnf", []byte("[tsa]\ndefault_tsa=it\n[it]\nserial="+w.path("serial")+"\nsigner_digest=sha512\ndefault_policy=1.2.3.4\ndigests=sha512\ness_cert_id_alg=sha256\n"))
		m.must(t, "ts", "-query", "-data", w.path("content"), "-sha512", "-cert", "-out", w.path("query.tsq"))
		out, err := m.try(t, "ts", "-reply", "-config", w.path("tsa.cnf"), "-queryfile", w.path("query.tsq"), "-signer", w.path("stamps.pem"), "-inkey", w.path("stamps.key"), "-out", w.path("reply.tsr"))
		require.Contains(t, string(out), "signing not supported for this key type", "it can now (%v); say so in docs/quantum.md", err)
	}
}
