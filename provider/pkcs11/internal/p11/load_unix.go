//go:build !signet_static && (!cgo || signet_nocgo) && ((darwin && !ios) || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64)))

package p11

import (
	"errors"
	"runtime"
	"strings"

	"github.com/ebitengine/purego"
)

func load(path string) (handle, error) {
	if strings.ContainsRune(path, 0) {
		return 0, errors.New("there is a zero octet in its path")
	}
	runtime.LockOSThread() // for dlerror, which is of the thread
	defer runtime.UnlockOSThread()
	// RTLD_LOCAL: two modules that bring the same helper library in two versions must not see each other's.
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, errors.New(strings.TrimPrefix(err.Error(), path+": "))
	}
	return handle(h), nil
}

// symbol is the address of a function, or 0.
func symbol(h handle, name string) uintptr {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at, err := purego.Dlsym(uintptr(h), name)
	if err != nil {
		return 0
	}
	return at
}

// call calls a function of C. Objects whose addresses are converted to uintptr in the call escape to the heap, and stay until it
// returns.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}
