package cms

import (
	"math/big"
	"time"
)

// Reader reads values one after the other.
type Reader struct {
	doc *document
	off int
	end int
}

// Empty reports whether nothing is left.
func (r *Reader) Empty() bool { return r.off >= r.end }

// Offset returns where the next value begins.
func (r *Reader) Offset() int { return r.off }

// Next reads the next value.
func (r *Reader) Next() (Value, error) {
	if r.Empty() {
		return Value{}, syntaxError(r.off, "a value is missing")
	}
	v, err := r.doc.value(r.off, r.end)
	if err != nil {
		return Value{}, err
	}
	r.off = v.next
	return v, nil
}

// Want reads the next value, which has to have this tag. A string type is also taken in its constructed form.
func (r *Reader) Want(tag Tag, what string) (Value, error) {
	v, ok, err := r.Optional(tag)
	if err != nil {
		return Value{}, err
	}
	if ok {
		return v, nil
	}
	if r.Empty() {
		return Value{}, syntaxError(r.off, "%s is missing", what)
	}
	found, err := r.doc.value(r.off, r.end)
	if err != nil {
		return Value{}, err
	}
	return Value{}, syntaxError(r.off, "%s should be %s and is %s", what, tag, found.tag)
}

// Optional reads the next value if it has this tag, and leaves it otherwise.
func (r *Reader) Optional(tag Tag) (v Value, ok bool, err error) {
	if r.Empty() {
		return Value{}, false, nil
	}
	head := Value{doc: r.doc, start: r.off}
	if _, err := r.doc.header(&head, r.end); err != nil {
		return Value{}, false, err
	}
	if head.tag != tag && (head.tag != tag|constructed || tag.primitive()) {
		return Value{}, false, nil
	}
	v, err = r.Next()
	return v, err == nil, err
}

// primitive reports whether a type has no constructed form (X.690 sections 8.2 to 8.8, 8.19): a constructed BOOLEAN is none.
func (t Tag) primitive() bool {
	switch t {
	case TagBoolean, TagInteger, TagNull, TagOID, TagEnumerated:
		return true
	}
	return false
}

// All reads what is left, at most [MaxElements] values.
func (r *Reader) All() ([]Value, error) {
	var all []Value
	for !r.Empty() {
		v, err := r.Next()
		if err != nil {
			return nil, err
		}
		if len(all) >= MaxElements {
			return nil, syntaxError(r.off, "there are more than %d values in one place", MaxElements)
		}
		all = append(all, v)
	}
	return all, nil
}

// OID returns the object identifier that the value is.
func (v Value) OID() (OID, error) {
	if v.tag != TagOID {
		return "", syntaxError(v.start, "an OBJECT IDENTIFIER is expected, not %s", v.tag)
	}
	if oid, ok := intern(v.Body()); ok {
		return oid, nil
	}
	oid := OID(v.Body())
	if !oid.valid() {
		return "", syntaxError(v.start, "the OBJECT IDENTIFIER is malformed")
	}
	return oid, nil
}

// Int returns a small INTEGER.
func (v Value) Int() (int, error) {
	b := v.Body()
	if v.tag != TagInteger || len(b) == 0 || len(b) > 4 {
		return 0, syntaxError(v.start, "a small INTEGER is expected")
	}
	n := int32(int8(b[0]))
	for _, c := range b[1:] {
		n = n<<8 | int32(c)
	}
	return int(n), nil
}

// BigInt returns an INTEGER of any size.
func (v Value) BigInt() (*big.Int, error) {
	b := v.Body()
	if v.tag != TagInteger || len(b) == 0 {
		return nil, syntaxError(v.start, "an INTEGER is expected")
	}
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n, nil
}

// Time returns a UTCTime (1950-2049) or GeneralizedTime. DER asks for seconds and Z (RFC 5652 section 11.3); a missing
// second, a fraction and an offset from UTC are read as well.
func (v Value) Time() (time.Time, error) {
	s := string(v.Body())
	var layouts []string
	switch v.tag {
	case TagUTCTime:
		layouts = []string{"060102150405Z0700", "0601021504Z0700"}
	case TagGeneralizedTime:
		layouts = []string{"20060102150405Z0700", "200601021504Z0700", "20060102150405"}
	default:
		return time.Time{}, syntaxError(v.start, "a time is expected, not %s", v.tag)
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if v.tag == TagUTCTime && t.Year() >= 2050 {
			t = t.AddDate(-100, 0, 0)
		}
		return t.UTC(), nil
	}
	return time.Time{}, syntaxError(v.start, "the %s is malformed", v.tag)
}

// Segments calls f with the octets of a string in order: once for a primitive one, once for each segment of a
// constructed one (X.690 section 8.7.3), and in pieces when they are not in memory. The tag of the value itself may be an
// IMPLICIT one.
func (v Value) Segments(f func([]byte) error) error {
	if v.away() {
		return v.doc.gap.pass(v.tag.Constructed(), f)
	}
	return v.segments(f, 0)
}

func (v Value) segments(f func([]byte) error, depth int) error {
	if !v.tag.Constructed() {
		return f(v.Body())
	}
	if depth >= MaxDepth {
		return syntaxError(v.start, "string segments are nested deeper than %d", MaxDepth)
	}
	for r := v.Reader(); !r.Empty(); {
		segment, err := r.Want(TagOctetString, "a segment of an OCTET STRING")
		if err != nil {
			return err
		}
		if err := segment.segments(f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Octets returns the contents of a string: a view for a primitive one, a joined copy for a constructed one. Those of the
// content that was left where it is are not returned.
func (v Value) Octets() ([]byte, error) {
	if v.away() {
		return nil, syntaxError(v.start, "the octets of the content are not in memory")
	}
	if !v.tag.Constructed() {
		return v.Body(), nil
	}
	var all []byte
	err := v.Segments(func(b []byte) error {
		all = append(all, b...)
		return nil
	})
	return all, err
}
