package validate_test

import (
	"crypto"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// missing is what is said of a level: part and problem of each finding.
func missing(r *cades.SignatureReport, level string) (all []string) {
	for _, l := range r.Levels {
		if l.Level == level {
			for _, f := range l.Missing {
				all = append(all, fmt.Sprintf("%s %s", f.Part, f.Problem))
			}
		}
	}
	return all
}

// TestLevels: each level is reached as it is made, and the next one says exactly what it asks for; with roots and without.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	source := testlevels.NewSource(t, w.pki)
	o := &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: source, Clock: w.clock, Roots: w.pki.Roots()}
	plain := w.sign(w.signer(), &cades.Options{Level: cades.LevelPKCS7})
	bes := w.sign(w.signer(), &cades.Options{})
	for _, c := range []struct {
		name        string
		der         []byte
		form, level string
		next        string
		missing     []string
	}{
		{"PKCS7", plain, "PKCS7", "none", "B-B", []string{"signing-certificate-v2 missing"}},
		{"BES", bes, "CAdES-BES", "B-B", "B-T", []string{"signature-time-stamp missing"}},
		{"T", w.extend(bes, cades.LevelT, o), "CAdES-T", "B-T", "B-LT", []string{"revocation values missing", "revocation values missing", "revocation values missing"}},
		{"LT", w.extend(bes, cades.LevelLT, o), "CAdES-LT", "B-LT", "B-LTA", []string{"archive-time-stamp-v3 missing"}},
		{"LTA", w.extend(bes, cades.LevelLTA, o), "CAdES-LTA", "B-LTA", "", nil},
		{"C", w.extend(bes, cades.LevelC, o), "CAdES-C", "B-T", "B-LT", []string{"complete-certificate-references forbidden", "complete-revocation-references forbidden",
			"revocation values missing", "revocation values missing", "revocation values missing"}},
		{"X", w.extend(bes, cades.LevelXLong1, o), "CAdES-X Long Type 1", "B-T", "B-LT", []string{"complete-certificate-references forbidden",
			"complete-revocation-references forbidden", "certificate-values forbidden", "revocation-values forbidden", "CAdES-C-time-stamp forbidden"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t, w.pki, w.now}
			for _, roots := range []*trust.Roots{w.pki.Roots(), nil} {
				r := w.verify(c.der, func(o *validate.Options) { o.Roots = roots })
				require.Equal(t, c.form, r.Form)
				require.Equal(t, c.level, r.Level, "%v", r.Levels)
				said := missing(r, c.next)
				if roots == nil { // then nothing tells that the one above is the root, and need not be there
					said = slices.DeleteFunc(said, func(s string) bool { return s == "certificates missing" })
				}
				require.Equal(t, c.missing, said)
				require.Len(t, r.Levels, 4)
				for i, l := range r.Levels {
					require.NotNil(t, l.Missing)
					require.Equal(t, l.Reached, i < 4 && levelAt(r.Level) > i)
				}
				require.Equal(t, c.form, r.Signature.LevelName())
			}
		})
	}
}

func levelAt(level string) int {
	return map[string]int{"none": 0, "B-B": 1, "B-T": 2, "B-LT": 3, "B-LTA": 4}[level]
}

// TestLevelsOfValues: values that are given do not make an LT, only those in the message do; and an authority in the middle whose
// certificate is not there is named.
func TestLevelsOfValues(t *testing.T) {
	w := newWorld(t)
	o := &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: testlevels.NewSource(t, w.pki), Clock: w.clock, Roots: w.pki.Roots()}
	stamped := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelT, o)
	r := w.verify(stamped, func(o *validate.Options) { o.Values = w.values() })
	require.Equal(t, "B-T", r.Level)
	require.Contains(t, missing(r, "B-LT"), "revocation values missing")
	lt := w.extend(stamped, cades.LevelLT, o)
	r = w.verify(lt, func(o *validate.Options) { o.Values = &revocation.Values{} })
	require.Equal(t, "B-LT", r.Level)
	// Another root says that the one above is not the last, and its certificate has to be there.
	r = w.verify(stamped, func(o *validate.Options) {
		o.Roots = trust.New(w.pki.SelfSigned(testpki.NewKey(t, testpki.P256), "Another root").Certificate())
	})
	require.Equal(t, "B-T", r.Level)
	require.Contains(t, missing(r, "B-LT"), "certificates missing")
}

// TestLevelsStandOnThoseBelow: what has the time-stamp of T and not what B asks for has no level.
func TestLevelsStandOnThoseBelow(t *testing.T) {
	w := newWorld(t)
	der := w.extend(w.sign(w.signer(), &cades.Options{ContentType: "1.2.3.4"}), cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	r := w.verify(der)
	require.Equal(t, "none", r.Level)
	require.Equal(t, []string{"content-type wrong"}, missing(r, "B-B"))
	require.Empty(t, missing(r, "B-T"))
	require.False(t, r.Levels[1].Reached)
	w.want(w.verify(der, with(validate.Policy{Level: "B-T"})), validate.Indeterminate, validate.Constraints, "the content type is not id-data")
}

// TestLevelsSpoiled: what is there and does not hold reaches nothing.
func TestLevelsSpoiled(t *testing.T) {
	w := newWorld(t)
	o := &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: testlevels.NewSource(t, w.pki), Clock: w.clock, Roots: w.pki.Roots()}
	other := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelLTA, o)
	bes := w.sign(w.signer(), &cades.Options{})
	in := func(der []byte) *message.Message {
		m, err := message.Parse(der)
		require.NoError(t, err)
		return m
	}
	foreign := func(id cms.OID) []byte {
		return cms.Find(in(other).Signatures[0].SI.Unsigned, id)[0].Values[0].Raw()
	}
	m, err := cades.Parse(bes)
	require.NoError(t, err)
	seen, err := m.Signatures()[0].CounterSign(t.Context(), w.signer(), &cades.Options{Clock: w.clock})
	require.NoError(t, err)
	r := w.verify(w.put(in(seen), cms.OIDSignatureTimeStamp, foreign(cms.OIDSignatureTimeStamp)))
	require.Equal(t, "B-B", r.Level)
	require.Equal(t, "CAdES-T", r.Form)
	require.Equal(t, []string{"signature-time-stamp wrong"}, missing(r, "B-T"))
	lt := w.extend(bes, cades.LevelLT, o)
	r = w.verify(w.put(in(lt), cms.OIDArchiveTimeStampV3, foreign(cms.OIDArchiveTimeStampV3)))
	require.Equal(t, "B-LT", r.Level)
	require.Equal(t, []string{"archive-time-stamp-v3 wrong"}, missing(r, "B-LTA"))

	s := w.signer(until(w.now.AddDate(0, 0, 1)))
	short := w.sign(s, &cades.Options{})
	w.later(0, 2)
	r = w.verify(w.extend(short, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10), Force: true}))
	require.Equal(t, []string{"signature-time-stamp wrong"}, missing(r, "B-T"))
}

// TestLevelsOfCounterSignatures: they end with T, since what is above is of the whole message.
func TestLevelsOfCounterSignatures(t *testing.T) {
	w := newWorld(t)
	m, err := cades.Parse(w.sign(w.signer(), &cades.Options{}))
	require.NoError(t, err)
	der, err := m.Signatures()[0].CounterSign(t.Context(), w.signerOf(w.pki.Leaf(testpki.P384), testpki.Must(sign.ECDSA(crypto.SHA384))), &cades.Options{Clock: w.clock})
	require.NoError(t, err)
	r := w.verify(der, with(validate.Policy{Level: "B-B", RequireTimestamp: false}))
	require.Equal(t, "B-B", r.CounterSignatures[0].Level)
	require.Len(t, r.CounterSignatures[0].Levels, 2)
	require.Equal(t, validate.TotalPassed, r.CounterSignatures[0].Indication)
}

// TestBasicResponses: files from before RFC 5940 have the BasicOCSPResponse in SignedData.crls; it says as much as the other form.
func TestBasicResponses(t *testing.T) {
	w := newWorld(t)
	source := testlevels.NewSource(t, w.pki)
	source.OCSP = true
	der := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelLT, &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: source, Clock: w.clock, Roots: w.pki.Roots()})
	in, err := message.Parse(der)
	require.NoError(t, err)
	var edits []cms.Edit
	for _, v := range in.SD.Revocations {
		fields := v.Reader()
		id, err := fields.Next()
		if err != nil || v.Tag() == cms.TagSequence || cms.OID(id.Body()) != cms.OIDRIOCSPResponse {
			continue
		}
		whole, err := fields.Next()
		require.NoError(t, err)
		response, err := revocation.ParseResponse(whole.Raw())
		require.NoError(t, err)
		b := cms.NewBuilder(nil)
		other := b.Open(cms.ContextConstructed(1))
		b.OID(cms.OIDOCSPBasic)
		b.Raw(response.Basic)
		b.Close(other)
		edits = append(edits, cms.Edit{Parent: in.SD.RevocationSet, At: v.Offset(), Remove: len(v.Raw()), Insert: b.Bytes()})
	}
	require.NotEmpty(t, edits)
	old, err := cms.Splice(in.SD.ContentInfo, edits...)
	require.NoError(t, err)
	for _, one := range [][]byte{der, old} {
		r := w.verify(one, with(validate.Policy{Revocation: validate.RevocationAll}))
		w.want(r, validate.TotalPassed, "", "")
		require.Equal(t, "B-LT", r.Level, "%v", r.Levels)
		require.Contains(t, lines(r, cades.CheckRevocation), "OCSP")
	}
}
