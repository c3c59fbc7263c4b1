package batch

import (
	"fmt"
	"runtime/debug"
)

// PanicError is what becomes of a panic in a key, a format, a content or an Output: the error of the content that met it.
// A batch runs in goroutines of its own, where a panic would end the process, and with it the work of everybody else.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // where
}

// Error is one sentence; the stack is for a log.
func (e *PanicError) Error() string { return fmt.Sprintf("batch: panic: %v", e.Value) }

// Unwrap returns the value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// guard calls f, which is somebody else's code.
func guard(f func() error) (err error) {
	defer recovered(&err)
	return f()
}

// recovered is deferred around somebody else's code.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{p, debug.Stack()}
	}
}
