//go:build !amd64

package lanes

func capable() bool { return false }

// ClearRegisters has nothing to clear.
func ClearRegisters() {}
