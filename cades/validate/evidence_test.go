package validate_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

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

// TestExpiredSigner: a time-stamp from before the end of the certificate proves that the signature is older; none, one that came
// late, and one by nobody that is trusted do not.
func TestExpiredSigner(t *testing.T) {
	w := newWorld(t)
	s := w.signer(until(w.now.AddDate(0, 0, 10)))
	plain := w.sign(s, &cades.Options{})
	stamped := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	other := newWorld(t)
	foreign := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: other.tsa(10)})
	begun := w.now
	w.want(w.verify(plain), validate.TotalPassed, "", "")
	w.later(1, 0)
	w.want(w.verify(plain), validate.Indeterminate, validate.OutOfBounds, "expired")
	r := w.verify(stamped)
	w.want(r, validate.TotalPassed, "", "")
	require.Equal(t, begun, r.BestTime.UTC())
	require.Contains(t, r.Proof, "signature-time-stamp of 2026-03-01")
	require.Equal(t, validate.TotalPassed, r.Timestamps[0].Indication)
	r = w.verify(foreign)
	w.want(r, validate.Indeterminate, validate.OutOfBounds, "expired")
	require.Equal(t, w.now, r.BestTime)
	require.Equal(t, validate.Indeterminate, r.Timestamps[0].Indication)
	require.Equal(t, validate.NoChain, r.Timestamps[0].Sub)
	// With roots of their own, authorities of time-stamps are trusted for time-stamps, and for nothing else.
	both := func(o *validate.Options) { o.TimestampRoots = other.pki.Roots() }
	w.want(w.verify(foreign, both), validate.TotalPassed, "", "")
	w.want(w.verify(stamped, both), validate.Indeterminate, validate.OutOfBounds, "expired")
	w.want(w.verify(foreign, func(o *validate.Options) { o.Roots, o.TimestampRoots = other.pki.Roots(), w.pki.Roots() }), validate.Indeterminate, validate.NoChain, "")

	late := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10), Force: true})
	w.later(1, 0)
	r = w.verify(late)
	w.want(r, validate.Indeterminate, validate.OutOfBounds, "expired")
	require.Equal(t, cades.Unchecked, r.Status(cades.CheckTimestamp))
	r = w.verify(late, func(o *validate.Options) { o.Roots = nil })
	require.Contains(t, lines(r, cades.CheckTimestamp), "after the certificate of the signer expired")
	require.Equal(t, validate.Indeterminate, r.Indication)
}

func lines(r *cades.SignatureReport, name string) (all string) {
	for _, c := range r.Checks {
		if c.Name == name {
			all += c.Detail + "\n"
		}
	}
	return all
}

// TestFuture: a time-stamp from after the time of validation proves nothing.
func TestFuture(t *testing.T) {
	w := newWorld(t)
	der := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	w.now = w.now.Add(-time.Hour)
	r := w.verify(der)
	w.want(r, validate.TotalPassed, "", "")
	require.Equal(t, w.now, r.BestTime)
	require.Empty(t, r.Proof)
	require.Equal(t, validate.Indeterminate, r.Timestamps[0].Indication)
	require.Contains(t, r.Timestamps[0].Reason, "from the future")
}

// TestRevoked: what was revoked after the time that is proved has passed, and what was revoked before has not, whoever adds
// which time-stamp afterwards.
func TestRevoked(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	der := w.sign(s, &cades.Options{})
	stamped := w.extend(der, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	entry := func(at time.Time) x509.RevocationListEntry {
		return x509.RevocationListEntry{SerialNumber: s.Certificate().SerialNumber, RevocationTime: at, ReasonCode: 1}
	}
	given := func(at time.Time) func(*validate.Options) {
		return func(o *validate.Options) { o.Values = w.values(entry(at)) }
	}
	before, after := w.now.AddDate(0, 0, -1), w.now.AddDate(0, 0, 1)
	w.later(0, 2)
	w.want(w.verify(der, given(after)), validate.Indeterminate, validate.Revoked, "was revoked on 2026-03-02")
	w.want(w.verify(stamped, given(before)), validate.Indeterminate, validate.Revoked, "was revoked on 2026-02-28")
	r := w.verify(stamped, given(after))
	w.want(r, validate.TotalPassed, "", "")
	require.Contains(t, lines(r, cades.CheckRevocation), "after that")
	w.want(w.verify(stamped, given(w.now.AddDate(0, 0, -2))), validate.Indeterminate, validate.Revoked, "") // the very second
	late := w.extend(der, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	w.want(w.verify(late, given(after)), validate.Indeterminate, validate.Revoked, "")
	w.want(w.verify(stamped, given(before), func(o *validate.Options) { o.NoRevocation = true }), validate.TotalPassed, "", "")
	// A back-dated time-stamp by one whom nobody trusts.
	other := newWorld(t)
	back := w.extend(der, cades.LevelT, &cades.ExtendOptions{Timestamper: other.tsa(10)})
	w.want(w.verify(back, given(after)), validate.Indeterminate, validate.Revoked, "")
}

// TestHold: a certificate that is on hold may come back, and then it counts; one whose key was lost does not, whatever a newer list says.
func TestHold(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	der := w.sign(s, &cades.Options{})
	lists := func(reason int) (older, newer [][]byte) {
		entry := x509.RevocationListEntry{SerialNumber: s.Certificate().SerialNumber, RevocationTime: w.now.AddDate(0, 0, -1), ReasonCode: reason}
		older = w.values(entry).CRLs
		w.now = w.now.Add(time.Minute)
		newer = w.values().CRLs
		w.now = w.now.Add(-time.Minute)
		return older, newer
	}
	given := func(crls ...[]byte) func(*validate.Options) {
		return func(o *validate.Options) { o.Values = &revocation.Values{CRLs: crls} }
	}
	older, newer := lists(6)
	r := w.verify(der, given(older...))
	w.want(r, validate.Indeterminate, validate.TryLater, "put on hold on 2026-02-28")
	require.Equal(t, cades.Failed, r.Status(cades.CheckRevocation))
	w.want(w.verify(der, given(older...), func(o *validate.Options) { o.Policy = validate.Lenient() }), validate.Indeterminate, validate.TryLater, "on hold")
	w.want(w.verify(der, given(slices.Concat(older, newer)...)), validate.TotalPassed, "", "")
	w.want(w.verify(der, given(slices.Concat(newer, older)...)), validate.TotalPassed, "", "")
	older, newer = lists(1)
	w.want(w.verify(der, given(slices.Concat(older, newer)...)), validate.Indeterminate, validate.Revoked, "was revoked")
	w.want(w.verify(der, given(slices.Concat(newer, older)...)), validate.Indeterminate, validate.Revoked, "was revoked")
}

// TestRevokedAuthority: a time-stamp of an authority that was revoked by then proves nothing.
func TestRevokedAuthority(t *testing.T) {
	w := newWorld(t)
	tsa := w.tsa(10)
	der := w.extend(w.sign(w.signer(until(w.now.AddDate(0, 0, 10))), &cades.Options{}), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa})
	m, err := cades.Parse(der)
	require.NoError(t, err)
	serial := m.Signatures()[0].Timestamps()[0].Token.Certificate().SerialNumber
	w.later(0, 20)
	w.want(w.verify(der), validate.TotalPassed, "", "")
	given := func(o *validate.Options) {
		o.Values = w.values(x509.RevocationListEntry{SerialNumber: serial, RevocationTime: w.now.AddDate(0, 0, -1), ReasonCode: 1})
	}
	r := w.verify(der, given)
	w.want(r, validate.Indeterminate, validate.OutOfBounds, "expired")
	require.Equal(t, validate.Revoked, r.Timestamps[0].Sub)
}

// TestNotAsked: a certificate that names a place to ask has to be asked for; what is at hand will do.
func TestNotAsked(t *testing.T) {
	w := newWorld(t)
	der := w.sign(w.signer(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://crl.example/1.crl"} }), &cades.Options{})
	r := w.verify(der)
	w.want(r, validate.Indeterminate, validate.TryLater, "allow it to be fetched")
	require.True(t, r.Valid())
	w.want(w.verify(der, func(o *validate.Options) { o.Values = w.values() }), validate.TotalPassed, "", "")
	w.want(w.verify(der, func(o *validate.Options) { o.NoRevocation = true }), validate.TotalPassed, "", "")
	w.want(w.verify(der, func(o *validate.Options) { o.Revocation = w.source() }), validate.TotalPassed, "", "")
	w.want(w.verify(der, func(o *validate.Options) { o.Revocation = away{} }), validate.Indeterminate, validate.TryLater, "the network is away")
	stale := w.values()
	w.later(0, 1)
	w.want(w.verify(der, func(o *validate.Options) { o.Values = stale }), validate.Indeterminate, validate.TryLater, "stale")
	none := w.sign(w.signer(), &cades.Options{})
	r = w.verify(none)
	w.want(r, validate.TotalPassed, "", "")
	require.Contains(t, lines(r, cades.CheckRevocation), "names no place to ask")
}

type away struct{}

func (away) Status(context.Context, *x509.Certificate, *x509.Certificate, time.Time) (*revocation.Status, error) {
	return nil, errors.New("the network is away")
}

// TestArchive: an archive is good as long as its newest time-stamp is, each being looked at in the time of the next one.
func TestArchive(t *testing.T) {
	w := newWorld(t)
	fresh := func(o *validate.Options) { o.Values = w.values() }
	s := w.signer(until(w.now.AddDate(1, 0, 0)))
	der := w.sign(s, &cades.Options{Level: cades.LevelLTA, Timestamper: w.tsa(3), Revocation: w.source()})
	c := sign.Bytes("", content)
	before := der
	for range 3 {
		w.later(2, 0)
		w.want(w.verify(der, fresh), validate.TotalPassed, "", "")
		before = der
		der = w.extend(der, cades.LevelLTA, &cades.ExtendOptions{Timestamper: w.tsa(3), Revocation: w.source(), Content: c, Roots: w.pki.Roots(), Clock: w.clock})
	}
	w.later(2, 0)
	r := w.verify(der, fresh)
	w.want(r, validate.TotalPassed, "", "")
	require.Equal(t, testpki.Now(), r.BestTime.UTC())
	for _, stamp := range r.Timestamps {
		require.Equal(t, validate.TotalPassed, stamp.Indication, stamp.Reason)
	}
	// Without the last renewal, the chain of time-stamps has ended.
	r = w.verify(before, fresh)
	w.want(r, validate.Indeterminate, validate.OutOfBounds, "expired")
	for _, stamp := range r.Timestamps {
		require.Equal(t, validate.Indeterminate, stamp.Indication)
	}
	w.later(2, 0)
	w.want(w.verify(der, fresh), validate.Indeterminate, validate.OutOfBounds, "expired")
	// Somebody who comes after the end can prove nothing any more.
	late := w.extend(der, cades.LevelLTA, &cades.ExtendOptions{Timestamper: w.tsa(3), Revocation: testlevels.NewSource(t, w.pki), Content: c, Force: true})
	w.want(w.verify(late, fresh), validate.Indeterminate, validate.OutOfBounds, "expired")
}

// TestArchiveOfOthers: an archive time-stamp by nobody that is trusted proves nothing.
func TestArchiveOfOthers(t *testing.T) {
	w := newWorld(t)
	fresh := func(o *validate.Options) { o.Values = w.values() }
	der := w.sign(w.signer(until(w.now.AddDate(1, 0, 0))), &cades.Options{Level: cades.LevelLT, Timestamper: w.tsa(2), Revocation: w.source()})
	c := sign.Bytes("", content)
	w.later(0, 1)
	other := newWorld(t)
	other.now = w.now
	foreign := w.extend(der, cades.LevelLTA, &cades.ExtendOptions{Timestamper: other.tsa(20), Revocation: testlevels.NewSource(t, w.pki), Content: c})
	ours := w.extend(der, cades.LevelLTA, &cades.ExtendOptions{Timestamper: w.tsa(20), Revocation: testlevels.NewSource(t, w.pki), Content: c})
	w.later(3, 0)
	w.want(w.verify(foreign, fresh), validate.Indeterminate, validate.OutOfBounds, "expired")
	w.want(w.verify(ours, fresh), validate.TotalPassed, "", "")
	w.want(w.verify(ours, fresh, func(o *validate.Options) { o.Roots = trust.New() }), validate.Indeterminate, validate.NoChain, "")
	w.want(w.verify(ours, fresh, func(o *validate.Options) { o.Roots = nil }), validate.Indeterminate, validate.NoChain, "no roots were given")
}

// TestReferencesProveNothing: a time-stamp over references is none over the signature.
func TestReferencesProveNothing(t *testing.T) {
	w := newWorld(t)
	fresh := func(o *validate.Options) { o.Values = w.values() }
	s := w.signer(until(w.now.AddDate(0, 0, 10)))
	der := w.sign(s, &cades.Options{Level: cades.LevelXLong1, Timestamper: w.tsa(10), Revocation: w.source()})
	m, err := cms.ParseSignedData(der)
	require.NoError(t, err)
	w.later(0, 20)
	w.want(w.verify(der, fresh), validate.TotalPassed, "", "")
	// Both time-stamps that are over the signature are taken away.
	var edits []cms.Edit
	for _, a := range m.Signers[0].Unsigned {
		if a.Type == cms.OIDSignatureTimeStamp || a.Type == cms.OIDCAdESCTimeStamp {
			edits = append(edits, cms.Edit{Parent: m.Signers[0].UnsignedSet, At: a.Value.Offset(), Remove: len(a.Value.Raw())})
		}
	}
	require.Len(t, edits, 2)
	cut, err := cms.Splice(m.ContentInfo, edits...)
	require.NoError(t, err)
	w.want(w.verify(cut, fresh), validate.Indeterminate, validate.OutOfBounds, "expired")
}

// TestAppended: what anybody appends without the signer adds no trust, and sinks no signature.
func TestAppended(t *testing.T) {
	w := newWorld(t)
	der := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	good := w.verify(der)
	m, err := cms.ParseSignedData(der)
	require.NoError(t, err)
	for name, id := range map[string]cms.OID{"a time-stamp": cms.OIDSignatureTimeStamp, "an archive time-stamp": cms.OIDArchiveTimeStampV3, "a counter-signature": cms.OIDCounterSignature, "something": "\x2a\x03"} {
		b := cms.NewBuilder(nil)
		seq := b.Open(cms.TagSequence)
		b.OID(id)
		b.Raw(cms.AppendSet(nil, cms.TagSet, [][]byte{{4, 1, 'x'}}))
		b.Close(seq)
		more, err := cms.Splice(m.ContentInfo, cms.Edit{Parent: m.Signers[0].UnsignedSet, At: m.Signers[0].UnsignedSet.End(), Insert: b.Bytes()})
		require.NoError(t, err)
		r := w.verify(more)
		w.want(r, validate.TotalPassed, "", "")
		require.Equal(t, good.BestTime, r.BestTime, name)
		if len(r.Timestamps) > 1 {
			require.Equal(t, validate.TotalFailed, r.Timestamps[1].Indication, name)
			require.Equal(t, validate.TotalPassed, r.Timestamps[0].Indication, name)
		}
	}
}

// TestReferenceTimestamp: a time-stamp over the references of a signature is older than its end, and proves nothing of it.
func TestReferenceTimestamp(t *testing.T) {
	w := newWorld(t)
	fresh := func(o *validate.Options) { o.Values = w.values() }
	der := w.sign(w.signer(until(w.now.AddDate(0, 0, 10))), &cades.Options{Level: cades.LevelXLong1, Timestamper: w.tsa(10), Revocation: w.source()})
	in, err := message.Parse(der)
	require.NoError(t, err)
	over := in.Signatures[0].Imprints(&message.Timestamp{Kind: message.ReferencesTimestamp}, nil)[0]
	token, err := w.tsa(10).Timestamp(t.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, over.Sum(sha256.New(), nil))))
	require.NoError(t, err)
	der = w.put(in, cms.OIDCertCRLTimeStamp, token.Raw)
	r := w.verify(der, fresh)
	require.Len(t, r.Timestamps, 3)
	require.Equal(t, validate.TotalPassed, r.Timestamps[2].Indication, r.Timestamps[2].Reason)
	in, err = message.Parse(der)
	require.NoError(t, err)
	var edits []cms.Edit
	si := in.Signatures[0].SI
	for _, a := range si.Unsigned {
		if a.Type == cms.OIDSignatureTimeStamp || a.Type == cms.OIDCAdESCTimeStamp {
			edits = append(edits, cms.Edit{Parent: si.UnsignedSet, At: a.Value.Offset(), Remove: len(a.Value.Raw())})
		}
	}
	cut, err := cms.Splice(in.SD.ContentInfo, edits...)
	require.NoError(t, err)
	w.later(0, 20)
	r = w.verify(cut, fresh)
	w.want(r, validate.Indeterminate, validate.OutOfBounds, "expired")
	require.Len(t, r.Timestamps, 1)
	require.Equal(t, validate.TotalPassed, r.Timestamps[0].Indication, "it is good, and over something else")
}

// put adds an unsigned attribute to the first signature.
func (w *world) put(in *message.Message, id cms.OID, value []byte) []byte {
	b := cms.NewBuilder(nil)
	seq := b.Open(cms.TagSequence)
	b.OID(id)
	b.Raw(cms.AppendSet(nil, cms.TagSet, [][]byte{value}))
	b.Close(seq)
	set := in.Signatures[0].SI.UnsignedSet
	out, err := cms.Splice(in.SD.ContentInfo, cms.Edit{Parent: set, At: set.End(), Insert: b.Bytes()})
	require.NoError(w, err)
	return out
}

// archived is an archive time-stamp of version 3 on a signature over the content of these tests, with an index of what it covers.
func (w *world) archived(s *message.Signature, covered *message.Covered) []byte {
	index := message.HashIndex(testpki.Must(sign.DigestAlgorithm(crypto.SHA256)), sha256.New, covered)
	sum := sha256.Sum256(content)
	over := s.ArchiveImprintV3(index)
	token, err := w.tsa(10).Timestamp(w.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, over.Sum(sha256.New(), sum[:]))))
	require.NoError(w, err)
	b := cms.NewBuilder(nil)
	unsigned := b.Open(cms.ContextConstructed(1))
	seq := b.Open(cms.TagSequence)
	b.OID(cms.OIDATSHashIndexV3)
	b.Raw(cms.AppendSet(nil, cms.TagSet, [][]byte{index}))
	b.Close(seq)
	b.Close(unsigned)
	sd, err := cms.ParseSignedData(token.Raw)
	require.NoError(w, err)
	indexed, err := cms.Splice(sd.ContentInfo, cms.Edit{Parent: sd.Signers[0].Value, At: sd.Signers[0].Value.End(), Insert: b.Bytes()})
	require.NoError(w, err)
	return indexed
}

// TestArchiveOverLess: what an archive time-stamp does not list is not proved by it.
func TestArchiveOverLess(t *testing.T) {
	for name, whole := range map[string]bool{"everything": true, "nothing": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			der := w.extend(w.sign(w.signer(), &cades.Options{}), cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(2)})
			in, err := message.Parse(der)
			require.NoError(t, err)
			s := in.Signatures[0]
			covered := &message.Covered{}
			if whole {
				covered = s.Covered()
			}
			w.later(1, 0)
			indexed := w.archived(s, covered)
			der = w.put(in, cms.OIDArchiveTimeStampV3, indexed)
			w.later(2, 0)
			r := w.verify(der)
			require.Len(t, r.Timestamps, 2)
			require.Equal(t, validate.TotalPassed, r.Timestamps[1].Indication, r.Timestamps[1].Reason)
			if whole {
				require.Equal(t, validate.TotalPassed, r.Timestamps[0].Indication, r.Timestamps[0].Reason)
				require.Equal(t, testpki.Now(), r.BestTime.UTC())
			} else {
				require.Equal(t, validate.Indeterminate, r.Timestamps[0].Indication)
				require.Equal(t, validate.OutOfBounds, r.Timestamps[0].Sub)
				require.Equal(t, testpki.Now().AddDate(1, 0, 0), r.BestTime.UTC(), "over the signature it is")
			}
		})
	}
}

// TestNoSigner: a certificate that is not there is missing, and nothing is wrong with the signature.
func TestNoSigner(t *testing.T) {
	w := newWorld(t)
	s := w.signer()
	der := w.sign(s, &cades.Options{})
	in, err := message.Parse(der)
	require.NoError(t, err)
	var edits []cms.Edit
	for _, c := range in.SD.Certificates {
		edits = append(edits, cms.Edit{Parent: in.SD.CertificateSet, At: c.Offset(), Remove: len(c.Raw())})
	}
	bare, err := cms.Splice(in.SD.ContentInfo, edits...)
	require.NoError(t, err)
	w.want(w.verify(bare), validate.Indeterminate, validate.NoSigner, "give the certificate")
	w.want(w.verify(bare, func(o *validate.Options) { o.Certificates = s.Chain() }), validate.TotalPassed, "", "")
	raw := func(o *validate.Options) { o.RawCertificates = [][]byte{{0x30, 0}, s.Chain()[0].Raw, s.Chain()[1].Raw} }
	w.want(w.verify(bare, raw), validate.TotalPassed, "", "")
}
