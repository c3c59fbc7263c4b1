package cades_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// TestRenew adds an archive time-stamp years later, when the certificate of the signer has expired and nobody says anything
// of it any more: its values are under the archive time-stamp that is there.
func TestRenew(t *testing.T) {
	pki := testpki.New(t)
	now := testpki.Now()
	clock := func() time.Time { return now }
	authority := testlevels.Authority(t, pki, clock)
	s := signerOf(t, pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = now.AddDate(1, 0, 0) }), testpki.Must(sign.ECDSA(crypto.SHA256)))
	source := func() *revocation.Client {
		known := &revocation.Values{Certificates: []*x509.Certificate{pki.Root.Certificate(), pki.Authority.Certificate()}}
		for _, id := range []testpki.Identity{pki.Root, pki.Authority} {
			known.CRLs = append(known.CRLs, testpki.RevocationList(t, id, nil, func(l *x509.RevocationList) {
				l.ThisUpdate, l.NextUpdate = now.Add(-time.Hour), now.Add(time.Hour)
			}))
		}
		c, err := revocation.NewClient(revocation.Config{Known: known, Clock: clock})
		require.NoError(t, err)
		return c
	}
	content := []byte("content")
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", content), &cades.Options{Level: cades.LevelLTA, Timestamper: authority, Revocation: source(), Clock: clock})
	require.NoError(t, err)
	c := sign.Bytes("", content)
	for stamps := 3; stamps <= 4; stamps++ {
		now = now.AddDate(5, 0, 0)
		m, before := parse(t, p7s)
		p7s, err = m.Extend(t.Context(), cades.LevelLTA, &cades.ExtendOptions{Timestamper: authority, Revocation: source(), Content: c, Roots: pki.Roots(), Clock: clock})
		require.NoError(t, err)
		m, after := parse(t, p7s)
		requireKept(t, before, after)
		require.Len(t, m.Signatures()[0].Timestamps(), stamps)
		require.Greater(t, len(after.Revocations), len(before.Revocations), "what the last time-stamp needs")
		r, err := m.Verify(t.Context(), sign.Bytes("", content), &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
		requireTrusted(t, r, err)
	}
}

// TestRenewAtOnce adds archive time-stamps within one second, as authorities tell it. One of the second version cannot be over another one of
// its own time. Of two of the third, what the last one needs goes into the token that nothing is over, in whatever order they stand.
func TestRenewAtOnce(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		t.Run(fmt.Sprintf("swapped=%t", swapped), func(t *testing.T) { renewAtOnce(t, swapped) })
	}
}

func renewAtOnce(t *testing.T, swapped bool) {
	pki := testpki.New(t)
	now := testpki.Now().Add(-time.Hour)
	clock := func() time.Time { return now }
	content := sign.Bytes("", []byte("content"))
	p7s, err := cades.Sign(t.Context(), p256(t, pki), content, &cades.Options{SigningTime: now})
	require.NoError(t, err)
	extend := func(level cades.Level) error {
		source := testlevels.NewSource(t, pki) // with lists that nobody has yet
		source.OCSP = true
		m, _ := parse(t, p7s)
		raised, err := m.Extend(t.Context(), level, &cades.ExtendOptions{
			Timestamper: testlevels.Authority(t, pki, clock), Revocation: source, Content: content, Roots: pki.Roots(), Clock: clock,
		})
		if err == nil {
			p7s = raised
		}
		return err
	}
	last := 0 // counted from behind
	holds := func(stamps int) {
		t.Helper()
		m, _ := parse(t, p7s)
		r, err := m.Verify(t.Context(), content, &cades.VerifyOptions{Roots: pki.Roots(), Clock: clock, Policy: &validate.Policy{Revocation: validate.RevocationAll}})
		requireTrusted(t, r, err)
		all := r.Signatures[0].Timestamps
		require.Len(t, all, stamps)
		for i, stamp := range all {
			require.NotEqual(t, validate.TotalFailed, stamp.Indication, stamp.Reason)
			require.True(t, i == stamps-1-last || stamp.Indication == validate.TotalPassed, stamp.Reason)
		}
	}
	require.NoError(t, extend(cades.LevelA))
	holds(3)
	err = extend(cades.LevelA)
	require.ErrorIs(t, err, sign.ErrAuthority)
	require.True(t, sign.IsTemporary(err))
	now = now.Add(-time.Second) // another authority, whose clock is behind
	require.ErrorIs(t, extend(cades.LevelA), sign.ErrAuthority)
	now = now.Add(2 * time.Second)
	require.NoError(t, extend(cades.LevelA))
	holds(4)
	now = now.Add(time.Second)
	require.NoError(t, extend(cades.LevelLTA))
	holds(5)
	require.NoError(t, extend(cades.LevelLTA))
	if swapped {
		_, sd := parse(t, p7s)
		unsigned := sd.Signers[0].Unsigned
		a, b := unsigned[len(unsigned)-2].Value.Raw(), unsigned[len(unsigned)-1].Value.Raw()
		both, other := slices.Concat(a, b), slices.Concat(b, a)
		require.Equal(t, 1, bytes.Count(p7s, both))
		p7s, last = bytes.Replace(p7s, both, other, 1), 1
	}
	holds(6)
	last = 0
	now = now.Add(time.Second)
	require.NoError(t, extend(cades.LevelLTA))
	holds(7)
}
