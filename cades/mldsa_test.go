package cades_test

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

func mldsaKey(t testing.TB, set mldsa.Set) *mldsa.Key {
	t.Helper()
	key, err := mldsa.GenerateKey(set)
	require.NoError(t, err)
	return key
}

// quantum is a PKI with authorities of ML-DSA, or classical ones, and what levels take from them.
type quantum struct {
	pki    *testpki.PKI
	tsa    *tsp.Authority
	source *testlevels.Source
}

func newQuantum(t testing.TB, authorities bool) *quantum {
	q := &quantum{}
	tsaKey := crypto.Signer(testpki.NewKey(t, testpki.P256))
	q.pki = testpki.New(t)
	if authorities {
		q.pki = testpki.NewOf(t, func() crypto.Signer { return mldsaKey(t, mldsa.MLDSA44) })
		tsaKey = mldsaKey(t, mldsa.MLDSA65)
	}
	q.tsa = testlevels.AuthorityOf(t, q.pki, tsaKey, testpki.Now)
	q.source = testlevels.NewSource(t, q.pki)
	q.source.Algorithms = &trust.Algorithms{Schemes: mldsa.Schemes()}
	return q
}

// signer is one below the authority of the PKI; set 0 is P-256.
func (q *quantum) signer(t testing.TB, set mldsa.Set) *sign.Signer {
	t.Helper()
	if set == 0 {
		return p256(t, q.pki)
	}
	return testlevels.Signer(t, q.pki.LeafOf(mldsaKey(t, set), "Signet test "+set.String()))
}

func (q *quantum) options(level cades.Level) *cades.Options {
	return &cades.Options{Level: level, Clock: testpki.Now, Timestamper: q.tsa, Revocation: q.source, TimestampHash: crypto.SHA512}
}

func (q *quantum) verify() *cades.VerifyOptions {
	return &cades.VerifyOptions{Roots: q.pki.Roots(), Time: testpki.Now(), Schemes: mldsa.Schemes()}
}

func (q *quantum) report(t testing.TB, ber []byte, content sign.Content, o *cades.VerifyOptions) *cades.Report {
	t.Helper()
	m, err := cades.Parse(ber)
	require.NoError(t, err)
	r, err := m.Verify(t.Context(), content, o)
	require.NoError(t, err)
	return r
}

// TestQuantumLevels makes every level with a signer, authorities, or both of ML-DSA. The time-stamps are by SHA-512 throughout.
func TestQuantumLevels(t *testing.T) {
	content := []byte("archived for thirty years")
	for name, c := range map[string]struct {
		authorities bool
		set         mldsa.Set
	}{"signer": {false, mldsa.MLDSA44}, "authorities": {true, 0}, "all": {true, mldsa.MLDSA87}} {
		t.Run(name, func(t *testing.T) {
			q := newQuantum(t, c.authorities)
			q.source.OCSP = c.authorities
			s := q.signer(t, c.set)
			for _, level := range []cades.Level{cades.LevelPKCS7, cades.LevelBES, cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelC, cades.LevelXLong1, cades.LevelA} {
				for _, attached := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s attached=%t", level, attached), func(t *testing.T) {
						o := q.options(level)
						o.Attached = attached
						ber, err := cades.Sign(t.Context(), s, sign.Bytes("", content), o)
						require.NoError(t, err)
						r := q.report(t, ber, sign.Bytes("", content), q.verify())
						require.NoError(t, r.Err())
						m, err := cades.Parse(ber)
						require.NoError(t, err)
						require.Equal(t, level, m.Signatures()[0].Level())
						if baseline, ok := baselines[level]; ok {
							require.EqualValues(t, baseline, r.Signatures[0].Level)
						}
						require.Equal(t, 0, bytes.Count(ber, imprintBySHA256()), "an imprint by SHA-256")
						if c.set != 0 {
							require.Equal(t, c.set.String(), r.Signatures[0].SignatureAlgorithm)
							require.Equal(t, "SHA-512", r.Signatures[0].DigestAlgorithm)
						}
						require.NotContains(t, fmt.Sprint(r), "2.16.840", "names, and no object identifiers")

						without := q.verify()
						without.Schemes = nil
						r = q.report(t, ber, sign.Bytes("", content), without)
						require.Error(t, r.Err(), "nothing passes that was not checked")
						require.Contains(t, fmt.Sprint(r), "mldsa.Schemes()", "what to do")

						r = q.report(t, ber, sign.Bytes("", []byte("another content")), q.verify())
						require.Error(t, r.Err())
					})
				}
			}
		})
	}
}

// baselines are the names of levels in reports.
var baselines = map[cades.Level]string{cades.LevelBES: "B-B", cades.LevelT: "B-T", cades.LevelLT: "B-LT", cades.LevelLTA: "B-LTA"}

// imprintBySHA256 is the beginning of a MessageImprint by SHA-256, whose parameters are absent.
func imprintBySHA256() []byte {
	alg := testpki.Must(sign.DigestAlgorithm(crypto.SHA256))
	return append(append([]byte{0x30, byte(len(alg) + 34)}, alg...), 4, 32)
}

// TestQuantumRaised raises step by step, and a message of two parallel signers, classical and of ML-DSA, to LTA, and renews the archive
// time-stamp.
func TestQuantumRaised(t *testing.T) {
	for _, authorities := range []bool{false, true} {
		q := newQuantum(t, authorities)
		content := sign.Bytes("", []byte("content"))
		ber, err := cades.Sign(t.Context(), q.signer(t, 0), content, &cades.Options{Clock: testpki.Now})
		require.NoError(t, err)
		m, err := cades.Parse(ber)
		require.NoError(t, err)
		ber, err = m.AddSignature(t.Context(), q.signer(t, mldsa.MLDSA65), content, &cades.Options{Clock: testpki.Now})
		require.NoError(t, err)
		o := &cades.ExtendOptions{
			Timestamper: q.tsa, Revocation: q.source, Hash: crypto.SHA512, Content: content, Roots: q.pki.Roots(), Clock: testpki.Now, Schemes: mldsa.Schemes(),
		}
		for _, level := range []cades.Level{cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelLTA} {
			m, err = cades.Parse(ber)
			require.NoError(t, err)
			raised, err := m.Extend(t.Context(), level, o)
			require.NoError(t, err)
			ber = raised
			r := q.report(t, ber, content, q.verify())
			require.NoError(t, r.Err())
			require.Len(t, r.Signatures, 2)
			for _, s := range r.Signatures {
				require.EqualValues(t, baselines[level], s.Level)
			}
		}
		m, err = cades.Parse(ber)
		require.NoError(t, err)
		o.Schemes = nil
		_, err = m.Extend(t.Context(), cades.LevelLTA, o)
		require.ErrorContains(t, err, "mldsa.Schemes()", "what is raised is verified first")
		require.ErrorIs(t, err, sign.ErrInput)
	}
}

// TestQuantumDamaged: no octet that the archive time-stamp covers can be changed unnoticed: it is either the signature that does not
// hold any more, or that time-stamp.
func TestQuantumDamaged(t *testing.T) {
	q := newQuantum(t, true)
	content := sign.Bytes("", []byte("content"))
	ber, err := cades.Sign(t.Context(), q.signer(t, mldsa.MLDSA65), content, q.options(cades.LevelLTA))
	require.NoError(t, err)
	step := 97
	if testing.Short() {
		step = 997
	}
	refused, end := 0, bytes.LastIndex(ber, []byte("\x04\x00\x8d\x45\x02\x04")) // archive-time-stamp-v3
	require.Greater(t, end, len(ber)/2)
	for i := 0; i < end; i += step {
		damaged := bytes.Clone(ber)
		damaged[i] ^= 0x10
		m, err := cades.Parse(damaged)
		if err != nil {
			continue
		}
		r, err := m.Verify(t.Context(), content, q.verify())
		if err != nil || r.Err() != nil {
			continue
		}
		stamps := r.Signatures[0].Timestamps
		require.NotEqual(t, validate.TotalPassed, stamps[len(stamps)-1].Indication, "octet %d of %d", i, len(ber))
		refused++
	}
	require.NotZero(t, refused)
}

// TestQuantumConfusion: an algorithm of one set with a key of another, of ML-DSA with RSA and the reverse, and parameters that have to
// be absent are shown to be wrong, and not left open.
func TestQuantumConfusion(t *testing.T) {
	q := newQuantum(t, false)
	content := sign.Bytes("", []byte("content"))
	ofSet := func(set mldsa.Set) *sign.Signer { return q.signer(t, set) }
	rsa := testlevels.Signer(t, q.pki.Leaf(testpki.RSA2048))
	for name, c := range map[string]struct {
		key  *sign.Signer
		made func(*sign.Scheme)
		says string
	}{
		"another set":   {ofSet(mldsa.MLDSA65), func(s *sign.Scheme) { s.SignatureAlg = mldsa.MLDSA44.Scheme().SignatureAlg }, "another kind"},
		"RSA as ML-DSA": {rsa, func(s *sign.Scheme) { s.SignatureAlg = mldsa.MLDSA44.Scheme().SignatureAlg }, "another kind"},
		"ML-DSA as RSA": {ofSet(mldsa.MLDSA44), func(s *sign.Scheme) {
			s.SignatureAlg = testpki.Must(sign.PKCS1(crypto.SHA512)).SignatureAlg
		}, "the key is ML-DSA-44"},
		"ML-DSA as ECDSA": {ofSet(mldsa.MLDSA87), func(s *sign.Scheme) {
			s.SignatureAlg = testpki.Must(sign.ECDSA(crypto.SHA512)).SignatureAlg
		}, "the key is ML-DSA-87"},
		"ML-DSA as Ed25519": {ofSet(mldsa.MLDSA44), func(s *sign.Scheme) { s.SignatureAlg = sign.Ed25519().SignatureAlg }, "the key is ML-DSA-44"},
		"NULL": {ofSet(mldsa.MLDSA44), func(s *sign.Scheme) {
			s.SignatureAlg = append([]byte{0x30, 0x0d}, append(bytes.Clone(s.SignatureAlg[2:]), 5, 0)...)
		}, "have to be absent"},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := *c.key.Scheme()
			c.made(&scheme)
			scheme.Verify = func(_, _, _ []byte) error { return nil }
			s, err := sign.New(c.key.Key(), c.key.Chain(), scheme)
			require.NoError(t, err)
			ber, err := cades.Sign(t.Context(), s, content, &cades.Options{Clock: testpki.Now})
			require.NoError(t, err)
			r := q.report(t, ber, content, q.verify())
			require.Error(t, r.Err())
			found := false
			for _, check := range r.Signatures[0].Checks {
				if check.Name == cades.CheckSignature {
					found = true
					require.Equal(t, cades.Failed, check.Status, check.Detail)
					require.Contains(t, check.Detail, c.says)
				}
			}
			require.True(t, found)
		})
	}
}

// withDigest is a signer whose scheme digests by another hash, as other programs do.
func withDigest(t *testing.T, s *sign.Signer, id cms.OID) *sign.Signer {
	t.Helper()
	scheme := *s.Scheme()
	h, ok := algorithm.StandardHash(id)
	require.True(t, ok)
	scheme.NewHash = h.New
	scheme.DigestAlg = testpki.Must(asn1.Marshal([]asn1.RawValue{{Tag: asn1.TagOID, Bytes: []byte(id)}}))
	again, err := sign.New(s.Key(), s.Chain(), scheme)
	require.NoError(t, err)
	return again
}

// TestQuantumDigests: RFC 9882 section 3.3 has a table of digests that do not weaken the signature; others are named, and refused by the
// strict policy.
func TestQuantumDigests(t *testing.T) {
	q := newQuantum(t, false)
	content := sign.Bytes("", []byte("content"))
	suitable := map[cms.OID]mldsa.Set{ // up to which set
		cms.OIDSHA256: 44, cms.OIDSHA384: 65, cms.OIDSHA512: 87, cms.OIDSHA3_256: 44, cms.OIDSHA3_384: 65, cms.OIDSHA3_512: 87,
		cms.OIDSHAKE128: 44, cms.OIDSHAKE256: 87, cms.OIDSHA224: 0,
	}
	strict := trust.StrictAlgorithms
	for _, set := range mldsa.Sets() {
		s := q.signer(t, set)
		for id, most := range suitable {
			ber, err := cades.Sign(t.Context(), withDigest(t, s, id), content, &cades.Options{Clock: testpki.Now})
			require.NoError(t, err)
			r := q.report(t, ber, content, q.verify())
			require.NoError(t, r.Err(), "%s with %s", set, id.Name())
			weak := fmt.Sprintf("%s is weaker than %s", id.Name(), set)
			o := q.verify()
			o.Policy = &validate.Policy{Algorithms: trust.Algorithms{Preset: strict}, Revocation: validate.RevocationNone}
			judged := q.report(t, ber, content, o)
			if set <= most {
				require.NotContains(t, fmt.Sprint(r), "weaker")
				require.NoError(t, judged.Err(), "%s with %s", set, id.Name())
				continue
			}
			require.Contains(t, fmt.Sprint(r), weak)
			require.ErrorContains(t, judged.Err(), weak)
		}
	}
}

// bare is a SignedData without signed attributes: the signature is over the content itself (RFC 9882 section 3.2).
func bare(t *testing.T, s *sign.Signer, content []byte, digest asn1.ObjectIdentifier, attached bool) []byte {
	t.Helper()
	signature, err := s.Sign(t.Context(), content)
	require.NoError(t, err)
	raw := func(der []byte) asn1.RawValue { return asn1.RawValue{FullBytes: der} }
	explicit := func(v any) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: testpki.Must(asn1.Marshal(v))}
	}
	type encap struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional"`
	}
	type algorithmIdentifier struct{ ID asn1.ObjectIdentifier }
	type sid struct {
		Issuer asn1.RawValue
		Serial any
	}
	e := encap{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}
	if attached {
		e.Content = explicit(content)
	}
	c := s.Certificate()
	serial := testpki.Must(asn1.Marshal(c.SerialNumber))
	signer := testpki.Must(asn1.Marshal(struct {
		Version   int
		SID       sid
		Digest    algorithmIdentifier
		Algorithm asn1.RawValue
		Signature []byte
	}{1, sid{raw(c.RawIssuer), raw(serial)}, algorithmIdentifier{digest}, raw(s.Scheme().SignatureAlg), signature}))
	var certs []byte
	for _, c := range s.Chain() {
		certs = append(certs, c.Raw...)
	}
	sd := struct {
		Version int
		Digests []algorithmIdentifier `asn1:"set"`
		Encap   encap
		Certs   asn1.RawValue
		Signers []asn1.RawValue `asn1:"set"`
	}{1, []algorithmIdentifier{{digest}}, e, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: certs}, []asn1.RawValue{raw(signer)}}
	return testpki.Must(asn1.Marshal(encap{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, explicit(sd)}))
}

// TestQuantumBare: without signed attributes the signature is over the content, and the digest algorithm means nothing, whatever it is.
func TestQuantumBare(t *testing.T) {
	q := newQuantum(t, false)
	for _, set := range mldsa.Sets() {
		s := q.signer(t, set)
		for _, content := range [][]byte{[]byte("the content itself"), {}} {
			for name, digest := range map[string]asn1.ObjectIdentifier{
				"SHA-512": {2, 16, 840, 1, 101, 3, 4, 2, 3}, "SHA-256": {2, 16, 840, 1, 101, 3, 4, 2, 1}, "SHA-1": {1, 3, 14, 3, 2, 26},
				"MD5": {1, 2, 840, 113549, 2, 5}, "none that is known": {1, 2, 3, 4},
			} {
				for _, attached := range []bool{true, false} {
					what := fmt.Sprintf("%s %s attached=%t %d octets", set, name, attached, len(content))
					ber := bare(t, s, content, digest, attached)
					r := q.report(t, ber, sign.Bytes("", content), q.verify())
					require.NoError(t, r.Err(), what)
					if attached {
						require.NoError(t, q.report(t, ber, sign.Content{}, q.verify()).Err(), what)
					}
					require.Error(t, q.report(t, ber, sign.Bytes("", append([]byte("x"), content...)), q.verify()).Err(), what)
					changed := bytes.Clone(ber)
					changed[len(changed)-9] ^= 1
					require.Error(t, q.report(t, changed, sign.Bytes("", content), q.verify()).Err(), what)
					without := q.verify()
					without.Schemes = nil
					require.Error(t, q.report(t, ber, sign.Bytes("", content), without).Err(), what)
				}
			}
		}
	}
	// Only a digest of a detached content is not enough, and more than what is kept is not checked.
	s := q.signer(t, mldsa.MLDSA44)
	sha512 := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	d, err := sign.NewDigest(crypto.SHA512, make([]byte, 64))
	require.NoError(t, err)
	r := q.report(t, bare(t, s, []byte("content"), sha512, false), sign.Digested("", d), q.verify())
	require.Contains(t, fmt.Sprint(r.Err()), "a digest of it is not enough")
	large := make([]byte, 16<<20+1)
	r = q.report(t, bare(t, s, large, sha512, false), sign.Bytes("", large), q.verify())
	require.Contains(t, fmt.Sprint(r.Err()), "16 MiB")
}

// TestQuantumWarnings: nothing is said against a signer of ML-DSA, whose end no catalogue has.
func TestQuantumWarnings(t *testing.T) {
	q := newQuantum(t, true)
	for _, set := range mldsa.Sets() {
		s := q.signer(t, set)
		require.Empty(t, (&cades.Options{Clock: testpki.Now}).Warnings(s))
		require.NotEmpty(t, (&cades.Options{Clock: testpki.Now}).Warnings(withDigest(t, s, cms.OIDSHA224)), "its digest is weaker")
	}
}

// TestQuantumDrafts: a draft that is finished in another process is read with the schemes there.
func TestQuantumDrafts(t *testing.T) {
	q := newQuantum(t, true)
	s := q.signer(t, mldsa.MLDSA65)
	content := sign.Bytes("", []byte("content"))
	d, err := cades.Prepare(t.Context(), s, content, q.options(cades.LevelLTA))
	require.NoError(t, err)
	stored, err := d.MarshalBinary()
	require.NoError(t, err)
	_, err = cades.ParseDraft(stored)
	require.Error(t, err, "without the schemes it is not known")
	d, err = cades.ParseDraft(stored, mldsa.Schemes()...)
	require.NoError(t, err)
	d, err = d.WithSources(q.options(cades.LevelLTA))
	require.NoError(t, err)
	signature, err := s.Sign(t.Context(), d.ToBeSigned())
	require.NoError(t, err)
	other, err := s.Sign(t.Context(), []byte("something else"))
	require.NoError(t, err)
	_, err = d.Finish(t.Context(), other)
	require.Error(t, err)
	ber, err := d.Finish(t.Context(), signature)
	require.NoError(t, err)
	require.NoError(t, q.report(t, ber, content, q.verify()).Err())
}
