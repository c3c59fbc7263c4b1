package scan

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	vector "github.com/segmentio/asm/base64"
)

// Sink takes the octets of a content.
type Sink interface {
	// Room returns a place for n octets at least. What is written there counts when Took is called.
	Room(n int) ([]byte, error)
	// Took says how many octets were written to what Room returned last.
	Took(n int) error
}

// Faults of a string that should be base64.
var (
	ErrPadding  = errors.New("it is not base64: something follows the padding")
	ErrUnpadded = errors.New("it is not base64: its length is not a multiple of four; was it cut, or its padding (=) left out?")
	ErrURL      = errors.New("it is base64url; use + and / instead of - and _")
)

// Base64 takes a string in base64 (RFC 4648 section 4, padded) and hands the octets to sink. Line breaks, tabs and spaces
// in it are passed over, as most decoders do; JSON has the first two escaped.
//
// A string that is not base64, and a value that is no string, is the fault of this value alone: it is returned as bad, and
// the text can be read on behind it; so is an error of the sink. The other error ends the text.
func (s *Scanner) Base64(sink Sink) (bad, err error) {
	c, err := s.Peek()
	if err != nil {
		return nil, err
	}
	if c != '"' {
		what := describe(c)
		switch c {
		case 'n':
			what = "null"
		case 't', 'f':
			what = "true or false"
		}
		return fmt.Errorf("it is %s instead of a string in base64", what), s.Skip()
	}
	s.pos++
	for {
		window := s.buf[s.pos:s.end]
		if i := bytes.IndexByte(window, '"'); i >= 0 {
			ok, bad := decode(sink, window[:i])
			if !ok {
				return s.slowly(sink) // perhaps what was found is an escaped quotation mark, and no end
			}
			s.pos += i + 1
			return bad, nil
		}
		// All quanta but the last one: only the end of the string tells whether padding is in its place.
		if n := (len(window) - 4) &^ 3; n > 0 {
			if window[n-1] == '=' {
				return s.slowly(sink)
			}
			ok, bad := decode(sink, window[:n])
			if !ok {
				return s.slowly(sink)
			}
			s.pos += n
			if bad != nil {
				return bad, s.restOfString()
			}
		}
		if !s.more() {
			return nil, s.ended()
		}
	}
}

// restOfString reads a string to its end from somewhere within.
func (s *Scanner) restOfString() error {
	s.pos-- // skipString begins by taking one octet, and one at least was taken before
	return s.skipString()
}

// decode decodes characters that are expected to be plain: whole quanta of the alphabet, and nothing else. It is false
// when they are not, and then nothing was taken.
func decode(sink Sink, chars []byte) (ok bool, bad error) {
	if len(chars)%4 != 0 {
		return false, nil
	}
	if len(chars) == 0 {
		return true, nil
	}
	most := len(chars) / 4 * 3
	room, err := sink.Room(most)
	if err != nil {
		return true, err
	}
	want := most
	for i := len(chars) - 1; i >= len(chars)-2 && chars[i] == '='; i-- {
		want--
	}
	// The decoder passes over raw line breaks, as that of the standard library does, and JSON has none: then there are fewer
	// octets than wanted.
	if n, err := vector.StdEncoding.Decode(room, chars); err != nil || n != want {
		return false, nil
	}
	return true, sink.Took(want)
}

// quanta collects characters until there are enough to decode.
type quanta struct {
	chars [4096]byte
	n     int
	pads  int
}

// add takes a character of a string.
func (q *quanta) add(r rune, sink Sink) error {
	switch {
	case r == '\n' || r == '\r' || r == '\t' || r == ' ':
		return nil
	case r == '=':
		if q.pads++; q.pads > 2 {
			return ErrPadding
		}
	case r == '-' || r == '_':
		return ErrURL
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '+', r == '/':
		if q.pads > 0 {
			return ErrPadding
		}
	default:
		return fmt.Errorf("it is not base64: there is a %q in it", r)
	}
	q.chars[q.n] = byte(r)
	if q.n++; q.n < len(q.chars) {
		return nil
	}
	return q.flush(sink)
}

func (q *quanta) flush(sink Sink) error {
	if q.n == 0 {
		return nil
	}
	if q.n%4 != 0 {
		return ErrUnpadded
	}
	room, err := sink.Room(q.n / 4 * 3)
	if err != nil {
		return err
	}
	n, err := base64.StdEncoding.Decode(room, q.chars[:q.n])
	q.n = 0
	if err != nil {
		return ErrPadding
	}
	return sink.Took(n)
}

// slowly decodes the rest of a string one character at a time.
func (s *Scanner) slowly(sink Sink) (bad, err error) {
	q := &s.quanta
	q.n, q.pads = 0, 0
	for {
		for s.pos < s.end {
			var r rune
			switch c := s.buf[s.pos]; {
			case c == '"':
				s.pos++
				return q.flush(sink), nil
			case c == '\\':
				if r, err = s.escape(); err != nil {
					return nil, err
				}
			case c < 0x20:
				return nil, s.syntax("a control character in a string")
			case c >= 0x80:
				r, s.pos = '\uFFFD', s.pos+1
			default:
				r, s.pos = rune(c), s.pos+1
			}
			if bad := q.add(r, sink); bad != nil {
				return bad, s.restOfString()
			}
		}
		if !s.more() {
			return nil, s.ended()
		}
	}
}
