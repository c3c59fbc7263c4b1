package validate_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestBesideAnArchiveTimestamp has a token of an authority that has ended, dated back. It stands beside an archive time-stamp of
// version 2 in the same attribute, which is over neither: so nothing proves that it was there when its authority was good.
func TestBesideAnArchiveTimestamp(t *testing.T) {
	w := newWorld(t)
	began := w.now
	leaf := w.pki.Leaf(testpki.P256, until(began.AddDate(2, 0, 0)))
	ended, good := w.pki.TSA(testpki.P256, until(began.AddDate(3, 6, 0))), w.pki.TSA(testpki.P256)
	sum := sha256.Sum256(content)
	value, err := leaf.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	one := info{sid: issuerAndSerial(leaf), digest: algorithmOf(cms.OIDSHA256), algorithm: algorithmOf(cms.OIDECDSAWithSHA256), value: value}
	der := func(unsigned ...[]byte) []byte {
		i := one
		i.unsigned = unsigned
		return parts{[][]byte{one.digest}, [][]byte{leaf.Chain[0].Raw, leaf.Chain[1].Raw}, nil, [][]byte{i.der()}, content, ""}.der()
	}
	m, err := message.Parse(der())
	require.NoError(t, err)
	si := m.Signatures[0].SI
	octets := slices.Concat(m.ContentHead(), m.SD.CertificateSet.Raw(), si.VersionValue().Raw(), si.SID.Value.Raw(), si.Digest.Raw(), si.Algorithm.Raw(), si.Signature.Raw())
	at := func(when time.Time) func(*testpki.Timestamp) {
		return func(ts *testpki.Timestamp) { ts.GenTime = when }
	}
	archive := over(w, good, octets, at(began.AddDate(3, 0, 0)))
	back := over(w, ended, octets, at(began))
	for name, attributes := range map[string][][]byte{
		"alone":               {attr(cms.OIDArchiveTimeStampV2, archive)},
		"in the attribute":    {attr(cms.OIDArchiveTimeStampV2, archive, back)},
		"in a second one":     {attr(cms.OIDArchiveTimeStampV2, archive), attr(cms.OIDArchiveTimeStampV2, archive, back)},
		"with the first kind": {attr(cms.OIDArchiveTimeStampV2, archive), attr(cms.OIDArchiveTimeStamp, archive, back)},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.pki, began.AddDate(3, 1, 0)}
			if name != "alone" {
				w.want(w.verify(der(attributes...)), validate.TotalPassed, "", "") // good by itself, as long as its authority is
			}
			w.later(1, 0)
			w.want(w.verify(der(attributes...)), validate.Indeterminate, validate.OutOfBounds, "expired")
		})
	}
}
