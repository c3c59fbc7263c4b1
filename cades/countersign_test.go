package cades_test

import (
	"bytes"
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestCounterSign counter-signs signatures and counter-signatures, with and without a time-stamp.
func TestCounterSign(t *testing.T) {
	pki := testpki.New(t)
	tsa := testlevels.Authority(t, pki, testpki.Now)
	for name, attached := range map[string]bool{"detached": false, "attached in BER": true} {
		for _, o := range []*cades.Options{nil, {Level: cades.LevelT, Timestamper: tsa}} {
			t.Run(name, func(t *testing.T) {
				var b bytes.Buffer
				require.NoError(t, cades.SignTo(t.Context(), &b, p256(t, pki), sign.Reader("", bytes.NewBufferString("content")), &cades.Options{Attached: attached}))
				message := b.Bytes()
				level := "CAdES-BES"
				if o != nil {
					level = "CAdES-T"
				}
				// Two on the signature, one on the second of them, one on that.
				for i, on := range [][]int{{}, {}, {1}, {1, 0}} {
					m, before := parse(t, message)
					s := m.Signatures()[0]
					for _, j := range on {
						s = s.CounterSignatures()[j]
					}
					signer := signerOf(t, pki.Leaf(testpki.P384), testpki.Must(sign.ECDSA(crypto.SHA384)))
					if i%2 == 0 {
						var err error
						message, err = s.CounterSign(t.Context(), signer, o)
						require.NoError(t, err)
					} else {
						d, err := s.PrepareCounterSignature(t.Context(), signer, o)
						require.NoError(t, err)
						signature, err := signer.Sign(t.Context(), d.ToBeSigned())
						require.NoError(t, err)
						if o == nil {
							file, err := d.MarshalBinary()
							require.NoError(t, err)
							d, err = cades.ParseDraft(file)
							require.NoError(t, err)
						}
						message, err = d.Finish(t.Context(), signature)
						require.NoError(t, err)
					}
					m, after := parse(t, message)
					if len(on) == 0 { // a deeper one grows within an attribute that is there
						requireKept(t, before, after)
					}
					s = m.Signatures()[0]
					for _, j := range on {
						s = s.CounterSignatures()[j]
					}
					made := s.CounterSignatures()[len(s.CounterSignatures())-1]
					require.Equal(t, level, made.LevelName())
					require.Equal(t, signer.Certificate(), made.SignerCertificate())
					r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots()})
					requireTrusted(t, r, err)
					require.Equal(t, "CAdES-BES", m.Signatures()[0].LevelName())
				}
			})
		}
	}
}

// TestCounterSignRefused breaks no archive time-stamp.
func TestCounterSignRefused(t *testing.T) {
	pki := testpki.New(t)
	tsa := testlevels.Authority(t, pki, testpki.Now)
	s := p256(t, pki)
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	m, _ := parse(t, p7s)
	for _, o := range []cades.Options{{Attached: true}, {MimeType: "a/b"}, {Level: cades.LevelLTA, Timestamper: tsa}, {Level: cades.LevelT}} {
		_, err = m.Signatures()[0].CounterSign(t.Context(), s, &o)
		require.ErrorIs(t, err, sign.ErrInput)
	}
	countered, err := m.Signatures()[0].CounterSign(t.Context(), s, nil)
	require.NoError(t, err)
	m, _ = parse(t, countered)
	content := sign.Bytes("", []byte("content"))
	lta, err := m.Extend(t.Context(), cades.LevelLTA, &cades.ExtendOptions{Timestamper: tsa, Revocation: testlevels.NewSource(t, pki), Content: content})
	require.NoError(t, err)
	m, _ = parse(t, lta)
	require.Len(t, m.Signatures()[0].CounterSignatures(), 1)
	_, err = m.Signatures()[0].CounterSignatures()[0].CounterSign(t.Context(), s, nil)
	require.ErrorContains(t, err, "archive time-stamp")
	_, err = m.Signatures()[0].CounterSignatures()[0].Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa})
	require.ErrorContains(t, err, "archive time-stamp")

	// Beside the old one, a new counter-signature is not under the archive time-stamp, and breaks nothing; nor does what is
	// added to it.
	more, err := m.Signatures()[0].CounterSign(t.Context(), s, nil)
	require.NoError(t, err)
	for _, grow := range []func(*cades.Signature) ([]byte, error){
		func(c *cades.Signature) ([]byte, error) { return c.CounterSign(t.Context(), s, nil) },
		func(c *cades.Signature) ([]byte, error) {
			return c.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa})
		},
		func(c *cades.Signature) ([]byte, error) {
			return c.CounterSignatures()[0].Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa})
		},
	} {
		m, _ = parse(t, more)
		r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots()})
		requireTrusted(t, r, err)
		counters := m.Signatures()[0].CounterSignatures()
		require.Len(t, counters, 2)
		more, err = grow(counters[1])
		require.NoError(t, err)
	}
	m, _ = parse(t, more)
	r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: pki.Roots()})
	requireTrusted(t, r, err)
	late := m.Signatures()[0].CounterSignatures()[1]
	require.GreaterOrEqual(t, late.Level(), cades.LevelT)
	require.GreaterOrEqual(t, late.CounterSignatures()[0].Level(), cades.LevelT)

	more, err = m.Signatures()[0].CounterSign(t.Context(), s, &cades.Options{Level: cades.LevelT, Timestamper: tsa})
	require.NoError(t, err)
	m, _ = parse(t, more)
	require.Len(t, m.Signatures()[0].CounterSignatures(), 3)

	// The next archive time-stamp is over all of them.
	renewed, err := m.Extend(t.Context(), cades.LevelLTA, &cades.ExtendOptions{Timestamper: tsa, Revocation: testlevels.NewSource(t, pki), Content: content})
	require.NoError(t, err)
	m, _ = parse(t, renewed)
	for _, c := range m.Signatures()[0].CounterSignatures() {
		_, err = c.CounterSign(t.Context(), s, nil)
		require.ErrorContains(t, err, "archive time-stamp")
	}
}

// TestCounterSignatureBroken raises no message with a counter-signature that does not verify, unless it is told to.
func TestCounterSignatureBroken(t *testing.T) {
	pki := testpki.New(t)
	tsa := testlevels.Authority(t, pki, testpki.Now)
	s := p256(t, pki)
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	for range 2 { // on the signature, then on the counter-signature
		m, _ := parse(t, p7s)
		on := m.Signatures()[0]
		if c := on.CounterSignatures(); len(c) > 0 {
			on = c[0]
		}
		p7s, err = on.CounterSign(t.Context(), s, nil)
		require.NoError(t, err)
		m, _ = parse(t, p7s)
		inner := m.Signatures()[0]
		for len(inner.CounterSignatures()) > 0 {
			inner = inner.CounterSignatures()[0]
		}
		broken := bytes.Clone(p7s)
		at := bytes.Index(broken, inner.Value())
		broken[at+len(inner.Value())-1] ^= 1
		m, _ = parse(t, broken)
		content := sign.Bytes("", []byte("content"))
		_, err = m.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Content: content})
		require.ErrorIs(t, err, sign.ErrInput)
		require.ErrorContains(t, err, "counter-signature 0")
		_, err = m.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Content: content, Force: true})
		require.NoError(t, err)
	}
}
