package revocation_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

var update = flag.Bool("update", false, "make the files of testdata again")

func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("run with -update")
	}
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256, named).Certificate()
	responder := pki.Responder(pki.Authority, testpki.NoCheck)
	write(t, "testdata", "chain.pem", testpki.CertPEM(leaf, pki.Authority.Certificate()))
	write(t, "testdata", "issuer.ocsp", testpki.OCSPResponse(t, leaf, pki.Authority, func(o *testpki.OCSP) { o.Nonce, o.ByKey = make([]byte, 32), true }))
	write(t, "testdata", "responder.ocsp", testpki.OCSPResponse(t, leaf, pki.Authority, func(o *testpki.OCSP) {
		o.Key, o.Responder, o.Certificates, o.State, o.RevokedAt, o.Reason = responder.Key, responder.Certificate(), responder.Chain[:1], 1, hour(-5), 4
	}))
	write(t, "testdata", "trylater.ocsp", testpki.OCSPResponse(t, leaf, pki.Authority, func(o *testpki.OCSP) { o.Status = 3 }))
	write(t, "testdata", "empty.crl", testpki.RevocationList(t, pki.Authority, nil))
	write(t, "testdata", "point.crl", testpki.RevocationList(t, pki.Authority, []*x509.Certificate{leaf, responder.Certificate()}, point(t, func(p *testpki.DistributionPoint) { p.OnlyUsers = true })))
}

// golden reads a certificate, its issuer and the values of testdata with this ending.
func golden(t testing.TB, ending string) (leaf, issuer *x509.Certificate, values map[string][]byte) {
	t.Helper()
	first, rest := pem.Decode(read(t, "testdata", "chain.pem"))
	second, _ := pem.Decode(rest)
	leaf, err := x509.ParseCertificate(first.Bytes)
	require.NoError(t, err)
	issuer, err = x509.ParseCertificate(second.Bytes)
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*" + ending)
	require.NoError(t, err)
	values = map[string][]byte{}
	for _, name := range files {
		values[filepath.Base(name)] = read(t, ".", name)
	}
	return leaf, issuer, values
}

func TestGolden(t *testing.T) {
	leaf, issuer, responses := golden(t, ".ocsp")
	_, _, lists := golden(t, ".crl")
	for name, want := range map[string]revocation.State{"issuer.ocsp": revocation.Good, "responder.ocsp": revocation.Revoked, "empty.crl": revocation.Good, "point.crl": revocation.Revoked} {
		v := &revocation.Values{}
		if filepath.Ext(name) == ".crl" {
			v.CRLs = [][]byte{lists[name]}
		} else {
			v.OCSP = [][]byte{responses[name]}
		}
		s, err := v.Check(leaf, issuer, options())
		require.NoError(t, err, name)
		require.Equal(t, want, s.State, name)
	}
}

// FuzzOCSP parses and checks any octets: no panic, and a declared error.
func FuzzOCSP(f *testing.F) {
	leaf, issuer, seeds := golden(f, ".ocsp")
	for _, der := range seeds {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := revocation.ParseResponse(in)
		if err != nil {
			if _, ok := errors.AsType[*sign.Error](err); !ok || r != nil {
				t.Fatalf("%v %v", r, err)
			}
			return
		}
		if r.Raw != nil && !bytes.HasPrefix(in, r.Raw) {
			t.Fatal("the response is not what was given")
		}
		s, err := r.Check(leaf, issuer, options())
		if _, ok := errors.AsType[*sign.Error](err); (err == nil) == (s == nil) || err != nil && !ok {
			t.Fatalf("%v %v", s, err)
		}
		if s != nil && !accepted(seeds, r.Basic) {
			t.Fatal("a response that nobody made is good")
		}
	})
}

// FuzzCRL parses and checks any octets, and looks for entries in what the signature would refuse.
func FuzzCRL(f *testing.F) {
	leaf, issuer, seeds := golden(f, ".crl")
	for _, der := range seeds {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := revocation.ParseCRL(in)
		if err != nil {
			if _, ok := errors.AsType[*sign.Error](err); !ok || l != nil {
				t.Fatalf("%v %v", l, err)
			}
			return
		}
		if _, _, err := l.Lookup([]byte{1}); err != nil {
			if _, ok := errors.AsType[*sign.Error](err); !ok {
				t.Fatal(err)
			}
		}
		s, err := l.Check(leaf, issuer, options())
		if _, ok := errors.AsType[*sign.Error](err); (err == nil) == (s == nil) || err != nil && !ok {
			t.Fatalf("%v %v", s, err)
		}
	})
}

// FuzzCombined puts any octets beside the lists of combinations: no panic, and what was revoked by lists that are there stays so,
// since nobody without a key can take anything off.
func FuzzCombined(f *testing.F) {
	pki, all := combinations(f)
	for _, c := range all {
		for _, l := range c.lists {
			f.Add(l)
		}
	}
	revoked, missing := all["delta revokes"], all["indirect, nobody there"]
	seeds := map[string]bool{}
	for _, c := range all {
		for _, l := range c.lists {
			seeds[string(l)] = true
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		o := options(func(o *revocation.CheckOptions) { o.Anchor = pki.Root.Certificate().Raw })
		for _, lists := range [][][]byte{{in, revoked.lists[0], revoked.lists[1]}, {revoked.lists[0], revoked.lists[1], in}} {
			s, err := (&revocation.Values{CRLs: lists}).Check(revoked.cert, revoked.issuer, o)
			if !seeds[string(in)] && (err != nil || s.State != revocation.Revoked) {
				t.Fatalf("%v %v", s, err)
			}
		}
		s, err := (&revocation.Values{CRLs: [][]byte{in}}).Check(missing.cert, missing.issuer, o)
		if !seeds[string(in)] && s != nil {
			t.Fatalf("a list that nobody made is good: %v %v", s, err)
		}
	})
}

// accepted reports whether the signed part of a response is one of the seeds'.
func accepted(seeds map[string][]byte, basic []byte) bool {
	for _, der := range seeds {
		r, err := revocation.ParseResponse(der)
		if err == nil && len(r.Basic) > 200 && len(basic) > 200 && bytes.Equal(r.Basic[4:150], basic[4:150]) {
			return true
		}
	}
	return false
}
