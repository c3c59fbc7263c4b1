package p256lanes

import (
	"sync"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/p256verify"
)

const (
	windows       = 32  // a digit of 8 bits each
	windowEntries = 128 // the odd multiples from 1 to 255
	windowSize    = 8 * windowEntries / lanes.Width
	lineSize      = 64 // octets of an entry of a public table
)

// table is one for secret digits: each window has the first word of all entries, then the second and so on, so that 16 vectors are read to
// choose one word for each lane. It has 256 KB, and a window more, which the kernels ask the cache for and do not read.
type table []lanes.Vector

func (t table) window(i int) unsafe.Pointer { return unsafe.Pointer(&t[i*windowSize]) }

func newTable(l *p256verify.Lines) table {
	t := table(lanes.Make((windows + 1) * windowSize))
	for i := range l {
		for j := range l[i] {
			for q, x := range l[i][j] {
				t[i*windowSize+q*windowSize/8+j/lanes.Width][j%lanes.Width] = x
			}
		}
	}
	return t
}

// baseTable is that of the base point, which all keys share. It is made when the first key is, and stays.
var baseTable = sync.OnceValue(func() table { return newTable(p256verify.MakeBaseLines()) })
