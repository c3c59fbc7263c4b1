#include "textflag.h"

// LPS of RFC 6986 section 6 of a transposed state X; A, B, C, D and K1 are spoiled.
// Substitution: two of the four tables by the low seven bits of each octet, and one of both by the highest. Then the sum of eight products: of
// the permuted octets by matrices of bits.
#define LPS(X, A, B, C, D) \
	VPMOVB2M  X, K1; \
	VMOVDQA64 X, A; \
	VPERMI2B  Z27, Z26, A; \
	VMOVDQA64 X, B; \
	VPERMI2B  Z29, Z28, B; \
	VPBLENDMB B, A, K1, A; \
	VPERMB    A, Z18, X; \
	VGF2P8AFFINEQB $0, Z10, X, X; \
	VPERMB    A, Z19, B; \
	VGF2P8AFFINEQB $0, Z11, B, B; \
	VPERMB    A, Z20, C; \
	VGF2P8AFFINEQB $0, Z12, C, C; \
	VPTERNLOGQ $0x96, B, C, X; \
	VPERMB    A, Z21, D; \
	VGF2P8AFFINEQB $0, Z13, D, D; \
	VPERMB    A, Z22, B; \
	VGF2P8AFFINEQB $0, Z14, B, B; \
	VPERMB    A, Z23, C; \
	VGF2P8AFFINEQB $0, Z15, C, C; \
	VPTERNLOGQ $0x96, B, C, D; \
	VPERMB    A, Z24, B; \
	VGF2P8AFFINEQB $0, Z16, B, B; \
	VPERMB    A, Z25, C; \
	VGF2P8AFFINEQB $0, Z17, C, C; \
	VPTERNLOGQ $0x96, B, C, X; \
	VPXORQ    D, X, X

// func compressVectors(h, m, n *state, v *vectors)
TEXT ·compressVectors(SB), NOSPLIT, $0-32
	MOVQ h+0(FP), DI
	MOVQ m+8(FP), SI
	MOVQ n+16(FP), DX
	MOVQ v+24(FP), CX
	VMOVDQU64 (CX), Z10
	VMOVDQU64 64(CX), Z11
	VMOVDQU64 128(CX), Z12
	VMOVDQU64 192(CX), Z13
	VMOVDQU64 256(CX), Z14
	VMOVDQU64 320(CX), Z15
	VMOVDQU64 384(CX), Z16
	VMOVDQU64 448(CX), Z17
	VMOVDQU64 512(CX), Z18
	VMOVDQU64 576(CX), Z19
	VMOVDQU64 640(CX), Z20
	VMOVDQU64 704(CX), Z21
	VMOVDQU64 768(CX), Z22
	VMOVDQU64 832(CX), Z23
	VMOVDQU64 896(CX), Z24
	VMOVDQU64 960(CX), Z25
	VMOVDQU64 1024(CX), Z26
	VMOVDQU64 1088(CX), Z27
	VMOVDQU64 1152(CX), Z28
	VMOVDQU64 1216(CX), Z29
	VMOVDQU64 1280(CX), Z30
	VPERMB (DI), Z30, Z31 // h
	VPERMB (SI), Z30, Z0  // m, and then the state
	VPERMB (DX), Z30, Z1
	VPXORQ Z31, Z1, Z1    // the key of the first round
	VPXORQ Z0, Z31, Z31   // h ^ m
	LPS(Z1, Z6, Z7, Z8, Z9)
	ADDQ $1344, CX
	MOVQ $12, AX

rounds:
	VPXORQ Z1, Z0, Z0
	LPS(Z0, Z2, Z3, Z4, Z5)
	VPXORQ (CX), Z1, Z1
	LPS(Z1, Z6, Z7, Z8, Z9)
	ADDQ $64, CX
	DECQ AX
	JNZ  rounds
	VPTERNLOGQ $0x96, Z1, Z0, Z31
	VPERMB Z31, Z30, Z31
	VMOVDQU64 Z31, (DI)
	VZEROUPPER
	RET
