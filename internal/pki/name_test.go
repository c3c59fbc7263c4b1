package pki_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

func cn(tag cms.Tag, value string) pki.Name {
	return pki.NewName(seq(rdn(cms.OIDCommonName, tag, value)))
}

func TestNamesThatAreTheSame(t *testing.T) {
	two := func(a, b []byte) pki.Name { return pki.NewName(seq(tlv(cms.TagSet, a, b))) }
	attribute := func(id cms.OID, tag cms.Tag, value string) []byte {
		return seq(tlv(cms.TagOID, []byte(id)), tlv(tag, []byte(value)))
	}
	a, b := attribute(cms.OIDCommonName, cms.TagUTF8String, "Anna"), attribute(cms.OIDSerialNumber, cms.TagPrintableString, "1")
	for name, pair := range map[string][2]pki.Name{
		"octets":               {cn(cms.TagUTF8String, "Anna"), cn(cms.TagUTF8String, "Anna")},
		"string type":          {cn(cms.TagUTF8String, "Anna"), cn(cms.TagPrintableString, "Anna")},
		"case":                 {cn(cms.TagUTF8String, "ANNA"), cn(cms.TagUTF8String, "anna")},
		"case, Cyrillic":       {cn(cms.TagUTF8String, "АННА"), cn(cms.TagUTF8String, "анна")},
		"case, Greek sigma":    {cn(cms.TagUTF8String, "ΣΑΣ"), cn(cms.TagUTF8String, "σας")},
		"sharp s":              {cn(cms.TagUTF8String, "Straße"), cn(cms.TagUTF8String, "STRASSE")},
		"spaces inside":        {cn(cms.TagUTF8String, "Anna  \t Petrova"), cn(cms.TagUTF8String, "Anna Petrova")},
		"spaces around":        {cn(cms.TagUTF8String, "  Anna "), cn(cms.TagUTF8String, "Anna")},
		"other spaces":         {cn(cms.TagUTF8String, "Anna\u00a0Petrova"), cn(cms.TagUTF8String, "Anna Petrova")},
		"invisible signs":      {cn(cms.TagUTF8String, "An\u00adna\u200b"), cn(cms.TagUTF8String, "Anna")},
		"BMPString":            {cn(cms.TagBMPString, "\x00A\x04\x10"), cn(cms.TagUTF8String, "aа")},
		"UniversalString":      {cn(cms.TagUniversalString, "\x00\x00\x00A\x00\x01\xf6\x00"), cn(cms.TagUTF8String, "a😀")},
		"TeletexString":        {cn(cms.TagT61String, "M\xfcller"), cn(cms.TagUTF8String, "müller")},
		"Latin-1 in Printable": {cn(cms.TagPrintableString, "M\xfcller"), cn(cms.TagUTF8String, "müller")},
		"UTF-8 in Printable":   {cn(cms.TagPrintableString, "müller"), cn(cms.TagUTF8String, "MÜLLER")},
		"multi-valued":         {two(a, b), two(b, a)},
		"lengths of BER":       {pki.NewName(append([]byte{0x30, 0x81, 13}, rdn(cms.OIDCommonName, cms.TagUTF8String, "Ab")...)), cn(cms.TagUTF8String, "AB")},
		"empty":                {pki.NewName([]byte{0x30, 0}), pki.Name{}},
		"malformed":            {pki.NewName([]byte{5, 0}), pki.NewName([]byte{5, 0})},
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, pair[0].Equal(pair[1]), "%q %q", pair[0].Key(), pair[1].Key())
			require.Equal(t, pair[0].Key(), pair[1].Key())
		})
	}
}

func TestNamesThatDiffer(t *testing.T) {
	unknown := cms.OID("\x2a\x03\x04")
	for name, pair := range map[string][2]pki.Name{
		"text":                 {cn(cms.TagUTF8String, "Anna"), cn(cms.TagUTF8String, "Hanna")},
		"space or none":        {cn(cms.TagUTF8String, "An na"), cn(cms.TagUTF8String, "Anna")},
		"type":                 {cn(cms.TagUTF8String, "A"), pki.NewName(seq(rdn(cms.OIDSurname, cms.TagUTF8String, "A")))},
		"unknown type, case":   {pki.NewName(seq(rdn(unknown, cms.TagUTF8String, "A"))), pki.NewName(seq(rdn(unknown, cms.TagUTF8String, "a")))},
		"no strings":           {cn(cms.TagOctetString, "A"), cn(cms.TagOctetString, "a")},
		"octets that are none": {cn(cms.TagUTF8String, "\xff"), cn(cms.TagUTF8String, "\xfe")},
		"text like octets":     {cn(cms.TagUTF8String, "0!"+strings.Repeat("a", 33)), cn(cms.TagSequence, strings.Repeat("a", 33))},
		"halves of pairs":      {cn(cms.TagBMPString, "\xd8\x00"), cn(cms.TagBMPString, "\xd8\x01")},
		"order of RDNs": {pki.NewName(seq(rdn(cms.OIDCommonName, cms.TagUTF8String, "a"), rdn(cms.OIDSurname, cms.TagUTF8String, "b"))),
			pki.NewName(seq(rdn(cms.OIDSurname, cms.TagUTF8String, "b"), rdn(cms.OIDCommonName, cms.TagUTF8String, "a")))},
		"one RDN or two": {pki.NewName(seq(rdn(cms.OIDCommonName, cms.TagUTF8String, "a"), rdn(cms.OIDCommonName, cms.TagUTF8String, "b"))),
			pki.NewName(seq(tlv(cms.TagSet, seq(oids(cms.OIDCommonName), tlv(cms.TagUTF8String, []byte("a"))), seq(oids(cms.OIDCommonName), tlv(cms.TagUTF8String, []byte("b"))))))},
		"malformed":            {pki.NewName([]byte{5, 0}), pki.NewName([]byte{0x30, 0})},
		"cut off":              {pki.NewName(dn("A")[:20]), pki.NewName(dn("A"))},
		"octets behind":        {pki.NewName(append(dn("A"), 0)), pki.NewName(dn("A"))},
		"more in an attribute": {pki.NewName(seq(tlv(cms.TagSet, seq(oids(cms.OIDCommonName), tlv(cms.TagUTF8String, []byte("a")), tlv(cms.TagNull))))), cn(cms.TagUTF8String, "a")},
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, pair[0].Equal(pair[1]), "%q", pair[0].Key())
		})
	}
}

func TestNameWithin(t *testing.T) {
	name := pki.NewName(dn("Anna"))
	for _, base := range [][]byte{
		dn("ANNA"), seq(), seq(rdn(cms.OIDCountry, cms.TagUTF8String, "ru")),
		seq(rdn(cms.OIDCountry, cms.TagPrintableString, "RU"), rdn(cms.OIDOrganization, cms.TagBMPString, "\x00s\x00i\x00g\x00n\x00e\x00t\x00 \x00t\x00e\x00s\x00t\x00s")),
	} {
		require.True(t, name.Within(pki.NewName(base)))
	}
	for _, base := range [][]byte{
		dn("Hanna"), seq(rdn(cms.OIDOrganization, cms.TagUTF8String, "Signet tests")), {5, 0},
		append(dn("Anna")[:1:1], seq(dn("Anna")[2:], rdn(cms.OIDSurname, cms.TagUTF8String, "x"))[1:]...),
	} {
		require.False(t, name.Within(pki.NewName(base)))
	}
	require.False(t, pki.NewName([]byte{5, 0}).Within(pki.NewName(seq())))
}

func TestNameString(t *testing.T) {
	require.Equal(t, "CN=Anna,O=Signet tests,C=RU", pki.NewName(dn("Anna")).String())
	require.Equal(t, `CN=\ a\,b\+c\"\\\<\>\;#\ `, cn(cms.TagUTF8String, ` a,b+c"\<>;# `).String())
	require.Equal(t, `CN=\#1`, cn(cms.TagUTF8String, "#1").String())
	require.Equal(t, `CN=a\0A\E2\80\AEb\7F`, cn(cms.TagUTF8String, "a\n\u202eb\x7f").String())
	require.Equal(t, "CN=#040141", cn(cms.TagOctetString, "A").String())
	require.Equal(t, "1.2.3.4=Wert", pki.NewName(seq(rdn("\x2a\x03\x04", cms.TagUTF8String, "Wert"))).String())
	require.Equal(t, "", pki.NewName(seq()).String())
	require.Equal(t, "(a malformed name)", pki.NewName([]byte{5, 0}).String())
	long := cn(cms.TagUTF8String, strings.Repeat("a", 1<<20)).String()
	require.Less(t, len(long), 4096)
	require.True(t, strings.HasSuffix(long, "…"))
}

func TestNameLikeX509(t *testing.T) {
	c, err := spec{}.make(t).X509()
	require.NoError(t, err)
	require.Equal(t, c.Subject.String(), pki.NewName(c.RawSubject).String())
}

func TestNameParts(t *testing.T) {
	n := pki.NewName(seq(rdn(cms.OIDEmailAddress, cms.TagIA5String, "a@b.example"), rdn(cms.OIDCommonName, cms.TagUTF8String, "A")))
	require.Equal(t, []string{"a@b.example"}, n.Emails())
	require.Len(t, n.RDNs(), 2)
	require.False(t, n.IsEmpty())
	require.True(t, pki.Name{}.IsEmpty())
	require.True(t, pki.NewName([]byte{0x30, 0x81, 0}).IsEmpty())
	child := pki.NewName(dn("A")).Child(rdn(cms.OIDSurname, cms.TagUTF8String, "point")[2:])
	require.Equal(t, "SN=point,CN=A,O=Signet tests,C=RU", child.String())
	// A Name without what NewName adds works, too.
	require.True(t, pki.Name{Raw: dn("A")}.Equal(pki.NewName(dn("a"))))
}
