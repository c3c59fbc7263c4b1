package cms

import (
	"math/big"
	"math/bits"
	"time"
)

// Builder appends DER to one buffer. A constructed value is opened, filled and closed:
//
//	seq := b.Open(cms.TagSequence)
//	b.OID(cms.OIDData)
//	b.Close(seq)
//
// It does what cryptobyte.Builder does without a closure and a child builder for each level: a container has about
// thirty levels, and those allocations would cost more than all the rest of making it.
type Builder struct{ buf []byte }

// NewBuilder appends to a buffer, which is grown as needed.
func NewBuilder(buf []byte) Builder { return Builder{buf} }

// Bytes returns what was written.
func (b *Builder) Bytes() []byte { return b.buf }

// Len returns how many octets were written.
func (b *Builder) Len() int { return len(b.buf) }

// Open begins a value whose length is not known, and returns the mark that [Builder.Close] wants.
func (b *Builder) Open(tag Tag) (mark int) {
	b.buf = append(appendTag(b.buf, tag), 0)
	return len(b.buf)
}

// Close ends the value that was opened last, moving its contents when the length takes more than one octet.
func (b *Builder) Close(mark int) {
	n := len(b.buf) - mark
	if n < 0x80 {
		b.buf[mark-1] = byte(n)
		return
	}
	extra := lengthOctets(n)
	var zero [9]byte
	b.buf = append(b.buf, zero[:extra]...)
	copy(b.buf[mark+extra:], b.buf[mark:mark+n])
	appendLength(b.buf[:mark-1], n)
}

// Header writes identifier and length octets of a value whose contents, of n octets, the caller writes next.
func (b *Builder) Header(tag Tag, n int) { b.buf = AppendHeader(b.buf, tag, n) }

// Raw writes octets as they are.
func (b *Builder) Raw(parts ...[]byte) {
	for _, p := range parts {
		b.buf = append(b.buf, p...)
	}
}

// Value writes a primitive value.
func (b *Builder) Value(tag Tag, contents []byte) {
	b.buf = append(AppendHeader(b.buf, tag, len(contents)), contents...)
}

// String writes a primitive value of a string type.
func (b *Builder) String(tag Tag, contents string) {
	b.buf = append(AppendHeader(b.buf, tag, len(contents)), contents...)
}

// OID writes an OBJECT IDENTIFIER.
func (b *Builder) OID(oid OID) { b.String(TagOID, string(oid)) }

// Null writes a NULL.
func (b *Builder) Null() { b.buf = append(b.buf, byte(TagNull), 0) }

// Int writes a non-negative INTEGER.
func (b *Builder) Int(n uint64) {
	octets := bits.Len64(n)/8 + 1 // one bit more than the number for its sign
	b.Header(TagInteger, octets)
	for i := octets - 1; i >= 0; i-- {
		b.buf = append(b.buf, byte(n>>(8*i)))
	}
}

// BigInt writes a non-negative INTEGER of any size.
func (b *Builder) BigInt(n *big.Int) {
	octets := make([]byte, n.BitLen()/8+1)
	b.Value(TagInteger, n.FillBytes(octets))
}

// Time writes a UTCTime for the years 1950 to 2049 and a GeneralizedTime for others, both with seconds and Z (RFC 5652
// section 11.3).
func (b *Builder) Time(t time.Time) {
	t = t.UTC()
	tag, layout := TagUTCTime, "060102150405Z"
	if t.Year() < 1950 || t.Year() > 2049 {
		tag, layout = TagGeneralizedTime, "20060102150405Z"
	}
	b.buf = t.AppendFormat(AppendHeader(b.buf, tag, len(layout)), layout)
}

// AppendHeader appends identifier and length octets.
func AppendHeader(dst []byte, tag Tag, n int) []byte { return appendLength(appendTag(dst, tag), n) }

// HeaderLen returns the number of octets that AppendHeader appends.
func HeaderLen(tag Tag, n int) int {
	octets := 2
	if number := tag & maxTagNumber; number >= 0x1f {
		octets += (bits.Len32(uint32(number)) + 6) / 7
	}
	if n >= 0x80 {
		octets += lengthOctets(n)
	}
	return octets
}

// lengthOctets is the number of octets of a length of 128 and more behind the first one.
func lengthOctets(n int) int { return (bits.Len(uint(n)) + 7) / 8 }

func appendTag(dst []byte, tag Tag) []byte {
	first := byte(tag>>classShift)<<6 | byte(tag>>29&1)<<5
	number := tag & maxTagNumber
	if number < 0x1f {
		return append(dst, first|byte(number))
	}
	dst = append(dst, first|0x1f)
	for i := (bits.Len32(uint32(number))+6)/7 - 1; i >= 0; i-- {
		c := byte(number>>(7*i)) & 0x7f
		if i > 0 {
			c |= 0x80
		}
		dst = append(dst, c)
	}
	return dst
}

func appendLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	octets := lengthOctets(n)
	dst = append(dst, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}
