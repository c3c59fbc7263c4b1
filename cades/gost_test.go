package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

const (
	cryptoProA = "1.2.643.2.2.35.1"
	tc26512A   = "1.2.643.7.1.2.1.2.1"
)

func gostKey(t testing.TB, curve string) *gost.Key {
	t.Helper()
	c, ok := gost3410.CurveByOID(curve)
	require.True(t, ok, curve)
	return testpki.Must(gost.GenerateKey(c))
}

// gostWorld is a PKI whose authorities have keys of GOST on a curve, and what levels take from them.
type gostWorld struct {
	pki    *testpki.PKI
	curve  string
	stamps *sign.Signer // of the authority of time-stamps
	tsa    *tsp.Authority
	source *testlevels.Source
}

func newGOST(t testing.TB, curve string) *gostWorld {
	w := &gostWorld{curve: curve, pki: testpki.NewOf(t, func() crypto.Signer { return gostKey(t, curve) })}
	w.stamps = testlevels.Signer(t, w.pki.LeafOf(gostKey(t, curve), "Signet test time-stamps", testpki.Usages(true, testpki.TimeStamping)))
	w.tsa = testpki.Must(tsp.NewAuthority(w.stamps, &tsp.AuthorityOptions{Clock: testpki.Now}))
	w.source = testlevels.NewSource(t, w.pki)
	w.source.Algorithms = &trust.Algorithms{Schemes: gost.Schemes()}
	return w
}

func (w *gostWorld) signer(t testing.TB, bend ...func(*x509.Certificate)) *sign.Signer {
	t.Helper()
	return testlevels.Signer(t, w.pki.LeafOf(gostKey(t, w.curve), "Signet test GOST", bend...))
}

func (w *gostWorld) options(level cades.Level) *cades.Options {
	return &cades.Options{Level: level, Clock: testpki.Now, Timestamper: w.tsa, Revocation: w.source}
}

func (w *gostWorld) verify() *cades.VerifyOptions {
	return &cades.VerifyOptions{Roots: w.pki.Roots(), Time: testpki.Now(), Schemes: gost.Schemes(), Certificates: []*x509.Certificate{w.pki.Authority.Certificate()}}
}

func (w *gostWorld) report(t testing.TB, ber []byte, content sign.Content, o *cades.VerifyOptions) *cades.Report {
	t.Helper()
	m, err := cades.Parse(ber)
	require.NoError(t, err)
	r, err := m.Verify(t.Context(), content, o)
	require.NoError(t, err)
	return r
}

func detail(r *cades.Report, name string) (status cades.Status, text string) {
	for _, c := range r.Signatures[0].Checks {
		if c.Name == name {
			return c.Status, c.Detail
		}
	}
	return 0, ""
}

// TestGOSTLevels makes every level with a chain, revocation values and time-stamps of GOST, and nothing by SHA-256 in them.
func TestGOSTLevels(t *testing.T) {
	content := []byte("договор поставки")
	for curve, names := range map[string][3]string{
		cryptoProA: {"GOST R 34.10-2012 256", "GOST R 34.11-2012 256", "CryptoPro-A"},
		tc26512A:   {"GOST R 34.10-2012 512", "GOST R 34.11-2012 512", "tc26-512-A"},
	} {
		w := newGOST(t, curve)
		w.source.OCSP = true
		s := w.signer(t)
		for _, level := range cades.Levels() {
			for _, attached := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s attached=%t", names[2], level, attached), func(t *testing.T) {
					o := w.options(level)
					o.Attached = attached
					ber, err := cades.Sign(t.Context(), s, sign.Bytes("", content), o)
					require.NoError(t, err)
					r := w.report(t, ber, sign.Bytes("", content), w.verify())
					require.NoError(t, r.Err())
					m, sd := parse(t, ber)
					require.Equal(t, level, m.Signatures()[0].Level())
					require.Equal(t, names[0], r.Signatures[0].SignatureAlgorithm)
					require.Equal(t, names[1], r.Signatures[0].DigestAlgorithm)
					_, text := detail(r, cades.CheckAlgorithms)
					require.Contains(t, text, "on "+names[2])
					require.True(t, sd.Signers[0].Algorithm.Parameters.IsZero(), "absent (R 1323565.1.025-2019)")
					require.True(t, sd.Signers[0].Digest.Parameters.IsZero())
					require.Equal(t, 0, bytes.Count(ber, imprintBySHA256()), "an imprint by SHA-256")
					if level > cades.LevelPKCS7 {
						_, text := detail(r, cades.CheckSigningCertificate)
						require.Equal(t, names[1]+" of the certificate", text)
					}

					blind := w.verify()
					blind.Schemes = nil
					r = w.report(t, ber, sign.Bytes("", content), blind)
					require.Error(t, r.Err())
					status, text := detail(r, cades.CheckSignature)
					require.Equal(t, cades.Unchecked, status, "what is not known is not wrong")
					require.Contains(t, text, "gost.Schemes()")

				})
			}
		}
	}
}

// cryptoPro are the options that make containers as CryptoPro does.
func (w *gostWorld) cryptoPro(level cades.Level) *cades.Options {
	o := w.options(level)
	o.Certificates, o.NoAlgorithmProtection, o.TimestampEvidence = cades.SignerOnly, true, true
	if level <= cades.LevelBES || level == cades.LevelC {
		o.TimestampEvidence = false
	}
	return o
}

func types(attributes []cms.Attribute) (all []string) {
	for _, a := range attributes {
		all = append(all, a.Type.Name())
	}
	return all
}

// typeAndValues are the contents octets of the one attribute of a type.
func typeAndValues(t testing.TB, attributes []cms.Attribute, id cms.OID) []byte {
	t.Helper()
	found := cms.Find(attributes, id)
	require.Len(t, found, 1, id.Name())
	return found[0].Value.Body()
}

var evidenceTypes = []string{cms.OIDCertificateRefs.Name(), cms.OIDRevocationRefs.Name(), cms.OIDCertificateValues.Name(), cms.OIDRevocationValues.Name()}

// TestGOSTAsCryptoPro takes an X Long Type 1 apart, which has to be made as those of CryptoPro are.
func TestGOSTAsCryptoPro(t *testing.T) {
	w := newGOST(t, cryptoProA)
	w.source.OCSP = true
	content := sign.Bytes("", []byte("content"))
	streebog := gost.Streebog256.Algorithm()
	sum := func(parts ...[]byte) []byte {
		h := gost.Streebog256.New()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	ber, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoPro(cades.LevelXLong1))
	require.NoError(t, err)
	require.NoError(t, w.report(t, ber, content, w.verify()).Err())

	_, sd := parse(t, ber)
	require.Equal(t, 1, sd.Version)
	require.Len(t, sd.Certificates, 1, "the signer's only")
	require.Empty(t, sd.Revocations)
	require.Len(t, sd.Signers, 1)
	si := &sd.Signers[0]
	require.Equal(t, 1, si.Version)
	require.NotNil(t, si.SID.Issuer)
	require.Equal(t, cms.OIDGOST256, si.Algorithm.ID)
	require.Equal(t, cms.OIDStreebog256, si.Digest.ID)
	require.ElementsMatch(t, []string{cms.OIDContentType.Name(), cms.OIDSigningTime.Name(), cms.OIDMessageDigest.Name(), cms.OIDSigningCertificateV2.Name()}, types(si.Signed))
	ids, problems := si.ESSCertIDs()
	require.Empty(t, problems)
	require.Len(t, ids, 1)
	require.Equal(t, cms.OIDStreebog256, ids[0].Hash)
	require.Equal(t, sum(sd.Certificates[0].Raw()), ids[0].Value)
	require.NotNil(t, ids[0].Issuer, "issuerSerial")
	require.ElementsMatch(t, append([]string{cms.OIDSignatureTimeStamp.Name(), cms.OIDCAdESCTimeStamp.Name()}, evidenceTypes...), types(si.Unsigned))

	// One BasicOCSPResponse of the signer, and the CRL of the authority.
	values := cms.ValuesOf(si.Unsigned)
	require.Len(t, values.OCSP, 1)
	require.Len(t, values.CRLs, 1)
	require.True(t, values.OCSP[0].Tag() == cms.TagSequence)
	// References are to what stands there, by Streebog.
	referred := [][]byte{w.pki.Authority.Certificate().Raw, w.pki.Root.Certificate().Raw, values.CRLs[0].Raw(), values.OCSP[0].Raw()}
	for _, der := range referred {
		other := testpki.Must(asn1.Marshal(struct {
			Algorithm asn1.RawValue
			Value     []byte
		}{asn1.RawValue{FullBytes: streebog}, sum(der)}))
		refs := bytes.Join([][]byte{typeAndValues(t, si.Unsigned, cms.OIDCertificateRefs), typeAndValues(t, si.Unsigned, cms.OIDRevocationRefs)}, nil)
		require.Equal(t, 1, bytes.Count(refs, other))
	}

	// The time-stamp on the signature has its evidence inside, and no certificates beside it.
	token := func(id cms.OID) (*tsp.Token, *cms.SignedData) {
		values := cms.Find(si.Unsigned, id)[0].Values
		require.Len(t, values, 1)
		token, err := tsp.ParseToken(values[0].Raw())
		require.NoError(t, err)
		in, err := cms.ParseSignedData(values[0].Raw())
		require.NoError(t, err)
		require.Equal(t, streebog, token.Imprint.Algorithm)
		require.NotNil(t, token.Nonce)
		return token, in
	}
	stamp, in := token(cms.OIDSignatureTimeStamp)
	require.Equal(t, sum(si.SignatureRaw), stamp.Imprint.Sum)
	require.Empty(t, in.Certificates)
	require.True(t, in.CertificateSet.IsZero())
	require.Equal(t, evidenceTypes, types(in.Signers[0].Unsigned))
	require.NotNil(t, stamp.Certificate(), "found in the values of the token")
	esc, in := token(cms.OIDCAdESCTimeStamp)
	require.Empty(t, in.Signers[0].Unsigned)
	require.Equal(t, sum(si.SignatureRaw, typeAndValues(t, si.Unsigned, cms.OIDSignatureTimeStamp), typeAndValues(t, si.Unsigned, cms.OIDCertificateRefs), typeAndValues(t, si.Unsigned, cms.OIDRevocationRefs)), esc.Imprint.Sum)

	t.Run("values in the token count", func(t *testing.T) {
		stamped, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoPro(cades.LevelT))
		require.NoError(t, err)
		o := w.verify()
		o.Policy = &validate.Policy{Revocation: validate.RevocationAll}
		r := w.report(t, stamped, content, o)
		require.Equal(t, validate.TotalPassed, r.Signatures[0].Timestamps[0].Indication, r.Signatures[0].Timestamps[0].Reason)
		require.Equal(t, validate.TryLater, r.Signatures[0].SubIndication, "of the signer, nothing says whether he was revoked")
		plain, err := cades.Sign(t.Context(), w.signer(t), content, w.options(cades.LevelT))
		require.NoError(t, err)
		require.Equal(t, validate.TryLater, w.report(t, plain, content, o).Signatures[0].Timestamps[0].Sub)
	})
	t.Run("an authority that was revoked", func(t *testing.T) {
		revoked := newGOST(t, cryptoProA)
		revoked.source.Revoked = []x509.RevocationListEntry{{SerialNumber: revoked.stamps.Certificate().SerialNumber, RevocationTime: testpki.Now().AddDate(0, 0, -1)}}
		_, err := cades.Sign(t.Context(), revoked.signer(t), content, revoked.cryptoPro(cades.LevelT))
		require.ErrorIs(t, err, sign.ErrRevocation)
	})
	t.Run("a token that was touched", func(t *testing.T) {
		s := cms.Find(si.Unsigned, cms.OIDSignatureTimeStamp)[0].Values[0]
		at := bytes.Index(ber, s.Raw())
		values := bytes.Index(ber[at:], []byte(cms.OIDRevocationValues)) + at
		damaged := bytes.Clone(ber)
		damaged[values+20] ^= 1
		r := w.report(t, damaged, content, w.verify())
		require.Equal(t, validate.TotalFailed, r.Signatures[0].Timestamps[1].Indication, "the time-stamp over the token as it stands")
	})
}

// TestGOSTAsCryptoProLevels: T with its evidence, and what others raise: X Long Type 1 of T without, and A, whose archive time-stamp is of
// the third version with the third kind of hash index, and then the time-stamp over the references has its evidence, too.
func TestGOSTAsCryptoProLevels(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	for _, level := range []cades.Level{cades.LevelBES, cades.LevelT, cades.LevelC, cades.LevelXLong1, cades.LevelA} {
		t.Run(level.String(), func(t *testing.T) {
			ber, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoPro(level))
			require.NoError(t, err)
			r := w.report(t, ber, content, w.verify())
			require.NoError(t, r.Err())
			m, sd := parse(t, ber)
			require.Equal(t, level, m.Signatures()[0].Level())
			for _, stamp := range sd.Signers[0].Unsigned {
				if stamp.Type != cms.OIDCAdESCTimeStamp && stamp.Type != cms.OIDSignatureTimeStamp {
					require.NotEqual(t, cms.OIDArchiveTimeStampV2, stamp.Type)
					continue
				}
				in, err := cms.ParseSignedData(stamp.Values[0].Raw())
				require.NoError(t, err)
				require.Equal(t, level != cades.LevelC && (level == cades.LevelA || stamp.Type == cms.OIDSignatureTimeStamp), len(in.Signers[0].Unsigned) == 4)
			}
			if level == cades.LevelA {
				archive := cms.Find(sd.Signers[0].Unsigned, cms.OIDArchiveTimeStampV3)
				require.Len(t, archive, 1)
				require.Contains(t, string(archive[0].Values[0].Raw()), string(cms.OIDATSHashIndexV3))
				return
			}
			o := &cades.ExtendOptions{
				Timestamper: w.tsa, Revocation: w.source, Content: content, Roots: w.pki.Roots(), Clock: testpki.Now, Schemes: gost.Schemes(), TimestampEvidence: true,
				Certificates: w.verify().Certificates,
			}
			raised, err := m.Extend(t.Context(), cades.LevelA, o)
			require.NoError(t, err)
			if level == cades.LevelXLong1 || level == cades.LevelC {
				token := cms.Find(sd.Signers[0].Unsigned, cms.OIDSignatureTimeStamp)[0].Values[0].Raw()
				require.Equal(t, level == cades.LevelXLong1, bytes.Contains(raised, token), "what something is over does not change")
			}
			require.NoError(t, w.report(t, raised, content, w.verify()).Err())
			require.Zero(t, bytes.Count(raised, imprintBySHA256()), "the hash is that of the signature")
			m, _ = parse(t, raised)
			require.Equal(t, cades.LevelA, m.Signatures()[0].Level())
		})
	}
	t.Run("a token under another is left alone", func(t *testing.T) {
		ber, err := cades.Sign(t.Context(), w.signer(t), content, w.options(cades.LevelXLong1))
		require.NoError(t, err)
		m, sd := parse(t, ber)
		raised, err := m.Extend(t.Context(), cades.LevelA, &cades.ExtendOptions{
			Timestamper: w.tsa, Revocation: w.source, Content: content, Roots: w.pki.Roots(), Clock: testpki.Now, Schemes: gost.Schemes(), TimestampEvidence: true,
		})
		require.NoError(t, err)
		require.Contains(t, string(raised), string(cms.Find(sd.Signers[0].Unsigned, cms.OIDSignatureTimeStamp)[0].Values[0].Raw()))
		require.NoError(t, w.report(t, raised, content, w.verify()).Err())
	})
	t.Run("not beside baseline levels", func(t *testing.T) {
		for _, level := range []cades.Level{cades.LevelLT, cades.LevelLTA} {
			require.ErrorIs(t, w.cryptoPro(level).Check(), sign.ErrInput)
			_, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoPro(level))
			require.ErrorIs(t, err, sign.ErrInput)
		}
		o := w.cryptoPro(cades.LevelT)
		o.Revocation = nil
		require.ErrorIs(t, o.Check(), sign.ErrInput)
		_, err := cades.Sign(t.Context(), w.signer(t), content, o)
		require.ErrorIs(t, err, sign.ErrInput)
	})
}

// inTurn are authorities of which each is asked once.
type inTurn []tsp.Timestamper

func (all *inTurn) Timestamp(ctx context.Context, d sign.Digest) (*tsp.Token, error) {
	next := (*all)[0]
	*all = (*all)[1:]
	return next.Timestamp(ctx, d)
}

// TestLastAuthority: each time-stamp of a message of form A is by an authority of its own. With evidence in the time-stamps the message proves
// that of the last one, and without it does not. Before another archive time-stamp the values of the last one go in anew, whatever was there.
func TestLastAuthority(t *testing.T) {
	for name, gostKeys := range map[string]bool{"GOST": true, "ECDSA": false} {
		for _, evidence := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s evidence=%t", name, evidence), func(t *testing.T) {
				w := newGOST(t, cryptoProA)
				if !gostKeys {
					w.pki = testpki.New(t)
					w.source = testlevels.NewSource(t, w.pki)
				}
				w.source.OCSP = true // an answer for each of them
				now := testpki.Now().Add(-time.Hour)
				clock := func() time.Time { return now }
				authority := func() tsp.Timestamper {
					usage := testpki.Usages(true, testpki.TimeStamping)
					id := w.pki.Leaf(testpki.P256, usage)
					if gostKeys {
						id = w.pki.LeafOf(gostKey(t, cryptoProA), "Signet test time-stamps", usage)
					}
					return testpki.Must(tsp.NewAuthority(testlevels.Signer(t, id), &tsp.AuthorityOptions{Clock: clock}))
				}
				signer := testlevels.Signer(t, w.pki.Leaf(testpki.P256))
				if gostKeys {
					signer = w.signer(t)
				}
				content := sign.Bytes("", []byte("content"))
				ber, err := cades.Sign(t.Context(), signer, content, &cades.Options{
					Level: cades.LevelA, Clock: clock, Timestamper: &inTurn{authority(), authority(), authority()}, Revocation: w.source, TimestampEvidence: evidence,
				})
				require.NoError(t, err)
				judge := func(ber []byte) []validate.TimestampReport {
					v := w.verify()
					v.Clock, v.Policy = clock, &validate.Policy{Revocation: validate.RevocationAll}
					r := w.report(t, ber, content, v)
					return r.Signatures[0].Timestamps
				}
				stamps := judge(ber)
				require.Len(t, stamps, 3)
				for _, stamp := range stamps[:2] {
					require.Equal(t, validate.TotalPassed, stamp.Indication, stamp.Reason)
				}
				require.Equal(t, evidence, stamps[2].Indication == validate.TotalPassed, stamps[2].Reason)
				if !evidence {
					require.Equal(t, validate.TryLater, stamps[2].Sub)
				}

				now = now.Add(time.Hour)
				m, before := parse(t, ber)
				raised, err := m.Extend(t.Context(), cades.LevelA, &cades.ExtendOptions{
					Timestamper: &inTurn{authority()}, Revocation: w.source, Content: content, Roots: w.pki.Roots(), Clock: clock, Schemes: gost.Schemes(), TimestampEvidence: evidence,
				})
				require.NoError(t, err)
				stamps = judge(raised)
				require.Len(t, stamps, 4)
				for _, stamp := range stamps[:3] {
					require.Equal(t, validate.TotalPassed, stamp.Indication, stamp.Reason)
				}
				require.Equal(t, evidence, stamps[3].Indication == validate.TotalPassed, stamps[3].Reason)
				_, after := parse(t, raised)
				if evidence { // beside the certificates, which no archive time-stamp is over as a whole
					require.Greater(t, len(after.Revocations), len(before.Revocations))
				} else { // in the token, which the first one is not over
					require.Equal(t, len(before.Revocations), len(after.Revocations))
				}
			})
		}
	}
}

// TestEvidenceUnderArchive raises LTA to form A with evidence: the first archive time-stamp is under the second one, and stays as it is, also when
// both are of one time.
func TestEvidenceUnderArchive(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	ber, err := cades.Sign(t.Context(), w.signer(t), content, w.options(cades.LevelLTA))
	require.NoError(t, err)
	m, sd := parse(t, ber)
	token := cms.Find(sd.Signers[0].Unsigned, cms.OIDArchiveTimeStampV3)[0].Values[0].Raw()
	raised, err := m.Extend(t.Context(), cades.LevelA, &cades.ExtendOptions{
		Timestamper: w.tsa, Revocation: w.source, Content: content, Roots: w.pki.Roots(), Clock: testpki.Now, Schemes: gost.Schemes(), TimestampEvidence: true,
	})
	require.NoError(t, err)
	require.Contains(t, string(raised), string(token))
	r := w.report(t, raised, content, w.verify())
	require.NoError(t, r.Err())
	for _, stamp := range r.Signatures[0].Timestamps {
		require.Equal(t, validate.TotalPassed, stamp.Indication, stamp.Reason)
	}
}

// TestGOSTDrafts: a draft keeps the hash of time-stamps that the scheme leads to.
func TestGOSTDrafts(t *testing.T) {
	w := newGOST(t, cryptoProA)
	s, content := w.signer(t), sign.Bytes("", []byte("content"))
	for name, h := range map[string]sign.Hash{"of the scheme": nil, "SHA-512": crypto.SHA512, "Streebog-512": gost.Streebog512} {
		t.Run(name, func(t *testing.T) {
			tsa := testpki.Must(tsp.NewAuthority(testlevels.Signer(t, w.pki.LeafOf(gostKey(t, cryptoProA), "Signet test time-stamps", testpki.Usages(true, testpki.TimeStamping))),
				&tsp.AuthorityOptions{Clock: testpki.Now, Hashes: []sign.Hash{gost.Streebog256, gost.Streebog512, crypto.SHA512}}))
			o := w.options(cades.LevelA)
			o.TimestampHash, o.Timestamper = h, tsa
			d, err := cades.Prepare(t.Context(), s, content, o)
			require.NoError(t, err)
			stored, err := d.MarshalBinary()
			require.NoError(t, err)
			d, err = cades.ParseDraft(stored, gost.Schemes()...)
			require.NoError(t, err)
			again, err := d.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, stored, again)
			d, err = d.WithSources(&cades.Options{Timestamper: tsa, Revocation: w.source})
			require.NoError(t, err)
			signature, err := s.Sign(t.Context(), d.ToBeSigned())
			require.NoError(t, err)
			ber, err := d.Finish(t.Context(), signature)
			require.NoError(t, err)
			require.NoError(t, w.report(t, ber, content, w.verify()).Err())
			want := gost.Streebog256.Algorithm()
			if h != nil {
				want = testpki.Must(sign.DigestAlgorithm(h))
			}
			m, _ := parse(t, ber)
			stamps := m.Signatures()[0].Timestamps()
			require.Len(t, stamps, 3)
			for _, stamp := range stamps {
				require.Equal(t, want, stamp.Token.Imprint.Algorithm)
			}
		})
	}
}

// TestGOSTTimes: a certificate that expired, or was revoked before it signed, is told as for any other key.
func TestGOSTTimes(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	s := w.signer(t, func(c *x509.Certificate) { c.NotAfter = testpki.Now().AddDate(0, 1, 0) })
	ber, err := cades.Sign(t.Context(), s, content, w.options(cades.LevelBES))
	require.NoError(t, err)
	stamped, err := cades.Sign(t.Context(), s, content, w.options(cades.LevelT))
	require.NoError(t, err)
	late := w.verify()
	late.Time = testpki.Now().AddDate(1, 0, 0)
	require.Equal(t, validate.CauseExpired, w.report(t, ber, content, late).Signatures[0].Cause)
	require.NoError(t, w.report(t, stamped, content, late).Err())

	o := w.verify()
	list := testpki.RevocationList(t, w.pki.Authority, []*x509.Certificate{s.Certificate()})
	o.Values = &revocation.Values{CRLs: [][]byte{list}}
	require.Equal(t, validate.CauseRevoked, w.report(t, ber, content, o).Signatures[0].Cause)
}

// TestGOSTFormsOfOthers: messages with indefinite lengths, and tokens whose set of certificates is there and empty.
func TestGOSTFormsOfOthers(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	ber, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoPro(cades.LevelXLong1))
	require.NoError(t, err)
	_, sd := parse(t, ber)
	t.Run("indefinite lengths", func(t *testing.T) {
		fields := sd.Value.Reader()
		members, err := fields.All()
		require.NoError(t, err)
		all := append([]byte{0x30, 0x80, 6, byte(len(cms.OIDSignedData))}, cms.OIDSignedData...)
		all = append(all, 0xa0, 0x80, 0x30, 0x80)
		for _, m := range members {
			if m.Tag() == cms.TagSet && m.Offset() == sd.SignerInfos.Offset() {
				all = append(append(append(all, 0x31, 0x80), m.Body()...), 0, 0)
				continue
			}
			all = append(all, m.Raw()...)
		}
		all = append(all, make([]byte, 6+2)...) // three ends, and octets behind as in a PDF
		r := w.report(t, all, content, w.verify())
		require.NoError(t, r.Err())
		require.Equal(t, "CAdES-X Long Type 1", r.Signatures[0].Form)
	})
	t.Run("an empty set of certificates", func(t *testing.T) {
		ber, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoPro(cades.LevelT))
		require.NoError(t, err)
		_, sd := parse(t, ber)
		stamp := cms.Find(sd.Signers[0].Unsigned, cms.OIDSignatureTimeStamp)[0]
		in, err := cms.ParseSignedData(stamp.Values[0].Raw())
		require.NoError(t, err)
		token, err := cms.SpliceOctets(in.ContentInfo, cms.Edit{Parent: in.Value, At: in.EncapContentInfo.Next(), Insert: []byte{0xa0, 0}})
		require.NoError(t, err)
		changed, err := cms.SpliceOctets(sd.ContentInfo, cms.Edit{Parent: stamp.Set, At: stamp.Values[0].Offset(), Remove: len(stamp.Values[0].Raw()), Insert: testpki.Must(token.Bytes())})
		require.NoError(t, err)
		require.NoError(t, w.report(t, testpki.Must(changed.Bytes()), content, w.verify()).Err())
	})
}

// TestGOSTDamaged: no octet under the archive time-stamp can be changed unnoticed.
func TestGOSTDamaged(t *testing.T) {
	w := newGOST(t, cryptoProA)
	content := sign.Bytes("", []byte("content"))
	for _, level := range []cades.Level{cades.LevelLTA, cades.LevelA} {
		ber, err := cades.Sign(t.Context(), w.signer(t), content, w.cryptoProUnlessBaseline(level))
		require.NoError(t, err)
		refused, end := 0, bytes.LastIndex(ber, []byte(cms.OIDArchiveTimeStampV3))
		require.Greater(t, end, len(ber)/2)
		for i := 0; i < end; i += 97 {
			damaged := bytes.Clone(ber)
			damaged[i] ^= 0x10
			m, err := cades.Parse(damaged)
			if err != nil {
				continue
			}
			r, err := m.Verify(t.Context(), content, w.verify())
			if err != nil || r.Err() != nil {
				continue
			}
			stamps := r.Signatures[0].Timestamps
			require.NotEqual(t, validate.TotalPassed, stamps[len(stamps)-1].Indication, "octet %d of %d at %s", i, len(ber), level)
			refused++
		}
		require.NotZero(t, refused)
	}
}

func (w *gostWorld) cryptoProUnlessBaseline(level cades.Level) *cades.Options {
	if level == cades.LevelLT || level == cades.LevelLTA {
		return w.options(level)
	}
	return w.cryptoPro(level)
}
