package pki_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// seeds are certificates with every extension that is read, and some real ones if they are at hand.
func seeds(f *testing.F) [][]byte {
	all := [][]byte{
		leaf(f, "Root", altNames(mail("a@b.example"), dns("b.example"), uri("https://b.example"), ip("\x0a\x00\x00\x01"), directory(dn("D")), otherName(policy(1), "x"))).der(f),
		authority(f, "Sub", "Root", subjectKeyID([]byte("me")), authorityKeyID([]byte("it")), constraints([][]byte{dns("b.example")}, [][]byte{mail(".c.example")})).der(f),
		authority(f, "Sub", "Root", policies(policy(1), cms.OIDAnyPolicy), mappings(policy(1), policy(2)), policyConstraints(1, 2), inhibitAny(3)).der(f),
		spec{version: -1}.der(f), spec{serial: []byte{0xff, 1}, subject: seq(rdn(cms.OIDCommonName, cms.TagBMPString, "\x00a"))}.der(f),
		leaf(f, "Root", purposes(true, cms.OIDTimeStamping), extension{cms.OIDOCSPNoCheck, false, []byte{5, 0}},
			extension{cms.OIDCRLDistributionPoints, false, seq(seq(tlv(cms.ContextConstructed(0), tlv(cms.ContextConstructed(0), uri("http://c.example"))), tlv(cms.ContextTag(1), []byte{5, 0x60})))},
			extension{cms.OIDAuthorityInfoAccess, false, seq(seq(oids(cms.OIDOCSPBasic), uri("http://o.example")))}).der(f),
	}
	for _, name := range testpki.CorpusFiles(f) {
		if dir := filepath.Dir(name); filepath.Base(dir) == "pkits" {
			files, _ := filepath.Glob(filepath.Join(dir, "certs", "*CACert.crt"))
			for _, file := range files {
				if der, err := os.ReadFile(file); err == nil {
					all = append(all, der)
				}
			}
		}
	}
	return all
}

// FuzzCertificate reads anything, and reads the same as crypto/x509 where both read it.
func FuzzCertificate(f *testing.F) {
	for _, der := range seeds(f) {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := pki.ParseCertificate(der)
		x, refused := x509.ParseCertificate(der)
		if err != nil {
			// An AlgorithmIdentifier with a third field is none, whoever overlooks it.
			if refused == nil && !strings.Contains(err.Error(), "something follows the parameters of an algorithm") {
				t.Fatalf("crypto/x509 reads it: %v", err)
			}
			return
		}
		_, _ = c.Subject.String(), c.SerialText()
		for _, p := range c.CRLDistributionPoints {
			_ = p.Names(c.Issuer)
		}
		for _, g := range c.SubjectAltName {
			_ = g.String()
		}
		for p := pki.Signer; p <= pki.AnyUse; p++ {
			_ = c.CheckUse(p, c)
		}
		if refused == nil && len(c.Problems) == 0 {
			compare(t, c, x)
		}
	})
}

func compare(t *testing.T, c *pki.Certificate, x *x509.Certificate) {
	same := func(what string, ok bool) {
		if !ok {
			t.Fatalf("crypto/x509 reads another %s", what)
		}
	}
	same("version", c.Version == x.Version)
	same("serial", c.SerialText() == x.SerialNumber.Text(16) || len(c.Serial) > 64)
	same("TBSCertificate", bytes.Equal(c.RawTBS, x.RawTBSCertificate))
	same("signature", bytes.Equal(c.Signature, x.Signature))
	same("issuer", bytes.Equal(c.Issuer.Raw, x.RawIssuer))
	same("subject", bytes.Equal(c.Subject.Raw, x.RawSubject))
	same("key", bytes.Equal(c.SPKI, x.RawSubjectPublicKeyInfo))
	same("validity", c.NotBefore.Equal(x.NotBefore) && c.NotAfter.Equal(x.NotAfter))
	if c.Version < 3 {
		return // it does not read their extensions
	}
	same("number of extensions", len(c.Extensions) == len(x.Extensions))
	for i, e := range c.Extensions {
		id, _ := e.ID.ASN1()
		same("extension", id.Equal(x.Extensions[i].Id) && e.Critical == x.Extensions[i].Critical && bytes.Equal(e.Value, x.Extensions[i].Value))
	}
	same("basicConstraints", (c.BasicConstraints != nil) == x.BasicConstraintsValid && (c.BasicConstraints == nil || c.BasicConstraints.CA == x.IsCA))
	same("keyUsage", c.KeyUsage == nil && x.KeyUsage == 0 || c.KeyUsage != nil && int(*c.KeyUsage) == int(x.KeyUsage))
	same("extKeyUsage", len(c.ExtKeyUsage) == len(x.ExtKeyUsage)+len(x.UnknownExtKeyUsage))
	same("subjectKeyIdentifier", bytes.Equal(c.SubjectKeyID, x.SubjectKeyId))
	same("policies", len(c.Policies) == len(x.Policies))
	names := 0
	for _, g := range c.SubjectAltName {
		switch g.Kind {
		case pki.RFC822Name, pki.DNSName, pki.URI, pki.IPAddress:
			names++
		}
	}
	same("subjectAltName", names == len(x.DNSNames)+len(x.EmailAddresses)+len(x.URIs)+len(x.IPAddresses))
}

// FuzzName compares any two names.
func FuzzName(f *testing.F) {
	f.Add(dn("Anna"), dn("ANNA"))
	f.Add(seq(rdn(cms.OIDCommonName, cms.TagBMPString, "\x00a")), seq(rdn(cms.OIDCommonName, cms.TagT61String, "a\xfc")))
	f.Add(seq(rdn(cms.OIDCommonName, cms.TagUniversalString, "\x00\x01\xf6\x00")), []byte{0x30, 0})
	f.Add(seq(tlv(cms.TagSet, seq(oids(cms.OIDCommonName), tlv(cms.TagNull)), seq(oids(policy(1)), tlv(cms.TagUTF8String, []byte("x"))))), []byte{5, 0})
	f.Add([]byte{0x30, 0x30}, []byte{0x30, 0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := pki.NewName(a), pki.NewName(b)
		if x.Equal(y) != y.Equal(x) || x.Equal(y) != (x.Key() == y.Key()) {
			t.Fatal("names are not equal both ways")
		}
		if !x.Malformed() && (!x.Within(x) || !x.Within(pki.Name{})) {
			t.Fatal("a name does not lie within itself")
		}
		if x.Within(y) && y.Within(x) && !x.Equal(y) {
			t.Fatal("names within each other differ")
		}
		s := x.String()
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("not printable: %q", s)
		}
		if len(s) > 8192 || len(x.Key()) > 8*len(a)+64 {
			t.Fatal("text out of proportion")
		}
		if len(a) > 0 && x.IsEmpty() && !x.Equal(pki.Name{}) {
			t.Fatal("an empty name is not the empty one")
		}
	})
}

// FuzzPath builds paths through any certificates: values one after the other, the target first, the anchor second. With
// signatures as they are it agrees with crypto/x509; with all signatures taken for good it comes to an end within its budget.
func FuzzPath(f *testing.F) {
	root, sub := authority(f, "Root", "Root").der(f), authority(f, "Sub", "Root").der(f)
	f.Add(bytes.Join([][]byte{leaf(f, "Sub").der(f), root, sub}, nil))
	f.Add(bytes.Join([][]byte{leaf(f, "Sub").der(f), root, authority(f, "Sub", "Bridge").der(f), authority(f, "Bridge", "Sub").der(f), authority(f, "Bridge", "Root").der(f)}, nil))
	all := seeds(f)
	f.Add(bytes.Join(all[:6], nil))
	for i := 6; i+4 < len(all); i += 4 {
		f.Add(bytes.Join(all[i:i+4], nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var certificates []*pki.Certificate
		for rest := data; len(rest) > 0 && len(certificates) < 64; {
			v, err := cms.ReadValue(rest)
			if err != nil {
				break
			}
			if c, err := pki.ParseCertificate(v.Raw()); err == nil {
				certificates = append(certificates, c)
			}
			rest = rest[v.Next():]
		}
		if len(certificates) < 2 {
			return
		}
		target, anchor, pool := certificates[0], certificates[1], certificates[2:]
		v := pki.Verifier{Anchors: pki.Trust(anchor), Pools: []*pki.Pool{pki.NewPool(pool...)}, Time: testpki.Now(), Purpose: pki.AnyUse}
		_, err := v.Path(context.Background(), target)
		if valid(anchor, target, pool) && err != nil && !mayDiffer(certificates) {
			t.Fatalf("crypto/x509 finds a path: %v", err)
		}
		v.Signature = func(*algorithm.SignatureCheck, []byte) (string, error) { return "", nil }
		v.Work = pki.NewWork(len(data))
		v.Policies = pki.Policies{Explicit: true}
		path, err := v.Path(context.Background(), target)
		if (path == nil) == (err == nil) {
			t.Fatal("neither a path nor an error, or both")
		}
		if signatures, steps := v.Work.Spent(); signatures > pki.BaseSignatures+len(data) || steps > pki.BaseSteps+len(data) {
			t.Fatal("out of budget, and not stopped")
		}
	})
}

func valid(anchor, target *pki.Certificate, pool []*pki.Certificate) bool {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	x, err := target.X509()
	a, err2 := anchor.X509()
	if err != nil || err2 != nil {
		return false
	}
	roots.AddCert(a)
	for _, c := range pool {
		if x, err := c.X509(); err == nil {
			others.AddCert(x)
		}
	}
	_, err = x.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: testpki.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

// mayDiffer: crypto/x509 is laxer about name constraints, and about what is malformed.
func mayDiffer(certificates []*pki.Certificate) bool {
	for _, c := range certificates {
		if c.NameConstraints != nil || len(c.Problems) > 0 {
			return true
		}
	}
	return false
}
