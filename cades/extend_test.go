package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestExtendStepByStep raises messages of every form again and again, and finds every octet in place each time.
func TestExtendStepByStep(t *testing.T) {
	pki := testpki.New(t)
	now := testpki.Now()
	o := &cades.ExtendOptions{
		Timestamper: testlevels.Authority(t, pki, func() time.Time { now = now.Add(time.Hour); return now }),
		Revocation:  testlevels.NewSource(t, pki),
	}
	content := []byte("content")
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.Ed25519} {
		id := pki.Leaf(kind)
		for _, scheme := range sign.Schemes(id.Key.Public()) {
			for name, attached := range map[string]bool{"detached": false, "attached": true} {
				t.Run(scheme.Name+"/"+name, func(t *testing.T) {
					for _, steps := range [][]extendStep{
						{{cades.LevelT, "CAdES-T", 1}, {cades.LevelT, "CAdES-T", 1}, {cades.LevelLT, "CAdES-LT", 1}, {cades.LevelLTA, "CAdES-LTA", 2}, {cades.LevelLTA, "CAdES-LTA", 3}},
						{{cades.LevelLTA, "CAdES-LTA", 2}},
						{{cades.LevelC, "CAdES-C", 1}, {cades.LevelXLong1, "CAdES-X Long Type 1", 2}, {cades.LevelA, "CAdES-A", 3}, {cades.LevelA, "CAdES-A", 4}, {cades.LevelLTA, "CAdES-A", 5}},
						{{cades.LevelA, "CAdES-A", 3}},
					} {
						source := testlevels.NewSource(t, pki)
						source.OCSP = len(steps)%2 == 0
						o.Revocation = source
						var message bytes.Buffer
						require.NoError(t, cades.SignTo(t.Context(), &message, signerOf(t, id, scheme), sign.Reader("", bytes.NewBuffer(content)), &cades.Options{Attached: attached}))
						ber := message.Bytes()
						if !attached {
							o.Content = sign.Bytes("", content)
						} else {
							o.Content = sign.Content{}
						}
						for i, step := range steps {
							m, before := parse(t, ber)
							var err error
							ber, err = m.Extend(t.Context(), step.to, o)
							require.NoError(t, err, "step %d", i)
							m, after := parse(t, ber)
							requireKept(t, before, after)
							require.Equal(t, step.want, m.Signatures()[0].LevelName())
							require.Len(t, m.Signatures()[0].Timestamps(), step.time)
							r, err := m.Verify(t.Context(), sign.Bytes("", content), &cades.VerifyOptions{Roots: pki.Roots()})
							requireTrusted(t, r, err)
							require.Equal(t, cades.Passed, r.Signatures[0].Status(cades.CheckTimestamp))
						}
					}
				})
			}
		}
	}
}

type extendStep struct {
	to   cades.Level
	want string
	time int // time-stamps afterwards
}

// TestExtendRefused raises nothing that proves nothing.
func TestExtendRefused(t *testing.T) {
	pki := testpki.New(t)
	s := p256(t, pki)
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	plain, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Level: cades.LevelPKCS7})
	require.NoError(t, err)
	broken := bytes.Clone(p7s)
	broken[len(broken)-1] ^= 1
	tsa := testlevels.Authority(t, pki, testpki.Now)
	values := testlevels.NewSource(t, pki)
	revoked := testlevels.NewSource(t, pki)
	revoked.Revoked = []x509.RevocationListEntry{{SerialNumber: s.Certificate().SerialNumber, RevocationTime: testpki.Now().Add(-time.Hour)}}
	late := testlevels.Authority(t, pki, func() time.Time { return testpki.NotAfter().Add(-time.Hour) })
	old := signerOf(t, pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = testpki.Now() }), testpki.Must(sign.ECDSA(crypto.SHA256)))
	expired, err := cades.Sign(t.Context(), old, sign.Bytes("", []byte("content")), &cades.Options{AnyCertificate: true})
	require.NoError(t, err)
	another := sign.Bytes("", []byte("another content"))
	otherDigest := sign.Digested("", digestOf(crypto.SHA256, []byte("another content")))
	rightDigest := sign.Digested("", digestOf(crypto.SHA256, []byte("content")))
	attached, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		message []byte
		to      cades.Level
		o       *cades.ExtendOptions
		says    string
	}{
		"no authority":     {p7s, cades.LevelT, nil, "Timestamper"},
		"no content":       {p7s, cades.LevelLTA, &cades.ExtendOptions{Revocation: values, Timestamper: tsa}, "content"},
		"no such index":    {p7s, cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Signatures: []int{1}}, "no signature 1"},
		"SHA-1":            {p7s, cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Hash: crypto.SHA1}, "SHA-256"},
		"plain PKCS #7":    {plain, cades.LevelT, &cades.ExtendOptions{Timestamper: tsa}, "PKCS #7"},
		"does not verify":  {broken, cades.LevelT, &cades.ExtendOptions{Timestamper: tsa}, "does not verify"},
		"expired before":   {expired, cades.LevelT, &cades.ExtendOptions{Timestamper: late}, "expired"},
		"other content":    {p7s, cades.LevelLTA, &cades.ExtendOptions{Revocation: values, Timestamper: tsa, Content: another}, "message-digest"},
		"other digest":     {p7s, cades.LevelLTA, &cades.ExtendOptions{Revocation: values, Timestamper: tsa, Content: otherDigest}, "message-digest"},
		"other, to T":      {p7s, cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Content: another}, "message-digest"},
		"other hash only":  {p7s, cades.LevelLTA, &cades.ExtendOptions{Revocation: values, Timestamper: tsa, Hash: crypto.SHA384, Content: otherDigest}, "SHA-384"},
		"no source":        {p7s, cades.LevelLT, &cades.ExtendOptions{Timestamper: tsa}, "Revocation"},
		"revoked before":   {p7s, cades.LevelLT, &cades.ExtendOptions{Timestamper: tsa, Revocation: revoked}, "revoked"},
		"digest to A":      {p7s, cades.LevelA, &cades.ExtendOptions{Timestamper: tsa, Revocation: values, Content: rightDigest}, "content itself"},
		"level below":      {p7s, cades.LevelBES, &cades.ExtendOptions{Timestamper: tsa}, "CAdES-BES"},
		"other inside":     {attached, cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Content: another}, "not the one inside"},
		"digest of other":  {attached, cades.LevelLTA, &cades.ExtendOptions{Timestamper: tsa, Revocation: values, Content: otherDigest}, "not the one inside"},
		"nothing is there": {rawSigner{id: pki.Leaf(testpki.P256)}.message(t, nil), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa}, "PKCS #7"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := parse(t, c.message)
			_, err := m.Extend(t.Context(), c.to, c.o)
			require.ErrorContains(t, err, c.says)
		})
	}
	m, _ := parse(t, expired)
	_, err = m.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: late, Force: true})
	require.NoError(t, err)
	m, _ = parse(t, attached)
	for name, o := range map[string]*cades.ExtendOptions{"content": {Content: sign.Bytes("", []byte("content"))}, "digest": {Content: rightDigest}, "forced": {Content: otherDigest, Force: true}} {
		o.Timestamper, o.Revocation = tsa, values
		raised, err := m.Extended(t.Context(), cades.LevelLTA, o)
		require.NoError(t, err, name)
		r, err := raised.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
		requireTrusted(t, r, err)
		require.Equal(t, "B-LTA", r.Signatures[0].SignatureReport.Level, "%s: the archive time-stamp is over what is inside", name)
	}
}

// TestExtendUnknown: a signature by an algorithm that is not known here is a fault of the message, so that a program goes on with the next
// one, and not of a key.
func TestExtendUnknown(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	content := []byte("content")
	sum := sha256.Sum256(content)
	m, _ := parse(t, rawSigner{id: id, algorithm: []byte{0x30, 0x04, 0x06, 0x02, 0x2a, 0x03}, attributes: [][]byte{
		attr(cms.OIDContentType, oid(cms.OIDData)), attr(cms.OIDMessageDigest, octets(sum[:])), attr(cms.OIDSigningCertificateV2, ess(t, id.Certificate(), nil, false)),
	}}.message(t, content))
	r, err := m.Verify(t.Context(), sign.Content{}, nil)
	require.NoError(t, err)
	require.ErrorIs(t, r.Err(), validate.CauseNotChecked)
	_, err = m.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: testlevels.Authority(t, pki, testpki.Now)})
	require.ErrorIs(t, err, sign.ErrInput)
	require.ErrorContains(t, err, "does not verify")
	require.False(t, sign.IsKeyError(err), "%v", err)
}

// TestLevelsInOneGo signs at a level at once: with the content, with its digests only, and beside another signer.
func TestLevelsInOneGo(t *testing.T) {
	pki := testpki.New(t)
	s := signerOf(t, pki.Leaf(testpki.P384), testpki.Must(sign.ECDSA(crypto.SHA384)))
	tsa := testlevels.Authority(t, pki, testpki.Now)
	content := []byte("content")
	digests := []sign.Digest{digestOf(crypto.SHA384, content), digestOf(crypto.SHA256, content), digestOf(crypto.SHA512, content)}
	verify := func(t *testing.T, ber []byte, level string, signatures int) {
		m, _ := parse(t, ber)
		require.Len(t, m.Signatures(), signatures)
		for _, s := range m.Signatures() {
			require.Equal(t, level, s.LevelName())
		}
		r, err := m.Verify(t.Context(), sign.Bytes("", content), &cades.VerifyOptions{Roots: pki.Roots()})
		requireTrusted(t, r, err)
	}
	for level, name := range map[cades.Level]string{
		cades.LevelT: "CAdES-T", cades.LevelLT: "CAdES-LT", cades.LevelLTA: "CAdES-LTA", cades.LevelC: "CAdES-C", cades.LevelXLong1: "CAdES-X Long Type 1", cades.LevelA: "CAdES-A",
	} {
		for _, hash := range []crypto.Hash{0, crypto.SHA512} {
			o := &cades.Options{Level: level, Timestamper: tsa, TimestampHash: hash, Revocation: testlevels.NewSource(t, pki)}
			for form, c := range map[string]sign.Content{"bytes": sign.Bytes("", content), "digest": sign.Digested("", digests...)} {
				t.Run(name+"/"+form, func(t *testing.T) {
					d, err := cades.Prepare(t.Context(), s, c, o)
					if level == cades.LevelA && form == "digest" {
						require.ErrorContains(t, err, "content itself")
						return
					}
					require.NoError(t, err)
					signature, err := s.Sign(t.Context(), d.ToBeSigned())
					require.NoError(t, err)
					ber, err := d.Finish(t.Context(), signature)
					require.NoError(t, err)
					verify(t, ber, name, 1)

					if level == cades.LevelA { // its certificates are closed
						return
					}
					m, _ := parse(t, ber)
					ber, err = m.AddSignature(t.Context(), p256(t, pki), sign.Bytes("", content), o)
					require.NoError(t, err)
					verify(t, ber, name, 2)
				})
			}
			o.Attached = true
			ber, err := cades.Sign(t.Context(), s, sign.Bytes("", content), o)
			require.NoError(t, err)
			verify(t, ber, name, 1)
			var out bytes.Buffer
			require.NoError(t, cades.SignTo(t.Context(), &out, s, sign.Bytes("", content), o))
			verify(t, out.Bytes(), name, 1)
		}
	}
	_, err := cades.Prepare(t.Context(), s, sign.Digested("", digests[0]), &cades.Options{Level: cades.LevelLTA, Timestamper: tsa, Revocation: testlevels.NewSource(t, pki)})
	require.ErrorContains(t, err, "SHA-256")
}

func digestOf(h crypto.Hash, content []byte) sign.Digest {
	f := h.New()
	f.Write(content)
	return testpki.Must(sign.NewDigest(h, f.Sum(nil)))
}

// failing is an authority that does not answer.
type failing struct{}

func (failing) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) {
	return nil, errors.New("no answer")
}

// TestRaiseFails says which level was reached, and hands out the container at that level.
func TestRaiseFails(t *testing.T) {
	s := p256(t, testpki.New(t))
	d, err := cades.Prepare(t.Context(), s, sign.Bytes("", nil), &cades.Options{Level: cades.LevelT, Timestamper: failing{}})
	require.NoError(t, err)
	signature, err := s.Sign(t.Context(), d.ToBeSigned())
	require.NoError(t, err)
	finished, err := d.Finish(t.Context(), signature)
	require.ErrorContains(t, err, "no answer")
	require.ErrorContains(t, err, "CAdES-BES")
	require.False(t, sign.IsKeyError(err))
	base, err := d.FinishBase(t.Context(), signature)
	require.NoError(t, err)
	require.Equal(t, base, finished)
	lower, err := d.Raise(t.Context(), base)
	requireReached(t, cades.LevelBES, err)
	require.Equal(t, base, lower)
	var b bytes.Buffer
	requireReached(t, cades.LevelBES, d.FinishTo(t.Context(), &b, signature))
	require.Empty(t, b.Bytes())

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the light is off"))
	asks, err := d.WithSources(&cades.Options{Timestamper: tripwire{t}})
	require.NoError(t, err)
	lower, err = asks.Raise(ctx, base)
	requireReached(t, cades.LevelBES, err)
	require.ErrorContains(t, err, "the light is off")
	require.Equal(t, base, lower)
	stored, err := d.MarshalBinary()
	require.NoError(t, err)
	elsewhere, err := cades.ParseDraft(stored)
	require.NoError(t, err)
	lower, err = elsewhere.Raise(t.Context(), base)
	requireReached(t, cades.LevelBES, err)
	require.Equal(t, base, lower)

	for _, err := range []error{nil, errors.New("x"), sign.ErrInput, &sign.Error{Op: "x"}, &sign.Error{Op: "x", Reached: "CAdES-Z"}} {
		_, ok := cades.Reached(err)
		require.False(t, ok)
	}
}

// tripwire is an authority that is not to be asked.
type tripwire struct{ t *testing.T }

func (w tripwire) Timestamp(context.Context, sign.Digest) (*tsp.Token, error) {
	w.t.Error("it was asked")
	return nil, errors.New("no")
}

func requireReached(t *testing.T, want cades.Level, err error) {
	t.Helper()
	require.Error(t, err)
	got, ok := cades.Reached(fmt.Errorf("wrapped: %w", err))
	require.True(t, ok, "%v", err)
	require.Equal(t, want, got)
}

// TestExtendPartly hands out what there is when a step fails: the message with what was added, at the lowest level of those that were to be
// raised. Without anything new there is no message.
func TestExtendPartly(t *testing.T) {
	pki := testpki.New(t)
	tsa := testlevels.Authority(t, pki, testpki.Now)
	content := []byte("content")
	der, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", content), nil)
	require.NoError(t, err)
	m, _ := parse(t, der)
	o := &cades.ExtendOptions{Timestamper: tsa, Revocation: emptySource{}, Clock: testpki.Now}
	raised, err := m.Extend(t.Context(), cades.LevelLT, o)
	requireReached(t, cades.LevelT, err)
	require.ErrorIs(t, err, sign.ErrAuthority)
	part, _ := parse(t, raised)
	require.Equal(t, cades.LevelT, part.Signatures()[0].Level())
	again, err := m.Signatures()[0].Extend(t.Context(), cades.LevelLT, o)
	requireReached(t, cades.LevelT, err)
	part, _ = parse(t, again)
	require.Equal(t, cades.LevelT, part.Signatures()[0].Level())

	none, err := part.Extend(t.Context(), cades.LevelLT, o)
	require.ErrorIs(t, err, sign.ErrAuthority)
	require.Nil(t, none, "there is nothing new")
	_, ok := cades.Reached(err)
	require.False(t, ok)

	two, err := m.AddSignature(t.Context(), p256(t, pki), sign.Bytes("", content), nil)
	require.NoError(t, err)
	both, _ := parse(t, two)
	raised, err = both.Extend(t.Context(), cades.LevelLT, o)
	requireReached(t, cades.LevelBES, err)
	part, _ = parse(t, raised)
	require.Equal(t, cades.LevelT, part.Signatures()[0].Level())
	require.Equal(t, cades.LevelBES, part.Signatures()[1].Level())
}

// emptySource is a source that has nothing.
type emptySource struct{}

func (emptySource) Chain(context.Context, *x509.Certificate, []*x509.Certificate) ([]*x509.Certificate, error) {
	return nil, errors.New("the source is empty")
}

func (emptySource) Collect(context.Context, [][]*x509.Certificate, *revocation.CollectOptions) (*revocation.Collection, error) {
	return nil, errors.New("the source is empty")
}

// TestContentTimestamps signs time-stamps on the content with it.
func TestContentTimestamps(t *testing.T) {
	pki := testpki.New(t)
	tsa := testlevels.Authority(t, pki, testpki.Now)
	content := []byte("content")
	o := &cades.Options{ContentTimestampers: []tsp.Timestamper{tsa, tsa}, TimestampHash: crypto.SHA384}
	for name, c := range map[string]sign.Content{
		"bytes":  sign.Bytes("", content),
		"reader": sign.Reader("", bytes.NewReader(content)),
		"digest": sign.Digested("", digestOf(crypto.SHA256, content), digestOf(crypto.SHA384, content)),
	} {
		s := p256(t, pki)
		d, err := cades.Prepare(t.Context(), s, c, o)
		require.NoError(t, err, name)
		signature, err := s.Sign(t.Context(), d.ToBeSigned())
		require.NoError(t, err)
		message, err := d.Finish(t.Context(), signature)
		require.NoError(t, err)
		m, _ := parse(t, message)
		require.Len(t, m.Signatures()[0].Timestamps(), 2)
		require.Equal(t, "CAdES-BES", m.Signatures()[0].LevelName())
	}
	var b bytes.Buffer
	attached := *o
	attached.Attached = true
	require.NoError(t, cades.SignTo(t.Context(), &b, p256(t, pki), sign.Reader("", bytes.NewBuffer(bytes.Clone(content))), &attached))
	detached, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", content), o)
	require.NoError(t, err)
	for _, message := range [][]byte{b.Bytes(), detached} {
		m, _ := parse(t, message)
		require.Len(t, m.Signatures()[0].Timestamps(), 2)
		require.Equal(t, cades.ContentTimestamp, m.Signatures()[0].Timestamps()[1].Kind)
		r, err := m.Verify(t.Context(), sign.Bytes("", content), &cades.VerifyOptions{Roots: pki.Roots()})
		requireTrusted(t, r, err)
		require.Equal(t, cades.Passed, r.Signatures[0].Status(cades.CheckTimestamp))
	}
	_, err = cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", content), &cades.Options{ContentTimestampers: []tsp.Timestamper{failing{}}})
	require.ErrorContains(t, err, "no answer")
	_, err = cades.Prepare(t.Context(), p256(t, pki), sign.Digested("", digestOf(crypto.SHA256, content)), o)
	require.ErrorContains(t, err, "SHA-384")
	_, err = cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", content), &cades.Options{ContentTimestampers: []tsp.Timestamper{nil}})
	require.ErrorContains(t, err, "nil")
}
