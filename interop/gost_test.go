package interop_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// gostEngine is OpenSSL with the engine of GOST (libengine-gost-openssl).
func gostEngine(t *testing.T) modern {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		missing(t, "there is no openssl in PATH")
	}
	dir, err := os.MkdirTemp("", "gost") // names of folders of tests may have a # in them: a comment in the configuration
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	conf := filepath.Join(dir, "gost.cnf")
	require.NoError(t, os.WriteFile(conf, []byte("openssl_conf=o\n[o]\nengines=e\n[e]\ngost=g\n[g]\nengine_id=gost\ndefault_algorithms=ALL\n[req]\ndistinguished_name=dn\n[dn]\n"), 0o600))
	m := modern{path: path, env: []string{"OPENSSL_CONF=" + conf}}
	if out, err := m.try(t, "dgst", "-md_gost12_256", conf); err != nil {
		missing(t, "OpenSSL has no engine of GOST; scripts/tools.sh installs it: %.200s", out)
	}
	return m
}

// gostCurve is a curve by the names of both sides.
type gostCurve struct {
	oid       string // of ours
	algorithm string // of OpenSSL
	set       string // its paramset
}

func (c gostCurve) digest() string { return strings.Replace(c.algorithm, "gost2012", "md_gost12", 1) }

func (c gostCurve) String() string { return c.algorithm + ":" + c.set }

// gostCurves are all that the engine makes keys on: some under two names.
func gostCurves() []gostCurve {
	return []gostCurve{
		{"1.2.643.2.2.35.1", "gost2012_256", "A"}, {"1.2.643.2.2.35.2", "gost2012_256", "B"}, {"1.2.643.2.2.35.3", "gost2012_256", "C"},
		{"1.2.643.2.2.36.0", "gost2012_256", "XA"}, {"1.2.643.2.2.36.1", "gost2012_256", "XB"},
		{"1.2.643.7.1.2.1.1.1", "gost2012_256", "TCA"}, {"1.2.643.7.1.2.1.1.2", "gost2012_256", "TCB"}, {"1.2.643.7.1.2.1.1.3", "gost2012_256", "TCC"},
		{"1.2.643.7.1.2.1.1.4", "gost2012_256", "TCD"},
		{"1.2.643.7.1.2.1.2.1", "gost2012_512", "A"}, {"1.2.643.7.1.2.1.2.2", "gost2012_512", "B"}, {"1.2.643.7.1.2.1.2.3", "gost2012_512", "C"},
	}
}

// key makes keys of GOST.
func (c gostCurve) key(t *testing.T) quantumKey {
	t.Helper()
	curve, ok := gost3410.CurveByOID(c.oid)
	require.True(t, ok, c.oid)
	key, err := gost.GenerateKey(curve)
	require.NoError(t, err)
	return quantumKey{key, key.Schemes()[0], key.SubjectPublicKeyInfo()}
}

// TestGOSTOursReadByEngine has it check what is signed here, on every curve.
func TestGOSTOursReadByEngine(t *testing.T) {
	m := gostEngine(t)
	for _, c := range gostCurves() {
		q := newQuantumOf(t, c.key)
		signer := q.issue(&q.authority, "GOST Signer").signer(t)
		for _, f := range forms() {
			t.Run(c.String()+" "+f.name, func(t *testing.T) {
				message, err := f.make(t.Context(), q.world, signer, cades.Options{})
				require.NoError(t, err)
				report := q.judge(t, message, f.detached)
				require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
				requireChecks(t, report.Signatures[0], clean())
				m.verify(t, q.world, message, f.detached, "-cades")
				if f.detached {
					_, err := m.try(t, "cms", "-verify", "-binary", "-inform", "DER", "-in", q.message(message), "-content", q.path("root.pem"), "-CAfile", q.path("root.pem"), "-out", q.out())
					require.Error(t, err, "another content")
				}
			})
		}
	}
}

// TestGOSTLevelsReadByEngine has it check the signature of containers as CryptoPro makes them, with all that stands above.
func TestGOSTLevelsReadByEngine(t *testing.T) {
	m := gostEngine(t)
	q, o := newGOSTWorld(t)
	for _, level := range []cades.Level{cades.LevelBES, cades.LevelT, cades.LevelC, cades.LevelXLong1, cades.LevelA, cades.LevelLT, cades.LevelLTA} {
		t.Run(level.String(), func(t *testing.T) {
			with := *o
			with.Level = level
			with.TimestampEvidence = level == cades.LevelT || level == cades.LevelXLong1 || level == cades.LevelA
			with.NoAlgorithmProtection = true
			message, err := cades.Sign(t.Context(), q.issue(&q.authority, "GOST Signer").signer(t), sign.Bytes("", q.content), &with)
			require.NoError(t, err)
			report := q.judge(t, message, true)
			require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
			m.verify(t, q.world, message, true, "-cades")
		})
	}
}

// newGOSTWorld is one on CryptoPro-A with what levels need.
func newGOSTWorld(t *testing.T) (*quantum, *cades.Options) {
	t.Helper()
	q := newQuantumOf(t, gostCurves()[0].key)
	tsa, err := tsp.NewAuthority(q.issue(&q.authority, "GOST Time-stamps", timeStamping).signer(t), nil)
	require.NoError(t, err)
	lists := map[string][]byte{}
	for _, id := range []*quantumID{&q.root, &q.authority} {
		lists[string(id.chain[0].RawSubject)] = q.list(id)
	}
	known := &revocation.Values{Certificates: []*x509.Certificate{q.root.chain[0], q.authority.chain[0]}}
	for _, list := range lists {
		known.CRLs = append(known.CRLs, list)
	}
	source, err := revocation.NewClient(revocation.Config{Roots: trust.New(q.root.chain[0]), Algorithms: algorithms(), Known: known})
	require.NoError(t, err)
	return q, &cades.Options{Timestamper: tsa, Revocation: source}
}

func timeStamping(c *x509.Certificate) {
	c.KeyUsage = x509.KeyUsageDigitalSignature
	testpki.Usages(true, testpki.TimeStamping)(c)
}

// list makes a CRL of an authority.
func (q *quantum) list(id *quantumID, revoked ...*x509.Certificate) []byte {
	q.t.Helper()
	by := id.chain[0]
	der := testpki.RevocationList(q.t, testpki.Identity{Key: testpki.NewKey(q.t, testpki.P256), Chain: []*x509.Certificate{{RawSubject: by.RawSubject, Subject: by.Subject, SubjectKeyId: by.SubjectKeyId, KeyUsage: x509.KeyUsageCRLSign}}},
		revoked, func(l *x509.RevocationList) {
			l.Number, l.ThisUpdate, l.NextUpdate = big.NewInt(7), testpki.NotBefore(), testpki.NotAfter()
		})
	return resign(q.t, der, id.key, nil)
}

// makeGOST is an authority of OpenSSL's own, as modern.make is.
func (m modern) makeGOST(t *testing.T, w *world, c gostCurve) identity {
	t.Helper()
	w.write("extensions", []byte("[authority]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"+
		"[leaf]\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"+
		"[stamps]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"))
	for _, name := range []string{"root", "authority", "leaf", "stamps"} {
		m.must(t, "genpkey", "-algorithm", c.algorithm, "-pkeyopt", "paramset:"+c.set, "-out", w.path(name+".key"))
		m.must(t, "req", "-new", "-key", w.path(name+".key"), "-"+c.digest(), "-subj", "/O=OpenSSL/CN="+name, "-out", w.path(name+".csr"))
	}
	issue := func(name, issuer, section string) {
		args := []string{"x509", "-req", "-in", w.path(name + ".csr"), "-days", "3650", "-" + c.digest(), "-extfile", w.path("extensions"), "-extensions", section, "-out", w.path(name + ".pem")}
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
	w.write("chain.pem", append(read(t, w.path("leaf.pem")), read(t, w.path("authority.pem"))...))
	return identity{key: w.path("leaf.key"), cert: w.path("leaf.pem"), issuers: w.path("authority.pem"), chain: w.path("chain.pem")}
}

// TestGOSTEngineReadByUs reads what it makes with certificates that it made, on every curve.
func TestGOSTEngineReadByUs(t *testing.T) {
	m := gostEngine(t)
	for _, c := range gostCurves() {
		q := &quantum{world: newWorld(t)}
		id := m.makeGOST(t, q.world, c)
		root := certificate(t, q.path("root.pem"))
		for _, f := range []struct {
			args     string
			detached bool
			bound    cades.Status
		}{
			{"-cades", true, cades.Passed}, {"-cades -nodetach", false, cades.Passed}, {"-cades -nodetach -stream", false, cades.Passed}, {"-cades -keyid", true, cades.Passed},
			{"", true, cades.Unchecked}, {"-noattr", true, cades.Unchecked}, {"-noattr -nodetach -stream", false, cades.Unchecked},
		} {
			t.Run(c.String()+" "+f.args, func(t *testing.T) {
				message, err := m.sign(t, q.world, id, append(strings.Fields(f.args), "-md", c.digest())...)
				require.NoError(t, err)
				report := q.judge(t, message, f.detached, root)
				require.True(t, report.Trusted(), "%+v", report.Signatures[0].Checks)
				require.Equal(t, f.bound, report.Signatures[0].Status(cades.CheckSigningCertificate))
				require.Equal(t, cades.Passed, report.Signatures[0].Status(cades.CheckSignature))
				require.Equal(t, cades.Passed, report.Signatures[0].Status(cades.CheckAlgorithms))
			})
		}
	}
}

// TestGOSTRevocation reads CRLs and OCSP responses of the engine, before and after a certificate is revoked, and has it check a list that
// is signed here.
func TestGOSTRevocation(t *testing.T) {
	m := gostEngine(t)
	check := &revocation.CheckOptions{Algorithms: algorithms()}
	for _, c := range []gostCurve{gostCurves()[0], gostCurves()[5], gostCurves()[9], gostCurves()[11]} {
		w := newWorld(t)
		m.makeGOST(t, w, c)
		w.write("index.txt", nil)
		w.write("crlnumber", []byte("1000\n"))
		w.write("ca.cnf", []byte("openssl_conf=o\n[o]\nengines=e\n[e]\ngost=g\n[g]\nengine_id=gost\ndefault_algorithms=ALL\n"+
			"[ca]\ndefault_ca=it\n[it]\ndatabase="+w.path("index.txt")+"\ncrlnumber="+w.path("crlnumber")+"\ndefault_crl_days=30\n"))
		ca := func(args ...string) {
			m.must(t, append([]string{"ca", "-config", w.path("ca.cnf"), "-keyfile", w.path("authority.key"), "-cert", w.path("authority.pem"), "-md", c.digest()}, args...)...)
		}
		leaf, authority := certificate(t, w.path("leaf.pem")), certificate(t, w.path("authority.pem"))
		ca("-valid", w.path("leaf.pem"))
		for _, want := range []revocation.State{revocation.Good, revocation.Revoked} {
			t.Run(c.String()+" "+want.String(), func(t *testing.T) {
				if want == revocation.Revoked {
					ca("-revoke", w.path("leaf.pem"), "-crl_reason", "keyCompromise")
				}
				ca("-gencrl", "-out", w.path("crl.pem"))
				block, _ := pem.Decode(read(t, w.path("crl.pem")))
				crl, err := revocation.ParseCRL(block.Bytes)
				require.NoError(t, err)
				status, err := crl.Check(leaf, authority, check)
				require.NoError(t, err)
				require.Equal(t, want, status.State)
				_, err = crl.Check(leaf, authority, nil)
				require.Error(t, err, "without the schemes")

				for _, hash := range []string{"", "-" + c.digest()} { // of the name and the key of the issuer
					args := []string{"ocsp", "-issuer", w.path("authority.pem"), "-reqout", w.path("request.der")}
					if hash != "" {
						args = append(args, hash)
					}
					m.must(t, append(args, "-cert", w.path("leaf.pem"))...)
					m.must(t, "ocsp", "-index", w.path("index.txt"), "-CA", w.path("authority.pem"), "-rsigner", w.path("authority.pem"), "-rkey", w.path("authority.key"),
						"-reqin", w.path("request.der"), "-respout", w.path("response.der"), "-ndays", "1", "-rmd", c.digest())
					response, err := revocation.ParseResponse(read(t, w.path("response.der")))
					require.NoError(t, err)
					status, err = response.Check(leaf, authority, check)
					require.NoError(t, err, "CertID by %q", hash)
					require.Equal(t, want, status.State)
				}
			})
		}
		q := newQuantumOf(t, c.key)
		id := q.issue(&q.authority, "GOST Signer")
		list := q.write("list.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: q.list(&q.authority, id.chain[0])}))
		by := q.write("authority.pem", testpki.CertPEM(q.authority.chain[0]))
		require.Contains(t, string(m.must(t, "crl", "-in", list, "-noout", "-CAfile", by)), "verify OK")
		out, err := m.try(t, "verify", "-CAfile", q.path("root.pem"), "-untrusted", by, "-CRLfile", list, "-crl_check", "-attime", "1772366400", q.write("leaf.pem", testpki.CertPEM(id.chain[0])))
		require.Error(t, err)
		require.Contains(t, string(out), "certificate revoked")
	}
}

// TestGOSTTimestamps reads time-stamps of the engine, and has it check those of an authority here.
func TestGOSTTimestamps(t *testing.T) {
	m := gostEngine(t)
	for _, c := range []gostCurve{gostCurves()[0], gostCurves()[5], gostCurves()[9], gostCurves()[11]} {
		hash := gost.Streebog256
		if c.algorithm == "gost2012_512" {
			hash = gost.Streebog512
		}
		w := newWorld(t)
		h := hash.New()
		h.Write(w.content)
		imprint, err := sign.NewDigest(hash, h.Sum(nil))
		require.NoError(t, err)
		t.Run("theirs "+c.String(), func(t *testing.T) {
			m.makeGOST(t, w, c)
			w.write("serial", []byte("01\n"))
			w.write("tsa.cnf", []byte("openssl_conf=o\n[o]\nengines=e\n[e]\ngost=g\n[g]\nengine_id=gost\ndefault_algorithms=ALL\n[tsa]\ndefault_tsa=it\n[it]\nserial="+w.path("serial")+
				"\ndefault_policy=1.2.3.4\ndigests=md_gost12_256,md_gost12_512\nsigner_digest="+c.digest()+"\ness_cert_id_alg="+c.digest()+"\nordering=yes\ntsa_name=yes\n"))
			request, err := tsp.NewRequest(imprint, "")
			require.NoError(t, err)
			m.must(t, "ts", "-reply", "-config", w.path("tsa.cnf"), "-queryfile", w.write("request.tsq", request.Raw), "-signer", w.path("stamps.pem"), "-inkey", w.path("stamps.key"),
				"-chain", w.path("authority.pem"), "-out", w.path("reply.tsr"))
			o := &tsp.VerifyOptions{Roots: trust.New(certificate(t, w.path("root.pem"))), Algorithms: algorithms()}
			token, err := request.Token(read(t, w.path("reply.tsr")), o)
			require.NoError(t, err)
			other := imprint
			other.Sum = bytes.Repeat([]byte{1}, hash.Size())
			require.Error(t, token.Verify(other, o))
			o.Algorithms = nil
			require.Error(t, token.Verify(imprint, o), "without the schemes")
		})
		t.Run("ours "+c.String(), func(t *testing.T) {
			q := newQuantumOf(t, c.key)
			id := q.issue(&q.authority, "GOST Time-stamps", timeStamping)
			a, err := tsp.NewAuthority(id.signer(t), nil)
			require.NoError(t, err)
			m.must(t, "ts", "-query", "-data", w.path("content"), "-"+c.digest(), "-cert", "-out", w.path("query.tsq"))
			reply := w.write("ours.tsr", a.Respond(t.Context(), read(t, w.path("query.tsq"))))
			issuers := w.write("issuers.pem", testpki.CertPEM(id.chain[1:]...))
			out := m.must(t, "ts", "-verify", "-queryfile", w.path("query.tsq"), "-in", reply, "-CAfile", q.path("root.pem"), "-untrusted", issuers)
			require.Contains(t, string(out), "Verification: OK")
			_, err = m.try(t, "ts", "-verify", "-data", q.path("root.pem"), "-in", reply, "-CAfile", q.path("root.pem"), "-untrusted", issuers)
			require.Error(t, err, "another content")
		})
	}
}

// TestGOSTOursReadByGnuTLS has certtool check what is signed here, on the curves that it knows.
func TestGOSTOursReadByGnuTLS(t *testing.T) {
	path, err := exec.LookPath("certtool")
	if err != nil {
		missing(t, "there is no certtool of GnuTLS in PATH")
	}
	m := modern{path: path}
	for _, c := range []gostCurve{gostCurves()[0], gostCurves()[9]} {
		t.Run(c.String(), func(t *testing.T) {
			q := newQuantumOf(t, c.key)
			message, err := cades.Sign(t.Context(), q.issue(&q.authority, "GOST Signer").signer(t), sign.Bytes("", q.content), nil)
			require.NoError(t, err)
			args := []string{"--p7-verify", "--inder", "--load-ca-certificate", q.path("root.pem"), "--infile", q.message(message), "--load-data"}
			require.Contains(t, string(m.must(t, append(args, q.path("content"))...)), "Signature status: ok")
			_, err = m.try(t, append(args, q.path("root.pem"))...)
			require.Error(t, err, "another content")
		})
	}
}

// TestGOSTBouncyCastle has it check what is signed here, and reads what it makes with keys of the engine.
func TestGOSTBouncyCastle(t *testing.T) {
	bc.need(t)
	m := gostEngine(t)
	for _, c := range []gostCurve{gostCurves()[0], gostCurves()[5], gostCurves()[9], gostCurves()[11]} {
		t.Run("ours "+c.String(), func(t *testing.T) {
			q := newQuantumOf(t, c.key)
			for _, f := range forms() {
				message, err := f.make(t.Context(), q.world, q.issue(&q.authority, "GOST Signer").signer(t), cades.Options{})
				require.NoError(t, err)
				bouncyVerify(t, q.world, message, f.detached)
				if f.detached {
					_, err := bc.ask(t, "verify", q.message(message), q.path("root.pem"), q.path("root.pem"))
					require.Error(t, err, "another content")
				}
			}
		})
		t.Run("theirs "+c.String(), func(t *testing.T) {
			q := &quantum{world: newWorld(t)}
			id := m.makeGOST(t, q.world, c)
			name := "GOST3411-2012-256WITHECGOST3410-2012-256"
			if c.algorithm == "gost2012_512" {
				name = "GOST3411-2012-512WITHECGOST3410-2012-512"
			}
			for _, flags := range []string{"plain", "bes", "bes,attached,ber", "bare,attached"} {
				out := q.out()
				bc.must(t, "sign", out, id.key, id.chain, q.path("content"), name, flags)
				report := q.judge(t, read(t, out), !strings.Contains(flags, "attached"), certificate(t, q.path("root.pem")))
				require.True(t, report.Trusted(), "%s: %+v", flags, report.Signatures[0].Checks)
			}
		})
	}
}
