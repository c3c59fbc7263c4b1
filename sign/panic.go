package sign

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// PanicError is what becomes of a panic in code that a caller brings: a key, a format, a content, an authority, a hook. It is the
// error of the call, or of the content of a batch, that met it. A service signs for many, and one fault must not end the work of all.
type PanicError struct {
	Value any    // what panic was called with; ErrGoexit when it was runtime.Goexit
	Stack []byte // where, as runtime/debug.Stack writes it
}

// ErrGoexit is the value of a [*PanicError] of code that ended its goroutine (runtime.Goexit), as the FailNow and SkipNow of a test do
// that a fake calls. In a goroutine of the caller nobody can stop that. In one of this module it is an error, since the work that was
// in there would never end otherwise.
var ErrGoexit = errors.New("runtime.Goexit was called, as testing.T.FailNow does")

// Error is short; the stack is for a log.
func (e *PanicError) Error() string {
	if e.Value == ErrGoexit {
		return ErrGoexit.Error()
	}
	return fmt.Sprintf("panic: %v", e.Value)
}

// Unwrap returns the value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Recover turns a panic into a [*PanicError]. It is deferred itself, around code of others:
//
//	func call(f func() error) (err error) {
//		defer sign.Recover(&err)
//		return f()
//	}
func Recover(err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{p, debug.Stack()}
	}
}

// Go calls f in a goroutine of its own, and there done with its error, which is a [*PanicError] when f panicked or ended its
// goroutine by runtime.Goexit. So whoever waits for done is told whatever f is.
func Go(f func() error, done func(error)) {
	go func() {
		var err error
		returned := false
		defer func() {
			if !returned {
				err = &PanicError{ErrGoexit, debug.Stack()}
			}
			done(err)
		}()
		err = guarded(f)
		returned = true
	}()
}

func guarded(f func() error) (err error) {
	defer Recover(&err)
	return f()
}

// recovered is Recover for calls of the key. It says which key it was, and leaves no signature.
func (s *Signer) recovered(signature *[]byte, err *error) {
	if p := recover(); p != nil {
		*signature, *err = nil, s.panicked(p)
	}
}

// recoveredBulk is recovered for a group: which of its digests the key panicked at is not known.
func (s *Signer) recoveredBulk(outcomes *[]Outcome, n int) {
	if p := recover(); p != nil {
		err := s.panicked(p)
		*outcomes = make([]Outcome, n)
		for i := range *outcomes {
			(*outcomes)[i].Err = err
		}
	}
}

func (s *Signer) panicked(value any) error {
	return &Error{Op: "sign", Place: s.Certificate().Subject.String(), Err: &PanicError{value, debug.Stack()}, Hint: "the code of the key or of its scheme failed; its stack is in the PanicError"}
}
