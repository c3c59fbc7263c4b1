package scan

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text takes a string, whose first octet is a quotation mark, and appends it to b.
func (s *Scanner) text(b []byte) ([]byte, error) {
	s.pos++
	for {
		for s.pos < s.end {
			c := s.buf[s.pos]
			switch {
			case c == '"':
				s.pos++
				if !utf8.Valid(b) {
					return nil, s.syntax("a string that is not UTF-8")
				}
				return b, nil
			case c == '\\':
				r, err := s.escape()
				if err != nil {
					return nil, err
				}
				b = utf8.AppendRune(b, r)
			case c < 0x20:
				return nil, s.syntax("a control character in a string")
			default:
				s.pos++
				b = append(b, c)
			}
			if len(b) > MaxString {
				return nil, s.syntax("a name or a text of more than %d octets", MaxString)
			}
		}
		if !s.more() {
			return nil, s.ended()
		}
	}
}

// escape takes an escape sequence.
func (s *Scanner) escape() (rune, error) {
	if !s.ensure(2) {
		return 0, s.ended()
	}
	c := s.buf[s.pos+1]
	switch c {
	case 'u':
		return s.escapedUnits()
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	default:
		return 0, s.syntax("an escape that is none")
	}
	s.pos += 2
	return rune(c), nil
}

// escapedUnits takes one UTF-16 code unit, or the two of a surrogate pair.
func (s *Scanner) escapedUnits() (rune, error) {
	r, err := s.unit()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.ensure(2) && s.buf[s.pos] == '\\' && s.buf[s.pos+1] == 'u' {
		low, err := s.unit()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, nil
		}
	}
	if err := s.failed(); err != nil {
		return 0, err
	}
	return 0, s.syntax("half of a surrogate pair")
}

// unit takes \uXXXX.
func (s *Scanner) unit() (rune, error) {
	if !s.ensure(6) {
		return 0, s.ended()
	}
	var r rune
	for _, c := range s.buf[s.pos+2 : s.pos+6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, s.syntax("an escape that is none")
		}
	}
	s.pos += 6
	return r, nil
}
