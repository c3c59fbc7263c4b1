package cades_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// Fields of a draft, and of several.
const (
	draftVersionAt = iota
	_
	draftDigestAlg
	draftSignatureAlg
	_
	draftRule
	_
	draftLevel
	draftHash
	draftDigest
	draftAttributes
	draftOthers
	draftsAt = draftDigest
)

// bent changes the fields of a SEQUENCE.
func bent(t *testing.T, der []byte, bend func([]asn1.RawValue) []asn1.RawValue) []byte {
	t.Helper()
	var fields []asn1.RawValue
	rest, err := asn1.Unmarshal(der, &fields)
	require.NoError(t, err)
	require.Empty(t, rest)
	out, err := asn1.Marshal(bend(fields))
	require.NoError(t, err)
	return out
}

func numberField(n int) asn1.RawValue {
	der, err := asn1.Marshal(n)
	if err != nil {
		panic(err)
	}
	return asn1.RawValue{FullBytes: der}
}

func octetField(b []byte) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagOctetString, Bytes: b} }

func contextField(tag int, b []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: b}
}

// place is the one of a signature in a message.
func place(path ...int) asn1.RawValue {
	v := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true}
	for _, i := range path {
		v.Bytes = append(v.Bytes, numberField(i).FullBytes...)
	}
	return v
}

// putField puts a value in the place of a field.
func putField(at int, v asn1.RawValue) func([]asn1.RawValue) []asn1.RawValue {
	return func(fields []asn1.RawValue) []asn1.RawValue { fields[at] = v; return fields }
}

// addFields puts values behind the others.
func addFields(v ...asn1.RawValue) func([]asn1.RawValue) []asn1.RawValue {
	return func(fields []asn1.RawValue) []asn1.RawValue { return append(fields, v...) }
}

// TestChangedDrafts: whoever can change a stored draft gets none of something else, of another form, or of one that later steps
// would fall over.
func TestChangedDrafts(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.P256)
	s := signerOf(t, leaf, testpki.Must(sign.ECDSA(crypto.SHA256)))
	tsa, source := testlevels.Authority(t, pki, testpki.Now), testlevels.NewSource(t, pki)
	stored := func(o *cades.Options) []byte {
		d, err := cades.Prepare(t.Context(), s, sign.Bytes("", []byte("content")), o)
		require.NoError(t, err)
		der, err := d.MarshalBinary()
		require.NoError(t, err)
		_, err = cades.ParseDraft(bent(t, der, addFields()))
		require.NoError(t, err, "unchanged it is one")
		return der
	}
	levels := func(l cades.Level) *cades.Options {
		return &cades.Options{Level: l, Timestamper: tsa, Revocation: source}
	}
	plain, attached := stored(nil), stored(&cades.Options{Attached: true})
	atT, atLTA, atA := stored(levels(cades.LevelT)), stored(levels(cades.LevelLTA)), stored(levels(cades.LevelA))
	message := sha256.Sum256([]byte("another content"))
	other, err := cades.Prepare(t.Context(), signerOf(t, leaf, testpki.Must(sign.ECDSA(crypto.SHA384))), sign.Bytes("", nil), nil)
	require.NoError(t, err)
	otherDER, err := other.MarshalBinary()
	require.NoError(t, err)
	var foreign []asn1.RawValue
	_, err = asn1.Unmarshal(otherDER, &foreign)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		der  []byte
		bend func([]asn1.RawValue) []asn1.RawValue
	}{
		"another version":        {plain, putField(draftVersionAt, numberField(4))},
		"version 0":              {plain, putField(draftVersionAt, numberField(0))},
		"other digest algorithm": {plain, putField(draftDigestAlg, foreign[draftDigestAlg])},
		"other algorithm":        {plain, putField(draftSignatureAlg, foreign[draftSignatureAlg])},
		"rule too high":          {plain, putField(draftRule, numberField(99))},
		"rule below zero":        {plain, putField(draftRule, numberField(-1))},
		"level too high":         {plain, putField(draftLevel, numberField(8))},
		"level below zero":       {plain, putField(draftLevel, numberField(-1))},
		"unknown hash":           {atT, putField(draftHash, numberField(999))},
		"digest of another":      {plain, putField(draftDigest, octetField(message[:]))},
		"attributes of another":  {plain, putField(draftAttributes, foreign[draftAttributes])},
		"neither digest": {plain, func(fields []asn1.RawValue) []asn1.RawValue {
			fields[draftDigest], fields[draftAttributes] = octetField(nil), asn1.RawValue{FullBytes: []byte{0x31, 0}}
			return fields
		}},
		"something behind it":   {plain, addFields(contextField(9, []byte{1}))},
		"another content":       {attached, putField(draftOthers, contextField(0, []byte("another content")))},
		"content and message":   {attached, addFields(contextField(1, signedMessage(t, s)))},
		"a place in no message": {plain, addFields(place(0))},
		"no such signature":     {plain, addFields(contextField(1, signedMessage(t, s)), place(1))},
		"one below zero":        {plain, addFields(contextField(1, signedMessage(t, s)), place(-1))},
		"no counter-signature":  {plain, addFields(contextField(1, signedMessage(t, s)), place(0, 0))},
		"no place":              {plain, addFields(contextField(1, signedMessage(t, s)), place())},
		"digest without need":   {atT, addFields(contextField(3, message[:]))},
		"short digest":          {atLTA, putField(draftOthers, contextField(3, message[:31]))},
		"state without need":    {atLTA, addFields(contextField(4, []byte("x")))},
		"no state":              {atA, func(fields []asn1.RawValue) []asn1.RawValue { return fields[:len(fields)-1] }},
		"state of something":    {atA, putField(draftOthers+1, contextField(4, []byte("x")))},
		"neither digest of A":   {atA, func(fields []asn1.RawValue) []asn1.RawValue { return fields[:draftOthers] }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cades.ParseDraft(bent(t, c.der, c.bend))
			require.ErrorIs(t, err, sign.ErrInput)
		})
	}
	asSet := append([]byte{}, plain...)
	asSet[0] = 0x31
	_, err = cades.ParseDraft(asSet)
	require.ErrorIs(t, err, sign.ErrInput)
}

// signedMessage is a container.
func signedMessage(t *testing.T, s *sign.Signer) []byte {
	d, err := cades.Prepare(t.Context(), s, sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	signature, err := s.Sign(t.Context(), d.ToBeSigned())
	require.NoError(t, err)
	out, err := d.Finish(t.Context(), signature)
	require.NoError(t, err)
	return out
}

// TestChangedListOfDrafts does the same with several.
func TestChangedListOfDrafts(t *testing.T) {
	s := p256(t, testpki.New(t))
	var drafts []*cades.Draft
	for _, c := range []string{"first", "second"} {
		d, err := cades.Prepare(t.Context(), s, sign.Bytes("", []byte(c)), nil)
		require.NoError(t, err)
		drafts = append(drafts, d)
	}
	der, err := cades.MarshalDrafts(drafts)
	require.NoError(t, err)
	_, err = cades.ParseDrafts(bent(t, der, addFields()))
	require.NoError(t, err)
	within := func(bend func([]asn1.RawValue) []asn1.RawValue) func([]asn1.RawValue) []asn1.RawValue {
		return func(fields []asn1.RawValue) []asn1.RawValue {
			fields[draftsAt] = asn1.RawValue{FullBytes: bent(t, fields[draftsAt].FullBytes, bend)}
			return fields
		}
	}
	for name, bend := range map[string]func([]asn1.RawValue) []asn1.RawValue{
		"version of one":      putField(draftVersionAt, numberField(2)),
		"another version":     putField(draftVersionAt, numberField(4)),
		"something behind it": addFields(numberField(1)),
		"a SET among them": within(func(all []asn1.RawValue) []asn1.RawValue {
			all[0] = asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: all[0].Bytes}
			return all
		}),
		"digests exchanged": within(func(all []asn1.RawValue) []asn1.RawValue {
			var one, two []asn1.RawValue
			_, err1 := asn1.Unmarshal(all[0].FullBytes, &one)
			_, err2 := asn1.Unmarshal(all[1].FullBytes, &two)
			require.NoError(t, err1)
			require.NoError(t, err2)
			one[0] = two[0]
			changed, err := asn1.Marshal(one)
			require.NoError(t, err)
			all[0] = asn1.RawValue{FullBytes: changed}
			return all
		}),
	} {
		_, err := cades.ParseDrafts(bent(t, der, bend))
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
}

// TestDraftsFitOneScheme: a draft says by which scheme it is signed, and another one of the same key makes no signature of it.
func TestDraftsFitOneScheme(t *testing.T) {
	pki := testpki.New(t)
	leaf := pki.Leaf(testpki.RSA2048)
	all := map[string]*sign.Signer{
		"PKCS1 SHA-256": signerOf(t, leaf, testpki.Must(sign.PKCS1(crypto.SHA256))), "PKCS1 SHA-512": signerOf(t, leaf, testpki.Must(sign.PKCS1(crypto.SHA512))), "PSS SHA-256": signerOf(t, leaf, testpki.Must(sign.PSS(crypto.SHA256))),
	}
	for of, s := range all {
		d, err := cades.Prepare(t.Context(), s, sign.Bytes("", nil), nil)
		require.NoError(t, err)
		for name, by := range all {
			if err := d.Fits(by); name == of {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, sign.ErrKeyMismatch, "%s by %s", of, name)
			}
		}
	}
}
