package cli

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// attributeType is a kind of part of a name: RFC 4519, X.520, and for Russian identifiers RFC 9215.
type attributeType struct {
	oid string
	tag int // 0 is UTF8String
	max int // characters; RFC 5280 appendix A.1
}

func attributeTypes() map[string]attributeType {
	return map[string]attributeType{
		"CN": {"2.5.4.3", 0, 64}, "C": {"2.5.4.6", asn1.TagPrintableString, 2}, "O": {"2.5.4.10", 0, 64}, "OU": {"2.5.4.11", 0, 64},
		"L": {"2.5.4.7", 0, 128}, "ST": {"2.5.4.8", 0, 128}, "S": {"2.5.4.8", 0, 128}, "STREET": {"2.5.4.9", 0, 128},
		"DC": {"0.9.2342.19200300.100.1.25", asn1.TagIA5String, 63}, "UID": {"0.9.2342.19200300.100.1.1", 0, 256},
		"SERIALNUMBER": {"2.5.4.5", asn1.TagPrintableString, 64}, "SN": {"2.5.4.4", 0, 64}, "SURNAME": {"2.5.4.4", 0, 64},
		"GN": {"2.5.4.42", 0, 64}, "GIVENNAME": {"2.5.4.42", 0, 64}, "T": {"2.5.4.12", 0, 64}, "TITLE": {"2.5.4.12", 0, 64},
		"PSEUDONYM": {"2.5.4.65", 0, 128}, "POSTALCODE": {"2.5.4.17", 0, 40}, "ORGANIZATIONIDENTIFIER": {"2.5.4.97", 0, 256},
		"E": {"1.2.840.113549.1.9.1", asn1.TagIA5String, 255}, "EMAILADDRESS": {"1.2.840.113549.1.9.1", asn1.TagIA5String, 255},
		"OGRN": {"1.2.643.100.1", asn1.TagNumericString, 13}, "SNILS": {"1.2.643.100.3", asn1.TagNumericString, 11},
		"INNLE": {"1.2.643.100.4", asn1.TagNumericString, 10}, "OGRNIP": {"1.2.643.100.5", asn1.TagNumericString, 15},
		"INN": {"1.2.643.3.131.1.1", asn1.TagNumericString, 12},
	}
}

type typeAndValue struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type rdnSET []typeAndValue // encoding/asn1 writes a SET for this name of a type

const maxSubject = 4096 // octets as they are written

// parseSubject reads a name as in RFC 4514, or with slashes and the other way round as OpenSSL does, into DER.
func parseSubject(text string) ([]byte, error) {
	if len(text) > maxSubject || !utf8.ValidString(text) {
		return nil, errors.New("it is too long, or not UTF-8")
	}
	separator, slashes := byte(','), strings.HasPrefix(text, "/")
	if slashes {
		separator, text = '/', text[1:]
	}
	switch {
	case !quotesClosed(text):
		return nil, errors.New("a quotation mark is not closed; one that is meant as such has a backslash before it")
	case !slashes && len(splitEscaped(text, ';')) > 1:
		return nil, errors.New("a comma stands between the parts; a semicolon that is meant as such has a backslash before it")
	}
	types := attributeTypes()
	var name []rdnSET
	for _, part := range splitEscaped(text, separator) {
		var set rdnSET
		for _, pair := range splitEscaped(part, '+') {
			tv, err := parsePair(pair, types)
			if err != nil {
				return nil, err
			}
			set = append(set, tv)
		}
		name = append(name, set)
	}
	if !slashes {
		slices.Reverse(name)
	}
	return asn1.Marshal(name)
}

// splitEscaped splits where the separator has no backslash before it and is not within quotation marks.
func splitEscaped(s string, separator byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func quotesClosed(s string) bool {
	closed := true
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			closed = !closed
		}
	}
	return closed
}

func parsePair(pair string, types map[string]attributeType) (typeAndValue, error) {
	name, raw, ok := strings.Cut(pair, "=")
	name, raw = strings.TrimSpace(name), trimUnescaped(raw)
	if !ok || name == "" {
		return typeAndValue{}, fmt.Errorf("%s is not NAME=VALUE, as in CN=Seal; a comma, slash or plus sign in a value has a backslash before it", quote(pair))
	}
	if strings.HasPrefix(raw, "#") { // RFC 4514 has DER in hexadecimal there
		return typeAndValue{}, fmt.Errorf("%s begins with #; a # that is meant as such has a backslash before it", name)
	}
	known, ok := types[strings.ToUpper(name)]
	if !ok {
		known = attributeType{oid: strings.TrimPrefix(strings.ToUpper(name), "OID.")}
	}
	oid, err := parseDotted(known.oid)
	if err != nil {
		return typeAndValue{}, fmt.Errorf("%s is not known; use CN, O, OU, L, ST, C, serialNumber, emailAddress and the like, or a dotted OID", quote(name))
	}
	value, err := unescape(raw)
	switch {
	case err != nil:
		return typeAndValue{}, fmt.Errorf("%s: %w", name, err)
	case value == "":
		return typeAndValue{}, fmt.Errorf("%s is empty", name)
	case strings.EqualFold(name, "C") && len(value) != 2:
		return typeAndValue{}, fmt.Errorf("%s is a country of two letters, such as DE", name)
	case known.max != 0 && utf8.RuneCountInString(value) > known.max:
		return typeAndValue{}, fmt.Errorf("%s has more than %d characters", name, known.max)
	}
	if !fitsTag(value, known.tag) {
		return typeAndValue{}, fmt.Errorf("%s has characters that are not allowed in it", name)
	}
	tag := known.tag
	if tag == 0 {
		tag = asn1.TagUTF8String
	}
	return typeAndValue{oid, asn1.RawValue{Tag: tag, Bytes: []byte(value)}}, nil
}

// trimUnescaped cuts spaces around a value, but not one that is escaped at its end.
func trimUnescaped(s string) string {
	s = strings.TrimLeft(s, " ")
	for strings.HasSuffix(s, " ") && !strings.HasSuffix(s, `\ `) {
		s = s[:len(s)-1]
	}
	return s
}

// unescape reads a value: in quotation marks, or with backslashes before a character or two hexadecimal digits.
func unescape(s string) (string, error) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 < len(s) {
			if octet, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.Write(octet)
				i += 2
				continue
			}
		}
		if i++; i == len(s) {
			return "", errors.New("it ends with a backslash")
		}
		b.WriteByte(s[i])
	}
	if !utf8.ValidString(b.String()) {
		return "", errors.New("it is not UTF-8")
	}
	return b.String(), nil
}

func fitsTag(s string, tag int) bool {
	for _, r := range s {
		switch tag {
		case asn1.TagPrintableString:
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" '()+,-./:=?", r)) {
				return false
			}
		case asn1.TagNumericString:
			if r < '0' || r > '9' {
				return false
			}
		case asn1.TagIA5String:
			if r < 0x20 || r > 0x7e {
				return false
			}
		default:
			if r < 0x20 || r == 0x7f {
				return false
			}
		}
	}
	return true
}

func parseDotted(s string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, errors.New("not an object identifier")
		}
		oid = append(oid, n)
	}
	if len(oid) < 2 || oid[0] > 2 || oid[0] < 2 && oid[1] > 39 {
		return nil, errors.New("not an object identifier")
	}
	return oid, nil
}
