package testsign

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// Fault is what a key or an authority does wrong. What is set happens in the order of the fields; the zero Fault is none.
type Fault struct {
	// Delay passes before anything else. It ends early with the context of who waits.
	Delay time.Duration
	// Err is the error of the key, or of the connection to the authority: [WrongPIN], [Down], one of your own.
	Err error
	// Status is an HTTP status that an authority answers with.
	Status int
	// Refused has an authority say in its protocol that it will not: a TimeStampResp with the status "rejection", an OCSP response
	// "tryLater". Lists, which have no such answer, are 403 Forbidden.
	Refused bool

	// After is how many calls are well before the first that is not.
	After int
	// Times is how many calls meet the fault; 0 is all, until the next Fail.
	Times int
}

// Down is the error of a connection to a server that does not run.
func Down() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// WrongPIN is the error of a key whose PIN or password was refused. It stops a batch.
func WrongPIN() error { return &sign.Error{Op: "testsign: sign", Class: sign.ErrPIN} }

// Unavailable is the error of a key that is gone, and stays so. It stops a batch.
func Unavailable() error { return &sign.Error{Op: "testsign: sign", Class: sign.ErrUnavailable} }

// Busy is the error of a key that cannot now, and may in a moment: it is temporary, belongs to the content that met it, and is what
// [sign.Limited] tries again.
func Busy() error {
	return &sign.Error{Op: "testsign: sign", Class: sign.ErrUnavailable, Temporary: true}
}

// faults gives each call its fault.
type faults struct {
	mu    sync.Mutex
	fault Fault
	calls int // since the fault was set
	total int
}

func (f *faults) set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.calls = fault, 0
}

// next is called once for each call.
func (f *faults) next() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.total++
	if n := f.calls - f.fault.After; n <= 0 || f.fault.Times > 0 && n > f.fault.Times {
		return Fault{}
	}
	return f.fault
}

func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// wait is the delay of a fault.
func (f Fault) wait(ctx context.Context) error {
	if f.Delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
