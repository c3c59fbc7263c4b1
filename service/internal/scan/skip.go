package scan

import "bytes"

// Skip passes over a value.
func (s *Scanner) Skip() error {
	var open [MaxDepth]byte // what ends each object and array that is open
	depth := 0
	for {
		c, err := s.Peek()
		if err != nil {
			return err
		}
		more := false
		switch {
		case c == '{' || c == '[':
			if depth == MaxDepth { // a request of brackets only would otherwise take memory without end
				return s.syntax("more than %d levels of nesting", MaxDepth)
			}
			s.pos++
			open[depth] = c + 2 // } and ] stand two behind { and [
			depth++
			if more, err = s.member(true, open[depth-1]); !more {
				depth--
			}
		case c == '"':
			err = s.skipString()
		case c == 't':
			err = s.literal("true")
		case c == 'f':
			err = s.literal("false")
		case c == 'n':
			err = s.literal("null")
		case c == '-' || '0' <= c && c <= '9':
			err = s.number()
		default:
			err = s.syntax("%s instead of a value", describe(c))
		}
		// When a value has ended, what it stands in may have ended, too.
		for err == nil && !more {
			if depth == 0 {
				return nil
			}
			if more, err = s.member(false, open[depth-1]); !more {
				depth--
			}
		}
		if err != nil {
			return err
		}
	}
}

// member is Next, and the name of the member of an object.
func (s *Scanner) member(first bool, end byte) (bool, error) {
	more, err := s.Next(first, end)
	if more && end == '}' {
		_, err = s.Name()
	}
	return more, err
}

func (s *Scanner) skipString() error {
	s.pos++
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; {
			case c == '"':
				s.pos++
				return nil
			case c == '\\':
				if _, err := s.escape(); err != nil {
					return err
				}
			case c < 0x20:
				return s.syntax("a control character in a string")
			default:
				s.pos++
			}
		}
		if !s.more() {
			return s.ended()
		}
	}
}

// number takes a number (RFC 8259 section 6).
func (s *Scanner) number() error {
	n := 0
	at := func() byte {
		if n > MaxNumber || !s.ensure(n+1) {
			return 0
		}
		return s.buf[s.pos+n]
	}
	digits := func() bool {
		from := n
		for '0' <= at() && at() <= '9' {
			n++
		}
		return n > from
	}
	if at() == '-' {
		n++
	}
	good := true
	if at() == '0' {
		n++
	} else {
		good = digits()
	}
	if good && at() == '.' {
		n++
		good = digits()
	}
	if good && at()|0x20 == 'e' {
		n++
		if at() == '+' || at() == '-' {
			n++
		}
		good = digits()
	}
	switch {
	case n > MaxNumber:
		return s.syntax("a number of more than %d digits", MaxNumber)
	case !good && s.failed() != nil:
		return s.failed()
	case !good:
		return s.syntax("a number that is none")
	}
	s.pos += n
	return nil
}

// NextLine goes to the next line that is not empty, past whatever is left of the one before. It is false at the end; the
// error is that of the source.
func (s *Scanner) NextLine(first bool) (bool, error) {
	if !first && !s.toLineEnd() {
		return false, s.failed()
	}
	for {
		c, err := s.Peek()
		if err != nil {
			return false, s.failed()
		}
		if c != '\n' {
			return true, nil
		}
		s.pos++
	}
}

// toLineEnd goes to the line feed that ends this line; it is false when there is none.
func (s *Scanner) toLineEnd() bool {
	for {
		if i := bytes.IndexByte(s.buf[s.pos:s.end], '\n'); i >= 0 {
			s.pos += i
			return true
		}
		s.pos = s.end
		if !s.more() {
			return false
		}
	}
}

// EndLine makes sure that nothing follows on the line but white space.
func (s *Scanner) EndLine() error {
	c, err := s.Peek()
	if err == nil && c != '\n' {
		return s.syntax("%s behind the end of the object", describe(c))
	}
	return s.failed()
}
