package validate_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/sign"
)

func (w *world) refused(der []byte, to cades.Level, o *cades.ExtendOptions, says string) {
	w.Helper()
	m, err := cades.Parse(der)
	require.NoError(w, err)
	o.Clock = w.clock
	_, err = m.Extend(w.Context(), to, o)
	require.ErrorIs(w, err, sign.ErrInput)
	require.ErrorContains(w, err, says)
	forced := *o
	forced.Force = true
	_, err = m.Extend(w.Context(), to, &forced)
	require.NoError(w, err, "what is asked for on purpose is done")
}

// TestExtendExpired: an expired signature is raised when there is a proof that it is older, by whom the caller trusts.
func TestExtendExpired(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	source := testlevels.NewSource(t, w.pki)
	plain := w.sign(w.signer(until(w.now.AddDate(0, 0, 10))), &cades.Options{})
	ours := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	theirs := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: other.tsa(10)}) // in time, as they say
	w.later(1, 0)
	late := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10), Force: true})
	o := func() *cades.ExtendOptions {
		return &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: source, Roots: w.pki.Roots()}
	}
	w.refused(plain, cades.LevelT, o(), "expired")
	w.refused(plain, cades.LevelLT, o(), "expired")
	w.refused(late, cades.LevelLT, o(), "expired")
	w.refused(theirs, cades.LevelLT, o(), "expired")
	w.refused(ours, cades.LevelLT, &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: source}, "give the roots that its time-stamps lead to")
	with := o()
	with.Clock = w.clock
	w.want(w.verify(w.extend(ours, cades.LevelLT, with)), validate.TotalPassed, "", "")
	with.Roots, with.TimestampRoots = w.pki.Roots(), other.pki.Roots()
	r := w.verify(w.extend(theirs, cades.LevelLT, with), func(o *validate.Options) { o.TimestampRoots = other.pki.Roots() })
	w.want(r, validate.TotalPassed, "", "")
}

// TestExtendRevoked: a revoked signature is raised when there is such a proof, and an archive time-stamp that is over nothing, or
// by nobody, is none.
func TestExtendRevoked(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	s := w.signer()
	plain := w.sign(s, &cades.Options{})
	begun := w.now
	stamped := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: w.tsa(10)})
	w.later(0, 2)
	source := testlevels.NewSource(t, w.pki)
	source.Revoked = []x509.RevocationListEntry{{SerialNumber: s.Certificate().SerialNumber, RevocationTime: begun.AddDate(0, 0, 1), ReasonCode: 1}}
	o := func() *cades.ExtendOptions {
		c := sign.Bytes("", content)
		return &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: source, Roots: w.pki.Roots(), Content: c}
	}
	w.refused(plain, cades.LevelLT, o(), "was revoked on")
	other.now = begun
	theirs := w.extend(plain, cades.LevelT, &cades.ExtendOptions{Timestamper: other.tsa(10)})
	w.refused(theirs, cades.LevelLT, o(), "was revoked on")
	w.refused(stamped, cades.LevelLT, &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: source}, "below trusted roots")
	with := o()
	with.Clock = w.clock
	w.extend(stamped, cades.LevelLT, with)

	// An archive time-stamp of a day before the revocation, as nobody that is trusted says.
	clean := testlevels.NewSource(t, w.pki)
	c := sign.Bytes("", content)
	foreign := w.extend(plain, cades.LevelLTA, &cades.ExtendOptions{Timestamper: other.tsa(10), Revocation: clean, Content: c})
	w.refused(foreign, cades.LevelLTA, o(), "was revoked on")
}

// TestExtendReferences: a time-stamp over references takes nobody out of what has to be proved.
func TestExtendReferences(t *testing.T) {
	w := newWorld(t)
	der := w.sign(w.signer(until(w.now.AddDate(0, 0, 10))), &cades.Options{Level: cades.LevelXLong1, Timestamper: w.tsa(10), Revocation: w.source()})
	m, err := cms.ParseSignedData(der)
	require.NoError(t, err)
	var edits []cms.Edit
	for _, a := range m.Signers[0].Unsigned {
		if a.Type == cms.OIDSignatureTimeStamp || a.Type == cms.OIDCAdESCTimeStamp {
			edits = append(edits, cms.Edit{Parent: m.Signers[0].UnsignedSet, At: a.Value.Offset(), Remove: len(a.Value.Raw())})
		}
	}
	cut, err := cms.Splice(m.ContentInfo, edits...)
	require.NoError(t, err)
	w.later(1, 0)
	w.refused(cut, cades.LevelLT, &cades.ExtendOptions{Timestamper: w.tsa(10), Revocation: testlevels.NewSource(t, w.pki), Roots: w.pki.Roots()}, "expired")
}
