package cms

import "sort"

// Edit puts octets into a value, or takes a member out of it. At is the offset, in the document, at which a member of
// Parent begins or at which its contents end.
type Edit struct {
	Parent Value
	At     int
	Insert []byte
	Remove int // octets from At on: whole members
}

// Splice returns root with the edits made. Every value that is not the parent of an edit, and does not hold one, stands
// in the result as it was received; the others differ in their length octets only. Values of indefinite length stay
// so. The parents are of root's document.
func Splice(root Value, edits ...Edit) ([]byte, error) {
	edits = append([]Edit(nil), edits...)
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].At < edits[j].At })
	s := splicer{edits: edits, sizes: make(map[int]int)}
	n, err := s.size(root, 0)
	if err != nil {
		return nil, err
	}
	return s.append(make([]byte, 0, n), root)
}

type splicer struct {
	edits []Edit
	sizes map[int]int // start of an edited value -> octets of its new contents
}

func (s *splicer) touches(v Value) bool {
	for _, e := range s.edits {
		if v.start <= e.Parent.start && e.Parent.start < v.next {
			return true
		}
	}
	return false
}

// done reports whether nothing is edited from an offset within the value on, but for what is put in right there. What is
// left is then copied without being read, whatever it is.
func (s *splicer) done(v Value, off int) bool {
	for _, e := range s.edits {
		if e.Parent.start == v.start && e.At > off || off <= e.Parent.start && e.Parent.start < v.end {
			return false
		}
	}
	return true
}

// size returns the octets of the value after the edits.
func (s *splicer) size(v Value, depth int) (int, error) {
	if !s.touches(v) {
		return v.next - v.start, nil
	}
	if depth > MaxDepth {
		return 0, syntaxError(v.start, "values are nested deeper than %d", MaxDepth)
	}
	if !v.tag.Constructed() {
		return 0, syntaxError(v.start, "nothing can be put into a primitive value")
	}
	n, pending := 0, 0
	for _, e := range s.edits {
		if e.Parent.start == v.start {
			n += len(e.Insert) - e.Remove
			pending++
		}
	}
	for r := v.Reader(); ; {
		removes := 0
		for _, e := range s.edits {
			if e.Parent.start == v.start && e.At == r.off {
				pending--
				removes += e.Remove
			}
		}
		if r.Empty() {
			break
		}
		if removes == 0 && s.done(v, r.off) {
			n += v.end - r.off
			break
		}
		member, err := r.Next()
		if err != nil {
			return 0, err
		}
		size, err := s.size(member, depth+1)
		if err != nil {
			return 0, err
		}
		n += size
	}
	if pending != 0 {
		return 0, syntaxError(v.start, "an edit is not at the boundary of a member")
	}
	s.sizes[v.start] = n
	if v.indefinite {
		return n + v.body - v.start + 2, nil
	}
	return n + HeaderLen(v.tag, n), nil
}

func (s *splicer) append(dst []byte, v Value) ([]byte, error) {
	n, edited := s.sizes[v.start]
	if !edited {
		return append(dst, v.Raw()...), nil
	}
	if v.indefinite {
		dst = append(dst, v.doc.data[v.start:v.body]...)
	} else {
		dst = AppendHeader(dst, v.tag, n)
	}
	for r := v.Reader(); ; {
		at, skip := r.off, 0
		for _, e := range s.edits {
			if e.Parent.start == v.start && e.At == at {
				dst = append(dst, e.Insert...)
				skip += e.Remove
			}
		}
		if r.Empty() {
			break
		}
		if skip == 0 && s.done(v, at) {
			dst = append(dst, v.doc.data[at:v.end]...)
			break
		}
		member, err := r.Next()
		if err != nil {
			return nil, err
		}
		if skip > 0 {
			if member.next-member.start != skip {
				return nil, syntaxError(at, "an edit removes part of a member")
			}
			continue
		}
		if dst, err = s.append(dst, member); err != nil {
			return nil, err
		}
	}
	if v.indefinite {
		dst = append(dst, 0, 0)
	}
	return dst, nil
}
