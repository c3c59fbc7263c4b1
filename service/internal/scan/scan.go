// Package scan reads JSON as it arrives, for requests that are much larger than what may be held of them: contents in
// base64 are decoded from the buffer that they were read into, and nothing else is kept.
//
// It is strict where a lenient reader would let two programs see two requests (grammar, control characters, nesting), and
// an element that is not what it should be is told apart from a text that is not JSON: the first is one content's fault.
package scan

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Limits of a Scanner.
const (
	MaxDepth  = 64       // of nesting, in what is skipped
	MaxString = 64 << 10 // octets of a name, and of a string that is not base64
	MaxNumber = 1 << 10  // octets of a number
)

const bufferSize = 256 << 10

// SyntaxError is of a text that is not JSON, or not JSON of the form that was asked for.
type SyntaxError struct {
	Offset int64 // octets before it
	What   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not valid JSON at octet %d: %s", e.Offset, e.What)
}

// Scanner reads JSON from a reader. It is not safe for concurrent use.
type Scanner struct {
	src      io.Reader
	buf      []byte
	pos, end int
	base     int64 // octets before buf[0]
	err      error // of src, after what is in buf
	lines    bool  // a line feed ends a value
	name     []byte
	quanta   quanta
}

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// New returns a scanner. Close gives its buffer back.
func New(src io.Reader) *Scanner { return &Scanner{src: src, buf: *buffers.Get().(*[]byte)} }

// NewLines returns a scanner of NDJSON: a value does not go beyond its line, see [Scanner.NextLine].
func NewLines(src io.Reader) *Scanner {
	s := New(src)
	s.lines = true
	return s
}

// Close gives the buffer back. The scanner is of no use afterwards.
func (s *Scanner) Close() {
	if b := s.buf; b != nil {
		s.buf, s.pos, s.end, s.err = nil, 0, 0, io.ErrClosedPipe
		buffers.Put(&b)
	}
}

// more reads what comes next, behind what is there. It is false at the end, and when the buffer is full.
func (s *Scanner) more() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base, s.end, s.pos = s.base+int64(s.pos), s.end-s.pos, 0
	}
	for range 100 { // as bufio does: a reader that gives nothing time and again is broken
		if s.end == len(s.buf) {
			return false
		}
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		s.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// ensure tries to have n octets in the buffer.
func (s *Scanner) ensure(n int) bool {
	for s.end-s.pos < n {
		if !s.more() {
			return false
		}
	}
	return true
}

func (s *Scanner) syntax(format string, args ...any) error {
	return &SyntaxError{s.base + int64(s.pos), fmt.Sprintf(format, args...)}
}

// failed is the error of the source, if it is more than its end.
func (s *Scanner) failed() error {
	if s.err != nil && !errors.Is(s.err, io.EOF) {
		return s.err
	}
	return nil
}

// ended is the error of a text that ends where it must not.
func (s *Scanner) ended() error {
	if err := s.failed(); err != nil {
		return err
	}
	return s.syntax("it ends in the middle")
}

// BOM skips a byte order mark, which some programs write before JSON.
func (s *Scanner) BOM() {
	if s.ensure(3) && string(s.buf[s.pos:s.pos+3]) == "\xEF\xBB\xBF" {
		s.pos += 3
	}
}

// Peek returns the first octet of what comes behind white space, and does not take it.
func (s *Scanner) Peek() (byte, error) {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; {
			case c == ' ', c == '\t', c == '\r', c == '\n' && !s.lines:
				s.pos++
			default:
				return c, nil
			}
		}
		if !s.more() {
			return 0, s.ended()
		}
	}
}

// Begin takes the octet that begins an object or an array.
func (s *Scanner) Begin(open byte) error {
	c, err := s.Peek()
	if err != nil {
		return err
	}
	if c != open {
		return s.syntax("%s instead of %s", describe(c), describe(open))
	}
	s.pos++
	return nil
}

// Next takes what stands between the members of an object or the elements of an array, and reports whether there is
// another one; what ends it is taken as well.
func (s *Scanner) Next(first bool, end byte) (bool, error) {
	c, err := s.Peek()
	switch {
	case err != nil:
		return false, err
	case c == end:
		s.pos++
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, s.syntax("%s instead of a comma or %q", describe(c), end)
	}
	s.pos++
	if c, err = s.Peek(); err == nil && c == end {
		err = s.syntax("a comma before %q", end)
	}
	return err == nil, err
}

// Name takes the name of a member and the colon behind it. The octets are valid until the next call.
func (s *Scanner) Name() ([]byte, error) {
	c, err := s.Peek()
	if err != nil {
		return nil, err
	}
	if c != '"' {
		return nil, s.syntax("%s instead of a name in quotation marks", describe(c))
	}
	if s.name, err = s.text(s.name[:0]); err != nil {
		return nil, err
	}
	if c, err = s.Peek(); err != nil {
		return nil, err
	}
	if c != ':' {
		return nil, s.syntax("%s instead of a colon", describe(c))
	}
	s.pos++
	return s.name, nil
}

// String takes a string. ok is false, and nothing is wrong, when the value is null.
func (s *Scanner) String() (text string, ok bool, err error) {
	c, err := s.Peek()
	switch {
	case err != nil:
		return "", false, err
	case c == 'n':
		return "", false, s.literal("null")
	case c != '"':
		return "", false, s.syntax("%s instead of a string", describe(c))
	}
	b, err := s.text(nil)
	return string(b), err == nil, err
}

// Bool takes true or false. ok is false, and nothing is wrong, when the value is null.
func (s *Scanner) Bool() (value, ok bool, err error) {
	c, err := s.Peek()
	switch {
	case err != nil:
		return false, false, err
	case c == 't':
		err = s.literal("true")
		return err == nil, err == nil, err
	case c == 'f':
		err = s.literal("false")
		return false, err == nil, err
	case c == 'n':
		return false, false, s.literal("null")
	}
	return false, false, s.syntax("%s instead of true or false", describe(c))
}

// End makes sure that nothing follows but white space.
func (s *Scanner) End() error {
	if c, err := s.Peek(); err == nil {
		return s.syntax("%s behind the end", describe(c))
	}
	return s.failed()
}

func (s *Scanner) literal(word string) error {
	if !s.ensure(len(word)) {
		if s.end-s.pos > 0 && s.failed() == nil {
			return s.syntax("something that begins as %s and is not", word)
		}
		return s.ended()
	}
	if string(s.buf[s.pos:s.pos+len(word)]) != word {
		return s.syntax("something that begins as %s and is not", word)
	}
	s.pos += len(word)
	return nil
}

// describe names an octet for people.
func describe(c byte) string {
	switch {
	case c == '\n':
		return "the end of the line"
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '-', '0' <= c && c <= '9':
		return "a number"
	case c < 0x20 || c > 0x7E:
		return fmt.Sprintf("octet %#02x", c)
	}
	return fmt.Sprintf("%q", c)
}
