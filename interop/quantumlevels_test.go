package interop_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// lists is a revocation.Source of the CRLs of a quantum.
type lists struct {
	q    *quantum
	crls []*revocation.CRL // of the authority and of the root
}

func (q *quantum) lists(t *testing.T) *lists {
	t.Helper()
	l := &lists{q: q}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for _, id := range []quantumID{q.authority, q.root} {
		at := time.Now().Add(-30 * time.Second)
		issuer := &x509.Certificate{RawSubject: id.chain[0].RawSubject, Subject: id.chain[0].Subject, SubjectKeyId: id.chain[0].SubjectKeyId, KeyUsage: x509.KeyUsageCRLSign}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: at, NextUpdate: at.AddDate(20, 0, 0)}, issuer, other)
		require.NoError(t, err)
		crl, err := revocation.ParseCRL(resign(t, der, id.key, nil))
		require.NoError(t, err)
		l.crls = append(l.crls, crl)
	}
	return l
}

func (l *lists) Chain(_ context.Context, leaf *x509.Certificate, _ []*x509.Certificate) ([]*x509.Certificate, error) {
	return []*x509.Certificate{leaf, l.q.authority.chain[0], l.q.root.chain[0]}, nil
}

func (l *lists) Collect(_ context.Context, chains [][]*x509.Certificate, _ *revocation.CollectOptions) (*revocation.Collection, error) {
	all := &revocation.Collection{}
	for _, crl := range l.crls {
		all.CRLs = append(all.CRLs, crl.Raw)
	}
	for _, chain := range chains {
		for i, c := range chain {
			if slices.ContainsFunc(all.Certificates, c.Equal) {
				continue
			}
			all.Certificates = append(all.Certificates, c)
			if i+1 < len(chain) {
				status, err := l.crls[i].Check(c, chain[i+1], &revocation.CheckOptions{Algorithms: algorithms()})
				if err != nil {
					return nil, err
				}
				all.Statuses = append(all.Statuses, status)
			}
		}
	}
	return all, nil
}

// stamping bends a certificate into one of an authority of time-stamps.
func stamping(t *testing.T) func(*x509.Certificate) {
	t.Helper()
	usage := testpki.Must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	return func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
	}
}

// TestMLDSALevels raises messages step by step, with an authority of time-stamps of the same kind, and with one that everybody reads,
// and prints how large they are: the table of docs/quantum.md, which `go test -v -run MLDSALevels .` makes.
func TestMLDSALevels(t *testing.T) {
	type kind struct {
		name   string
		newKey func(*testing.T) quantumKey
	}
	kinds := []kind{
		{"RSA-2048", classical(testpki.RSA2048, testpki.Must(sign.PKCS1(crypto.SHA256)))},
		{"P-256", classical(testpki.P256, testpki.Must(sign.ECDSA(crypto.SHA256)))},
	}
	for _, set := range mldsa.Sets() {
		kinds = append(kinds, kind{set.String(), lattice(set)})
	}
	steps := []cades.Level{cades.LevelBES, cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelLTA}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			q := newQuantumOf(t, k.newKey)
			id := q.issue(&q.authority, "Quantum Signer")
			stamps := q.issue(&q.authority, "Quantum Stamps", stamping(t))
			at := time.Now().Add(-time.Minute)
			clock := func() time.Time { at = at.Add(time.Millisecond); return at }
			own, err := tsp.NewAuthority(stamps.signer(t), &tsp.AuthorityOptions{Clock: clock})
			require.NoError(t, err)
			o := &cades.ExtendOptions{Timestamper: own, Revocation: q.lists(t), Content: sign.Bytes("", q.content), Schemes: beyond()}
			message, err := cades.Sign(t.Context(), id.signer(t), sign.Bytes("", q.content), &cades.Options{SigningTime: at.Add(-time.Minute)})
			require.NoError(t, err)
			var octets []string
			for i, to := range steps {
				if i != 0 {
					m, err := cades.Parse(message)
					require.NoError(t, err)
					message, err = m.Extend(t.Context(), to, o)
					require.NoError(t, err, to)
				}
				report := q.judge(t, message, true)
				require.True(t, report.Trusted(), "%s: %+v", to, report.Signatures[0])
				octets = append(octets, fmt.Sprint(len(message)))
			}
			t.Logf("| %s | %s |", k.name, strings.Join(octets, " | "))
		})
	}
}

// TestMLDSALevelsReadByOthers has OpenSSL and Bouncy Castle check the signature below what was added, and records what DSS 6.5, which does
// not know ML-DSA, says of signatures and time-stamps by it, beside those by P-256; docs/quantum.md has the same in words.
func TestMLDSALevelsReadByOthers(t *testing.T) {
	for _, set := range mldsa.Sets() {
		q := newQuantum(t, set)
		q.write("classical.pem", testpki.CertPEM(q.pki.Root.Certificate()))
		at := time.Now().Add(-time.Minute) // lists have to be younger than what is on the signature
		clock := func() time.Time { at = at.Add(time.Millisecond); return at }
		quantum := testpki.Must(tsp.NewAuthority(q.issue(&q.authority, "Quantum Stamps", stamping(t)).signer(t), &tsp.AuthorityOptions{Clock: clock}))
		p256 := testlevels.Authority(t, q.pki, clock)
		theirs := testlevels.NewSource(t, q.pki)
		theirs.ThisUpdate = time.Now().Add(-30 * time.Second)
		source := &twoSources{q.lists(t), theirs}
		raise := func(t *testing.T, message []byte, to cades.Level, by tsp.Timestamper) []byte {
			t.Helper()
			m, err := cades.Parse(message)
			require.NoError(t, err)
			raised, err := m.Extend(t.Context(), to, &cades.ExtendOptions{Timestamper: by, Revocation: source, Content: sign.Bytes("", q.content), Schemes: beyond(), Hash: crypto.SHA512})
			require.NoError(t, err)
			report := q.judge(t, raised, true, q.root.chain[0], q.pki.Root.Certificate())
			require.True(t, report.Trusted(), "%+v", report.Signatures[0])
			return raised
		}
		begin := func(t *testing.T, s *sign.Signer) []byte {
			t.Helper()
			return testpki.Must(cades.Sign(t.Context(), s, sign.Bytes("", q.content), &cades.Options{SigningTime: time.Now().Add(-2 * time.Minute)}))
		}
		id, _ := q.leaf()
		ours, classical := id.signer(t), q.identity(testpki.P256).signer(t, testpki.Must(sign.ECDSA(crypto.SHA256)))
		for _, c := range []struct {
			name       string
			signer     *sign.Signer
			steps      []cades.Level
			by         []tsp.Timestamper
			refuses    string // what DSS says instead of an answer
			format     string
			verdict    string
			timestamps string
		}{
			{"throughout", ours, []cades.Level{cades.LevelT}, []tsp.Timestamper{quantum}, "", "CAdES-T", "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND", "SIGNATURE_TIMESTAMP signature-not-intact"},
			{"throughout", ours, []cades.Level{cades.LevelLT}, []tsp.Timestamper{quantum}, "No signing certificate found", "", "", ""},
			{"throughout", ours, []cades.Level{cades.LevelLTA}, []tsp.Timestamper{quantum}, "No signing certificate found", "", "", ""},
			{"and time-stamps by P-256", ours, []cades.Level{cades.LevelT}, []tsp.Timestamper{p256}, "", "CAdES-T", "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND", "SIGNATURE_TIMESTAMP"},
			{"and time-stamps by P-256", ours, []cades.Level{cades.LevelLTA}, []tsp.Timestamper{p256}, "", "CAdES-A", "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP"},
			{"on a signature by P-256", classical, []cades.Level{cades.LevelT}, []tsp.Timestamper{quantum}, "", "CAdES-BASELINE-T", "INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE", "SIGNATURE_TIMESTAMP signature-not-intact"},
			{"on a signature by P-256", classical, []cades.Level{cades.LevelLTA}, []tsp.Timestamper{quantum}, "", "CAdES-BASELINE-LTA", "TOTAL_PASSED null", "SIGNATURE_TIMESTAMP signature-not-intact|ARCHIVE_TIMESTAMP signature-not-intact"},
			{"as the archive time-stamp on P-256", classical, []cades.Level{cades.LevelLT, cades.LevelLTA}, []tsp.Timestamper{p256, quantum}, "", "CAdES-BASELINE-LTA", "TOTAL_PASSED null", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP signature-not-intact"},
			{"as a second archive time-stamp on P-256", classical, []cades.Level{cades.LevelLTA, cades.LevelLTA}, []tsp.Timestamper{p256, quantum}, "", "CAdES-BASELINE-LTA", "TOTAL_PASSED null", "SIGNATURE_TIMESTAMP|ARCHIVE_TIMESTAMP|ARCHIVE_TIMESTAMP signature-not-intact"},
		} {
			t.Run(fmt.Sprintf("%s %s, %v", set, c.name, c.steps), func(t *testing.T) {
				message := begin(t, c.signer)
				for i, to := range c.steps {
					message = raise(t, message, to, c.by[i])
				}
				root := "root.pem"
				if c.signer == classical {
					root = "classical.pem"
				}
				eachModern(t, func(t *testing.T, m modern) {
					m.verify(t, q.world, message, true, "-cades", "-purpose", "any", "-CAfile", q.path(root))
				})
				if c.signer == classical {
					t.Run("OpenSSL of the system", func(t *testing.T) { // 3.0 on Debian 12: what it does not know is not signed
						haveOpenSSL(t)
						openSSL(t, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", q.message(message), "-content", q.path("content"), "-CAfile", q.path(root), "-purpose", "any", "-out", q.out())
					})
				}
				t.Run("Bouncy Castle", func(t *testing.T) {
					bc.must(t, "verify", q.message(message), q.path("content"), q.path(root))
				})
				t.Run("DSS", func(t *testing.T) {
					answer, err := dss.ask(t, "validate", q.message(message), q.path("content"), q.path("classical.pem"))
					if c.refuses != "" {
						require.ErrorContains(t, err, c.refuses, answer)
						return
					}
					require.NoError(t, err)
					require.Equal(t, c.format, answer["0.format"])
					require.Equal(t, c.verdict, answer["0.indication"]+" "+answer["0.subindication"])
					require.Equal(t, c.timestamps, answer["0.timestamps"])
				})
			})
		}
	}
}

// twoSources asks the one that has the authority.
type twoSources struct {
	quantum *lists
	other   revocation.Source
}

func (s *twoSources) of(c *x509.Certificate) revocation.Source {
	if string(c.RawIssuer) == string(s.quantum.q.authority.chain[0].RawSubject) {
		return s.quantum
	}
	return s.other
}

func (s *twoSources) Chain(ctx context.Context, leaf *x509.Certificate, candidates []*x509.Certificate) ([]*x509.Certificate, error) {
	return s.of(leaf).Chain(ctx, leaf, candidates)
}

func (s *twoSources) Collect(ctx context.Context, chains [][]*x509.Certificate, o *revocation.CollectOptions) (*revocation.Collection, error) {
	all := &revocation.Collection{}
	for _, chain := range chains {
		some, err := s.of(chain[0]).Collect(ctx, [][]*x509.Certificate{chain}, o)
		if err != nil {
			return nil, err
		}
		all.CRLs = append(all.CRLs, some.CRLs...)
		for _, c := range some.Certificates {
			if !slices.ContainsFunc(all.Certificates, c.Equal) {
				all.Certificates = append(all.Certificates, c)
			}
		}
		all.Statuses = append(all.Statuses, some.Statuses...)
	}
	return all, nil
}
