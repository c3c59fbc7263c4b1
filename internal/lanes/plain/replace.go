package plain

import (
	"reflect"
	"runtime"
	"strings"
	"unsafe"
)

// Replace puts other functions into the fields of a struct that are kernels: what they do is run, with the name of the kernel and the
// pointers that it was given. Fields that are nil, or no functions of pointers, stay.
func Replace(kernels any, run func(name string, args ...unsafe.Pointer)) {
	v := reflect.ValueOf(kernels).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Func || f.IsNil() {
			continue
		}
		full := runtime.FuncForPC(f.Pointer()).Name()
		name := full[strings.LastIndexByte(full, '.')+1:]
		f.Set(reflect.MakeFunc(f.Type(), func(in []reflect.Value) []reflect.Value {
			args := make([]unsafe.Pointer, len(in))
			for i := range in {
				args[i] = in[i].UnsafePointer()
			}
			run(name, args...)
			return nil
		}))
	}
}
