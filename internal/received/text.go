package received

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// Text takes away what editors and shells put around text: the mark of UTF-8, UTF-16, blank lines before it. Binary
// data comes back as it is, but for white space before it.
func Text(data []byte) ([]byte, error) {
	if order := UTF16(data); order != nil {
		if len(data)%2 != 0 {
			return nil, errors.New("this is text in UTF-16 that is cut in the midst of a character")
		}
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = order.Uint16(data[2*i:])
		}
		text := make([]byte, 0, len(units))
		for _, r := range utf16.Decode(units) {
			text = utf8.AppendRune(text, r)
		}
		data = text
	}
	return bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n"), nil
}

// UTF16 says in which order the octets of UTF-16 stand, by its mark or by what its first letter looks like: a
// PowerShell redirection writes it. Nil for other text.
func UTF16(data []byte) binary.ByteOrder {
	letter := func(c byte) bool { return c > ' ' && c < 0x7f && c != Sequence }
	switch {
	case len(data) < 4:
		return nil
	case data[0] == 0xff && data[1] == 0xfe, letter(data[0]) && data[1] == 0 && letter(data[2]) && data[3] == 0:
		return binary.LittleEndian
	case data[0] == 0xfe && data[1] == 0xff, data[0] == 0 && letter(data[1]) && data[2] == 0 && letter(data[3]):
		return binary.BigEndian
	}
	return nil
}

const maxPEMLabel = 64

// Block is a block of PEM (RFC 7468).
type Block struct {
	Label string
	DER   []byte
}

// IsCertificate reports whether the label calls it a certificate.
func (b Block) IsCertificate() bool {
	switch b.Label {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		return true
	}
	return false
}

var (
	begin  = []byte("-----BEGIN ")
	end    = []byte("-----END ")
	dashes = []byte("-----")
)

// Blocks returns the blocks of a text that can be read, whatever their labels say, and leaves out the others. It is laxer
// than encoding/pem: padding, the length of lines and the label at the end do not matter (RFC 7468 section 2 lets parsers
// be so).
func Blocks(text []byte) (all []Block) {
	_, text, found := bytes.Cut(text, begin)
	for found {
		var block []byte // up to the next one, so that what has no end does not take it along
		block, text, found = bytes.Cut(text, begin)
		label, body, ok := bytes.Cut(block, dashes)
		if !ok || len(label) > maxPEMLabel || bytes.ContainsAny(label, "\r\n") {
			continue
		}
		body, _, _ = bytes.Cut(body, end)
		if der, ok := Decode(withoutHeaders(body)); ok {
			all = append(all, Block{string(label), der})
		}
	}
	return all
}

// withoutHeaders leaves out the headers that RFC 1421 and OpenSSL put before the base64, up to an empty line.
func withoutHeaders(body []byte) []byte {
	first, _, _ := bytes.Cut(bytes.TrimLeft(body, "\r\n"), []byte("\n"))
	if !bytes.Contains(first, []byte(":")) {
		return body
	}
	for _, blank := range []string{"\r\n\r\n", "\n\n"} {
		if _, after, ok := bytes.Cut(body, []byte(blank)); ok {
			return after
		}
	}
	return body
}

// Decode reads base64 in any spelling: with or without padding, in the alphabet of URLs (RFC 4648 section 5), in lines of
// any length, in quotation marks, as a data: URI; and hexadecimal.
func Decode(text []byte) ([]byte, bool) {
	if i := bytes.Index(text[:min(len(text), 256)], []byte(";base64,")); i >= 0 && bytes.HasPrefix(text, []byte("data:")) {
		text = text[i+len(";base64,"):]
	}
	if IsHex(text) {
		packed := bytes.Map(DropSpace, text)
		out := make([]byte, hex.DecodedLen(len(packed)))
		_, err := hex.Decode(out, packed)
		return out, err == nil
	}
	out := make([]byte, 0, len(text)/4*3+3)
	group, n, padding := uint32(0), 0, false
	for _, c := range text {
		var value uint32
		switch {
		case c == ' ', c == '\t', c == '\r', c == '\n', c == '"':
			continue
		case c == '=':
			padding = true
			continue
		case 'A' <= c && c <= 'Z':
			value = uint32(c - 'A')
		case 'a' <= c && c <= 'z':
			value = uint32(c-'a') + 26
		case '0' <= c && c <= '9':
			value = uint32(c-'0') + 52
		case c == '+', c == '-':
			value = 62
		case c == '/', c == '_':
			value = 63
		default:
			return nil, false
		}
		if padding { // the end was already
			return nil, false
		}
		group = group<<6 | value
		if n++; n == 4 {
			out = append(out, byte(group>>16), byte(group>>8), byte(group))
			group, n = 0, 0
		}
	}
	switch n {
	case 1: // cut in the midst of an octet
		return nil, false
	case 2:
		out = append(out, byte(group>>4))
	case 3:
		out = append(out, byte(group>>10), byte(group>>2))
	}
	return out, len(out) != 0
}

// IsHex reports whether a text is a SEQUENCE in hexadecimal. In base64 it would begin with M.
func IsHex(text []byte) bool {
	if len(text) < 8 || text[0] != '3' || text[1] != '0' {
		return false
	}
	for _, c := range text {
		if DropSpace(rune(c)) >= 0 && !('0' <= c && c <= '9') && !('A' <= c && c <= 'F') && !('a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// DropSpace is for [bytes.Map] and the like: -1 for white space.
func DropSpace(r rune) rune {
	if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
		return -1
	}
	return r
}
