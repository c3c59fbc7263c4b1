package batch

import "github.com/seed-116355fd/signet/sign"

// PanicError is what becomes of a panic in a key, a format, a content, an Output, an Observer or Progress: the error of the content
// that met it. A batch runs in goroutines of its own, where a panic would end the process, and with it the work of everybody else.
type PanicError = sign.PanicError

// guard calls f, which is somebody else's code.
func guard(f func() error) (err error) {
	defer sign.Recover(&err)
	return f()
}
