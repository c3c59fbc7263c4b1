package lanes

import "golang.org/x/sys/cpu"

// capable: the parts of AVX-512 that the generated code uses. The package cpu says yes only if the operating system keeps the registers.
func capable() bool {
	x := &cpu.X86
	return x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512IFMA && x.HasAVX512VBMI2
}

// ClearRegisters zeroes the vector and mask registers, which VZEROUPPER does for half of them only.
func ClearRegisters() {
	if capable() {
		clearRegisters()
	}
}

func clearRegisters()
