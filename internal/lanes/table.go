package lanes

import "unsafe"

const (
	windows       = 32  // of a scalar: a digit of 8 bits each
	windowEntries = 128 // the odd multiples from 1 to 255
	windowSize    = 8 * windowEntries / Width
	lineSize      = 64 // octets of an entry of a public table
)

// Points are the odd multiples (2 j + 1) 256^i A of a point A: x and then y, four words each with the lowest first. They have 256 KB.
type Points [windows][windowEntries][8]uint64

// Table is one for secret digits: each window has the first word of all entries, then the second and so on, so that 16 vectors are read to
// choose one word for each lane. It has a window more, which the kernels ask the cache for and do not read.
type Table []Vector

// NewTable arranges points.
func NewTable(p *Points) Table {
	t := Table(Make((windows + 1) * windowSize))
	for i := range p {
		for j := range p[i] {
			for q, x := range p[i][j] {
				t[i*windowSize+q*windowSize/8+j/Width][j%Width] = x
			}
		}
	}
	return t
}

// window is the address of one.
func (t Table) window(i int) unsafe.Pointer { return unsafe.Pointer(&t[i*windowSize]) }

// NewLines arranges points for public digits: one line of the cache for each.
func NewLines(p *Points) []Vector {
	v := Make(windows * windowEntries)
	for i := range p {
		for j := range p[i] {
			v[i*windowEntries+j] = p[i][j]
		}
	}
	return v
}
