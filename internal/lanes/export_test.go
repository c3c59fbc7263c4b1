package lanes

import "unsafe"

func address(v []Vector) uintptr { return uintptr(unsafe.Pointer(&v[0])) }
