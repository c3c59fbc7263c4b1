package p11

import (
	"debug/pe"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// load loads a library by its path, or by its name from where the system has its libraries. Neither it nor what it needs is looked for
// in the current folder or along PATH, where anybody might have put it.
func load(path string) (handle, error) {
	name := path
	if strings.ContainsAny(path, `\/:`) {
		var err error
		if name, err = filepath.Abs(path); err != nil {
			return 0, err
		}
	}
	flags := uintptr(windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
	if name != path || filepath.IsAbs(path) {
		flags |= windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR // for what lies beside it
	}
	h, err := windows.LoadLibraryEx(name, 0, flags)
	if err != nil {
		return 0, whyNot(name, err)
	}
	return handle(h), nil
}

// whyNot says what the system does not: which of the files it is that was not found, and of which architecture it is.
func whyNot(path string, err error) error {
	_, missing := os.Stat(path)
	switch {
	case errors.Is(err, windows.ERROR_MOD_NOT_FOUND) && missing == nil && filepath.IsAbs(path): // a name alone was looked for elsewhere
		return fmt.Errorf("a library that it needs is neither beside it nor in the system's folder: %w", err)
	case errors.Is(err, windows.ERROR_BAD_EXE_FORMAT):
		f, open := pe.Open(path)
		if open != nil {
			return errors.New("it is no library of Windows")
		}
		defer func() { _ = f.Close() }()
		arch, known := map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_I386: "386", pe.IMAGE_FILE_MACHINE_ARM64: "arm64"}[f.Machine]
		if known && arch != runtime.GOARCH {
			return fmt.Errorf("it is for %s and this program for %s", arch, runtime.GOARCH)
		}
	}
	return errors.New(strings.TrimSuffix(err.Error(), ".")) // another sentence follows
}

// symbol is the address of a function, or 0.
func symbol(h handle, name string) uintptr {
	at, err := windows.GetProcAddress(windows.Handle(h), name)
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
	r, _, _ := syscall.SyscallN(fn, args...)
	return r
}
