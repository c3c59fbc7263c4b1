package interop_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/slhdsa"
	"github.com/seed-116355fd/signet/trust"
)

// quantum is a world of which all keys are of one kind, ML-DSA for most: a root, an authority below it, and who they certify.
type quantum struct {
	*world
	newKey          func(*testing.T) quantumKey
	root, authority quantumID
}

// quantumKey is a key with what is written of it.
type quantumKey struct {
	sign.Key
	scheme sign.Scheme
	spki   []byte
}

// quantumID is a key and its chain, without the root.
type quantumID struct {
	key   quantumKey
	chain []*x509.Certificate
}

// lattice makes keys of ML-DSA.
func lattice(set mldsa.Set) func(*testing.T) quantumKey {
	return func(t *testing.T) quantumKey {
		t.Helper()
		key, err := mldsa.GenerateKey(set)
		require.NoError(t, err)
		return quantumKey{key, set.Scheme(), key.SubjectPublicKeyInfo()}
	}
}

// classical makes keys that everybody reads.
func classical(kind testpki.Kind, scheme sign.Scheme) func(*testing.T) quantumKey {
	return func(t *testing.T) quantumKey {
		t.Helper()
		private := testpki.NewKey(t, kind)
		key, err := soft.NewKey(private, 0)
		require.NoError(t, err)
		return quantumKey{key, scheme, testpki.Must(x509.MarshalPKIXPublicKey(private.Public()))}
	}
}

func newQuantum(t *testing.T, set mldsa.Set) *quantum {
	t.Helper()
	return newQuantumOf(t, lattice(set))
}

func newQuantumOf(t *testing.T, newKey func(*testing.T) quantumKey) *quantum {
	t.Helper()
	q := &quantum{world: newWorld(t), newKey: newKey}
	authority := func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	q.root = q.issue(nil, "Quantum Root", authority)
	q.authority = q.issue(&q.root, "Quantum Authority", authority)
	q.write("root.pem", testpki.CertPEM(q.root.chain[0]))
	return q
}

// issue makes a key and a certificate. crypto/x509 writes no ML-DSA before Go 1.27, so that it writes one of ECDSA, in which the
// algorithms, the key and the signature are replaced.
func (q *quantum) issue(issuer *quantumID, name string, bend ...func(*x509.Certificate)) quantumID {
	q.t.Helper()
	key := q.newKey(q.t)
	q.count++
	sum := sha256.Sum256(key.spki)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(1000 + q.count)), Subject: pkix.Name{Organization: []string{"Signet"}, CommonName: fmt.Sprintf("%s %d", name, q.count)},
		NotBefore: testpki.NotBefore(), NotAfter: testpki.NotAfter(), SubjectKeyId: sum[:20], KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
	}
	for _, b := range bend {
		b(template)
	}
	id, parent, signer := quantumID{key: key}, template, key
	if issuer != nil {
		c := issuer.chain[0]
		parent, signer = &x509.Certificate{RawSubject: c.RawSubject, SubjectKeyId: c.SubjectKeyId}, issuer.key
		if issuer.chain[0] != q.root.chain[0] {
			id.chain = issuer.chain
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(q.t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, other.Public(), other)
	require.NoError(q.t, err)
	certificate, err := x509.ParseCertificate(resign(q.t, der, signer, key.spki))
	require.NoError(q.t, err)
	id.chain = append([]*x509.Certificate{certificate}, id.chain...)
	return id
}

// resign replaces the algorithms and the signature of a certificate or a CRL, and the SubjectPublicKeyInfo when one is given.
func resign(t *testing.T, der []byte, signer quantumKey, spki []byte) []byte {
	t.Helper()
	var outer struct{ Content, Algorithm, Signature asn1.RawValue }
	_, err := asn1.Unmarshal(der, &outer)
	require.NoError(t, err)
	var fields []asn1.RawValue
	_, err = asn1.Unmarshal(outer.Content.FullBytes, &fields)
	require.NoError(t, err)
	algorithm := asn1.RawValue{FullBytes: signer.scheme.SignatureAlg}
	if signer.scheme.CertificateAlg != nil {
		algorithm.FullBytes = signer.scheme.CertificateAlg
	}
	for i := range fields {
		switch {
		case bytes.Equal(fields[i].FullBytes, outer.Algorithm.FullBytes):
			fields[i] = algorithm
		case spki != nil && i == 6:
			fields[i] = asn1.RawValue{FullBytes: spki}
		}
	}
	content := testpki.Must(asn1.Marshal(fields))
	message := content
	if !signer.scheme.Whole {
		h := signer.scheme.NewHash()
		h.Write(content)
		message = h.Sum(nil)
	}
	signature, err := signer.SignContext(t.Context(), message, signer.scheme.Opts)
	require.NoError(t, err)
	return testpki.Must(asn1.Marshal(struct {
		Content, Algorithm asn1.RawValue
		Signature          asn1.BitString
	}{asn1.RawValue{FullBytes: content}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))
}

// leaf makes a signer below the authority, and his files.
func (q *quantum) leaf(bend ...func(*x509.Certificate)) (quantumID, identity) {
	q.t.Helper()
	id := q.issue(&q.authority, "Quantum Signer", bend...)
	return id, q.files(id)
}

// mixed makes a key of ML-DSA that the authority of the world certifies with ECDSA, so that the root is one that everybody reads.
func (q *quantum) mixed(bend ...func(*x509.Certificate)) quantumID {
	q.t.Helper()
	key := q.newKey(q.t)
	id := q.pki.Leaf(testpki.P256, bend...)
	old := id.Certificate().RawSubjectPublicKeyInfo
	certificate := q.pki.BendDER(id.Certificate(), func(fields []asn1.RawValue) {
		for i := range fields {
			if bytes.Equal(fields[i].FullBytes, old) {
				fields[i] = asn1.RawValue{FullBytes: key.spki}
			}
		}
	})
	return quantumID{key: key, chain: append([]*x509.Certificate{certificate}, id.Chain[1:]...)}
}

// files writes the key and the certificates of an identity.
func (q *quantum) files(id quantumID) identity {
	q.t.Helper()
	q.count++
	name := func(what string) string { return fmt.Sprintf("quantum-%d-%s.pem", q.count, what) }
	return identity{
		key:     q.write(name("key"), keyPEM(q.t, id.key.Key.(*mldsa.Key))),
		cert:    q.write(name("cert"), testpki.CertPEM(id.chain[0])),
		issuers: q.write(name("issuers"), testpki.CertPEM(id.chain[1:]...)),
		chain:   q.write(name("chain"), testpki.CertPEM(id.chain...)),
	}
}

func keyPEM(t *testing.T, key *mldsa.Key) []byte {
	t.Helper()
	der, err := key.MarshalPKCS8()
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (id quantumID) signer(t *testing.T) *sign.Signer {
	t.Helper()
	signer, err := sign.New(id.key.Key, id.chain, id.key.scheme)
	require.NoError(t, err)
	return signer
}

// beyond are the schemes that crypto/x509 does not know.
func beyond() []sign.Scheme {
	return append(append(mldsa.Schemes(), slhdsa.Schemes()...), gost.Schemes()...)
}

// judge checks a message with this library.
func (q *quantum) judge(t *testing.T, message []byte, detached bool, roots ...*x509.Certificate) *cades.Report {
	t.Helper()
	m, err := cades.Parse(message)
	require.NoError(t, err)
	require.Equal(t, detached, m.Detached())
	content := sign.Content{}
	if detached {
		content = sign.Bytes("", q.content)
	}
	if len(roots) == 0 {
		roots = []*x509.Certificate{q.root.chain[0]}
	}
	report, err := m.Verify(t.Context(), content, &cades.VerifyOptions{Roots: trust.New(roots...), Schemes: beyond()})
	require.NoError(t, err)
	return report
}

// modern is an OpenSSL with ML-DSA, or with the engine of GOST.
type modern struct {
	path    string
	env     []string
	version string // "3.5.9"
	major   int
}

// moderns are those that are there: that of the system when it is new enough, else the one that scripts/tools.sh unpacks, and the one of
// scripts/openssl4.sh.
func moderns(t *testing.T) []modern {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	var all []modern
	for _, path := range []string{"openssl", filepath.Join(cache, "signet-tests", "openssl-3.5", "openssl"), filepath.Join(cache, "signet-tests", "openssl-4", "openssl")} {
		out, err := exec.CommandContext(t.Context(), path, "version").Output()
		var m modern
		var minor int
		if err != nil || len(strings.Fields(string(out))) < 2 {
			continue
		}
		m.path, m.version = path, strings.Fields(string(out))[1]
		if _, err := fmt.Sscanf(m.version, "%d.%d", &m.major, &minor); err == nil && (m.major > 3 || m.major == 3 && minor >= 5) {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		missing(t, "there is no OpenSSL with ML-DSA; scripts/tools.sh unpacks one")
	}
	if all[len(all)-1].major < 4 {
		t.Log("NOT checked against OpenSSL 4, which scripts/openssl4.sh builds")
	}
	return all
}

func (m modern) try(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), m.path, args...)
	command.Env = append(os.Environ(), m.env...)
	return command.CombinedOutput()
}

func (m modern) must(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := m.try(t, args...)
	require.NoError(t, err, "openssl %s\n%s", strings.Join(args, " "), out)
	return out
}

// eachModern runs a test with each of them.
func eachModern(t *testing.T, run func(t *testing.T, m modern)) {
	t.Helper()
	for _, m := range moderns(t) {
		t.Run("OpenSSL "+m.version, func(t *testing.T) { run(t, m) })
	}
}
