//go:build !purego

#include "textflag.h"

// Multiplication as in field.go, word by word of y: the product of x with a word is added by two chains of carries (ADCX, ADOX), and then
// the multiple of p that makes the lowest word t zero: t p = t 2^96 + t p3 2^192 - t, where t p3 = t 2^64 - t 2^32 + t needs no
// multiplication. SI points to x, CX to y, DI to z; the sum is in five of R8 to R13, which turn.

#define FIRST(t0, t1, t2, t3, t4) \
	MOVQ 0(CX), DX \
	MULXQ 0(SI), t0, t1 \
	MULXQ 8(SI), AX, t2 \
	ADDQ AX, t1 \
	MULXQ 16(SI), AX, t3 \
	ADCQ AX, t2 \
	MULXQ 24(SI), AX, t4 \
	ADCQ AX, t3 \
	ADCQ $0, t4

// t5 becomes the highest word, 0 until REDUCE adds to it: the sum is less than 2 p + (p-1) (2^64-1), which is less than 2^320. R14 is
// zero: to move a zero into a register changes the carries.
#define NEXT(offset, t0, t1, t2, t3, t4, t5) \
	MOVQ offset(CX), DX \
	XORQ t5, t5 \
	MULXQ 0(SI), AX, BX \
	ADCXQ AX, t0 \
	ADOXQ BX, t1 \
	MULXQ 8(SI), AX, BX \
	ADCXQ AX, t1 \
	ADOXQ BX, t2 \
	MULXQ 16(SI), AX, BX \
	ADCXQ AX, t2 \
	ADOXQ BX, t3 \
	MULXQ 24(SI), AX, BX \
	ADCXQ AX, t3 \
	ADOXQ BX, t4 \
	ADCXQ R14, t4

// t0 is zero afterwards and its register is free; what does not go into t4 goes into t5.
#define REDUCE(t0, t1, t2, t3, t4) \
	MOVQ t0, AX \
	MOVQ t0, DX \
	MOVQ t0, BX \
	SHLQ $32, AX \
	SHRQ $32, DX \
	SUBQ AX, BX \
	SBBQ DX, t0 \
	ADDQ AX, t1 \
	ADCQ DX, t2 \
	ADCQ BX, t3 \
	ADCQ t0, t4

// The sum is less than 2 p; p is subtracted unless it is less than p. top is its fifth word.
#define FINISH(t0, t1, t2, t3, top) \
	MOVQ t0, AX \
	MOVQ t1, BX \
	MOVQ t2, CX \
	MOVQ t3, DX \
	SUBQ $-1, AX \
	MOVQ $0x00000000ffffffff, SI \
	SBBQ SI, BX \
	SBBQ $0, CX \
	MOVQ $0xffffffff00000001, SI \
	SBBQ SI, DX \
	SBBQ $0, top \
	CMOVQCS t0, AX \
	CMOVQCS t1, BX \
	CMOVQCS t2, CX \
	CMOVQCS t3, DX \
	MOVQ AX, 0(DI) \
	MOVQ BX, 8(DI) \
	MOVQ CX, 16(DI) \
	MOVQ DX, 24(DI)

// func mulADX(z, x, y *element)
TEXT ·mulADX(SB), NOSPLIT, $0-24
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), CX
	XORQ R14, R14
	FIRST(R8, R9, R10, R11, R12)
	XORQ R13, R13
	REDUCE(R8, R9, R10, R11, R12)
	ADCQ $0, R13
	NEXT(8, R9, R10, R11, R12, R13, R8)
	REDUCE(R9, R10, R11, R12, R13)
	ADCQ $0, R8
	NEXT(16, R10, R11, R12, R13, R8, R9)
	REDUCE(R10, R11, R12, R13, R8)
	ADCQ $0, R9
	NEXT(24, R11, R12, R13, R8, R9, R10)
	REDUCE(R11, R12, R13, R8, R9)
	ADCQ $0, R10
	FINISH(R12, R13, R8, R9, R10)
	RET

// The lowest word of four is made zero, and what becomes of it is the highest: after four times they are as before, and to be added to
// the four above.
#define FOLD(t0, t1, t2, t3) \
	MOVQ t0, AX \
	MOVQ t0, DX \
	MOVQ t0, BX \
	SHLQ $32, AX \
	SHRQ $32, DX \
	SUBQ AX, BX \
	SBBQ DX, t0 \
	ADDQ AX, t1 \
	ADCQ DX, t2 \
	ADCQ BX, t3 \
	ADCQ $0, t0

// func sqrADX(z, x *element)
TEXT ·sqrADX(SB), NOSPLIT, $0-16
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	// The products of different words, into R9 to R13 and CX.
	MOVQ 0(SI), DX
	MULXQ 8(SI), R9, R10
	MULXQ 16(SI), AX, R11
	ADDQ AX, R10
	MULXQ 24(SI), AX, R12
	ADCQ AX, R11
	ADCQ $0, R12
	XORQ R13, R13
	MOVQ 8(SI), DX
	MULXQ 16(SI), AX, BX
	ADDQ AX, R11
	ADCQ BX, R12
	ADCQ $0, R13
	MULXQ 24(SI), AX, BX
	ADDQ AX, R12
	ADCQ BX, R13
	MOVQ 16(SI), DX
	MULXQ 24(SI), AX, CX
	ADDQ AX, R13
	ADCQ $0, CX
	// They occur twice.
	XORQ R14, R14
	ADDQ R9, R9
	ADCQ R10, R10
	ADCQ R11, R11
	ADCQ R12, R12
	ADCQ R13, R13
	ADCQ CX, CX
	ADCQ R14, R14
	// The squares.
	MOVQ 0(SI), DX
	MULXQ DX, R8, BX
	ADDQ BX, R9
	MOVQ 8(SI), DX
	MULXQ DX, AX, BX
	ADCQ AX, R10
	ADCQ BX, R11
	MOVQ 16(SI), DX
	MULXQ DX, AX, BX
	ADCQ AX, R12
	ADCQ BX, R13
	MOVQ 24(SI), DX
	MULXQ DX, AX, BX
	ADCQ AX, CX
	ADCQ BX, R14
	FOLD(R8, R9, R10, R11)
	FOLD(R9, R10, R11, R8)
	FOLD(R10, R11, R8, R9)
	FOLD(R11, R8, R9, R10)
	ADDQ R8, R12
	ADCQ R9, R13
	ADCQ R10, CX
	ADCQ R11, R14
	SBBQ R8, R8
	NEGQ R8
	MOVQ CX, R9
	FINISH(R12, R13, R9, R14, R8)
	RET
