//go:build linux && amd64

package lanestest

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// Steps is the name of an environment variable that scripts/steps.sh sets: a test program then does nothing but calls with different secrets,
// which are compared instruction by instruction. With "calibration" one of them does what none may.
const Steps = "SIGNET_STEPS"

// Main runs tests, or calls between marks.
func Main(m *testing.M, calls func(mark func())) {
	if os.Getenv(Steps) == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	pid, tid := syscall.Getpid(), syscall.Gettid()
	if pid != tid {
		fmt.Println("the first thread runs something else; once more, please")
		os.Exit(3)
	}
	running := false
	calls(func() {
		if running = !running; running {
			runtime.Gosched() // so that the scheduler asks for nothing soon; meanwhile all other threads stand still
		}
		if _, _, err := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(tid), uintptr(syscall.SIGSTOP)); err != 0 {
			panic(err)
		}
	})
}

// Leaky says whether the secret is to be seen, so that the comparison has something to find.
func Leaky() bool { return os.Getenv(Steps) == "calibration" }
