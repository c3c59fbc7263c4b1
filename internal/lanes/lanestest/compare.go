package lanestest

import (
	mathrand "math/rand/v2"
	"reflect"
	"testing"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
	"github.com/seed-116355fd/signet/internal/lanes/plain"
)

const (
	arena  = 1600 // vectors behind each pointer
	before = 160  // of these in front of it
)

// Compare runs each kernel of a struct twice over the same random memory, by the processor and by package plain, and compares what they
// leave. It is what lets tests without such a processor speak for the kernels.
func Compare(t *testing.T, kernels any) {
	t.Helper()
	r := mathrand.New(mathrand.NewPCG(12, 13))
	byProcessor := reflect.ValueOf(kernels)
	byPlain := reflect.New(byProcessor.Type())
	byPlain.Elem().Set(byProcessor)
	plain.Replace(byPlain.Interface(), Program().Call)
	compared := 0
	for i := range byProcessor.NumField() {
		f, g := byProcessor.Field(i), byPlain.Elem().Field(i)
		if f.Kind() != reflect.Func || f.IsNil() {
			continue
		}
		for round := range 6 {
			var memory [2][][]lanes.Vector
			var args [2][]reflect.Value
			for n := range f.Type().NumIn() {
				first := lanes.Make(arena)
				fillRandomly(r, first, round, n == 3 && f.Type().NumIn() == 5 && f.Type().In(n).Kind() == reflect.UnsafePointer)
				second := lanes.Make(arena)
				copy(second, first)
				for side, m := range [2][]lanes.Vector{first, second} {
					memory[side] = append(memory[side], m)
					args[side] = append(args[side], reflect.NewAt(f.Type().In(n), unsafe.Pointer(new(unsafe.Pointer(&m[before])))).Elem())
				}
			}
			f.Call(args[0])
			g.Call(args[1])
			for n := range memory[0] {
				for j := range memory[0][n] {
					if memory[0][n][j] != memory[1][n][j] {
						t.Fatalf("%s, vector %d of argument %d: the processor left %x, and package plain %x", byProcessor.Type().Field(i).Name, j-before, n, memory[0][n][j], memory[1][n][j])
					}
				}
			}
		}
		compared++
	}
	if compared == 0 {
		t.Fatal("there was no kernel to compare")
	}
}

// fillRandomly makes words of all bits, digits of 52, digits of ones and zeros, and words of few bits; or offsets of lines.
func fillRandomly(r *mathrand.Rand, m []lanes.Vector, round int, offsets bool) {
	for i := range m {
		for l := range m[i] {
			x := r.Uint64()
			switch {
			case offsets:
				x = x % 1000 * 64
			case round%6 < 2:
			case round%6 == 2:
				x >>= 12
			case round%6 == 3:
				x = -(x & 1) >> 12
			case round%6 == 4:
				x = 1 << (x % 64)
			default:
				x = -(x & 1) ^ 1<<(x>>1%64)
			}
			m[i][l] = x
		}
	}
}
