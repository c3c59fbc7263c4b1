package inspect

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
)

// asn1 shows a value by its tag only.
func (s scope) asn1(p *Node, v cms.Value, name string) {
	if name == "" {
		name = v.Tag().String()
	}
	n, below := s.at(p, v, name, "")
	if v.Tag().Constructed() {
		below.members(n, v, func(_ int, member cms.Value) { below.asn1(n, member, "") })
		return
	}
	if id, err := v.OID(); err == nil {
		n.oid(id)
		return
	}
	n.Value = primitive(v)
	s.text -= len(n.Value)
}

// primitive shows a value that is not constructed.
func primitive(v cms.Value) string {
	b := v.Body()
	switch v.Tag() {
	case cms.TagBoolean:
		if len(b) == 1 && b[0] == 0 {
			return "FALSE"
		}
		return "TRUE"
	case cms.TagInteger, cms.TagEnumerated:
		return integer(b)
	case cms.TagNull:
		return ""
	case cms.TagUTCTime, cms.TagGeneralizedTime:
		return moment(v)
	}
	if text, ok := stringOf(v); ok {
		return `"` + text + `"`
	}
	if v.Tag().Class() != 0 && len(b) > 0 && printable(b) { // an IMPLICIT string, such as a URI
		return `"` + plain.Short(string(b), maxValue) + `"`
	}
	return octets(b)
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// integer shows small numbers in decimal and large ones, such as serial numbers, in hexadecimal.
func integer(b []byte) string {
	if len(b) == 0 {
		return "malformed"
	}
	if len(b) <= 4 {
		n := int64(int8(b[0]))
		for _, c := range b[1:] {
			n = n<<8 | int64(c)
		}
		return strconv.FormatInt(n, 10)
	}
	return "0x" + octets(b)
}

func moment(v cms.Value) string {
	t, err := v.Time()
	if err != nil {
		return "malformed time " + `"` + plain.Short(string(v.Body()), 40) + `"`
	}
	return t.Format("2006-01-02 15:04:05.999999999 UTC")
}

// stringOf decodes the string types; what it returns is fit for a terminal.
func stringOf(v cms.Value) (string, bool) {
	b := v.Body()
	const cut = 4 * maxValue
	b = b[:min(len(b), cut)]
	switch v.Tag() {
	case cms.TagUTF8String, cms.TagPrintableString, cms.TagIA5String, cms.TagVisibleString, 18: // NumericString
		return plain.Short(string(b), maxValue), true
	case cms.TagT61String: // Latin-1 in practice
		var t strings.Builder
		for _, c := range b {
			t.WriteRune(rune(c))
		}
		return plain.Short(t.String(), maxValue), true
	case cms.TagBMPString:
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(b[2*i:])
		}
		return plain.Short(string(utf16.Decode(units)), maxValue), true
	case cms.TagUniversalString:
		var t strings.Builder
		for ; len(b) >= 4; b = b[4:] {
			r := rune(binary.BigEndian.Uint32(b))
			if !utf8.ValidRune(r) {
				r = utf8.RuneError
			}
			t.WriteRune(r)
		}
		return plain.Short(t.String(), maxValue), true
	}
	return "", false
}

// text shows a string, or whatever stands in its place.
func text(v cms.Value) string {
	if t, ok := stringOf(v); ok {
		return `"` + t + `"`
	}
	if v.Tag().Constructed() {
		if b, err := v.Octets(); err == nil {
			return `"` + plain.Short(string(b), maxValue) + `"`
		}
	}
	return primitive(v)
}
