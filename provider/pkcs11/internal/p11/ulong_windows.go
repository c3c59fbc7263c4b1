package p11

// ulong is a CK_ULONG: an unsigned long, which has 32 bits on Windows in each architecture.
type ulong = uint32

// packed says that structures have no gaps, which the specification demands on Windows.
const packed = true
