package cades_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// attribute signs and returns the only value of an attribute, or nil.
func attribute(t *testing.T, s *sign.Signer, o *cades.Options, oid string) []byte {
	t.Helper()
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), o)
	require.NoError(t, err)
	requireDER(t, p7s)
	m, sd := parse(t, p7s)
	all := sd.Signers[0].Signed
	for i := 1; i < len(all); i++ {
		require.Negative(t, bytes.Compare(all[i-1].Value.Raw(), all[i].Value.Raw()), "attributes are not in the order of DER")
	}
	r, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), nil)
	require.NoError(t, err)
	require.True(t, r.Valid(), "%+v", r.Signatures[0].Checks)
	var found []byte
	for _, a := range m.Signatures()[0].SignedAttributes() {
		if a.Type == oid {
			require.Nil(t, found, "the attribute stands twice")
			require.Len(t, a.Values, 1)
			found = a.Values[0]
		}
	}
	return found
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	require.NoError(t, err)
	return der
}

type utf8String = asn1.RawValue

// explicit puts a value under a context-specific tag; the tags of package asn1 do not do that for a RawValue.
func explicit(t *testing.T, tag int, v any) asn1.RawValue {
	return asn1.RawValue{Class: 2, Tag: tag, IsCompound: true, Bytes: marshal(t, v)}
}

func utf8(s string) utf8String { return asn1.RawValue{Tag: 12, Bytes: []byte(s)} }

// TestAttributes compares each attribute with its encoding by the standard library from the structure of its standard.
func TestAttributes(t *testing.T) {
	pki := testpki.New(t)
	s := p256(t, pki)
	digest := sha256.Sum256([]byte("the policy"))
	policyOID := asn1.ObjectIdentifier{1, 2, 3, 4, 5}
	type algorithm struct{ OID asn1.ObjectIdentifier }
	type policyHash struct {
		Algorithm algorithm
		Digest    []byte
	}
	hash := policyHash{algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}, digest[:]}
	spQualifier := func(last int) asn1.ObjectIdentifier {
		return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 5, last}
	}
	type qualifier struct {
		OID   asn1.ObjectIdentifier
		Value any
	}
	type noticeReference struct {
		Organization utf8String
		Numbers      []int
	}
	type attributeOf struct {
		OID    asn1.ObjectIdentifier
		Values []utf8String `asn1:"set"`
	}

	for name, c := range map[string]struct {
		o    cades.Options
		oid  string
		want any
	}{
		"mime-type":      {cades.Options{MimeType: "text/plain"}, "0.4.0.1733.2.1", utf8("text/plain")},
		"implied policy": {cades.Options{Policy: &cades.Policy{Implied: true}}, "1.2.840.113549.1.9.16.2.15", asn1.NullRawValue},
		"policy": {
			cades.Options{Policy: &cades.Policy{OID: "1.2.3.4.5", Hash: crypto.SHA256, Digest: digest[:]}}, "1.2.840.113549.1.9.16.2.15",
			struct {
				OID  asn1.ObjectIdentifier
				Hash policyHash
			}{policyOID, hash},
		},
		"policy with qualifiers": {
			cades.Options{Policy: &cades.Policy{
				OID: "1.2.3.4.5", Hash: crypto.SHA256, Digest: digest[:], URI: "https://example.org/policy",
				UserNotice: &cades.UserNotice{Organization: "Org", Numbers: []int{1, 200}, Text: "notice"}, Specification: "1.2.3",
			}},
			"1.2.840.113549.1.9.16.2.15",
			struct {
				OID        asn1.ObjectIdentifier
				Hash       policyHash
				Qualifiers []any
			}{policyOID, hash, nil}, // completed below
		},
		"commitment": {
			cades.Options{Commitments: []cades.Commitment{cades.ProofOfApproval}}, "1.2.840.113549.1.9.16.2.16",
			algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 6, 5}},
		},
		"location": {
			cades.Options{Location: &cades.Location{Country: "LV", Locality: "Rīga", Postal: []string{"a", "b"}}}, "1.2.840.113549.1.9.16.2.17",
			[]asn1.RawValue{
				explicit(t, 0, utf8("LV")), explicit(t, 1, utf8("Rīga")), explicit(t, 2, []utf8String{utf8("a"), utf8("b")}),
			},
		},
		"locality only": {
			cades.Options{Location: &cades.Location{Locality: "Rīga"}}, "1.2.840.113549.1.9.16.2.17",
			[]asn1.RawValue{explicit(t, 1, utf8("Rīga"))},
		},
		"roles": {
			cades.Options{ClaimedRoles: []string{"accountant", "director"}}, "0.4.0.19122.1.1",
			struct {
				Claimed []attributeOf `asn1:"tag:0,explicit"`
			}{[]attributeOf{
				{asn1.ObjectIdentifier{2, 5, 4, 41}, []utf8String{utf8("accountant")}},
				{asn1.ObjectIdentifier{2, 5, 4, 41}, []utf8String{utf8("director")}},
			}},
		},
		"content hints": {
			cades.Options{ContentHints: &cades.ContentHints{Description: "an invoice"}}, "1.2.840.113549.1.9.16.2.4",
			struct {
				Description utf8String
				Type        asn1.ObjectIdentifier
			}{utf8("an invoice"), asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}},
		},
		"content identifier": {cades.Options{ContentIdentifier: []byte{1, 2, 3}}, "1.2.840.113549.1.9.16.2.7", []byte{1, 2, 3}},
		"of the caller": {
			cades.Options{Attributes: []cades.Attribute{{Type: "1.2.3.4", Values: [][]byte{{2, 1, 9}}}}}, "1.2.3.4", 9,
		},
		"certificate": {
			cades.Options{}, "1.2.840.113549.1.9.16.2.47",
			struct{ Certs []any }{nil}, // completed below
		},
		"no certificate in PKCS #7": {cades.Options{Level: cades.LevelPKCS7}, "1.2.840.113549.1.9.16.2.47", nil},
		"no protection in PKCS #7":  {cades.Options{Level: cades.LevelPKCS7}, "1.2.840.113549.1.9.52", nil},
		"protection": {
			cades.Options{}, "1.2.840.113549.1.9.52",
			struct {
				Digest    algorithm
				Signature algorithm `asn1:"tag:1"`
			}{hash.Algorithm, algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := attribute(t, s, &c.o, c.oid)
			if c.want == nil {
				require.Nil(t, got)
				return
			}
			var want []byte
			switch name {
			case "policy with qualifiers":
				qualifiers := marshal(t, []asn1.RawValue{
					{FullBytes: marshal(t, qualifier{spQualifier(1), asn1.RawValue{Tag: 22, Bytes: []byte("https://example.org/policy")}})},
					{FullBytes: marshal(t, qualifier{spQualifier(2), struct {
						Reference noticeReference
						Text      utf8String
					}{noticeReference{utf8("Org"), []int{1, 200}}, utf8("notice")}})},
					{FullBytes: marshal(t, qualifier{asn1.ObjectIdentifier{0, 4, 0, 19122, 2, 1}, asn1.ObjectIdentifier{1, 2, 3}})},
				})
				want = marshal(t, struct {
					OID        asn1.ObjectIdentifier
					Hash       policyHash
					Qualifiers asn1.RawValue
				}{policyOID, hash, asn1.RawValue{FullBytes: qualifiers}})
			case "certificate":
				cert := s.Certificate()
				certHash := sha256.Sum256(cert.Raw)
				type issuerSerial struct {
					Names  []asn1.RawValue
					Serial any
				}
				directory := asn1.RawValue{Class: 2, Tag: 4, IsCompound: true, Bytes: cert.RawIssuer}
				id := marshal(t, struct {
					Hash         []byte
					IssuerSerial issuerSerial
				}{certHash[:], issuerSerial{[]asn1.RawValue{directory}, cert.SerialNumber}})
				want = marshal(t, struct{ Certs []asn1.RawValue }{[]asn1.RawValue{{FullBytes: id}}})
			default:
				want = marshal(t, c.want)
			}
			require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(got))
		})
	}
}

// TestSeveral makes more than one commitment, and shows that a policy makes an EPES.
func TestSeveral(t *testing.T) {
	s := p256(t, testpki.New(t))
	p7s, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &cades.Options{
		Commitments: []cades.Commitment{cades.ProofOfOrigin, cades.ProofOfCreation},
		Policy:      &cades.Policy{Implied: true},
		Attributes:  []cades.Attribute{{Type: "1.2.3.4", Values: [][]byte{{5, 0}}}, {Type: "1.2.3.4", Values: [][]byte{{2, 1, 2}, {2, 1, 1}}}},
	})
	require.NoError(t, err)
	requireDER(t, p7s)
	m, _ := parse(t, p7s)
	require.Equal(t, "CAdES-EPES", m.Signatures()[0].LevelName())
	count := map[string]int{}
	for _, a := range m.Signatures()[0].SignedAttributes() {
		count[a.Type]++
		if len(a.Values) == 2 {
			require.Equal(t, [][]byte{{2, 1, 1}, {2, 1, 2}}, a.Values, "values are not in the order of DER")
		}
	}
	require.Equal(t, 2, count["1.2.840.113549.1.9.16.2.16"])
	require.Equal(t, 2, count["1.2.3.4"])
}

// TestRefused gives options that would make a container which nobody accepts.
func TestRefused(t *testing.T) {
	s := p256(t, testpki.New(t))
	digest := make([]byte, 32)
	value := [][]byte{{5, 0}}
	for name, c := range map[string]struct {
		o    cades.Options
		says string
	}{
		"level to come":         {cades.Options{Level: cades.LevelLTA}, "CAdES-LTA"},
		"no such level":         {cades.Options{Level: 99}, "level 99"},
		"no certificate":        {cades.Options{Certificates: cades.NoCertificates}, "certificate"},
		"bad content type":      {cades.Options{ContentType: "data"}, `"data"`},
		"policy in PKCS #7":     {cades.Options{Level: cades.LevelPKCS7, Policy: &cades.Policy{Implied: true}}, "sign at bes"},
		"mime-type and hints":   {cades.Options{MimeType: "a/b", ContentHints: &cades.ContentHints{}}, "mime-type"},
		"mime-type not UTF-8":   {cades.Options{MimeType: "\xff"}, "UTF-8"},
		"hints not UTF-8":       {cades.Options{ContentHints: &cades.ContentHints{Description: "\xff"}}, "UTF-8"},
		"hints of no type":      {cades.Options{ContentHints: &cades.ContentHints{ContentType: "pdf"}}, `"pdf"`},
		"empty commitment":      {cades.Options{Commitments: []cades.Commitment{""}}, "commitment"},
		"policy without OID":    {cades.Options{Policy: &cades.Policy{Hash: crypto.SHA256, Digest: digest}}, "signature policy"},
		"policy without hash":   {cades.Options{Policy: &cades.Policy{OID: "1.2.3"}}, "hash"},
		"policy with SHA-1":     {cades.Options{Policy: &cades.Policy{OID: "1.2.3", Hash: crypto.SHA1, Digest: digest[:20]}}, "SHA-256"},
		"policy, short digest":  {cades.Options{Policy: &cades.Policy{OID: "1.2.3", Hash: crypto.SHA256, Digest: digest[:31]}}, "31"},
		"implied with OID":      {cades.Options{Policy: &cades.Policy{Implied: true, OID: "1.2.3"}}, "implied"},
		"URI not ASCII":         {cades.Options{Policy: &cades.Policy{OID: "1.2.3", Hash: crypto.SHA256, Digest: digest, URI: "https://ä"}}, "ASCII"},
		"notice half there":     {cades.Options{Policy: &cades.Policy{OID: "1.2.3", Hash: crypto.SHA256, Digest: digest, UserNotice: &cades.UserNotice{Organization: "o"}}}, "numbers"},
		"notice too long":       {cades.Options{Policy: &cades.Policy{OID: "1.2.3", Hash: crypto.SHA256, Digest: digest, UserNotice: &cades.UserNotice{Text: strings.Repeat("x", 201)}}}, "200"},
		"empty location":        {cades.Options{Location: &cades.Location{}}, "location"},
		"seven lines":           {cades.Options{Location: &cades.Location{Postal: make([]string, 7)}}, "six"},
		"empty role":            {cades.Options{ClaimedRoles: []string{""}}, "role"},
		"attribute without OID": {cades.Options{Attributes: []cades.Attribute{{Values: value}}}, "attribute"},
		"attribute, no value":   {cades.Options{Attributes: []cades.Attribute{{Type: "1.2.3"}}}, "no value"},
		"attribute not DER":     {cades.Options{Attributes: []cades.Attribute{{Type: "1.2.3", Values: [][]byte{{4, 0x81, 0}}}}}, "DER"},
		"attribute, two values": {cades.Options{Attributes: []cades.Attribute{{Type: "1.2.3", Values: [][]byte{{5, 0, 5, 0}}}}}, "one value"},
		"second signing-time":   {cades.Options{Attributes: []cades.Attribute{{Type: "1.2.840.113549.1.9.5", Values: value}}}, "signing-time"},
		"second message-digest": {cades.Options{Attributes: []cades.Attribute{{Type: "1.2.840.113549.1.9.4", Values: value}}}, "message-digest"},
		"second mime-type":      {cades.Options{MimeType: "a/b", Attributes: []cades.Attribute{{Type: "0.4.0.1733.2.1", Values: value}}}, "mime-type"},
		"doubled location": {cades.Options{Attributes: []cades.Attribute{
			{Type: "1.2.840.113549.1.9.16.2.17", Values: value}, {Type: "1.2.840.113549.1.9.16.2.17", Values: value},
		}}, "signer-location"},
		"location, two values": {cades.Options{Attributes: []cades.Attribute{{Type: "1.2.840.113549.1.9.16.2.17", Values: append(value, value...)}}}, "signer-location"},
		"too many":             {cades.Options{Commitments: make([]cades.Commitment, 60)}, "commitment"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte("content")), &c.o)
			require.ErrorContains(t, err, c.says)
			var e *sign.Error
			require.ErrorAs(t, err, &e)
			require.NotNil(t, e.Class)
			c.o.Attached = true
			require.Error(t, cades.SignTo(t.Context(), &bytes.Buffer{}, s, sign.Reader("", bytes.NewBufferString("content")), &c.o))
		})
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"pkcs7", "bes", "T", "lt", "lta", "c", "xlong1", "a"} {
		l, err := cades.ParseLevel(name)
		require.NoError(t, err)
		require.NotContains(t, l.String(), "level")
	}
	for _, l := range cades.Levels() {
		back, err := cades.ParseLevel(l.String())
		require.NoError(t, err)
		require.Equal(t, l, back)
	}
	for name, want := range map[string]cades.Level{"B-B": cades.LevelBES, "CAdES_BASELINE_LTA": cades.LevelLTA, "x long type 1": cades.LevelXLong1, "CMS": cades.LevelPKCS7} {
		l, err := cades.ParseLevel(name)
		require.NoError(t, err)
		require.Equal(t, want, l, name)
	}
	_, err := cades.ParseLevel("b-c")
	require.ErrorIs(t, err, sign.ErrUnsupported)
	for name, want := range map[string]cades.Commitment{"origin": cades.ProofOfOrigin, "Proof-of-Receipt": cades.ProofOfReceipt, "1.2.3": "1.2.3"} {
		got, err := cades.ParseCommitment(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = cades.ParseCommitment("love")
	require.ErrorIs(t, err, sign.ErrInput)
}
