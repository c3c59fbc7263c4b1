package cades_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// gostFile reads the blocks of a file of standards' examples.
func gostFile(t *testing.T, name string) (blocks [][]byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "gost", name))
	require.NoError(t, err)
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return blocks
		}
		blocks, data = append(blocks, block.Bytes), rest
	}
}

// TestGOSTSignedDataOfStandard verifies the examples of R 1323565.1.025-2019: with signed attributes, of which none names the certificate,
// and without, so that the signature is over the content.
func TestGOSTSignedDataOfStandard(t *testing.T) {
	ca, err := x509.ParseCertificate(gostFile(t, "r1323565-ca.pem")[0])
	require.NoError(t, err)
	for name, says := range map[string]string{"attributes": "over the signed attributes", "bare": "over the content"} {
		t.Run(name, func(t *testing.T) {
			ber := gostFile(t, "r1323565-"+name+".pem")[0]
			m, err := cades.Parse(ber)
			require.NoError(t, err)
			signer := testpki.Must(x509.ParseCertificate(m.Certificates()[0].Raw))
			require.NoError(t, algorithm.CertificateSignedBy(signer.Raw, ca.RawSubjectPublicKeyInfo, gost.Schemes()...))
			// The authority has no basicConstraints, and is none for this library.
			o := &cades.VerifyOptions{Roots: trust.New(signer), Schemes: gost.Schemes(), Time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
			r, err := m.Verify(t.Context(), sign.Content{}, o)
			require.NoError(t, err)
			require.True(t, r.Signatures[0].Valid(), "%+v", r.Signatures[0].Checks)
			status, text := detail(r, cades.CheckSignature)
			require.Equal(t, cades.Passed, status)
			require.Contains(t, text, says)
			require.Equal(t, cades.Passed, r.Signatures[0].Status(cades.CheckChain))

			at := bytes.Index(ber, []byte("SignedData."))
			require.Positive(t, at)
			ber = bytes.Clone(ber)
			ber[at] ^= 1
			m, err = cades.Parse(ber)
			require.NoError(t, err)
			r, err = m.Verify(t.Context(), sign.Content{}, o)
			require.NoError(t, err)
			require.False(t, r.Signatures[0].Valid())
			require.Equal(t, validate.TotalFailed, r.Signatures[0].Indication)
		})
	}
}

// TestGOSTCertificatesOfRFC9215 checks the certificates and lists of appendix D.
func TestGOSTCertificatesOfRFC9215(t *testing.T) {
	for name, curve := range map[string]string{"test-256": "test-256", "tc26-256-A": "tc26-256-A", "test-512": "test-512"} {
		t.Run(name, func(t *testing.T) {
			blocks := gostFile(t, "rfc9215-"+name+".pem")
			c, err := x509.ParseCertificate(blocks[0])
			require.NoError(t, err)
			key, err := gost.ParsePublicKey(c.RawSubjectPublicKeyInfo)
			require.NoError(t, err)
			require.Equal(t, curve, key.Curve().Name())
			known, err := algorithm.ParseKey(c.RawSubjectPublicKeyInfo)
			require.NoError(t, err)
			require.Equal(t, "GOST R 34.10-2012 on "+curve, known.Name())
			require.Equal(t, 4*key.Curve().Size(), known.Strength())
			require.NoError(t, algorithm.CertificateSignedBy(c.Raw, c.RawSubjectPublicKeyInfo, gost.Schemes()...))
			require.ErrorContains(t, algorithm.CertificateSignedBy(c.Raw, c.RawSubjectPublicKeyInfo), "gost.Schemes()")
			damaged := bytes.Clone(c.Raw)
			damaged[20] ^= 1
			require.Error(t, algorithm.CertificateSignedBy(damaged, c.RawSubjectPublicKeyInfo, gost.Schemes()...))

			crl, err := revocation.ParseCRL(blocks[1])
			require.NoError(t, err)
			at := &revocation.CheckOptions{At: time.Date(2014, 1, 1, 12, 0, 0, 0, time.UTC), Algorithms: &trust.Algorithms{Schemes: gost.Schemes()}}
			status, err := crl.Check(c, c, at)
			require.NoError(t, err)
			require.Equal(t, revocation.Good, status.State)
			at.Algorithms = nil
			_, err = crl.Check(c, c, at)
			require.Error(t, err)
		})
	}
}

// TestGOSTAlgorithms: what other programs write in a SignerInfo, and what must not be taken.
func TestGOSTAlgorithms(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	s := w.signer(t)
	null := func(algorithm []byte) []byte {
		return append([]byte{0x30, algorithm[1] + 2}, append(bytes.Clone(algorithm[2:]), 5, 0)...)
	}
	large := gostKey(t, tc26512A)
	other := testlevels.Signer(t, w.pki.LeafOf(large, "Signet test GOST 512"))
	rsa := testlevels.Signer(t, w.pki.Leaf(testpki.RSA2048))
	for name, c := range map[string]struct {
		key  *sign.Signer
		made func(*sign.Scheme)
		says string
	}{
		"as R 1323565.1.025-2019": {s, func(*sign.Scheme) {}, ""},
		"signature NULL":          {s, func(s *sign.Scheme) { s.SignatureAlg = null(s.SignatureAlg) }, ""},
		"digest NULL":             {s, func(s *sign.Scheme) { s.DigestAlg = null(s.DigestAlg) }, ""},
		"both NULL": {s, func(s *sign.Scheme) {
			s.SignatureAlg, s.DigestAlg = null(s.SignatureAlg), null(s.DigestAlg)
		}, ""},
		"with digest":       {s, func(s *sign.Scheme) { s.SignatureAlg = s.CertificateAlg }, ""},
		"with digest, NULL": {s, func(s *sign.Scheme) { s.SignatureAlg = null(s.CertificateAlg) }, ""},
		"parameters": {s, func(s *sign.Scheme) {
			s.SignatureAlg = append(append([]byte{0x30, s.SignatureAlg[1] + 3}, s.SignatureAlg[2:]...), 2, 1, 0)
		}, "have to be absent"},
		"512 with the key of 256": {s, func(s *sign.Scheme) { s.SignatureAlg = gost.Scheme(gost.Streebog512).SignatureAlg }, "another kind"},
		"256 with the key of 512": {other, func(s *sign.Scheme) { s.SignatureAlg = gost.Scheme(gost.Streebog256).SignatureAlg }, "another kind"},
		"RSA as GOST":             {rsa, func(s *sign.Scheme) { s.SignatureAlg = gost.Scheme(gost.Streebog256).SignatureAlg }, "another kind"},
		"GOST as RSA":             {s, func(s *sign.Scheme) { s.SignatureAlg = sign.Schemes(rsa.Certificate().PublicKey)[0].SignatureAlg }, "the key is GOST R 34.10-2012 on CryptoPro-A"},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := *c.key.Scheme()
			c.made(&scheme)
			scheme.Verify = func(_, _, _ []byte) error { return nil }
			signer, err := sign.New(c.key.Key(), c.key.Chain(), scheme)
			require.NoError(t, err)
			ber, err := cades.Sign(t.Context(), signer, content, &cades.Options{Clock: testpki.Now})
			require.NoError(t, err)
			r := w.report(t, ber, content, w.verify())
			status, text := detail(r, cades.CheckSignature)
			if c.says == "" {
				require.NoError(t, r.Err())
				require.Equal(t, cades.Passed, status)
				return
			}
			require.Error(t, r.Err())
			require.Equal(t, cades.Failed, status)
			require.Contains(t, text, c.says)
		})
	}
}

// TestGOSTPolicy judges by the names that reports have, whatever identifier a key has its curve by.
func TestGOSTPolicy(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	ber, err := cades.Sign(t.Context(), w.signer(t), content, w.options(cades.LevelT))
	require.NoError(t, err)
	past := testpki.Now().AddDate(-1, 0, 0)
	for _, name := range []string{"GOST R 34.10-2012", "CryptoPro-A", "GOST R 34.11-2012 256", "gost3410-2012-256", "GOST R 34.10-2012 256"} {
		o := w.verify()
		o.Policy = &validate.Policy{Algorithms: trust.Algorithms{Schemes: gost.Schemes(), Until: map[string]time.Time{name: past}}}
		r := w.report(t, ber, content, o)
		require.Error(t, r.Err(), name)
		status, text := detail(r, cades.CheckAlgorithms)
		require.Equal(t, cades.Failed, status, name)
		require.Contains(t, text, past.Format(time.DateOnly))
	}
	for _, preset := range []string{trust.DefaultAlgorithms, trust.StrictAlgorithms, trust.LenientAlgorithms} {
		o := w.verify()
		o.Policy = &validate.Policy{Algorithms: trust.Algorithms{Preset: preset}}
		require.NoError(t, w.report(t, ber, content, o).Err(), preset)
	}
	xchA, ok := algorithm.ParseKey(replaceOID(t, w.pki.Root.Certificate().RawSubjectPublicKeyInfo, "1.2.643.2.2.36.0"))
	require.NoError(t, ok)
	require.Equal(t, "GOST R 34.10-2012 on CryptoPro-A", xchA.Name())
	_, err = algorithm.ParseKey(replaceOID(t, w.pki.Root.Certificate().RawSubjectPublicKeyInfo, "1.2.643.2.2.35.9"))
	require.ErrorContains(t, err, "1.2.643.2.2.35.9")
}

// replaceOID puts another curve into a key, whose identifier has as many octets.
func replaceOID(t *testing.T, spki []byte, dotted string) []byte {
	t.Helper()
	was, err := cms.ParseOID(cryptoProA)
	require.NoError(t, err)
	id, err := cms.ParseOID(dotted)
	require.NoError(t, err)
	require.Len(t, id, len(was))
	return bytes.Replace(spki, []byte(was), []byte(id), 1)
}

// gost94 is the AlgorithmIdentifier of GOST R 34.11-94, which these tests have nobody know.
var gost94 = []byte("\x30\x0a\x06\x06" + string(cms.OIDGOST94) + "\x05\x00")

// TestGOSTTwoNamesOfAuthority: a time-stamp that names its certificate by SHA-1 and by a hash that is not known here counts, and it is said;
// one that has only the other is not checked.
func TestGOSTTwoNamesOfAuthority(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	for name, first := range map[string]bool{"beside SHA-1": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			id := w.pki.LeafOf(gostKey(t, cryptoProA), "Signet test time-stamps", testpki.Usages(true, testpki.TimeStamping))
			o := w.options(cades.LevelT)
			o.Timestamper = &twoNames{t: t, signer: testlevels.Signer(t, id), first: first}
			ber, err := cades.Sign(t.Context(), w.signer(t), content, o)
			require.NoError(t, err)
			v := w.verify()
			v.Schemes = []sign.Scheme{gost.Scheme(gost.Streebog256)} // and not those with the old hash
			r := w.report(t, ber, content, v)
			status, text := detail(r, cades.CheckTimestamp)
			require.Contains(t, text, "GOST R 34.11-94, which is not known here")
			if first {
				require.NoError(t, r.Err())
				require.Equal(t, cades.Tolerated, status)
				require.Equal(t, validate.TotalPassed, r.Signatures[0].Timestamps[0].Indication)
				return
			}
			require.Equal(t, cades.Unchecked, status)
			require.Equal(t, validate.Indeterminate, r.Signatures[0].Timestamps[0].Indication)
			require.Equal(t, validate.CauseNotChecked, r.Signatures[0].Timestamps[0].Cause)
		})
	}
}

// TestGOSTTwoNamesOfSigner: the same of a signer.
func TestGOSTTwoNamesOfSigner(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	s := w.signer(t)
	v1 := algorithm.SHA1(s.Certificate().Raw)
	ess := testpki.Must(asn1.Marshal([][][][]byte{{{v1[:]}}}))
	for name, c := range map[string]struct {
		sum    []byte
		status cades.Status
	}{"beside SHA-1": {ess, cades.Tolerated}, "SHA-1 of another": {testpki.Must(asn1.Marshal([][][][]byte{{{make([]byte, 20)}}})), cades.Failed}} {
		t.Run(name, func(t *testing.T) {
			ber, err := cades.Sign(t.Context(), s, content, &cades.Options{Level: cades.LevelPKCS7, Clock: testpki.Now, Attributes: []cades.Attribute{
				{Type: cms.OIDSigningCertificate.String(), Values: [][]byte{c.sum}},
				{Type: cms.OIDSigningCertificateV2.String(), Values: [][]byte{cms.AppendSet(nil, cms.TagSequence, [][]byte{cms.AppendSet(nil, cms.TagSequence, [][]byte{
					cms.AppendSet(nil, cms.TagSequence, [][]byte{gost94, append([]byte{4, 32}, make([]byte, 32)...)})})})}},
			}})
			require.NoError(t, err)
			v := w.verify()
			v.Schemes = []sign.Scheme{gost.Scheme(gost.Streebog256)}
			r := w.report(t, ber, content, v)
			var all []cades.Status
			for _, check := range r.Signatures[0].Checks {
				if check.Name == cades.CheckSigningCertificate {
					all = append(all, check.Status)
				}
			}
			require.Contains(t, all, c.status)
			require.Equal(t, c.status == cades.Tolerated, r.Trusted())
		})
	}
}

// twoNames is an authority that names its certificate by ESSCertID and by an ESSCertIDv2 of GOST R 34.11-94.
type twoNames struct {
	t      *testing.T
	signer *sign.Signer
	first  bool
}

func (a *twoNames) Timestamp(ctx context.Context, imprint sign.Digest) (*tsp.Token, error) {
	scheme, cert := a.signer.Scheme(), a.signer.Certificate()
	info := testpki.Must(asn1.Marshal(struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint struct {
			Hash asn1.RawValue
			Sum  []byte
		}
		Serial int
		Time   time.Time `asn1:"generalized"`
	}{1, asn1.ObjectIdentifier{1, 2, 3}, struct {
		Hash asn1.RawValue
		Sum  []byte
	}{asn1.RawValue{FullBytes: imprint.Algorithm}, imprint.Sum}, 7, testpki.Now()}))
	v1 := algorithm.SHA1(cert.Raw)
	h := scheme.NewHash()
	h.Write(info)
	attribute := func(id cms.OID, value []byte) []byte {
		b := cms.NewBuilder(nil)
		seq := b.Open(cms.TagSequence)
		b.OID(id)
		set := b.Open(cms.TagSet)
		b.Raw(value)
		b.Close(set)
		b.Close(seq)
		return b.Bytes()
	}
	octets := func(b []byte) []byte { return testpki.Must(asn1.Marshal(b)) }
	sequence := func(parts ...[]byte) []byte { return cms.AppendSet(nil, cms.TagSequence, parts) }
	attributes := [][]byte{
		attribute(cms.OIDContentType, append([]byte{6, byte(len(cms.OIDTSTInfo))}, cms.OIDTSTInfo...)), attribute(cms.OIDMessageDigest, octets(h.Sum(nil))),
		attribute(cms.OIDSigningCertificateV2, sequence(sequence(sequence(gost94, octets(make([]byte, 32)))))),
	}
	if a.first {
		attributes = append(attributes, attribute(cms.OIDSigningCertificate, sequence(sequence(sequence(octets(v1[:]))))))
	}
	cms.SortSet(attributes)
	signature, err := a.signer.Sign(ctx, cms.AppendSet(nil, cms.TagSet, attributes))
	require.NoError(a.t, err)
	serial := testpki.Must(asn1.Marshal(cert.SerialNumber))
	si := sequence([]byte{2, 1, 1}, sequence(cert.RawIssuer, serial), scheme.DigestAlg, cms.AppendSet(nil, cms.ContextConstructed(0), attributes), scheme.SignatureAlg, octets(signature))
	content := sequence(append([]byte{6, byte(len(cms.OIDTSTInfo))}, cms.OIDTSTInfo...), cms.AppendSet(nil, cms.ContextConstructed(0), [][]byte{octets(info)}))
	sd := sequence([]byte{2, 1, 3}, cms.AppendSet(nil, cms.TagSet, [][]byte{scheme.DigestAlg}), content, cms.AppendSet(nil, cms.ContextConstructed(0), [][]byte{cert.Raw}), cms.AppendSet(nil, cms.TagSet, [][]byte{si}))
	return tsp.ParseToken(sequence(append([]byte{6, byte(len(cms.OIDSignedData))}, cms.OIDSignedData...), cms.AppendSet(nil, cms.ContextConstructed(0), [][]byte{sd})))
}
