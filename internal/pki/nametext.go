package pki

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/internal/cms"
)

// decodeString returns the text of a value of one of the string types. Octets that the type does not allow are taken for
// UTF-8 if they are that, else for Latin-1, as those who wrote them meant it. ok is false for what is no string, or cannot be
// any text.
func decodeString(v cms.Value) (s string, ok bool) {
	b := v.Body()
	switch v.Tag() {
	case cms.TagUTF8String:
		return string(b), utf8.Valid(b)
	case cms.TagPrintableString, cms.TagIA5String, cms.TagVisibleString, tagNumericString:
		if utf8.Valid(b) {
			return string(b), true
		}
		return latin1(b), true
	case cms.TagT61String:
		return latin1(b), true
	case cms.TagBMPString:
		if len(b)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		s = string(utf16.Decode(units))
		return s, !strings.ContainsRune(s, utf8.RuneError) // half of a pair is no text
	case cms.TagUniversalString:
		if len(b)%4 != 0 {
			return "", false
		}
		var t strings.Builder
		for i := 0; i < len(b); i += 4 {
			r := rune(uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3]))
			if !utf8.ValidRune(r) {
				return "", false
			}
			t.WriteRune(r)
		}
		return t.String(), true
	}
	return "", false
}

const tagNumericString cms.Tag = 18

func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// prepareString does RFC 4518 sections 2.2 (map), and 2.6.1 (spaces) for caseIgnoreMatch. Its Unicode normalisation is left
// out: the standard library has none, and other programs do not do it either. Leaving it out can only make names differ.
func prepareString(s string) string {
	if prepared(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case mappedToSpace(r):
			space = b.Len() > 0
			continue
		case mappedToNothing(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		if r == 'ß' || r == 'ẞ' {
			b.WriteString("ss")
			continue
		}
		b.WriteRune(fold(r))
	}
	return b.String()
}

// prepared is the fast path for text of lower-case ASCII with single spaces inside.
func prepared(s string) bool {
	before := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return len(s) == 0 || before != ' '
}

// appendPrepared is the fast path of [prepareString] for printable ASCII. ok is false for anything else.
func appendPrepared(dst []byte, v cms.Value) (b []byte, ok bool) {
	switch v.Tag() {
	case cms.TagUTF8String, cms.TagPrintableString, cms.TagIA5String:
	default:
		return dst, false
	}
	begin, space := len(dst), false
	for _, c := range v.Body() {
		switch {
		case c < ' ' || c >= 0x7f:
			return dst, false
		case c == ' ':
			space = len(dst) > begin
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if space {
			dst, space = append(dst, ' '), false
		}
		dst = append(dst, c)
	}
	return dst, true
}

// fold returns the same letter for all that differ in case only.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	low := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		low = min(low, f)
	}
	if 'A' <= low && low <= 'Z' { // the signs of kelvin and ångström
		low += 'a' - 'A'
	}
	return low
}

func mappedToSpace(r rune) bool {
	return '\t' <= r && r <= '\r' || r == 0x85 || unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp)
}

func mappedToNothing(r rune) bool {
	switch {
	case r == 0xad, r == 0x1806, r == 0x34f, r == 0xfffc, 0x180b <= r && r <= 0x180d, 0xfe00 <= r && r <= 0xfe0f:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf)
}

// maxNameText bounds the text of a name, in octets, since it goes into sentences. Names of people and authorities are
// shorter.
const maxNameText = 1024

// String is the name for people, in the order of RFC 4514: the last RDN first. Control and format characters, also those
// that turn the direction of letters around, are written as \XX. A very long name is cut.
func (n Name) String() string {
	p := n.prepared()
	if p.bad {
		return "(a malformed name)"
	}
	p.textOnce.Do(func() { p.text = textOf(p.rdns) })
	return p.text
}

func textOf(rdns []RDN) string {
	var b strings.Builder
	b.Grow(64)
	for i := len(rdns) - 1; i >= 0; i-- {
		for j, a := range rdns[i] {
			switch {
			case j > 0:
				b.WriteByte('+')
			case b.Len() > 0:
				b.WriteByte(',')
			}
			a.write(&b)
			if b.Len() > maxNameText {
				return b.String() + "…"
			}
		}
	}
	return b.String()
}

func (a NameAttribute) write(b *strings.Builder) {
	b.WriteString(attributeName(a.Type))
	b.WriteByte('=')
	s, ok := decodeString(a.Value)
	if !ok {
		raw := a.Value.Raw()
		b.WriteByte('#')
		b.WriteString(hex.EncodeToString(raw[:min(len(raw), maxNameText/2)]))
		return
	}
	begin := b.Len()
	for i, r := range s {
		switch {
		case strings.ContainsRune(`,+"\<>;`, r), r == '#' && i == 0, r == ' ' && (i == 0 || i == len(s)-1):
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				b.WriteByte('\\')
				b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
			}
		}
		if b.Len()-begin > maxNameText {
			return
		}
	}
}

// attributeName is the short form of RFC 4514 section 3 and common use, or the dotted identifier.
func attributeName(id cms.OID) string {
	switch id {
	case cms.OIDCommonName:
		return "CN"
	case cms.OIDSurname:
		return "SN"
	case cms.OIDSerialNumber:
		return "SERIALNUMBER"
	case cms.OIDCountry:
		return "C"
	case cms.OIDLocality:
		return "L"
	case cms.OIDProvince:
		return "ST"
	case cms.OIDStreet:
		return "STREET"
	case cms.OIDOrganization:
		return "O"
	case cms.OIDOrganizationalUnit:
		return "OU"
	case cms.OIDTitle:
		return "T"
	case cms.OIDPostalCode:
		return "POSTALCODE"
	case cms.OIDGivenName:
		return "GN"
	case cms.OIDOrganizationIdentifier:
		return "organizationIdentifier"
	case cms.OIDEmailAddress:
		return "emailAddress"
	case cms.OIDDomainComponent:
		return "DC"
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": // 0.9.2342.19200300.100.1.1
		return "UID"
	case "\x2a\x85\x03\x03\x81\x03\x01\x01": // 1.2.643.3.131.1.1
		return "INN"
	case "\x2a\x85\x03\x64\x01": // 1.2.643.100.1
		return "OGRN"
	case "\x2a\x85\x03\x64\x03": // 1.2.643.100.3
		return "SNILS"
	}
	return id.String()
}
