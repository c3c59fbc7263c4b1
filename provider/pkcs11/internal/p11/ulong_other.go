//go:build !windows

package p11

// ulong is a CK_ULONG: an unsigned long, which is as large as a pointer.
type ulong = uint

// packed says that structures have no gaps, which the specification demands on Windows.
const packed = false
