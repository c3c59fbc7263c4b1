// Package lanes has what its sub-packages share, which compute eight independent signatures side by side: one in each 64-bit lane of the
// vector registers of processors with AVX-512 IFMA. Whoever calls them asks [Available] first and has the standard library's way as well.
package lanes

import (
	"crypto/fips140"
	"errors"
	"os"
	"unsafe"
)

// Width is how many numbers a vector holds.
const Width = 8

// Vector is one 64-bit word of each of eight numbers.
type Vector [Width]uint64

// Off is the name of an environment variable: any value but the empty one makes every computation take the ordinary way, for tests and for
// comparison.
const Off = "SIGNET_NO_LANES"

// ErrUnavailable is that of processors without AVX-512 IFMA, of programs in FIPS 140 mode, and of keys that are not for lanes.
var ErrUnavailable = errors.New("this processor does not compute in lanes")

// Available says whether this processor and system can, and whether it is wanted: in FIPS 140 mode nothing but the validated module signs.
func Available() bool { return capable() && !fips140.Enabled() && os.Getenv(Off) == "" }

// Make returns n zero vectors that begin at a multiple of 64 octets: vectors that straddle two cache lines cost a quarter of the speed.
func Make(n int) []Vector {
	const size = unsafe.Sizeof(Vector{})
	v := make([]Vector, n+1)
	p := uintptr(unsafe.Pointer(unsafe.SliceData(v))) % size
	if p == 0 {
		return v[:n:n]
	}
	// The heap does not move what it holds.
	return unsafe.Slice((*Vector)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(v)), size-p)), n)
}

// Wipe clears vectors that held secrets.
func Wipe(v []Vector) { clear(v) }
