package cades_test

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestDraftsElsewhere carries drafts of every level to another process, one by one and many as one: the level stays, and
// without sources none becomes a container of a lower one.
func TestDraftsElsewhere(t *testing.T) {
	pki := testpki.New(t)
	s := signerOf(t, pki.Leaf(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256)))
	tsa := testlevels.Authority(t, pki, testpki.Now)
	for _, level := range []cades.Level{cades.LevelPKCS7, cades.LevelBES, cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelC, cades.LevelXLong1, cades.LevelA} {
		for _, attached := range []bool{false, true} {
			for _, hash := range []crypto.Hash{0, crypto.SHA512} {
				t.Run(level.String(), func(t *testing.T) {
					o := &cades.Options{Level: level, Attached: attached}
					if level > cades.LevelBES {
						o.Timestamper, o.Revocation, o.TimestampHash = tsa, testlevels.NewSource(t, pki), hash
					}
					var drafts []*cades.Draft
					contents := []string{"first", "", "third"}
					for _, c := range contents {
						d, err := cades.Prepare(t.Context(), s, sign.Bytes(c, []byte(c)), o)
						require.NoError(t, err)
						drafts = append(drafts, d)
					}
					stored, err := cades.MarshalDrafts(drafts)
					require.NoError(t, err)
					elsewhere, err := cades.ParseDrafts(stored)
					require.NoError(t, err)
					require.Len(t, elsewhere, 3)
					again, err := cades.MarshalDrafts(elsewhere)
					require.NoError(t, err)
					require.Equal(t, stored, again)
					one, err := drafts[0].MarshalBinary()
					require.NoError(t, err)
					alone, err := cades.ParseDraft(one)
					require.NoError(t, err)
					for i, d := range append(elsewhere, alone) {
						i %= 3
						require.Equal(t, level, d.Level())
						require.Equal(t, level > cades.LevelBES, d.Raises())
						require.Equal(t, drafts[i].ToBeSigned(), d.ToBeSigned())
						require.NoError(t, d.Fits(s))
						signature, err := s.Sign(t.Context(), d.ToBeSigned())
						require.NoError(t, err)
						if level > cades.LevelBES {
							_, err := d.Finish(t.Context(), signature)
							require.ErrorContains(t, err, "WithSources", "not a lower level in silence")
							_, err = d.WithSources(nil)
							require.ErrorIs(t, err, sign.ErrInput)
						}
						d, err := d.WithSources(o)
						require.NoError(t, err)
						ber, err := d.Finish(t.Context(), signature)
						require.NoError(t, err)
						m, _ := parse(t, ber)
						require.Equal(t, level, m.Signatures()[0].Level())
						var content *bytes.Reader
						if !attached {
							content = bytes.NewReader([]byte(contents[i]))
						}
						var r *cades.Report
						if content == nil {
							r, err = m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
						} else {
							r, err = m.Verify(t.Context(), sign.Reader("", content), &cades.VerifyOptions{Roots: pki.Roots(), Time: testpki.Now()})
						}
						requireTrusted(t, r, err)
					}
				})
			}
		}
	}
}

// TestDraftsOfOneKind: what several drafts share is stored once, so it has to be shared.
func TestDraftsOfOneKind(t *testing.T) {
	pki := testpki.New(t)
	s := p256(t, pki)
	prepare := func(s *sign.Signer, o *cades.Options) *cades.Draft {
		d, err := cades.Prepare(t.Context(), s, sign.Bytes("", []byte("x")), o)
		require.NoError(t, err)
		return d
	}
	first := prepare(s, nil)
	_, err := cades.MarshalDrafts(nil)
	require.ErrorIs(t, err, sign.ErrInput)
	for _, none := range []*cades.Draft{nil, {}} {
		_, err = cades.MarshalDrafts([]*cades.Draft{first, none})
		require.ErrorIs(t, err, sign.ErrInput)
		require.ErrorContains(t, err, "draft 1")
	}
	for name, other := range map[string]*cades.Draft{
		"signer":       prepare(p256(t, pki), nil),
		"level":        prepare(s, &cades.Options{Level: cades.LevelPKCS7}),
		"certificates": prepare(s, &cades.Options{Certificates: cades.SignerOnly}),
		"content type": prepare(s, &cades.Options{ContentType: "1.2.3"}),
	} {
		_, err := cades.MarshalDrafts([]*cades.Draft{first, other})
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	require.ErrorIs(t, first.Fits(p256(t, pki)), sign.ErrKeyMismatch)
}

// FuzzParseDrafts reads any octets as drafts; those that are read survive being written.
func FuzzParseDrafts(f *testing.F) {
	pki := testpki.New(f)
	s := signerOf(f, pki.Leaf(testpki.Ed25519), sign.Ed25519())
	for _, o := range []*cades.Options{{}, {Attached: true}} {
		var drafts []*cades.Draft
		for range 2 {
			d, err := cades.Prepare(f.Context(), s, sign.Bytes("", []byte("content")), o)
			if err != nil {
				f.Fatal(err)
			}
			drafts = append(drafts, d)
		}
		b, err := cades.MarshalDrafts(drafts)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		drafts, err := cades.ParseDrafts(in)
		if err != nil {
			if !errors.Is(err, sign.ErrInput) {
				t.Fatal(err)
			}
			return
		}
		if len(drafts) == 0 {
			return
		}
		out, err := cades.MarshalDrafts(drafts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := cades.ParseDrafts(out)
		if err != nil || len(again) != len(drafts) {
			t.Fatalf("drafts do not survive being written: %v", err)
		}
	})
}

// TestStoredLevels pins the numbers of levels in stored drafts: one that was stored by an older version is finished at its level, and
// not at another. Drafts of version 1 have none, and are at BES.
func TestStoredLevels(t *testing.T) {
	pki := testpki.New(t)
	s := signerOf(t, pki.Leaf(testpki.P256), testpki.Must(sign.ECDSA(crypto.SHA256)))
	tsa, source := testlevels.Authority(t, pki, testpki.Now), testlevels.NewSource(t, pki)
	stored := func(l cades.Level) []byte {
		d, err := cades.Prepare(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{Level: l, Timestamper: tsa, Revocation: source})
		require.NoError(t, err)
		der, err := d.MarshalBinary()
		require.NoError(t, err)
		return der
	}
	for number, level := range []cades.Level{
		cades.LevelPKCS7, cades.LevelBES, cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelC, cades.LevelXLong1, cades.LevelA,
	} {
		var fields []asn1.RawValue
		_, err := asn1.Unmarshal(stored(level), &fields)
		require.NoError(t, err)
		require.Equal(t, numberField(number).FullBytes, fields[draftLevel].FullBytes, level)
	}
	old := bent(t, stored(0), func(fields []asn1.RawValue) []asn1.RawValue {
		fields[draftVersionAt] = numberField(1)
		return append(fields[:draftLevel:draftLevel], fields[draftDigest:]...)
	})
	d, err := cades.ParseDraft(old)
	require.NoError(t, err)
	require.Equal(t, cades.LevelBES, d.Level())
	der, err := d.MarshalBinary()
	require.NoError(t, err)
	again, err := cades.ParseDraft(der)
	require.NoError(t, err)
	require.Equal(t, cades.LevelBES, again.Level())
}
