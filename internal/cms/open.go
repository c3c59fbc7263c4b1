package cms

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// DefaultHeld is how many octets of a message beside its content are taken into memory.
const DefaultHeld = 64 << 20

// TooLargeError is for a message of which more would have to be taken into memory than is allowed.
type TooLargeError struct {
	Octets, Limit int64
}

// Error is one sentence.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("cms: what the message holds beside its content has %d octets, more than the %d that are taken into memory", e.Octets, e.Limit)
}

// Open reads what a message of so many octets holds beside its content, held octets at most. The content stays where it
// is, and the source has to stay as it is while the octets are in use.
//
// A source that is no SignedData, or a detached one, is taken whole, so that reading it says what is wrong.
func Open(r io.ReaderAt, size, held int64) (Octets, error) {
	if size < 0 || size > math.MaxInt {
		return Octets{}, fmt.Errorf("cms: a message of %d octets cannot be read here", size)
	}
	s := &scanner{r: r}
	content, why := s.find(int(size))
	if why != nil && !isSyntax(why) {
		return Octets{}, why
	}
	o, end := Octets{}, int(size)
	if why == nil && content.end > content.body {
		o.gap = gap{from: content.body, size: content.end - content.body, indefinite: content.indefinite, src: r, at: int64(content.body)}
		o.skipped = s.skipped
	}
	switch left := size - int64(o.gap.size); {
	case left <= held:
	case why != nil:
		return Octets{}, why
	default:
		return Octets{}, &TooLargeError{left, held}
	}
	o.data = make([]byte, end-o.gap.size)
	if err := readAt(r, o.data[:o.gap.from], 0); err != nil {
		return Octets{}, err
	}
	if err := readAt(r, o.data[o.gap.from:], int64(o.gap.from+o.gap.size)); err != nil {
		return Octets{}, err
	}
	return o, nil
}

// readAt fills a buffer, also from a source that gives less than it is asked for.
func readAt(r io.ReaderAt, into []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, off, int64(len(into))), into)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cms: the source ends before the message that was opened does")
	}
	return err
}

func isSyntax(err error) bool {
	_, ok := errors.AsType[*SyntaxError](err)
	return ok
}

// scanner reads headers and contents from a source, a window at a time.
type scanner struct {
	r     io.ReaderAt
	shift int64 // offset in the source of the first octet of the document

	window  []byte
	at      int // offset of the window
	skipped int // values of indefinite length met
}

// windowSize is how much of a source is in memory at once: large enough that a read costs little beside a digest.
const windowSize = 128 << 10

// from returns octets from an offset on: all up to limit, or maxHeader at least.
func (s *scanner) from(off, limit int) ([]byte, error) {
	want := min(limit-off, maxHeader)
	if off < s.at || off+want > s.at+len(s.window) {
		if s.window == nil {
			s.window = make([]byte, windowSize)
		}
		s.window = s.window[:min(limit-off, windowSize)]
		s.at = off
		if err := readAt(s.r, s.window, s.shift+int64(off)); err != nil {
			s.window = s.window[:0]
			return nil, err
		}
	}
	b := s.window[off-s.at:]
	return b[:min(len(b), limit-off)], nil
}

// value reads the header at an offset. The end of one of indefinite length is not known yet.
func (s *scanner) value(off, limit int) (v Value, err error) {
	var b []byte
	if off < limit {
		if b, err = s.from(off, limit); err != nil {
			return v, err
		}
	}
	h, err := parseHeader(b, off, limit)
	if err != nil {
		return v, err
	}
	return Value{tag: h.tag, start: off, body: off + h.size, end: off + h.size + h.length, next: off + h.size + h.length, indefinite: h.indefinite}, nil
}

// level is where the scanner is: inside of some values, the innermost of which ends at limit or earlier.
type level struct {
	off, limit int
	open       int // values of indefinite length around it, up to the next of definite length
}

// find finds the content of a SignedData, as [ParseSignedData] would; no value when it is detached.
func (s *scanner) find(size int) (content Value, err error) {
	l := level{limit: size}
	for i, step := range []struct {
		tag   Tag
		enter bool
	}{
		{TagSequence, true}, {TagOID, false}, {ContextConstructed(0), true}, // ContentInfo
		{TagSequence, true}, {TagInteger, false}, {TagSet, false}, // SignedData
		{TagSequence, true}, {TagOID, false}, {ContextConstructed(0), true}, // encapContentInfo
	} {
		if i == 8 {
			if done, err := s.done(l); done || err != nil {
				return Value{}, err
			}
		}
		v, err := s.value(l.off, l.limit)
		switch {
		case err != nil:
			return Value{}, err
		case v.tag != step.tag:
			return Value{}, syntaxError(l.off, "this is no SignedData: %s should be %s", v.tag, step.tag)
		case !step.enter:
			if err := s.end(&v, l); err != nil {
				return Value{}, err
			}
			l.off = v.next
			continue
		}
		l.off = v.body
		if l.open++; !v.indefinite {
			l.limit, l.open = v.end, 0
		}
	}
	s.skipped = 0
	if content, err = s.value(l.off, l.limit); err == nil {
		err = s.end(&content, l)
	}
	return content, err
}

// done reports whether nothing is left of the value that the scanner is in.
func (s *scanner) done(l level) (bool, error) {
	if l.off >= l.limit {
		return true, nil
	}
	b, err := s.from(l.off, l.limit)
	return len(b) >= 2 && b[0] == 0 && b[1] == 0, err
}

// end finds where a value ends.
func (s *scanner) end(v *Value, l level) error {
	if !v.indefinite {
		return nil
	}
	open, off := l.open+1, v.body
	for within := 1; ; {
		b, err := s.from(off, l.limit)
		if err != nil {
			return err
		}
		if len(b) >= 2 && b[0] == 0 && b[1] == 0 {
			if within--; within == 0 {
				v.end, v.next = off, off+2
				return nil
			}
			open, off = open-1, off+2
			continue
		}
		member, err := s.value(off, l.limit)
		if err != nil {
			return err
		}
		if off = member.next; member.indefinite {
			open, within, s.skipped = open+1, within+1, s.skipped+1
		}
		if open > MaxDepth || s.skipped >= MaxIndefinite {
			return syntaxError(member.start, "values are nested too deep, or too many are of indefinite length")
		}
	}
}

// copy calls f with the octets from one offset to another.
func (s *scanner) copy(off, end int, f func([]byte) error) error {
	for off < end {
		b, err := s.from(off, end)
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		off += len(b)
	}
	return nil
}

// segments calls f with the octets of the segments of a string, whose contents are from one offset to another.
func (s *scanner) segments(off, end int, f func([]byte) error) error {
	type part struct {
		end        int // of one of definite length; else of what holds it
		indefinite bool
	}
	open := []part{{end: end}}
	for {
		last := open[len(open)-1]
		if last.indefinite {
			b, err := s.from(off, last.end)
			if err != nil {
				return err
			}
			if len(b) >= 2 && b[0] == 0 && b[1] == 0 {
				open, off = open[:len(open)-1], off+2
				continue
			}
		} else if off == last.end {
			if open = open[:len(open)-1]; len(open) == 0 {
				return nil
			}
			continue
		}
		v, err := s.value(off, last.end)
		switch {
		case err != nil:
			return err
		case v.tag == TagOctetString:
			if err := s.copy(v.body, v.end, f); err != nil {
				return err
			}
			off = v.end
			continue
		case v.tag != ConstructedOctetString:
			return syntaxError(off, "a segment of an OCTET STRING should be %s and is %s", TagOctetString, v.tag)
		case len(open) >= MaxDepth:
			return syntaxError(off, "string segments are nested deeper than %d", MaxDepth)
		}
		next := part{end: v.end}
		if v.indefinite {
			next = part{last.end, true}
		}
		open, off = append(open, next), v.body
	}
}
