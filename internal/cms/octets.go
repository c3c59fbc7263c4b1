package cms

import (
	"errors"
	"io"
	"slices"
)

// Octets are those of a message: all in memory, or all but the contents octets of its content, which are left where they
// are. So a message is read and raised in memory that does not depend on the size of what was signed.
type Octets struct {
	data    []byte
	gap     gap
	skipped int // values of indefinite length in the gap
}

// gap is a place in a document whose octets are elsewhere.
type gap struct {
	from, size int         // in the document
	indefinite bool        // the length of the content is
	src        io.ReaderAt // nil when they are gone
	at         int64       // where they begin there
}

// errPassed is for a content that was read once and not kept.
var errPassed = errors.New("cms: the content has passed, and was not kept")

// InMemory returns octets that are all there.
func InMemory(ber []byte) Octets { return Octets{data: ber} }

// Size is how many there are, the content included.
func (o *Octets) Size() int { return len(o.data) + o.gap.size }

// InMemory reports whether all are in memory.
func (o *Octets) InMemory() bool { return o.gap.size == 0 }

// Bytes returns all octets; those of a content that is elsewhere are read.
func (o *Octets) Bytes() ([]byte, error) {
	if o.gap.size == 0 {
		return o.data, nil
	}
	if o.gap.src == nil {
		return nil, errPassed
	}
	all := make([]byte, o.Size())
	end := copy(all, o.data[:o.gap.from]) + o.gap.size
	copy(all[end:], o.data[o.gap.from:])
	if err := readAt(o.gap.src, all[o.gap.from:end], o.gap.at); err != nil {
		return nil, err
	}
	return all, nil
}

// WriteTo writes all octets; those of a content that is elsewhere are read on the way.
func (o *Octets) WriteTo(w io.Writer) (int64, error) {
	if o.gap.size == 0 {
		n, err := w.Write(o.data)
		return int64(n), err
	}
	n, err := w.Write(o.data[:o.gap.from])
	if err != nil {
		return int64(n), err
	}
	passed, err := o.gap.copy(w)
	if err != nil {
		return int64(n) + passed, err
	}
	m, err := w.Write(o.data[o.gap.from:])
	return int64(n) + passed + int64(m), err
}

// Append returns the octets with further ones behind them.
func (o Octets) Append(more []byte) Octets {
	o.data = append(slices.Clip(o.data), more...)
	return o
}

// value reads the first value.
func (o *Octets) value() (Value, error) {
	if o.Size() == 0 {
		return Value{}, syntaxError(0, "there is nothing")
	}
	d := &document{data: o.data, gap: o.gap, skipped: o.skipped}
	if o.gap.indefinite {
		d.ends = map[int]int{o.gap.from: o.gap.from + o.gap.size}
	}
	return d.value(0, o.Size())
}

// octets returns those from one offset to another; nil when some of them are in the gap.
func (d *document) octets(from, to int) []byte {
	switch size := d.gap.size; {
	case size == 0 || to <= d.gap.from:
		return d.data[from:to:to]
	case from >= d.gap.from+size:
		return d.data[from-size : to-size : to-size]
	}
	return nil
}

// from returns the octets from an offset to limit, or to the gap.
func (d *document) from(off, limit int) []byte {
	switch size := d.gap.size; {
	case off >= limit:
		return nil
	case size == 0:
		return d.data[off:limit]
	case off < d.gap.from:
		return d.data[off:min(limit, d.gap.from)]
	case off >= d.gap.from+size:
		return d.data[off-size : limit-size]
	}
	return nil
}

// gapWithin is how many octets of the gap are from one offset to another: all or none.
func (d *document) gapWithin(from, to int) int {
	if from <= d.gap.from && d.gap.from+d.gap.size <= to {
		return d.gap.size
	}
	return 0
}

// away reports whether the contents octets of a value are those that are elsewhere.
func (v Value) away() bool { return v.doc != nil && v.doc.gap.size != 0 && v.body == v.doc.gap.from }

// WriteRaw writes identifier, length and contents as received, wherever they are.
func (v Value) WriteRaw(w io.Writer) error {
	if v.doc == nil {
		return nil
	}
	d := v.doc
	if d.gapWithin(v.start, v.next) == 0 {
		_, err := w.Write(d.octets(v.start, v.next))
		return err
	}
	if _, err := w.Write(d.octets(v.start, d.gap.from)); err != nil {
		return err
	}
	if _, err := d.gap.copy(w); err != nil {
		return err
	}
	_, err := w.Write(d.octets(d.gap.from+d.gap.size, v.next))
	return err
}

// copy writes the octets of the gap.
func (g *gap) copy(w io.Writer) (n int64, err error) {
	err = g.pass(false, func(b []byte) error {
		m, err := w.Write(b)
		n += int64(m)
		return err
	})
	return n, err
}

// pass calls f with the octets of the gap, or with those of the segments that it is made of.
func (g *gap) pass(segments bool, f func([]byte) error) error {
	if g.src == nil {
		return errPassed
	}
	s := &scanner{r: g.src, shift: g.at - int64(g.from)}
	if segments {
		return s.segments(g.from, g.from+g.size, f)
	}
	return s.copy(g.from, g.from+g.size, f)
}
