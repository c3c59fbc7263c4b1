package cades_test

import (
	"bytes"
	"crypto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// requireKept fails unless every part of the old message stands in the new one as it was, in its place.
func requireKept(t *testing.T, old, next *cms.SignedData) {
	t.Helper()
	require.LessOrEqual(t, old.Version, next.Version)
	require.Equal(t, old.EncapContentInfo.Raw(), next.EncapContentInfo.Raw())
	require.True(t, bytes.HasPrefix(next.DigestAlgorithms.Body(), old.DigestAlgorithms.Body()))
	require.True(t, bytes.HasPrefix(next.CertificateSet.Body(), old.CertificateSet.Body()))
	require.True(t, bytes.HasPrefix(next.RevocationSet.Body(), old.RevocationSet.Body()))
	require.GreaterOrEqual(t, len(next.Signers), len(old.Signers))
	for i := range old.Signers {
		// Up to the unsigned attributes nothing moves; behind those that were there, others may stand.
		a, b := &old.Signers[i], &next.Signers[i]
		fixed := func(si *cms.SignerInfo) []byte {
			return si.Value.Body()[:si.Signature.Next()-si.Value.Offset()-si.Value.HeaderLen()]
		}
		require.Equal(t, fixed(a), fixed(b))
		requireKeptAttributes(t, a.Unsigned, b.Unsigned)
	}
	require.Equal(t, old.Trailing, next.Trailing)
}

// requireKeptAttributes compares unsigned attributes. The token of an old archive time-stamp may have grown inside (EN 319
// 122-1 section 5.5.3); then everything in it is in place.
func requireKeptAttributes(t *testing.T, old, next []cms.Attribute) {
	t.Helper()
	require.GreaterOrEqual(t, len(next), len(old))
	for i := range old {
		if bytes.Equal(old[i].Value.Raw(), next[i].Value.Raw()) {
			continue
		}
		require.Contains(t, []cms.OID{cms.OIDArchiveTimeStampV2, cms.OIDArchiveTimeStampV3}, old[i].Type, "an attribute was changed")
		require.Equal(t, old[i].Type, next[i].Type)
		before, err := cms.ParseSignedData(old[i].Values[0].Raw())
		require.NoError(t, err)
		after, err := cms.ParseSignedData(next[i].Values[0].Raw())
		require.NoError(t, err)
		requireKept(t, before, after)
	}
}

// TestAddSignature puts signers beside those that are there, in messages of every form.
func TestAddSignature(t *testing.T) {
	pki := testpki.New(t)
	first := p256(t, pki)
	second := signerOf(t, pki.Leaf(testpki.P384), testpki.Must(sign.ECDSA(crypto.SHA384)))
	third := signerOf(t, pki.Leaf(testpki.Ed25519), sign.Ed25519())
	content := "the same content"

	ber := func(o cades.Options) []byte {
		o.Attached = true
		var b bytes.Buffer
		require.NoError(t, cades.SignTo(t.Context(), &b, first, sign.Reader("", bytes.NewBufferString(content)), &o))
		return b.Bytes()
	}
	der := func(o cades.Options) []byte {
		out, err := cades.Sign(t.Context(), first, sign.Bytes("", []byte(content)), &o)
		require.NoError(t, err)
		return out
	}
	for name, message := range map[string][]byte{
		"detached":             der(cades.Options{}),
		"attached":             der(cades.Options{Attached: true}),
		"indefinite lengths":   ber(cades.Options{}),
		"no certificates":      der(cades.Options{Level: cades.LevelPKCS7, Certificates: cades.NoCertificates}),
		"other content type":   der(cades.Options{ContentType: "1.2.3"}),
		"trailing octets":      append(der(cades.Options{}), make([]byte, 100)...),
		"many, long certs":     ber(cades.Options{MimeType: strings.Repeat("x", 70000)}),
		"BER, no certificates": ber(cades.Options{Level: cades.LevelPKCS7, Certificates: cades.NoCertificates}),
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []*sign.Signer{second, third, second} {
				m, before := parse(t, message)
				var given *strings.Reader
				var err error
				if m.Detached() {
					given = strings.NewReader(content)
					message, err = m.AddSignature(t.Context(), s, sign.Reader("", given), nil)
				} else {
					message, err = m.AddSignature(t.Context(), s, sign.Content{}, nil)
				}
				require.NoError(t, err)
				_, after := parse(t, message)
				requireKept(t, before, after)
			}
			m, sd := parse(t, message)
			require.Len(t, sd.Signers, 4)
			require.Len(t, sd.Digests, 3)
			r, err := m.Verify(t.Context(), sign.Bytes("", []byte(content)), &cades.VerifyOptions{Roots: pki.Roots(), Certificates: first.Chain()})
			require.NoError(t, err)
			require.True(t, r.Trusted(), "%v", r)
		})
	}
}

// TestAddElsewhere adds a signer whose key is in another process.
func TestAddElsewhere(t *testing.T) {
	pki := testpki.New(t)
	message, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)
	m, before := parse(t, message)
	s := p256(t, pki)
	d, err := m.PrepareSignature(t.Context(), s, sign.Content{}, nil)
	require.NoError(t, err)
	file, err := d.MarshalBinary()
	require.NoError(t, err)
	d, err = cades.ParseDraft(file)
	require.NoError(t, err)
	signature, err := s.Sign(t.Context(), d.ToBeSigned())
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, d.FinishTo(t.Context(), &out, signature))
	m, after := parse(t, out.Bytes())
	requireKept(t, before, after)
	r, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots()})
	requireTrusted(t, r, err)
}

// TestAddRefused does not break what is there.
func TestAddRefused(t *testing.T) {
	pki := testpki.New(t)
	s := p256(t, pki)
	detached, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	attached, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Attached: true})
	require.NoError(t, err)

	m, sd := parse(t, detached)
	_, err = m.AddSignature(t.Context(), s, sign.Content{}, nil)
	require.ErrorContains(t, err, "detached")
	_, err = m.AddSignature(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{ContentType: "1.2.3"})
	require.ErrorContains(t, err, "content type")
	_, err = m.AddSignature(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Level: cades.LevelT})
	require.ErrorContains(t, err, "Timestamper")
	for _, other := range []sign.Content{sign.Bytes("", []byte("another")), sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32))))} {
		_, err = m.AddSignature(t.Context(), s, other, nil)
		require.ErrorIs(t, err, sign.ErrInput)
		require.ErrorContains(t, err, "not the one that was signed before, by its SHA-256")
	}
	m, _ = parse(t, attached)
	_, err = m.AddSignature(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.ErrorContains(t, err, "inside")

	// An unsigned attribute with an archive time-stamp or evidence record, by its type alone.
	with := func(id cms.OID) *cades.Message {
		b := cms.NewBuilder(nil)
		set := b.Open(cms.ContextConstructed(1))
		a := b.Open(cms.TagSequence)
		b.OID(id)
		b.Header(cms.TagSet, 0)
		b.Close(a)
		b.Close(set)
		si := sd.Signers[0].Value
		out, err := cms.Splice(sd.ContentInfo, cms.Edit{Parent: si, At: si.Offset() + len(si.Raw()), Insert: b.Bytes()})
		require.NoError(t, err)
		m, _ := parse(t, out)
		return m
	}
	other := p256(t, pki)
	_, err = with(cms.OIDArchiveTimeStampV2).AddSignature(t.Context(), other, sign.Bytes("", []byte("content")), nil)
	require.ErrorContains(t, err, "archive time-stamp")
	_, err = with(cms.OIDArchiveTimeStampV2).AddSignature(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err, "the certificates are there already")
	_, err = with(cms.OIDEvidenceRecordInternal).AddSignature(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.ErrorContains(t, err, "evidence record")
	_, err = with(cms.OIDArchiveTimeStampV3).AddSignature(t.Context(), other, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err, "the third version is over single certificates")
}
