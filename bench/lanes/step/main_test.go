//go:build linux && amd64

package main

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDecode has instructions with the memory that they touch.
func TestDecode(t *testing.T) {
	r := &syscall.PtraceRegs{Rax: 0x1000, Rcx: 3, Rdi: 0x2000, R8: 0x3000, R12: 0x4000, Rsp: 0x5000}
	const none = 0
	for name, c := range map[string]struct {
		code []byte
		at   uint64
	}{
		"VMOVDQA64 64(DI), Z0":     {[]byte{0x62, 0xf1, 0xfd, 0x48, 0x6f, 0x47, 0x01}, 0x2000},
		"VMOVDQA64 64(R8), Z0":     {[]byte{0x62, 0xd1, 0xfd, 0x48, 0x6f, 0x40, 0x01}, 0x3000},
		"VMOVDQA64 (R12), Z0":      {[]byte{0x62, 0xd1, 0xfd, 0x48, 0x6f, 0x04, 0x24}, 0x4000},
		"VMOVDQA64 Z1, Z0":         {[]byte{0x62, 0xf1, 0xfd, 0x48, 0x6f, 0xc1}, none},
		"VMOVDQA64 (AX)(CX*8), Z0": {[]byte{0x62, 0xf1, 0xfd, 0x48, 0x6f, 0x04, 0xc8}, 0x1018},
		"KMOVB 5(DI), K1":          {[]byte{0xc5, 0xf9, 0x90, 0x4f, 0x05}, 0x2000},
		"VZEROUPPER":               {[]byte{0xc5, 0xf8, 0x77}, none},
		"MOVQ 8(AX)(CX*8), AX":     {[]byte{0x48, 0x8b, 0x44, 0xc8, 0x08}, 0x1020},
		"LEAQ 8(AX)(CX*8), AX":     {[]byte{0x48, 0x8d, 0x44, 0xc8, 0x08}, none},
		"MOVQ AX, 16(R12)":         {[]byte{0x49, 0x89, 0x44, 0x24, 0x10}, 0x4010},
		"PUSHQ AX":                 {[]byte{0x50}, 0x5000},
		"ADDQ AX, CX":              {[]byte{0x48, 0x01, 0xc1}, none},
	} {
		a := &access{base: -1, index: -1}
		require.True(t, a.decode(append(c.code, make([]byte, 16-len(c.code))...)), name)
		require.Equal(t, c.at != none, a.touches, name)
		if a.touches {
			require.Equal(t, c.at, a.address(r), name)
		}
	}
}
