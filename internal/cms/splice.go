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
	o, err := SpliceOctets(root, edits...)
	if err != nil {
		return nil, err
	}
	return o.Bytes()
}

// SpliceOctets is [Splice] for a message whose content may be elsewhere, where it stays.
func SpliceOctets(root Value, edits ...Edit) (Octets, error) {
	edits = append([]Edit(nil), edits...)
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].At < edits[j].At })
	s := splicer{edits: edits, sizes: make(map[int]int)}
	n, err := s.size(root, 0)
	if err != nil {
		return Octets{}, err
	}
	if root.doc.gapWithin(root.start, root.next) != 0 {
		s.out.gap, s.out.skipped = root.doc.gap, root.doc.skipped
	}
	s.out.data = make([]byte, 0, n-s.out.gap.size)
	if err := s.append(root); err != nil {
		return Octets{}, err
	}
	return s.out, nil
}

type splicer struct {
	edits []Edit
	sizes map[int]int // start of an edited value -> octets of its new contents
	out   Octets
}

// take copies octets of the document, but for those of the gap, which comes to stand here.
func (s *splicer) take(d *document, from, to int) {
	if d.gapWithin(from, to) == 0 {
		s.out.data = append(s.out.data, d.octets(from, to)...)
		return
	}
	s.out.data = append(s.out.data, d.octets(from, d.gap.from)...)
	s.out.gap.from = len(s.out.data)
	s.out.data = append(s.out.data, d.octets(d.gap.from+d.gap.size, to)...)
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

func (s *splicer) append(v Value) error {
	n, edited := s.sizes[v.start]
	if !edited {
		s.take(v.doc, v.start, v.next)
		return nil
	}
	if v.indefinite {
		s.take(v.doc, v.start, v.body)
	} else {
		s.out.data = AppendHeader(s.out.data, v.tag, n)
	}
	for r := v.Reader(); ; {
		at, skip := r.off, 0
		for _, e := range s.edits {
			if e.Parent.start == v.start && e.At == at {
				s.out.data = append(s.out.data, e.Insert...)
				skip += e.Remove
			}
		}
		if r.Empty() {
			break
		}
		if skip == 0 && s.done(v, at) {
			s.take(v.doc, at, v.end)
			break
		}
		member, err := r.Next()
		if err != nil {
			return err
		}
		if skip > 0 {
			if member.next-member.start != skip {
				return syntaxError(at, "an edit removes part of a member")
			}
			continue
		}
		if err := s.append(member); err != nil {
			return err
		}
	}
	if v.indefinite {
		s.out.data = append(s.out.data, 0, 0)
	}
	return nil
}
