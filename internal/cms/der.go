package cms

import (
	"bytes"
	"slices"
)

// AppendDER appends the value with definite lengths of the shortest form and primitive strings (X.690 sections 10 and
// 11). The order of SETs is left as it is; see [SortSet].
func AppendDER(dst []byte, v Value) ([]byte, error) { return appendDER(dst, v, v.tag, 0) }

func appendDER(dst []byte, v Value, tag Tag, depth int) ([]byte, error) {
	if !v.tag.Constructed() {
		return append(AppendHeader(dst, tag, v.end-v.body), v.Body()...), nil
	}
	if depth > MaxDepth {
		return nil, syntaxError(v.start, "values are nested deeper than %d", MaxDepth)
	}
	if v.tag == TagOctetString|constructed {
		octets, err := v.Octets()
		if err != nil {
			return nil, err
		}
		return append(AppendHeader(dst, tag&^constructed, len(octets)), octets...), nil
	}
	b := NewBuilder(dst)
	mark := b.Open(tag)
	for r := v.Reader(); !r.Empty(); {
		member, err := r.Next()
		if err != nil {
			return nil, err
		}
		if b.buf, err = appendDER(b.buf, member, member.tag, depth+1); err != nil {
			return nil, err
		}
	}
	b.Close(mark)
	return b.buf, nil
}

// InDER reports whether the octets of the value are those that [AppendDER] makes.
func (v Value) InDER() bool { return v.inDER(0) }

func (v Value) inDER(depth int) bool {
	var room [16]byte
	header := AppendHeader(room[:0], v.tag, v.end-v.body)
	if v.indefinite || len(header) != v.HeaderLen() || !bytes.HasPrefix(v.Raw(), header) {
		return false
	}
	if !v.tag.Constructed() {
		return true
	}
	if depth > MaxDepth || v.tag == TagOctetString|constructed {
		return false
	}
	for r := v.Reader(); !r.Empty(); {
		member, err := r.Next()
		if err != nil || !member.inDER(depth+1) {
			return false
		}
	}
	return true
}

// SortSet puts encoded members into the order of DER: ascending as octet strings, a shorter one before a longer one that
// begins with it (X.690 section 11.6).
func SortSet(members [][]byte) { slices.SortFunc(members, bytes.Compare) }

// AppendSet appends a SET, or an IMPLICIT SET under another tag, of members in the order given.
func AppendSet(dst []byte, tag Tag, members [][]byte) []byte {
	n := 0
	for _, m := range members {
		n += len(m)
	}
	dst = AppendHeader(dst, tag, n)
	for _, m := range members {
		dst = append(dst, m...)
	}
	return dst
}
