package cades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// refusedCertificates are certificates of a key that crypto/x509 does not read, by what is odd about them.
func refusedCertificates(t testing.TB, pki *testpki.PKI, id testpki.Identity) map[string][]byte {
	t.Helper()
	with := func(change func(*x509.Certificate)) []byte {
		template := *id.Certificate()
		template.ExtraExtensions = nil
		change(&template)
		der, err := x509.CreateCertificate(rand.Reader, &template, pki.Authority.Certificate(), id.Key.Public(), pki.Authority.Key)
		require.NoError(t, err)
		return der
	}
	policies := pkix.Extension{Id: []int{2, 5, 29, 32}, Value: unhex(t, "30 0c 30 04 06 02 2a 03 30 04 06 02 2a 03")}
	all := map[string][]byte{
		"a relative name of a distribution point": with(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 31}, Value: unhex(t, "30 11 30 0f a0 0d a1 0b 30 09 06 03 55 04 03 0c 02 63 31")}}
		}),
		"a policy twice": with(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{policies} }),
		"an @ in a PrintableString": with(func(c *x509.Certificate) {
			c.RawSubject = unhex(t, "30 0e 31 0c 30 0a 06 03 55 04 03 13 03 61 40 62")
		}),
		"a negative serial number": negative(t, pki, id.Certificate().Raw),
	}
	for name, der := range all {
		_, err := x509.ParseCertificate(der)
		require.Error(t, err, name)
	}
	return all
}

// negative gives a certificate a negative serial number, and signs it again.
func negative(t testing.TB, pki *testpki.PKI, der []byte) []byte {
	t.Helper()
	v, err := cms.ReadValue(der)
	require.NoError(t, err)
	s, err := cms.ParseSigned(v)
	require.NoError(t, err)
	fields := s.TBS.Reader()
	_, err = fields.Next() // version
	require.NoError(t, err)
	serial, err := fields.Next()
	require.NoError(t, err)
	tbs, err := cms.Splice(s.TBS, cms.Edit{Parent: s.TBS, At: serial.Offset(), Remove: serial.Len(), Insert: []byte{2, 2, 0x85, 7}})
	require.NoError(t, err)
	sum := sha256.Sum256(tbs)
	signature, err := pki.Authority.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.Raw(tbs, s.Algorithm.Raw())
	b.Value(cms.TagBitString, append([]byte{0}, signature...))
	b.Close(seq)
	return b.Bytes()
}

// TestSignWithRefusedCertificates signs with keys whose certificates crypto/x509 does not read, and raises the signatures.
func TestSignWithRefusedCertificates(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	content := []byte("content")
	for name, der := range refusedCertificates(t, pki, id) {
		t.Run(name, func(t *testing.T) {
			// As a user has them: in one file.
			pkcs8, err := x509.MarshalPKCS8PrivateKey(id.Key)
			require.NoError(t, err)
			var file bytes.Buffer
			for kind, octets := range map[string][]byte{"PRIVATE KEY": pkcs8, "CERTIFICATE": der} {
				require.NoError(t, pem.Encode(&file, &pem.Block{Type: kind, Bytes: octets}))
			}
			keys, err := soft.Parse(t.Context(), "key.pem", file.Bytes(), soft.Config{Certificates: []*x509.Certificate{pki.Authority.Certificate()}})
			require.NoError(t, err)
			s, err := sign.Open(t.Context(), keys, sign.Ref{})
			require.NoError(t, err)
			require.Equal(t, der, s.Certificate().Raw)
			require.Len(t, s.Chain(), 2)

			verify := &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed}
			tsa, source := testlevels.Authority(t, pki, fixed), testlevels.NewSource(t, pki)
			p7m, err := cades.Sign(t.Context(), s, sign.Bytes("", content), &cades.Options{Attached: true, SigningTime: fixed()})
			require.NoError(t, err)
			m, err := cades.Parse(p7m)
			require.NoError(t, err)
			report, err := m.Verify(t.Context(), sign.Content{}, verify)
			require.NoError(t, err)
			require.True(t, report.Trusted(), report.Signatures[0].Reason)
			requireOpenSSL(t, pki, p7m)
			for _, level := range []cades.Level{cades.LevelT, cades.LevelLT, cades.LevelLTA} {
				p7m, err = m.Extend(t.Context(), level, &cades.ExtendOptions{Timestamper: tsa, Revocation: source, Clock: fixed, Roots: pki.Roots()})
				require.NoError(t, err)
				m, err = cades.Parse(p7m)
				require.NoError(t, err)
				require.Equal(t, level, m.Signatures()[0].Level())
				report, err := m.Verify(t.Context(), sign.Content{}, verify)
				require.NoError(t, err)
				require.True(t, report.Trusted(), report.Signatures[0].Reason)
			}
			requireOpenSSL(t, pki, p7m)

			// In one go, and by a draft that another process finishes.
			lta := &cades.Options{Level: cades.LevelLTA, SigningTime: fixed(), Timestamper: tsa, Revocation: source}
			d, err := cades.Prepare(t.Context(), s, sign.Bytes("", content), lta)
			require.NoError(t, err)
			stored, err := d.MarshalBinary()
			require.NoError(t, err)
			d, err = cades.ParseDraft(stored)
			require.NoError(t, err)
			d, err = d.WithSources(lta)
			require.NoError(t, err)
			value, err := s.Sign(t.Context(), d.ToBeSigned())
			require.NoError(t, err)
			p7s, err := d.Finish(t.Context(), value)
			require.NoError(t, err)
			m, err = cades.Parse(p7s)
			require.NoError(t, err)
			report, err = m.Verify(t.Context(), sign.Bytes("", content), verify)
			require.NoError(t, err)
			require.True(t, report.Trusted(), report.Signatures[0].Reason)
		})
	}
}

// requireOpenSSL has OpenSSL verify an attached message.
func requireOpenSSL(t *testing.T, pki *testpki.PKI, p7m []byte) {
	t.Helper()
	dir := t.TempDir()
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.Root.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.pem"), root, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m.p7m"), p7m, 0o600))
	testpki.OpenSSL(t, dir, "cms", "-verify", "-cades", "-inform", "DER", "-in", "m.p7m", "-CAfile", "root.pem", "-purpose", "any", "-out", "content")
}

// TestRefusedCertificatesAreJudged refuses to sign with, and to raise, what is not good, as with any other certificate.
func TestRefusedCertificatesAreJudged(t *testing.T) {
	pki := testpki.New(t)
	signer := func(bend func(*x509.Certificate)) *sign.Signer {
		id := pki.Leaf(testpki.P256, bend)
		c, err := trust.ParseCertificate(negative(t, pki, id.Certificate().Raw))
		require.NoError(t, err)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		s, err := sign.New(key, []*x509.Certificate{c, pki.Authority.Certificate()}, testpki.Must(sign.ECDSA(crypto.SHA256)))
		require.NoError(t, err)
		return s
	}
	for says, bend := range map[string]func(*x509.Certificate){
		"expired on":      func(c *x509.Certificate) { c.NotAfter = fixed().AddDate(0, 0, -1) },
		"not valid befor": func(c *x509.Certificate) { c.NotBefore = fixed().AddDate(0, 0, 1) },
		"neither digital": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign },
		"OCSP responses":  func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} },
	} {
		_, err := cades.Sign(t.Context(), signer(bend), sign.Bytes("", []byte("content")), &cades.Options{SigningTime: fixed()})
		require.ErrorContains(t, err, says)
	}

	// A key usage that cannot be read allows nothing.
	id := pki.Leaf(testpki.P256)
	template := *id.Certificate()
	template.KeyUsage, template.ExtraExtensions = 0, []pkix.Extension{{Id: []int{2, 5, 29, 15}, Value: []byte{3, 1}}}
	der, err := x509.CreateCertificate(rand.Reader, &template, pki.Authority.Certificate(), id.Key.Public(), pki.Authority.Key)
	require.NoError(t, err)
	c, err := trust.ParseCertificate(der)
	require.NoError(t, err)
	unreadable, err := sign.New(nil, []*x509.Certificate{c}, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	_, err = cades.Prepare(t.Context(), unreadable, sign.Bytes("", []byte("content")), &cades.Options{SigningTime: fixed()})
	require.ErrorContains(t, err, "neither digital")

	s := signer(func(*x509.Certificate) {})
	p7m, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Attached: true, SigningTime: fixed()})
	require.NoError(t, err)
	m, err := cades.Parse(p7m)
	require.NoError(t, err)
	source := testlevels.NewSource(t, pki)
	source.Revoked = []x509.RevocationListEntry{{SerialNumber: s.Certificate().SerialNumber, RevocationTime: fixed().AddDate(0, 0, -1)}}
	_, err = m.Extend(t.Context(), cades.LevelLT, &cades.ExtendOptions{Timestamper: testlevels.Authority(t, pki, fixed), Revocation: source, Clock: fixed})
	require.ErrorContains(t, err, "was revoked")

	// crypto/x509 has not seen all of it, and does not verify it.
	_, err = s.Certificate().Verify(x509.VerifyOptions{Roots: pki.Pool(), CurrentTime: fixed()})
	require.Error(t, err)
	_, err = trust.ParseCertificate([]byte("\x30\x03\x02\x01\x01"))
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestRefusedCertificateFields compares what is read of a certificate that crypto/x509 refuses with what it reads of one that
// differs in its serial number only.
func TestRefusedCertificateFields(t *testing.T) {
	pki := testpki.New(t)
	bend := func(c *x509.Certificate) {
		c.OCSPServer, c.IssuingCertificateURL, c.CRLDistributionPoints = []string{"http://ocsp.example"}, []string{"http://ca.example/ca.cer"}, []string{"http://ca.example/crl"}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageAny}
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}}
		c.Subject.Country, c.Subject.SerialNumber = []string{"CH"}, "7"
	}
	authority := func(c *x509.Certificate) {
		c.KeyUsage, c.BasicConstraintsValid, c.IsCA, c.MaxPathLen, c.SubjectKeyId = x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true, true, 2, []byte("id")
	}
	for _, kind := range testpki.Kinds() {
		for _, bends := range [][]func(*x509.Certificate){{}, {bend}, {authority}, {bend, authority}} {
			want := pki.Leaf(kind, bends...).Certificate()
			der := negative(t, pki, want.Raw)
			got, err := trust.ParseCertificate(der)
			require.NoError(t, err)
			require.Equal(t, der, got.Raw)
			require.Equal(t, int64(-31481), got.SerialNumber.Int64())
			require.NotEmpty(t, got.UnhandledCriticalExtensions)
			require.NotEqual(t, want.RawTBSCertificate, got.RawTBSCertificate)
			same := *got
			same.Raw, same.RawTBSCertificate, same.SerialNumber, same.Signature, same.UnhandledCriticalExtensions = want.Raw, want.RawTBSCertificate, want.SerialNumber, want.Signature, nil
			require.Equal(t, want, &same)
			// One that crypto/x509 reads is what it reads.
			got, err = trust.ParseCertificate(want.Raw)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}
