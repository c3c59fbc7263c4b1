// Package cms reads and writes Cryptographic Message Syntax (RFC 5652) as raw TLVs.
//
// The reader takes BER, of which DER is a part: indefinite lengths, constructed strings, lengths longer than needed. It
// copies nothing and re-encodes nothing: a [Value] is a view on the received bytes, and [Splice] edits a message by
// putting new bytes between old ones. Its time is linear in the size of the input and its limits are named constants, so
// that it can be pointed at bytes of strangers.
//
// The writer is a [Builder] that appends DER to one buffer.
package cms

import (
	"fmt"
	"math"
	"sync"
)

// Limits of the reader.
const (
	// MaxDepth bounds the nesting of values. Real CAdES files with time-stamps of time-stamps stay below 30.
	MaxDepth = 64
	// MaxIndefinite bounds the values of indefinite length in one document.
	MaxIndefinite = 1 << 16
	// MaxElements bounds the members of one SET or SEQUENCE OF that a document is read into: certificates, CRLs,
	// signers, attributes, values. Members are views of a few words each.
	MaxElements = 1 << 16
)

// Tag is the class, the constructed bit and the number of an identifier (X.690 section 8.1.2).
type Tag uint32

// Parts of a Tag.
const (
	constructed Tag = 1 << 29
	classShift      = 30

	classContext = 2
	maxTagNumber = 1<<28 - 1
)

// Tags of the structures read here.
const (
	TagBoolean         Tag = 1
	TagInteger         Tag = 2
	TagBitString       Tag = 3
	TagOctetString     Tag = 4
	TagNull            Tag = 5
	TagOID             Tag = 6
	TagEnumerated      Tag = 10
	TagUTF8String      Tag = 12
	TagPrintableString Tag = 19
	TagT61String       Tag = 20
	TagIA5String       Tag = 22
	TagUTCTime         Tag = 23
	TagGeneralizedTime Tag = 24
	TagVisibleString   Tag = 26
	TagUniversalString Tag = 28
	TagBMPString       Tag = 30
	TagSequence            = constructed | 16
	TagSet                 = constructed | 17
	// ConstructedOctetString is an OCTET STRING in segments, which only BER has.
	ConstructedOctetString = constructed | TagOctetString
)

// ContextTag is a primitive context-specific tag, as IMPLICIT gives to a simple type.
func ContextTag(number int) Tag { return classContext<<classShift | Tag(number) }

// ContextConstructed is a constructed context-specific tag, as EXPLICIT, or IMPLICIT on a structure, gives.
func ContextConstructed(number int) Tag { return ContextTag(number) | constructed }

// Class returns 0 universal, 1 application, 2 context-specific, 3 private.
func (t Tag) Class() int { return int(t >> classShift) }

// Constructed reports whether the contents are values themselves.
func (t Tag) Constructed() bool { return t&constructed != 0 }

// Number returns the tag number.
func (t Tag) Number() int { return int(t & maxTagNumber) }

// String names the tag for people.
func (t Tag) String() string {
	if t.Class() != 0 {
		return []string{"", "APPLICATION ", "", "PRIVATE "}[t.Class()] + fmt.Sprintf("[%d]", t.Number())
	}
	names := map[int]string{
		1: "BOOLEAN", 2: "INTEGER", 3: "BIT STRING", 4: "OCTET STRING", 5: "NULL", 6: "OBJECT IDENTIFIER", 10: "ENUMERATED",
		12: "UTF8String", 16: "SEQUENCE", 17: "SET", 18: "NumericString", 19: "PrintableString", 20: "T61String",
		22: "IA5String", 23: "UTCTime", 24: "GeneralizedTime", 26: "VisibleString", 28: "UniversalString", 30: "BMPString",
	}
	if n, ok := names[t.Number()]; ok {
		return n
	}
	return fmt.Sprintf("universal tag %d", t.Number())
}

// SyntaxError says where the bytes stop being what they should be.
type SyntaxError struct {
	Offset int    // in the document, from 0
	What   string // what was wrong
}

// Error is one sentence.
func (e *SyntaxError) Error() string { return fmt.Sprintf("cms: at offset %d: %s", e.Offset, e.What) }

func syntaxError(offset int, format string, args ...any) error {
	return &SyntaxError{offset, fmt.Sprintf(format, args...)}
}

// document is the bytes that values are views of, and where its values of indefinite length end.
type document struct {
	data []byte
	gap  gap // octets of the document that are not among data; none in most

	mu      sync.Mutex  // messages are read by many goroutines
	ends    map[int]int // first content octet -> end-of-contents octets
	skipped int         // further values of indefinite length, within the gap
}

// Value is one TLV: a view, which stays valid as long as the bytes are not modified. The zero Value is no value.
type Value struct {
	doc        *document
	tag        Tag
	start      int // identifier octets
	body       int // contents octets
	end        int // end of the contents
	next       int // end of the value; end+2 for indefinite lengths
	indefinite bool
}

// ReadValue reads the first value of the bytes. What follows it is not looked at.
func ReadValue(ber []byte) (Value, error) {
	d := &document{data: ber}
	if len(ber) == 0 {
		return Value{}, syntaxError(0, "there is nothing")
	}
	return d.value(0, len(ber))
}

// IsZero reports whether there is no value.
func (v Value) IsZero() bool { return v.doc == nil }

// Tag returns the tag.
func (v Value) Tag() Tag { return v.tag }

// Offset returns where in its document the value begins.
func (v Value) Offset() int { return v.start }

// Raw returns identifier, length and contents as received, with the end-of-contents octets where there are any. It is nil
// for the content that was left where it is, and for what holds it: see [Value.WriteRaw].
func (v Value) Raw() []byte {
	if v.doc == nil {
		return nil
	}
	return v.doc.octets(v.start, v.next)
}

// Len returns the number of octets of Raw.
func (v Value) Len() int { return v.next - v.start }

// Body returns the contents octets as received; nil for the content that was left where it is, and for what holds it.
func (v Value) Body() []byte {
	if v.doc == nil {
		return nil
	}
	return v.doc.octets(v.body, v.end)
}

// End returns where its contents end, and Next where the value does: the two differ for indefinite lengths only.
func (v Value) End() int { return v.end }

// Next returns where the value ends.
func (v Value) Next() int { return v.next }

// HeaderLen returns the number of identifier and length octets.
func (v Value) HeaderLen() int { return v.body - v.start }

// Indefinite reports whether the length is of the indefinite form (X.690 section 8.1.3.6).
func (v Value) Indefinite() bool { return v.indefinite }

// Reader returns the values inside a constructed value, one after the other.
func (v Value) Reader() Reader { return Reader{v.doc, v.body, v.end} }

// value reads the value at off, which ends at limit at the latest.
func (d *document) value(off, limit int) (Value, error) {
	v := Value{doc: d, start: off}
	length, err := d.header(&v, limit)
	if err != nil {
		return Value{}, err
	}
	if !v.indefinite {
		v.end = v.body + length
		v.next = v.end
		return v, nil
	}
	if v.end, err = d.endOfContents(v.body, limit); err != nil {
		return Value{}, err
	}
	v.next = v.end + 2
	return v, nil
}

// header reads identifier and length octets and returns the length of the contents, which lie within limit.
func (d *document) header(v *Value, limit int) (length int, err error) {
	h, err := parseHeader(d.from(v.start, limit), v.start, limit)
	if err != nil {
		return 0, err
	}
	v.tag, v.body, v.indefinite = h.tag, v.start+h.size, h.indefinite
	return h.length, nil
}

// header is what identifier and length octets say.
type header struct {
	tag        Tag
	size       int // octets of the header itself
	length     int // octets of the contents; 0 when it is indefinite
	indefinite bool
}

// maxHeader is how many octets there are at most: an identifier of five, a length of one and 126.
const maxHeader = 5 + 1 + 126

// parseHeader reads the header at an offset. Of the octets from there to limit, b has all, or maxHeader at least.
func parseHeader(b []byte, at, limit int) (h header, err error) {
	if at >= limit {
		return h, syntaxError(at, "a value is missing")
	}
	if len(b) == 0 {
		return h, syntaxError(at, "the octets of the content are not in memory")
	}
	id := b[0]
	h.size = 1
	h.tag = Tag(id>>6)<<classShift | Tag(id>>5&1)<<29
	if number := Tag(id & 0x1f); number != 0x1f {
		h.tag |= number
	} else {
		number = 0
		for {
			if h.size >= len(b) {
				return h, syntaxError(at, "the tag number is cut off")
			}
			c := b[h.size]
			h.size++
			if number > maxTagNumber>>7 {
				return h, syntaxError(at, "the tag number is too large")
			}
			if number == 0 && c == 0x80 { // X.690 section 8.1.2.4.2; any number of them could follow
				return h, syntaxError(at, "the tag number begins with an octet that says nothing")
			}
			number = number<<7 | Tag(c&0x7f)
			if c&0x80 == 0 {
				break
			}
		}
		h.tag |= number
	}
	if h.size >= len(b) {
		return h, syntaxError(at, "the length is missing")
	}
	first := b[h.size]
	h.size++
	switch {
	case first < 0x80:
		h.length = int(first)
	case first == 0x80:
		if !h.tag.Constructed() {
			return h, syntaxError(at, "a primitive value has an indefinite length")
		}
		h.indefinite = true
	case first == 0xff:
		return h, syntaxError(at, "the length octet 0xFF is reserved")
	default:
		n := int(first & 0x7f)
		if len(b)-h.size < n {
			return h, syntaxError(at, "the length is cut off")
		}
		for _, c := range b[h.size : h.size+n] {
			if h.length > math.MaxInt>>8 {
				return h, syntaxError(at, "the length is too large")
			}
			h.length = h.length<<8 | int(c)
		}
		h.size += n
	}
	if left := limit - at - h.size; h.length > left {
		return h, syntaxError(at, "%s of %d octets ends after what holds it, which has %d left", h.tag, h.length, left)
	}
	return h, nil
}

// endOfContents finds the end-of-contents octets of a value of indefinite length whose contents begin at body. What it
// meets on the way it remembers, so that reading a document stays linear however the values nest.
func (d *document) endOfContents(body, limit int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if end, ok := d.ends[body]; ok {
		return end, nil
	}
	if d.ends == nil {
		d.ends = make(map[int]int)
	}
	open := []int{body}
	off := body
	for {
		if b := d.from(off, limit); len(b) >= 2 && b[0] == 0 && b[1] == 0 {
			last := len(open) - 1
			if len(d.ends)+d.skipped >= MaxIndefinite {
				return 0, syntaxError(off, "there are more than %d values of indefinite length", MaxIndefinite)
			}
			d.ends[open[last]] = off
			open = open[:last]
			if last == 0 {
				return off, nil
			}
			off += 2
			continue
		}
		v := Value{doc: d, start: off}
		length, err := d.header(&v, limit)
		if err != nil {
			return 0, err
		}
		off = v.body + length
		if !v.indefinite {
			continue
		}
		if end, ok := d.ends[off]; ok {
			off = end + 2
			continue
		}
		if open = append(open, off); len(open) > MaxDepth {
			return 0, syntaxError(v.start, "values are nested deeper than %d", MaxDepth)
		}
	}
}
